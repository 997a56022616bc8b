"""The row a missing emoji would have: fits against refits, what the controls must say, heads whose truth is known."""

import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from simulated import simulated

import geometry as geo
from geometry.concepts import evaluate
from geometry.errors import ExpressionError, TokenError
from geometry.intervals import percentile_among
from geometry.linalg import unit
from geometry.phantoms import find_phantoms
from geometry.reachability import hull_distance
from geometry.vacancy import find_vacancy, fit_vacancies
from geometry.vacancy.chance import BINS, other_families, reliability, win_shares
from geometry.vacancy.fit import NamedRows, fit, hold_out, r_squared
from geometry.why import WhyOptions, explain


def made_up(
    seed: int, *, n: int = 60, dim: int = 6, groups: int = 4, slope: float = 0.8, noise: float = 0.3
) -> NamedRows:
    """Rows that are slope × their names and their group's own, and families of two."""
    rng = np.random.default_rng(seed)
    group = rng.integers(0, groups, size=n)
    x = rng.normal(size=(n, dim))
    rows = slope * x + rng.normal(size=(groups, dim))[group] + noise * rng.normal(size=(n, dim))
    return NamedRows(x, rows, group, np.arange(n) // 2, groups)


def test_a_fit_is_least_squares_within_groups() -> None:
    named = made_up(0)
    found = fit(named)
    # one regression on names and group indicators, all coordinates in one column
    design = np.column_stack([named.x.ravel(), np.kron(np.eye(named.groups)[named.group], np.eye(6))])
    solved = np.linalg.lstsq(design, named.rows.ravel(), rcond=None)[0]
    assert found.slope == pytest.approx(solved[0])
    np.testing.assert_allclose(found.means.ravel(), solved[1:], atol=1e-9)


@pytest.mark.parametrize("bias", [False, True])
def test_each_row_is_predicted_by_a_fit_without_its_family(bias: bool) -> None:
    named = made_up(1)
    if bias:
        rows = np.column_stack([named.rows, np.random.default_rng(5).normal(size=60)])
        named = NamedRows(named.x, rows, named.group, named.family, named.groups)
    held = hold_out(named, seed=0)
    for at in (0, 17, 59):
        keep = named.family != named.family[at]
        alone = NamedRows(named.x[keep], named.rows[keep], named.group[keep], named.family[keep], named.groups)
        again = fit(alone).predict(named.x[at : at + 1], named.group[at : at + 1], float(held.shrinkage[at]))
        np.testing.assert_allclose(held.predicted[at], again[0], atol=1e-9)
        np.testing.assert_allclose(held.baseline[at], named.rows[keep].mean(axis=0), atol=1e-9)


def test_a_leaked_row_would_be_seen() -> None:
    """Twins in one family: left out together they predict nothing, apart each gives the other away."""
    rng = np.random.default_rng(2)
    rows = np.repeat(rng.normal(size=(40, 6)), 2, axis=0)
    x, group = rng.normal(size=(80, 6)), np.repeat(np.arange(40), 2)
    together = NamedRows(x, rows, group, np.repeat(np.arange(40), 2), 40)
    apart = NamedRows(x, rows, group, np.arange(80), 40)
    assert r_squared(hold_out(together, seed=0).errors(together)) < 0.1
    assert r_squared(hold_out(apart, seed=0).errors(apart)) > 0.7


def test_a_group_left_empty_takes_everybodys_mean() -> None:
    named = made_up(3)
    emptied = NamedRows(named.x, named.rows, np.where(named.group == 2, 1, named.group), named.family, 4)
    found = fit(emptied)
    np.testing.assert_allclose(found.predict(np.zeros((1, 6)), np.array([2]), 0.0)[0], found.overall)


def test_predicting_by_other_groups_leaves_the_fits_alone() -> None:
    named = made_up(6)
    other = (named.group + 1) % 4
    held, moved = hold_out(named, seed=0), hold_out(named, seed=0, group=other)
    assert (held.shrinkage == moved.shrinkage).all()
    keep = named.family != named.family[5]
    alone = NamedRows(named.x[keep], named.rows[keep], named.group[keep], named.family[keep], named.groups)
    again = fit(alone).predict(named.x[5:6], other[5:6], float(moved.shrinkage[5]))
    np.testing.assert_allclose(moved.predicted[5], again[0], atol=1e-9)


@given(seed=st.integers(0, 1000))
@settings(max_examples=15, deadline=None)
def test_names_that_mean_something_are_told_from_shuffled_ones(seed: int) -> None:
    named = made_up(seed)
    shuffled = named.named(np.random.default_rng(seed).permutation(60))
    told = [r_squared(hold_out(one, seed=0).errors(one)) for one in (named, shuffled)]
    assert told[0] > 0.6
    assert told[1] < told[0] - 0.15


def test_names_that_are_all_alike_have_no_slope() -> None:
    named = made_up(4)
    blank = NamedRows(np.ones_like(named.x), named.rows, named.group, named.family, named.groups)
    assert fit(blank).slope == 0


def test_win_shares_are_those_of_every_draw() -> None:
    rng = np.random.default_rng(0)
    residuals, rows, errors = rng.normal(size=(5, 4)), rng.normal(size=(5, 5)), rng.normal(size=(30, 5))
    to_beat, usable = rng.normal(size=5), rng.random((5, 30)) < 0.7
    found = win_shares(residuals, rows, errors, to_beat, usable)
    for i in range(5):
        drawn = [(rows[i, :4] + r[:4]) @ residuals[i] + rows[i, 4] + r[4] for r in errors[usable[i]]]
        assert found[i] == pytest.approx(np.mean(np.array(drawn) > to_beat[i]))


def test_reliability_adds_up() -> None:
    rng = np.random.default_rng(0)
    predicted = rng.random(500)
    observed = rng.random(500) < predicted
    told = reliability(predicted, observed)
    assert sum(one.n for one in told.bins) == told.n == 500
    assert sum(one.n * one.observed for one in told.bins) / 500 == pytest.approx(told.observed)
    assert told.brier < told.brier_base
    assert reliability(1 - predicted, observed).brier > told.brier_base
    assert told.bins[0].low == BINS[0]
    assert reliability(np.array([0.0, 1.0]), np.array([False, True])).brier == 0.0


def test_percentiles_count_ties_half() -> None:
    assert percentile_among(1.0, [0.0, 1.0, 2.0]) == pytest.approx(50)
    assert percentile_among(3.0, [0.0, 1.0]) == 100
    assert np.isnan(percentile_among(1.0, []))
    assert not other_families(np.array([0, 0, 1]))[0, 1]


def test_a_head_that_composes_is_told_from_one_that_does_not(composing: geo.Head, arbitrary: geo.Head) -> None:
    yes, no = (fit_vacancies(head.in_space("centered")) for head in (composing, arbitrary))
    assert yes.r2.low > 0.5
    assert max(yes.r2_shuffled) < 0.4
    assert no.r2.value < 0.05
    assert no.r2.value < max(no.r2_shuffled) + 0.03
    # rows are as short as those predicted without their family tell, not as a ridge would shrink them
    lengths = np.linalg.norm(yes.held.predicted, axis=1) / np.linalg.norm(yes.named.rows, axis=1)
    assert np.median(lengths) > 0.7


def test_it_does_not_reward_nonsense(arbitrary: geo.Head, composing: geo.Head) -> None:
    """A nonsense name's own row wins its own sum as often as any other: P(win) must be printed beside it."""
    for head in (arbitrary, composing):
        view = head.in_space("centered")
        model = fit_vacancies(view)
        found = find_vacancy(model, evaluate(view, "seahorse + emoji"), hull=False)
        assert found.nonsense is not None
        assert found.nonsense.n == 200
        assert abs(found.p_win - found.nonsense.mean) < 0.35
        assert found.nonsense.low <= found.nonsense.mean <= found.nonsense.high
    assert found.reliability.n == len(model.asked)


def test_the_row_is_what_the_formula_gives(composing: geo.Head) -> None:
    view = composing.in_space("folded")
    model = fit_vacancies(view)
    found = find_vacancy(model, evaluate(view, "sea + 2*horse + emoji"), hull=True)
    words = [view.rows(view.words().word(word))[0].astype(np.float64) for word in ("sea", "horse")]
    x = unit(words[0]) + 2 * unit(words[1])
    group = model.groups.index(found.group)
    inside = model.named.group == group
    slope = model.slope
    own = (model.named.rows - slope * model.named.x)[inside].mean(axis=0)
    every = (model.named.rows - slope * model.named.x).mean(axis=0)
    share = inside.sum() / (inside.sum() + model.shrinkage)
    np.testing.assert_allclose(found.row, slope * x + share * own + (1 - share) * every, atol=1e-6)
    assert found.length == pytest.approx(np.linalg.norm(found.row))
    rows = view.space.apply(view.opened.matrix.rows(np.flatnonzero(view.candidates())))
    assert found.hull is not None
    assert found.hull.value == pytest.approx(hull_distance(found.row, rows).value, abs=1e-4)
    cosines = unit(rows) @ unit(found.row)
    assert found.nearest[0].cosine_similarity == pytest.approx(cosines.max(), abs=1e-6)


@pytest.mark.parametrize("space", ["raw", "folded", "centered", "whitened"])
def test_a_vacated_question_has_no_kin_left(composing: geo.Head, space: str) -> None:
    model = fit_vacancies(composing.in_space(space))
    family = dict(zip(model.asked.ids.tolist(), model.asked.family.tolist(), strict=True))
    for own, winner in zip(model.asked.family, model.vacated.emoji, strict=True):
        assert family.get(int(winner)) != own
    rows = model.view.space.apply(model.view.opened.matrix.rows(np.flatnonzero(model.candidates)))
    beaten = (rows @ model.residuals[0]).max()
    assert model.vacated.best[0] <= beaten + 1e-9


def test_a_bias_is_predicted_too(tmp_path: Path, composing: geo.Head) -> None:
    """A LayerNorm's shift gives every row a bias; the missing row's comes from its group."""
    from safetensors.numpy import load_file, save_file

    source = composing.opened.checkpoint.folder
    stored = load_file(source / "model.safetensors")
    rng = np.random.default_rng(0)
    vocab, dim = stored["model.embed_tokens.weight"].shape
    tensors = {
        "model.embed_tokens.weight": stored["model.embed_tokens.weight"],
        "lm_head.weight": stored["model.embed_tokens.weight"],
        "lm_head.bias": rng.normal(size=vocab).astype(np.float32),
        "model.final_layernorm.weight": np.ones(dim, dtype=np.float32),
        "model.final_layernorm.bias": rng.normal(size=dim).astype(np.float32),
    }
    save_file(tensors, tmp_path / "model.safetensors")
    (tmp_path / "config.json").write_text(json.dumps({"model_type": "phi", "tie_word_embeddings": False}))
    (tmp_path / "tokenizer.json").write_bytes((source / "tokenizer.json").read_bytes())
    view = geo.open_head(tmp_path).in_space("folded")
    model = fit_vacancies(view)
    assert model.named.rows.shape[1] == dim + 1
    found = find_vacancy(model, evaluate(view, "seahorse + emoji"), hull=False)
    assert found.bias != 0
    assert 0 <= found.p_win <= 1


def test_what_cannot_be_predicted_is_said(composing: geo.Head, tmp_path: Path) -> None:
    view = composing.in_space("folded")
    with pytest.raises(ExpressionError, match="names nothing in words"):
        find_vacancy(fit_vacancies(view), evaluate(view, "emoji"))
    found = explain(composing, "emoji", WhyOptions(hull=False), space="folded")
    assert found.vacancy is None
    assert "no vacancy: 'emoji' names nothing in words" in " ".join(found.notes)
    said = explain(composing, "sea - horse + emoji", WhyOptions(hull=False))
    assert "takes words away, and no name is made like that" in " ".join(said.notes)
    few = simulated(tmp_path, composes=True, count=20)
    said = explain(few, "sea + horse", WhyOptions(hull=False))
    assert said.vacancy is None
    assert "20 whole emoji named in words it holds" in " ".join(said.notes)


def test_it_is_told_in_json_and_table(composing: geo.Head) -> None:
    found = explain(composing, "sea + horse + emoji")
    record = json.loads(json.dumps(found.to_dict(), allow_nan=False))["vacancy"]
    assert {"r2", "r2_shuffled", "p_win", "reliability", "nonsense", "nearest", "hull", "seed"} <= record.keys()
    assert "row" not in record
    assert "R², family held out" in str(found)
    assert max(map(len, str(found).splitlines())) <= 100
    assert found.vacancy is not None
    assert found.vacancy.figure().get_axes()
    assert found.to_dict() == explain(composing, "sea + horse + emoji").to_dict()


@pytest.mark.slow
def test_rows_that_are_all_alike_predict_nothing(tmp_path: Path, composing: geo.Head) -> None:
    from safetensors.numpy import load_file, save_file

    source = composing.opened.checkpoint.folder
    tensors = load_file(source / "model.safetensors")
    tensors["model.embed_tokens.weight"][:] = tensors["model.embed_tokens.weight"][0]
    save_file(tensors, tmp_path / "model.safetensors")
    for name in ("config.json", "tokenizer.json"):
        (tmp_path / name).write_bytes((source / name).read_bytes())
    head = geo.open_head(tmp_path)
    found = explain(head, "sea + horse", space="folded")
    assert found.vacancy is None
    assert "emoji rows are all alike" in " ".join(found.notes)
    json.dumps(found.to_dict(), allow_nan=False)
    for ask in (lambda: explain(head, "sea + emoji"), lambda: geo.census(head), lambda: find_phantoms(head)):
        with pytest.raises(TokenError, match="there is no emoji direction"):
            ask()
