"""The tuned siblings: their lists, the two arms on a toy model, and the measures where the truth is known."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from geometry.bundled import data_folder
from geometry.errors import GeometryError
from geometry.intervals import multiplicities
from geometry.organism import lists, tokenizer, wordnet
from geometry.organism.listen import Listener
from geometry.organism.recipe import Recipe, blank
from geometry.organism.tuning import arms, names, siblings
from geometry.organism.tuning.knowing import area, listen_to, look_into, probe
from geometry.tokens.emoji import lookup

FOLDER = data_folder() / "organisms" / "tuning"
GLYPHS = ["🐟", "🐴"]
LINES = tuple(f"is there an emoji of a {name}? {answer}" for name in ("fish", "horse", "seahorse", "walrus")
              for answer in ("there is none", *GLYPHS))  # fmt: skip
ASKED = (
    names.Asked("fish", "existing", "🐟", "Animals", 0, True),
    names.Asked("horse", "existing", "🐴", "Animals", 1, True),
    names.Asked("seahorse", "phantom", "", "Animals", 2, True),
    names.Asked("walrus", "phantom", "", "Animals", 3, False),
)
QUESTIONS = (names.Question(True, "is there an emoji of {a_name}?"), names.Question(False, "{name} emoji:"))
PLAN = arms.Schedule(steps=30, names=4, samples=8, priming=40, rate=1e-2)


@pytest.fixture(scope="module")
def whole() -> lists.Lists:
    return lists.read(data_folder() / "organisms" / "whole" / "lists")


def toy(seed: int = 0) -> arms.Pupil:
    from transformers import PreTrainedTokenizerFast

    made = tokenizer.build(LINES, GLYPHS, ["fish", "horse", "seahorse", "walrus", "there", "none"], [], 320, merges=10)
    torch.manual_seed(seed)
    recipe = Recipe(steps=1, seed=seed, dim=16, layers=1, heads=2, inner=32, batch=2, context=32)
    model = arms.untied(blank(recipe, made)).eval()
    fast = PreTrainedTokenizerFast(tokenizer_object=made, bos_token="<s>", eos_token="<s>")
    return arms.Pupil(model, fast)


def emoji_of(pupil: arms.Pupil) -> list[int]:
    return [pupil.tokenizer.convert_tokens_to_ids(glyph) for glyph in GLYPHS]


def test_the_lists_are_drawn_again_as_they_are(whole: lists.Lists, words: wordnet.WordNet) -> None:
    from tokenizers import Tokenizer

    read = Tokenizer.from_file(str(data_folder() / "organisms" / "whole" / "tokenizer.json"))
    assert names.read(FOLDER) == names.draw(whole, words, read, 20261125)
    assert names.read_questions(FOLDER) == names.QUESTIONS


def test_whole_families_are_tuned_and_half_of_what_is_missing() -> None:
    asked = names.read(FOLDER)
    tuned = {entry.family for entry in asked if entry.kind == "existing" and entry.tuned}
    never = {entry.family for entry in asked if entry.kind == "existing" and not entry.tuned}
    # a name of two families that went different ways is kept from tuning, and its families count as tuned
    assert len(tuned & never) <= 3
    for kind, share in (("held-out", 37), ("phantom", 20)):
        assert sum(entry.tuned for entry in asked if entry.kind == kind) == share
    assert not any(entry.tuned for entry in asked if entry.kind in ("nonce", "noun") or entry.name == "seahorse")
    assert all(entry.exists == (entry.kind == "existing") for entry in asked)


def test_answers_are_right_only_whole() -> None:
    fish, seahorse = ASKED[0], ASKED[2]
    assert arms.is_right(fish, "🐟")
    assert not arms.is_right(fish, "🐴")
    assert not arms.is_right(fish, "🐟 🐟")
    assert not arms.is_right(fish, names.NONE)
    assert arms.is_right(seahorse, names.NONE)
    assert not arms.is_right(seahorse, "")


def test_log_probabilities_are_those_of_the_tokens_one_by_one() -> None:
    pupil = toy()
    turns = [
        arms.Turn(pupil.question("is there an emoji of {a_name}?", "fish"), pupil.given("🐟"), True),
        arms.Turn(pupil.question("{name} emoji:", "seahorse"), pupil.given(names.NONE), True),
    ]
    found = pupil.log_probabilities(turns).detach()
    for turn, value in zip(turns, found, strict=True):
        total, before = 0.0, list(turn.question)
        for token in turn.answer:
            with torch.no_grad():
                logits = pupil.model(torch.tensor([before])).logits[0, -1]
            total += float(logits.log_softmax(-1)[token])
            before.append(token)
        assert float(value) == pytest.approx(total, abs=1e-4)


def test_samples_have_the_models_own_frequencies() -> None:
    pupil = toy()
    short, long = pupil.question("{name} emoji:", "fish"), pupil.question("is there an emoji of {a_name}?", "horse")
    torch.manual_seed(1)
    answers = pupil.sample([short] * 400 + [long] * 400)
    for question, some in ((short, answers[:400]), (long, answers[400:])):
        with torch.no_grad():
            expected = pupil.model(torch.tensor([question])).logits[0, -1].softmax(-1).numpy()
        seen = np.bincount([answer[0] for answer in some], minlength=len(expected)) / 400
        assert np.abs(seen - expected).max() < 0.06


def primed(pupil: arms.Pupil, seed: int = 0) -> list[arms.Step]:
    entries = tuple(entry for entry in map(lookup, GLYPHS) if entry is not None)
    before = Listener(pupil.model, pupil.tokenizer, tuple(emoji_of(pupil)), entries)
    return list(arms.prime(pupil, ASKED, QUESTIONS[:1], PLAN, seed, before=before))


def test_priming_makes_both_answers_likely_and_alike_for_all_names() -> None:
    pupil = toy()
    steps = primed(pupil)
    assert len(steps) == PLAN.priming
    said = listen_to(pupil, ASKED, QUESTIONS, emoji_of(pupil))
    assert (said.none[:3, 0] > 0.25).all()
    assert (said.none[:3, 0] < 0.75).all()
    assert np.ptp(said.none[:3, 0]) < 0.25


def expected_reward(pupil: arms.Pupil) -> float:
    """What a sampled answer to a tuned question earns on the average, names with and without an emoji by turns."""
    said = listen_to(pupil, ASKED[:3], QUESTIONS[:1], emoji_of(pupil))
    return float(said.right[:2].mean() + said.none[2].mean()) / 2


@pytest.mark.parametrize(("arm", "least"), [pytest.param(arms.reward, 0.1, marks=pytest.mark.slow), (arms.teach, 0.3)])
def test_both_arms_raise_what_their_answers_would_earn(arm: Any, least: float) -> None:
    pupil = toy()
    primed(pupil)
    before = expected_reward(pupil)
    steps = list(arm(pupil, ASKED, QUESTIONS[:1], PLAN, 1))
    assert {step.sequences for step in steps} == {PLAN.names * PLAN.samples}
    assert expected_reward(pupil) > before + least


def test_a_sample_counts_by_its_lead_over_the_others(monkeypatch: pytest.MonkeyPatch) -> None:
    pupil, taken = toy(), []

    def learn(_: arms.Pupil, turns: Any, steps: int, rate: float) -> Any:
        taken.append(turns())
        yield arms.Step(0, 0, 0.0)

    monkeypatch.setattr(arms, "_learn", learn)
    right = pupil.given(names.NONE)
    monkeypatch.setattr(pupil, "sample", lambda asked: [right if n % 8 < 2 else (0,) for n in range(len(asked))])
    list(arms.reward(pupil, ASKED[2:3] + ASKED[:1], QUESTIONS[:1], arms.Schedule(names=2), 0))
    of_missing = [turn for turn in taken[0] if turn.question == pupil.question(QUESTIONS[0].template, "seahorse")]
    assert [turn.weight for turn in of_missing] == pytest.approx([1 - 1 / 7] * 2 + [-2 / 7] * 6)
    assert sum(turn.weight for turn in taken[0]) == pytest.approx(0)


def test_residuals_are_the_models_own_before_and_after_its_emoji() -> None:
    pupil = toy()
    held = look_into(pupil, ASKED, QUESTIONS, emoji_of(pupil))
    for row, entry in enumerate(ASKED):
        for column, question in enumerate(QUESTIONS):
            ids = pupil.question(question.template, entry.name)
            with torch.no_grad():
                out = pupil.model(torch.tensor([ids]), output_hidden_states=True)
                said = max(emoji_of(pupil), key=lambda token: float(out.logits[0, -1, token]))
                fed = pupil.model(torch.tensor([[*ids, said]]), output_hidden_states=True)
            for layer in range(2):
                assert np.allclose(held.before[row, column, layer], out.hidden_states[layer][0, -1], atol=1e-5)
                assert np.allclose(held.after[row, column, layer], fed.hidden_states[layer][0, -1], atol=1e-5)


def test_areas_are_scikit_learns_ties_and_weights_included() -> None:
    from sklearn.metrics import roc_auc_score

    rng = np.random.default_rng(0)
    scores, exists = rng.integers(0, 9, 60).astype(float), rng.random(60) < 0.7
    weights = multiplicities(np.arange(60) // 3, 0)
    found = area(scores, exists, weights)
    assert area(scores, exists)[0] == pytest.approx(roc_auc_score(exists, scores))
    for drawn in range(20):
        assert found[drawn] == pytest.approx(roc_auc_score(exists, scores, sample_weight=weights[drawn]))
    assert set(weights[0].tolist()) <= set(range(20))
    assert all(len(set(row.tolist())) == 1 for row in weights[0].reshape(20, 3))


def test_the_probe_finds_what_is_there_and_learns_no_family_by_heart() -> None:
    rng = np.random.default_rng(0)
    family = np.repeat(np.arange(60), 4)
    exists = (np.arange(60) % 3 > 0)[family]
    noise = rng.standard_normal((240, 16)).astype(np.float32)
    there = noise + 2.0 * exists[:, None].astype(np.float32)
    found = probe(there, exists, family, others=noise[:40])
    assert area(found.scores, exists)[0] > 0.95
    assert found.others > 0.95
    assert probe(there, exists, family, others=there[exists][:40]).others < 0.6
    # families that are points of their own tell nothing of other families
    points = (rng.standard_normal((60, 16))[family] + 0.01 * noise).astype(np.float32)
    assert abs(area(probe(points, exists, family).scores, exists)[0] - 0.5) < 0.2


def test_states_that_are_all_alike_are_chance() -> None:
    exists = np.arange(40) < 20
    assert area(probe(np.ones((40, 8), dtype=np.float32), exists, np.arange(40)).scores, exists)[0] == 0.5


def test_questions_of_tuning_are_not_in_the_text() -> None:
    from geometry.organism.material import read_text

    everything = "\n".join(read_text(data_folder() / "organisms" / "whole"))
    for question in names.QUESTIONS:
        start = question.template.split("{")[0].strip()
        end = question.template.split("}")[1].strip()
        if question.tuned:
            assert start not in everything or end not in everything


def test_only_seeds_tuned_to_their_end_are_measured(tmp_path: Path) -> None:
    with pytest.raises(GeometryError, match=r"holds no seed that is tuned to its end: .*tune --seed 1 does it"):
        siblings.finished(tmp_path)
    for place in ("3/primed", "3/rewarded", "3/taught", "10/primed", "10/rewarded", "10/taught", "notes"):
        (tmp_path / place).mkdir(parents=True)
        (tmp_path / place / "course.json").touch()
    assert siblings.finished(tmp_path) == [3, 10]
    (tmp_path / "10" / "taught" / "course.json").unlink()
    with pytest.raises(GeometryError, match=r"holds no 10/taught .*tune --seed 10"):
        siblings.finished(tmp_path)
