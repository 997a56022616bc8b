"""The census: its ranks against brute force, its intervals, and two simulated heads that it must tell apart."""

import json
from dataclasses import asdict
from pathlib import Path

import numpy as np
import pytest
from jaxtyping import Float64
from simulated import simulated

import geometry as geo
from geometry import asking, standings
from geometry.chance import compare
from geometry.errors import TokenError
from geometry.families import families
from geometry.head import Head
from geometry.intervals import mean_figure
from geometry.lexicon import compounds
from geometry.linalg import unit
from geometry.names import near_ids
from geometry.recall import census, choose_space
from geometry.scoring import score_with


def test_it_tells_a_head_that_composes_from_one_that_does_not(composing: Head, arbitrary: Head) -> None:
    yes, no = (census(head.in_space("centered")) for head in (composing, arbitrary))
    assert min(yes.n, no.n) > 100
    assert yes.own.recall_at_1.value > 0.9
    assert no.own.recall_at_1.value < 0.1
    assert yes.baselines["names permuted"].recall_at_1.value < 0.1
    assert yes.baselines["names permuted"].loss.low > 0.8
    assert no.baselines["names permuted"].loss.low <= 0.0 <= no.baselines["names permuted"].loss.high


def brute_force(head: Head, asked: asking.Items, at: int) -> tuple[int, Float64[np.ndarray, " vocab"]]:
    """Return the rank of one emoji's own row, the direction for it taken again from all other emoji."""
    rows = head.rows(np.arange(head.vocab)).astype(np.float64)
    raw, whitened = head.space.name == "raw", head.space.name == "whitened"
    stored = rows[list(asked.words[at])]
    others = [token for token in head.opened.emoji_ids if token != asked.ids[at]]
    d, d_own = head.emoji_direction, head.emoji_direction
    d_own = d + rows[others].mean(axis=0) - rows[head.opened.emoji_ids].mean(axis=0)
    length = 1.0 if raw else np.linalg.norm(d)
    words = (stored if raw else unit(stored)).sum(axis=0)
    scale = 1 / np.linalg.norm(rows, axis=1) if whitened else np.ones(len(rows))
    scores = rows @ (words + d / length) * scale
    scores[asked.ids[at]] = rows[asked.ids[at]] @ (words + d_own / length) * scale[asked.ids[at]]
    left_out = set(asked.words[at]).union(*(head.words().variants(token) for token in asked.words[at]))
    scores[list(left_out - {int(asked.ids[at])})] = -np.inf
    scores[~head.candidates("all")] = -np.inf
    return int((scores > scores[asked.ids[at]]).sum()) + 1, scores


@pytest.mark.parametrize("space", ["raw", "folded", "centered", "whitened"])
def test_ranks_are_those_of_brute_force(arbitrary: Head, space: str) -> None:
    head = arbitrary.in_space(space)
    asked = asking.items(head)
    answers = asking.ask(head, asked, asked.words)
    for at in range(0, len(asked), 7):
        rank, scores = brute_force(head, asked, at)
        assert answers.rank[at] == rank
        emoji = scores[asked.ids]
        assert answers.rank_emoji[at] == 1 + (emoji > emoji[at]).sum()
        emoji[asked.family == asked.family[at]] = -np.inf
        assert answers.vacated[at] == emoji.argmax()


def test_a_family_is_gone_before_the_vacated_landing(composing: Head) -> None:
    asked = asking.items(composing)
    answers = asking.ask(composing.in_space("centered"), asked, asked.words)
    assert not (asked.family[answers.vacated] == asked.family).any()


def test_families_are_those_of_the_catalogue(composing: Head) -> None:
    asked = asking.items(composing)
    assert asked.family.tolist() == list(families(asked.emoji))


def test_halves_share_no_family(composing: Head) -> None:
    first, second = asking.halves(asking.items(composing), seed=1)
    assert not set(first.family) & set(second.family)
    assert len(first) + len(second) == len(asking.items(composing))
    again, _ = asking.halves(asking.items(composing), seed=1)
    assert again.ids.tolist() == first.ids.tolist()


def test_the_space_is_chosen_on_one_half(composing: Head) -> None:
    choice = choose_space(composing)
    best = max(recall.recall_at_1.value for recall in choice.chosen.values())
    assert choice.chosen[choice.space].recall_at_1.value == best
    assert set(choice.chosen) == {"raw", "folded", "centered", "whitened"}


def test_without_a_space_the_figures_are_of_the_other_half(composing: Head) -> None:
    found = census(composing)
    choice = choose_space(composing)
    assert found.space == choice.space
    assert found.n == choice.n[1]
    assert found.own == choice.confirmed[choice.space]
    assert "chosen by recall@1 on one half" in found.notes[0]


def test_groups_add_up_and_are_tested_over_their_own_landings(composing: Head) -> None:
    found = census(composing, space="folded")
    assert sum(one.n for one in found.by_group) == found.n
    hits = sum(one.hits for one in found.by_group)
    assert hits / found.n == pytest.approx(found.own.recall_at_1.value)
    frame = found.to_frame()
    for one in found.by_group:
        inside = frame[frame.group == one.group]
        own = [str(composing.words().emoji_ids(text)[0]) for text in inside["item"]]
        again = compare(own, [str(token) for token in inside["first"]])
        assert (one.hits, one.p) == (again.hits, again.p)
        assert one.p <= one.q <= 1


def compounding(make_head, *, composes: bool) -> Head:
    """A head over the bundled compounds: with or without their parts' rows added up in their own."""
    from tokenizers import Tokenizer, models, pre_tokenizers

    listed = compounds()
    words = list(dict.fromkeys(word for one in listed for word in (one.compound, *one.parts)))
    made = Tokenizer(models.WordPiece({"[UNK]": 0, **{word: i + 1 for i, word in enumerate(words)}}, unk_token="[UNK]"))
    made.pre_tokenizer = pre_tokenizers.Whitespace()
    rng = np.random.default_rng(2)
    rows = rng.normal(size=(len(words) + 1, 64)) / 8
    if composes:
        for one in listed:
            parts = [made.token_to_id(part) for part in one.parts]
            rows[made.token_to_id(one.compound)] = unit(rows[parts]).sum(axis=0) + rng.normal(size=64) / 40
    folder = make_head(rows, with_tokenizer=False).opened.checkpoint.folder
    made.save(str(folder / "tokenizer.json"))
    return geo.open_head(folder)


def test_compounds_are_told_from_words_that_share_nothing(make_head) -> None:
    yes, no = (census(compounding(make_head, composes=one), among="words", space="centered") for one in (True, False))
    assert yes.n > 400
    assert yes.own.recall_at_1.value > 0.8
    assert yes.baselines["parts permuted"].recall_at_1.value < 0.05
    assert no.own.recall_at_1.value < 0.02
    assert {one.group for one in yes.by_group} == {"joined", "meant"}
    assert yes.own.same_group is None
    assert "vacated" not in str(yes)
    assert "meant" in yes._repr_html_()


def test_a_compounds_rank_is_that_of_brute_force(make_head) -> None:
    head = compounding(make_head, composes=False).in_space("folded")
    frame = census(head, among="words").to_frame()
    rows = head.rows(np.arange(head.vocab)).astype(np.float64)
    for at in range(0, len(frame), 40):
        parts = [head.words().word(part) for part in frame["asked_with"][at].split(" + ")]
        scores = rows @ sum(unit(rows[ids[0]]) for ids in parts)
        (own,) = head.words().word(frame["item"][at])
        scores[list(near_ids(head, parts) - {own})] = -np.inf
        scores[~head.candidates("words")] = -np.inf
        assert frame["rank"][at] == 1 + (scores > scores[own]).sum()


@pytest.mark.slow
def test_compounds_of_a_real_head(minilm: Path) -> None:
    found = census(geo.open_head(minilm), among="words")
    assert found.n > 100
    assert found.own.recall_at_1.value > 2 * found.baselines["parts permuted"].recall_at_1.value
    assert {"n", "recall_at_1", "recall_at_5", "mrr", "baselines"} <= found.to_dict().keys()


def test_what_cannot_be_asked_for_is_said(make_head) -> None:
    with pytest.raises(TokenError, match=r"has \d+ of \d+ compounds .* a census needs at least 20"):
        census(make_head(), among="words")


def test_an_interval_counts_families_not_emoji() -> None:
    values = np.repeat([0.0, 1.0], 50)
    apart = mean_figure(values, np.arange(100), seed=0)
    together = mean_figure(values, np.repeat([0, 1], 50), seed=0)
    assert apart.value == together.value == 0.5
    assert 0.39 < apart.low < 0.42 < 0.58 < apart.high < 0.61
    assert (together.low, together.high) == (0.0, 1.0)
    assert mean_figure(np.ones(10), np.arange(10), seed=0).low == 1.0


def test_a_seed_gives_the_same_census(arbitrary: Head) -> None:
    assert census(arbitrary, seed=3).to_dict() == census(arbitrary, seed=3).to_dict()


def test_its_record_has_every_figure(arbitrary: Head) -> None:
    found = census(arbitrary.in_space("folded")).to_dict()
    assert found["space"] == "folded"
    for key in ("recall_at_1", "recall_at_5", "mrr", "same_group", "same_subgroup"):
        assert set(found[key]) == {"value", "low", "high"}
        assert found[key]["low"] <= found[key]["value"] <= found[key]["high"]
    assert set(found["baselines"]) >= {"head noun alone", "direction alone", "names permuted"}
    assert json.loads(json.dumps(found)) == found
    assert asdict(census(arbitrary.in_space("folded")).own.loss) == {"value": 0.0, "low": 0.0, "high": 0.0}


def test_too_few_emoji_are_refused(tmp_path: Path) -> None:
    with pytest.raises(TokenError, match="at least 50 are needed"):
        census(simulated(tmp_path, composes=True, count=20))


@pytest.mark.parametrize("space", ["raw", "folded", "centered", "whitened"])
def test_the_census_scores_as_the_search_does(make_head, space: str) -> None:
    """A LayerNorm with shift and a head with bias: both ways of scoring give the same numbers."""
    head = make_head(model_type="phi").in_space(space)
    ids = np.array([3, 50, 400])
    queries = np.random.default_rng(0).normal(size=(4, 16))
    metric = "cosine" if space == "whitened" else "logit"
    vectors = queries if space in ("raw", "whitened") else unit(queries) * 4.0
    scoring = score_with(head, vectors, metric)
    truth = np.stack([scoring.exact(query, ids) for query in range(4)])
    np.testing.assert_allclose(standings.scores_of(head, queries, ids), truth, rtol=1e-5, atol=1e-6)
