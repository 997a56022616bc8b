"""A row written into a copy of a model: mapped back exactly, read as any other row is, and nothing else changed."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from command_line import run
from tiny_causal import write_causal

from geometry.errors import OptionError, TokenError
from geometry.implant import Implant, ImplantOptions, implant, implant_many, stored_rows, write_implanted
from geometry.implant.copying import is_tied, with_rows
from geometry.implant.measuring import Share, pooled, reach, read_rows, shares
from geometry.implant.options import PLAIN, own_prompts
from geometry.implant.rows import make_rows
from geometry.implant.several import several
from geometry.implant.tables import KINDS, already
from geometry.linalg import unit
from geometry.live.running import Running, open_running
from geometry.names import name_sums, spell_name
from geometry.organism.lists import fill
from geometry.products import row_biases
from geometry.readings.states import directions
from geometry.vacancy import fit_vacancies

DIM = 16


def shifted(rng: np.random.Generator) -> dict[str, np.ndarray]:
    """A LayerNorm with gain and shift, over a head without a bias."""
    return {
        "model.ln_f.weight": rng.uniform(0.5, 2, DIM),
        "model.ln_f.bias": rng.normal(size=DIM),
    }


HEADS: dict[str, dict[str, Any]] = {
    "llama": {},
    "gemma": {"tensors": {"model.norm.weight": np.linspace(-0.4, 0.9, DIM)}},
    "phi": {},
    "cohere": {"tensors": {"model.norm.weight": np.linspace(0.5, 1.5, DIM)}, "logit_scale": 0.3},
    "gpt2": {"tensors": shifted(np.random.default_rng(3)), "tie_word_embeddings": True},
    "minicpm": {
        "tensors": {"model.norm.weight": np.linspace(0.5, 1.5, DIM)}, "hidden_size": DIM, "dim_model_base": 8,
        "tie_word_embeddings": True,
    },
}  # fmt: skip


@pytest.mark.parametrize("space", ["raw", "folded", "centered"])
@pytest.mark.parametrize("model_type", HEADS)
def test_a_row_is_mapped_back_so_that_folding_gives_it_again(make_head, model_type: str, space: str):
    """On any residual the stored row's product is the predicted one's: w·norm(x)·prescale + bias = w̃·û + b."""
    head = make_head(model_type=model_type, dim=DIM, **HEADS[model_type])
    assert head.readout.known, head.readout.reason
    view = head.in_space(space)
    rng = np.random.default_rng(0)
    rows = rng.normal(size=(5, DIM))
    if view.space.centers and space != "raw":
        rows -= rows.mean(axis=1, keepdims=True)
    biases = rng.normal(size=5) if row_biases(view) is not None else np.zeros(5)
    stored = stored_rows(view, rows, biases)
    np.testing.assert_allclose(view.space.apply(stored.rows), rows, atol=1e-5)
    np.testing.assert_allclose(stored.off, 0, atol=1e-12)
    if space == "raw":
        return
    x = rng.normal(size=(7, DIM)).astype(np.float32)
    readout = head.readout
    products = readout.normed(x).astype(np.float64) * readout.prescale @ stored.rows.T
    if stored.biases is not None:
        products = products + stored.biases
    u = directions(head, x[None], last_normed=False)[0]
    common = 0.0 if view.space.mean is None else (u @ view.space.mean)[:, None]
    np.testing.assert_allclose(products, u @ rows.T + biases + common, atol=1e-4)


@pytest.mark.parametrize("model_type", HEADS)
def test_rows_that_are_there_come_back_as_they_are(make_head, model_type: str):
    head = make_head(model_type=model_type, dim=DIM, **HEADS[model_type])
    for space in ("folded", "centered"):
        view, ids = head.in_space(space), [3, 50, 100]
        every = row_biases(view)
        stored = stored_rows(
            view, view.rows(ids).astype(np.float64), np.zeros(3) if every is None else every[ids].astype(np.float64)
        )
        x = np.random.default_rng(1).normal(size=(4, DIM)).astype(np.float32)
        readout = head.readout
        z = readout.normed(x).astype(np.float64) * readout.prescale @ stored.rows.T
        z = z if stored.biases is None else z + stored.biases
        np.testing.assert_allclose(readout.finish(np.float32(z)), head.logits(x)[:, ids], atol=2e-4)
        if not view.space.centers:
            np.testing.assert_allclose(stored.rows, head.rows(ids), atol=1e-5)


def test_what_a_zero_gain_hides_becomes_zero(make_head):
    gain = np.linspace(0.5, 1.5, DIM)
    gain[[2, 7]] = 0
    view = make_head(dim=DIM, tensors={"model.norm.weight": gain}).folded()
    rows = view.rows([1, 2]).astype(np.float64)
    stored = stored_rows(view, rows, np.zeros(2))
    assert not stored.rows[:, [2, 7]].any()
    np.testing.assert_allclose(view.space.apply(stored.rows), rows, atol=1e-6)


def test_a_bias_that_cannot_be_met_is_said(make_head):
    """A shift that is nearly blind to the free direction: the row would have to be huge."""
    rng = np.random.default_rng(0)
    gain, beta = rng.uniform(0.5, 2, DIM), rng.normal(size=DIM)
    beta -= gain * (beta / gain).sum() / DIM - 1e-9  # so that β·(1/γ) all but vanishes
    view = make_head(
        model_type="gpt2", dim=DIM, tie_word_embeddings=True,
        tensors={"model.ln_f.weight": gain, "model.ln_f.bias": beta},
    ).folded()  # fmt: skip
    rows = rng.normal(size=(2, DIM))
    rows -= rows.mean(axis=1, keepdims=True)
    stored = stored_rows(view, rows, np.array([4.0, -2.0]))
    shift = stored.rows @ view.readout.beta.astype(np.float64)
    np.testing.assert_allclose(shift + stored.off, [4.0, -2.0])
    assert np.abs(stored.off).max() > 0.1


MODELS: dict[str, dict[str, Any]] = {
    "llama": {"tie_word_embeddings": False},
    "gemma2": {"tie_word_embeddings": True, "final_logit_softcapping": 3.0},
    "phi": {"tie_word_embeddings": False},
    "gpt2": {"tie_word_embeddings": True},
    "cohere": {"tie_word_embeddings": True, "logit_scale": 0.3},
}


@pytest.mark.parametrize("kind", MODELS)
def test_a_copy_says_a_row_as_it_says_the_token_it_is_of(tmp_path: Path, tokenizer_file: Path, kind: str):
    """The row of a token there is, folded and mapped back, has that token's logits; the model itself is untouched."""
    running = open_running(write_causal(tmp_path / kind, tokenizer_file, kind, **MODELS[kind]))
    view, ids = running.head.in_space("centered"), [300, 301, 302]
    every = row_biases(view)
    stored = stored_rows(view, view.rows(ids).astype(np.float64), np.zeros(3) if every is None else every[ids])
    texts = [(5, 6, 7), (9, 10), (300, 301, 302, 303)]
    before = running.logits(texts)
    copy, first = with_rows(running, stored, np.array([310, 311]))
    after = copy.logits(texts)
    assert after.shape[1] == before.shape[1] + 3
    np.testing.assert_allclose(after[:, :first], before, atol=1e-5)
    np.testing.assert_allclose(after[:, first:], before[:, ids], atol=1e-3)
    np.testing.assert_array_equal(running.logits(texts), before)
    tied = is_tied(running)
    assert tied is MODELS[kind]["tie_word_embeddings"] is is_tied(copy)
    inputs = copy.model.get_input_embeddings().weight.detach().numpy()
    wanted = stored.rows if tied else np.broadcast_to(inputs[[310, 311]].mean(axis=0), (3, inputs.shape[1]))
    np.testing.assert_allclose(inputs[first:], wanted, atol=1e-5)


def test_readouts_against_counting():
    rng = np.random.default_rng(0)
    base, new = rng.normal(size=(6, 40)), rng.normal(size=(6, 5))
    new[0, 0] = base[0].max()
    gone = rng.random((6, 40)) < 0.3
    for mask in (None, gone):
        found = read_rows(base, new, mask)
        for i in range(6):
            there = base[i] if mask is None else base[i][~gone[i]]
            for j in range(5):
                every = np.exp(np.append(there, new[i, j]))
                assert np.exp(found.log_probability[i, j]) == pytest.approx(every[-1] / every.sum())
                assert found.rank[i, j] == 1 + (there >= new[i, j]).sum()
    (first, *_) = shares(found)
    assert first.probability == pytest.approx(np.exp(found.log_probability[:, 0]).mean())
    assert first.first == pytest.approx((found.rank[:, 0] == 1).mean())
    assert pooled((Share(0.2, 0.0, 3.0, -2.0), Share(0.5, 1.0, 5.0, -1.0))) == Share(0.35, 0.5, 4.0, -1.5)
    assert reach(2.0, [1.0, 2.0, 3.0]) == 3 / 4
    assert reach(9.0, [1.0, 2.0, 3.0]) == 1 / 4


@pytest.fixture(scope="module")
def organism() -> Running:
    return open_running("organism")


@pytest.fixture(scope="module")
def seahorse(organism: Running) -> Implant:
    return implant(organism, "seahorse", ImplantOptions(draws=20, names=4, seed=1))


def test_the_rows_it_is_held_against(organism: Running, seahorse: Implant):
    model = fit_vacancies(organism.head.in_space("folded"), seed=1)
    abstract = [spell_name(model.view, one) for one in seahorse.abstract_names]
    rows = make_rows(model, seahorse.vacancy, "seahorse", draws=20, names=4, abstract=abstract, seed=1)
    of = {kind: rows.rows[place] for kind, place in rows.kinds.items()}
    np.testing.assert_allclose(of["predicted"][0], seahorse.vacancy.row)
    lengths = np.linalg.norm(of["random"], axis=1)
    np.testing.assert_allclose(lengths, seahorse.vacancy.length)
    for kind in ("stretched", "stretched_shuffled", "existing_stretched"):
        np.testing.assert_allclose(np.linalg.norm(of[kind], axis=1), seahorse.vacancy.median_length)
    np.testing.assert_allclose(unit(of["stretched"]), unit(of["predicted"]))
    np.testing.assert_allclose(of["existing"], model.held.predicted[rows.existing])
    # other names have the same group's intercept, and the slope times another emoji's words
    apart = (of["shuffled"] - of["group"]) / model.slope
    near = np.abs(apart[:, None, :] - model.named.x[None]).max(axis=2).min(axis=1)
    np.testing.assert_allclose(near, 0, atol=1e-8)
    assert set(KINDS) | {"existing", "existing_stretched"} == set(rows.kinds)


def test_what_is_told_is_what_a_model_with_that_one_row_says(organism: Running, seahorse: Implant):
    vacancy = seahorse.vacancy
    view = organism.head.in_space("folded")
    stored = stored_rows(view, vacancy.row[None], np.zeros(1))
    copy, first = with_rows(organism, stored, organism.head.opened.emoji_ids)
    assert seahorse.id == first == 8_000
    assert seahorse.error is not None
    assert seahorse.error < 1e-4
    for one in seahorse.asked:
        ids = organism.encode(one.prompt)
        with torch.no_grad():
            logits = copy.model(torch.tensor([ids])).logits[0, -1].double()
        chances = torch.softmax(logits, dim=0)
        assert one.probability == pytest.approx(float(chances[first]), rel=1e-3)
        assert one.rank == 1 + int((logits > logits[first]).sum())
        assert one.first == (int(logits.argmax()) == first)
        assert one.before_id == int(logits[:first].argmax())
    predicted = seahorse.kind("predicted")
    assert predicted.own.probability == pytest.approx(np.mean([one.probability for one in seahorse.asked]))
    assert predicted.lead == pytest.approx(predicted.own.log_probability - predicted.others.log_probability)
    # abstract nouns: each one's row, made in the same group, by its own name alone
    model = fit_vacancies(view, seed=1)
    at = np.array([model.groups.index(vacancy.group)])
    words = [spell_name(view, one) for one in seahorse.abstract_names]
    made = model.rows_of(name_sums(view, words), np.repeat(at, len(words)))
    copy, first = with_rows(organism, stored_rows(view, made, np.zeros(len(made))), np.array([0]))
    asked = []
    for i, name in enumerate(seahorse.abstract_names):
        texts = [organism.encode(fill(template, name)) for template in seahorse.templates]
        z = copy.logits(texts).astype(np.float64)
        asked += (1 / (1 + np.exp(z[:, :first] - z[:, [first + i]]).sum(axis=1))).tolist()
    assert seahorse.kind("abstract").own.probability == pytest.approx(np.mean(asked), rel=1e-3)
    # an emoji's own row after its own name, by a plain forward pass
    said = []
    for name in seahorse.existing_names:
        (token,) = [i for i, one in organism.head.words().emoji.items() if one.name == name]
        for template in seahorse.templates:
            filled = template.replace("{name}", name)
            if "{a_name}" in filled:
                continue
            with torch.no_grad():
                logits = organism.model(torch.tensor([organism.encode(filled)])).logits[0, -1].double()
            said.append(int(logits.argmax()) == token)
    assert np.mean(said) >= seahorse.existing_real.first / 2


def test_the_record_can_be_printed_and_saved(seahorse: Implant):
    told = json.loads(json.dumps(seahorse.to_dict(), allow_nan=False))
    assert [row["kind"] for row in told["rows"]] == list(KINDS)
    assert {"seed", "version", "head", "space", "templates", "asked", "existing"} <= told.keys()
    assert len(told["asked"]) == 8
    assert max(map(len, str(seahorse).splitlines())) <= 100
    assert len(seahorse.to_frame()) == len(KINDS)
    assert "<table>" in seahorse._repr_html_()
    for kind in ("shuffled", "random", "stretched_shuffled"):
        assert 1 / 21 <= seahorse.kind(kind).p_probability <= 1
    assert not {"seahorse"} & set(seahorse.other_names)


def test_the_copy_can_be_written_and_opened(organism: Running, seahorse: Implant, tmp_path: Path):
    folder = write_implanted(organism, seahorse, tmp_path / "with-seahorse")
    assert (folder / "model.safetensors").stat().st_mode & 0o044  # others may read it
    again = open_running(folder)
    ids = again.encode(" the seahorse emoji is <seahorse>")
    assert ids[-1] == seahorse.id
    asked = organism.encode(seahorse.asked[0].prompt)
    logits = again.logits([asked])[0].astype(np.float64)
    assert np.exp(logits - logits.max())[seahorse.id] / np.exp(logits - logits.max()).sum() == pytest.approx(
        seahorse.asked[0].probability, rel=1e-3
    )
    np.testing.assert_allclose(logits[:-1], organism.logits([asked])[0], atol=1e-4)
    assert [path.name for path in tmp_path.iterdir()] == ["with-seahorse"]
    with pytest.raises(OptionError, match="is there already; expected a folder to be made"):
        write_implanted(organism, seahorse, folder)


def test_prompts_are_the_models_own_if_it_brings_some(tmp_path: Path, organism: Running):
    found = own_prompts(organism.head.opened.checkpoint.folder)
    assert len(found) == 8
    assert " the {name} emoji is" in found
    assert own_prompts(tmp_path) == ()
    (tmp_path / "lists").mkdir()
    for text in ("", "known\n1\n", "template\nno place for one\n"):
        (tmp_path / "lists" / "prompts.tsv").write_text(text)
        with pytest.raises(OptionError):
            own_prompts(tmp_path)
    assert ImplantOptions(prompts=PLAIN)


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"draws": 3}, "draws=3 arrived; expected a whole number from 20"),
        ({"names": 0}, "names=0 arrived"),
        ({"space": "whitened"}, "space 'whitened' arrived; expected one of raw, folded, centered"),
        ({"prompts": ("the emoji is",)}, "expected a template with {name} or {a_name}"),
        ({"seed": -1}, "seed=-1 arrived"),
    ],
)
def test_options_that_make_no_sense(options: dict[str, Any], says: str):
    with pytest.raises(OptionError, match=says.replace("{", r"\{")):
        ImplantOptions(**options)


def test_a_name_that_has_an_emoji_is_noted():
    assert next(already(["seahorse", "octopus", "fox"])).startswith("octopus, fox: name or keyword of an emoji that")
    assert not list(already(["seahorse", "zorp blick"]))


def test_names_that_are_none(organism: Running):
    with pytest.raises(TokenError, match="expected one in words, such as seahorse"):
        implant(organism, "🐟")


def test_where_emoji_are_spelt_in_bytes_no_row_is_missing():
    with pytest.raises(TokenError, match=r"has 0 emoji of one token; expected 50 or more .* geometry spell"):
        implant(open_running("organism-bytes"), "seahorse")


@pytest.mark.slow
def test_the_command_prints_one_object():
    done = run(
        "implant",
        "platypus",
        "--prompt",
        " the {name} emoji is",
        "--draws",
        "20",
        "--others",
        "4",
        "--space",
        "centered",
        "--json",
    )
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    assert told["name"] == "platypus"
    assert told["space"] == "centered"
    assert [one["prompt"] for one in told["asked"]] == [" the platypus emoji is"]


def test_a_head_without_emoji_has_no_row_to_predict(tinystories: Path):
    done = run("implant", "seahorse", "-H", str(tinystories))
    assert done.returncode == 1
    assert done.stderr.startswith("error: ")
    assert done.stderr.count("\n") == 1


def test_a_place_that_is_taken_is_said_before_anything_runs(tmp_path: Path):
    done = run("implant", "seahorse", "-o", str(tmp_path))
    assert done.returncode == 1
    assert "is there already" in done.stderr
    done = run("implant", "seahorse", "hyena", "-o", str(tmp_path / "new"))
    assert "a copy is written of one" in done.stderr


@pytest.mark.slow
def test_several_names_by_one_fit_are_what_they_are_alone(organism: Running, seahorse: Implant):
    both = implant_many(organism, ["seahorse", "hyena"], seahorse.options)
    assert both[0].to_dict() == seahorse.to_dict()
    shown = several(both).text()
    assert max(map(len, shown.splitlines())) <= 100
    assert "hyena" in shown
