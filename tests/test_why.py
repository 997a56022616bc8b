"""Why a sum lands: both readings of every margin, boundaries against brute force, and what degenerates."""

import json
from pathlib import Path

import numpy as np
import pytest
from scipy.optimize import linprog, minimize

import geometry as geo
from geometry.errors import ExpressionError, OptionError, TokenError
from geometry.landing.scans import variants_of
from geometry.products import residual_view, row_biases
from geometry.why import Why, WhyOptions, explain, explain_many
from geometry.why.angles import _Cell
from geometry.why.ledger import open_ledger

SPACES = ["raw", "folded", "centered", "whitened"]
SUMS = ["sea + horse", "2*sea - 0.5*horse + king", "mean(sea, fish) + seahorses", "sea + #300 + 'Sea'"]


def why(head: geo.Head, expression: str, space: str = "folded", **options) -> Why:
    return explain(head, expression, WhyOptions(**{"vacancy": False, **options}), space=space)


def scores_of(head: geo.Head, found: Why) -> np.ndarray:
    """Every row's score, in float64, from nothing but the stored rows and the readout's vectors."""
    view = residual_view(head.in_space(found.space))
    rows = view.space.apply(head.opened.matrix.rows(np.arange(head.vocab)))
    vector = head.in_space(found.space).space.residual_direction(found.concept.vector)
    if found.space == "raw":
        return rows @ found.concept.vector
    residual = vector / np.linalg.norm(vector) * np.sqrt(head.dim)
    bias = row_biases(view)
    return rows @ residual + (0 if bias is None else bias)


def in_play(head: geo.Head, found: Why) -> np.ndarray:
    keep = head.candidates()
    inputs = found.concept.input_ids
    keep[sorted(inputs | variants_of(head, inputs))] = False
    return np.flatnonzero(keep)


@pytest.mark.parametrize("model_type", ["llama", "phi"])
@pytest.mark.parametrize("space", SPACES)
@pytest.mark.parametrize("expression", SUMS)
def test_both_readings_add_up_to_the_margin(make_head, model_type: str, space: str, expression: str) -> None:
    head = make_head(model_type=model_type)
    found = why(head, expression, space, k=8)
    scores = scores_of(head, found)
    assert found.winner.score == pytest.approx(scores[found.winner.id], rel=1e-9)
    parts = sum(found.winner.by_term.values()) + found.winner.by_bias
    assert parts == pytest.approx(found.winner.score, rel=1e-9)
    for rival in found.rivals:
        margin = scores[found.winner.id] - scores[rival.id]
        assert rival.margin == pytest.approx(margin, rel=1e-5, abs=1e-9)
        assert sum(rival.by_term.values()) + rival.by_bias == pytest.approx(rival.margin, rel=1e-9, abs=1e-9)
        second = rival.by_mean + rival.by_norm + rival.by_angle + rival.by_bias
        assert second == pytest.approx(rival.margin, rel=1e-6, abs=1e-8)
        assert rival.score == pytest.approx(found.winner.score - rival.margin, abs=1e-9)


@pytest.mark.parametrize("space", ["raw", "folded", "centered"])
def test_the_winner_is_the_landings(make_head, space: str) -> None:
    head = make_head(model_type="phi")
    landing = head.land("sea + horse", space=space, exclude_inputs=True, k=6)
    found = landing.why(vacancy=False)
    assert [found.winner.id, *(rival.id for rival in found.rivals)] == [one.id for one in landing.landings]
    assert landing.winner == found.winner.id


def test_by_mean_is_zero_in_a_centred_space(make_head) -> None:
    for space in ("centered", "whitened"):
        found = why(make_head(), "sea + horse", space)
        assert all(abs(rival.by_mean) < 1e-9 for rival in found.rivals)


def test_equal_labels_are_one_term(make_head) -> None:
    found = why(make_head(), "sea + horse + sea")
    assert list(found.winner.by_term) == ["sea", "horse"]
    twice = why(make_head(), "2*sea + horse")
    assert found.winner.by_term == pytest.approx(twice.winner.by_term)


@pytest.mark.parametrize("model_type", ["llama", "phi"])
@pytest.mark.parametrize("space", SPACES)
def test_the_flip_angle_makes_the_two_level(make_head, model_type: str, space: str) -> None:
    """Turn the residual by it in the plane of the difference: there the two have the same score."""
    head = make_head(model_type=model_type)
    found = why(head, "sea + horse + king", space, k=6)
    view = residual_view(head.in_space(space))
    ledger = open_ledger(head.in_space(space), found.concept, head.candidates())
    start, bias = ledger.residual, np.zeros(head.vocab) if row_biases(view) is None else row_biases(view)
    rows = view.space.apply(head.opened.matrix.rows(np.arange(head.vocab)))
    for rival in found.rivals:
        apart = rows[found.winner.id] - rows[rival.id]
        level = bias[rival.id] - bias[found.winner.id]
        if rival.flip_angle is None:
            assert abs(level) > np.linalg.norm(apart) * np.linalg.norm(start)
            continue
        direction = start / np.linalg.norm(start)
        away = apart - (apart @ direction) * direction
        away /= -np.linalg.norm(away)
        turned = np.cos(rival.flip_angle) * direction + np.sin(rival.flip_angle) * away
        assert apart @ turned * np.linalg.norm(start) == pytest.approx(level, abs=1e-8)
        if rival.win_angle is not None:
            assert rival.win_angle >= rival.flip_angle - 1e-7


@pytest.mark.parametrize("model_type", ["llama", "phi"])
def test_the_win_angle_is_the_least_of_all(make_head, model_type: str) -> None:
    """Against a general solver over every row, in four dimensions."""
    head = make_head(dim=4, model_type=model_type)
    found = why(head, "sea + horse + king", "folded", k=30)
    view = head.in_space("folded")
    ids = in_play(head, found)
    rows = view.space.apply(head.opened.matrix.rows(ids))
    bias = np.zeros(len(ids)) if row_biases(view) is None else row_biases(view)[ids]
    start = open_ledger(view, found.concept, head.candidates()).residual
    radius = np.linalg.norm(start)
    place = {int(token): i for i, token in enumerate(ids)}
    told = 0
    for rival in found.rivals:
        own = place[rival.id]
        apart, levels = rows[own] - rows, bias - bias[own]
        if rival.win_angle is None:
            if not bias.any():  # nothing within a right angle: no point of the cone has a positive product
                best = linprog(-start, A_ub=-apart, b_ub=np.zeros(len(apart)), bounds=[(-1, 1)] * 4)
                assert -best.fun < 1e-6
            continue
        told += 1
        best = np.inf
        for begin in (start, rows[own] / np.linalg.norm(rows[own]) * radius):
            solved = minimize(
                lambda x: -x @ start / radius**2,
                begin,
                jac=lambda x: -start / radius**2,
                constraints=[
                    {"type": "ineq", "fun": lambda x, a=apart, b=levels: a @ x - b, "jac": lambda x, a=apart: a},
                    {"type": "eq", "fun": lambda x: x @ x - radius**2, "jac": lambda x: 2 * x},
                ],
                method="SLSQP",
                options={"maxiter": 300, "ftol": 1e-12},
            )
            if solved.success and (apart @ solved.x - levels).min() > -1e-6:
                best = min(best, float(np.arccos(np.clip(-solved.fun, -1, 1))))
        assert rival.win_angle <= best + 1e-5
        # and the angle told is really enough: some point that far away is won
        if np.isfinite(best):
            assert rival.win_angle == pytest.approx(best, abs=1e-4)
    assert told >= 3


@pytest.mark.parametrize("model_type", ["llama", "phi"])
@pytest.mark.parametrize("space", ["raw", "folded", "whitened"])
def test_the_winner_along_a_weight_is_that_of_the_sum(make_head, model_type: str, space: str) -> None:
    head = make_head(model_type=model_type)
    found = why(head, "sea + 0.7*horse - king", space)
    for line, others in zip(found.lines, ("0.7*horse - king", "sea - king", "sea + 0.7*horse"), strict=True):
        assert line.numerical == (model_type == "phi" and space != "raw")
        for weight in (-1.9, -1.1, -0.3, 0.45, 1.3, 1.9):
            again = why(head, f"{others} {'-' if weight < 0 else '+'} {abs(weight)}*{line.term}", space)
            at = next(one for one in line.stretches if one.stop is None or weight <= one.stop)
            assert at.id == again.winner.id


@pytest.mark.parametrize("model_type", ["llama", pytest.param("phi", marks=pytest.mark.slow)])
def test_the_phase_diagram_is_that_of_a_dense_grid(make_head, model_type: str) -> None:
    head = make_head(model_type=model_type)
    found = why(head, "sea + horse + king", vary=("sea", "king")).phase
    assert found is not None
    assert (found.shape, found.at) == ("plane", (1.0, 1.0))
    assert sum(found.shares) == pytest.approx(1)
    grid = np.linspace(-1.95, 1.95, 6)
    for a in grid:
        for b in grid:
            text = f"{'-' if a < 0 else ''}{abs(a)}*sea {'-' if b < 0 else '+'} {abs(b)}*king + horse"
            winner = why(head, text).winner.id
            if found.grid is None:
                scores = found.planes @ [1.0, a, b]
                assert found.ids[int(scores.argmax())] == winner
                assert contains(found.polygons[int(scores.argmax())], np.array([a, b]))
            else:
                side = len(found.grid)
                at = [
                    round((value - found.window[0]) / (found.window[1] - found.window[0]) * (side - 1))
                    for value in (a, b)
                ]
                near = found.grid[at[1] - 1 : at[1] + 2, at[0] - 1 : at[0] + 2]
                assert winner in {found.ids[i] for i in near.ravel()}


def contains(polygon: np.ndarray, point: np.ndarray) -> bool:
    edges, to = np.roll(polygon, -1, axis=0) - polygon, point - polygon
    return bool((edges[:, 0] * to[:, 1] - edges[:, 1] * to[:, 0] >= -1e-9).all())


def test_a_ternary_diagram_keeps_the_signs_of_the_sum(make_head) -> None:
    head = make_head()
    found = why(head, "king - man + 2*woman").phase
    assert found is not None
    assert (found.shape, found.terms) == ("ternary", ("king", "-man", "woman"))
    assert found.at == pytest.approx((0.25, 0.25, 0.5))
    for shares in ((0.2, 0.3, 0.5), (0.6, 0.3, 0.1), (0.1, 0.8, 0.1)):
        winner = why(head, f"{shares[0]}*king - {shares[1]}*man + {shares[2]}*woman").winner.id
        scores = found.planes @ [1.0, shares[0], shares[1]]
        assert found.ids[int(scores.argmax())] == winner
        corners = found.polygons[int(scores.argmax())]
        assert corners.shape[1] == 3
        np.testing.assert_allclose(corners.sum(axis=1), 1)


def test_terms_on_one_line_make_strips_and_it_is_said(make_head) -> None:
    head = make_head()
    (sea,) = head.words().word("sea")
    found = why(head, f"sea + #{sea} + horse", vary=("sea", f"#{sea}"))
    assert found.phase is not None
    assert found.phase.degenerate == f"sea and #{sea} point along one line"
    assert "strips" in str(found)


def test_the_cascade_deletes_families(composing: geo.Head) -> None:
    found = why(composing, "cat + emoji", "centered", cascade=5)
    gone: set[int] = set()
    ids = in_play(composing, found)
    scores = scores_of(composing, found)
    assert [step.step for step in found.cascade] == [1, 2, 3, 4, 5]
    for step in found.cascade:
        left = [token for token in ids if token not in gone]
        assert step.id == left[int(np.argmax(scores[left]))]
        assert step.deleted[0] == step.id
        gone |= set(step.deleted)
    assert why(composing, "cat + emoji", cascade=0).cascade == ()


def test_a_rival_is_told_wherever_it_ranks(make_head) -> None:
    head = make_head()
    found = why(head, "sea + horse", k=2, rivals=("king", "#77"))
    (king,) = head.words().word("king")
    assert {king, 77} <= {rival.id for rival in found.rivals}
    margins = [rival.margin for rival in found.rivals]
    assert margins == sorted(margins)
    again = why(head, "sea + horse", rivals=(f"#{found.winner.id}",))
    assert f"rival #{found.winner.id} is the winner itself" in again.notes
    assert "rival sea is not in play" in " ".join(why(head, "sea + horse", rivals=("sea",)).notes)
    with pytest.raises(TokenError, match=r"--rival 'seahorses' is \d+ tokens here; expected one"):
        why(head, "sea + horse", rivals=("seahorses",))


@pytest.mark.parametrize("seed", range(12))
def test_a_win_angle_is_never_less_than_the_flip_angle(make_head, seed: int) -> None:
    """Also with a bias, where a cell may end before it reaches the residuals' sphere."""
    rng = np.random.default_rng(seed)
    dim = int(rng.integers(2, 6))
    head = make_head(rng.normal(size=(420, dim)), model_type="phi", tensors={"lm_head.bias": 2 * rng.normal(size=420)})
    found = why(head, "sea + horse - king", k=40)
    for rival in found.rivals:
        if rival.win_angle is not None and rival.flip_angle is not None:
            assert rival.win_angle >= rival.flip_angle - 1e-6


@pytest.mark.parametrize("seed", [103, 7, 21, 40])
def test_a_win_angle_is_that_of_the_cell_with_every_plane(make_head, seed: int) -> None:
    """The planes that are found one after the other must lead where all of them do."""
    rng = np.random.default_rng(seed)
    rows, bias = rng.normal(size=(60, 8)), rng.normal(size=60)
    norm = {"model.final_layernorm.weight": rng.uniform(0.5, 2, 8), "model.final_layernorm.bias": rng.normal(size=8)}
    tensors = {"lm_head.weight": rows, "lm_head.bias": bias, **norm}
    head = make_head(rows, model_type="phi", with_tokenizer=False, tensors=tensors)
    found = why(head, "#3 + #7", k=40)
    view = head.in_space("folded")
    ledger = open_ledger(view, found.concept, head.candidates())
    stored = view.space.apply(head.opened.matrix.rows(ledger.ids))
    told = 0
    for rival in found.rivals:
        own = ledger.place(rival.id)
        cell = _Cell(stored[own], float(ledger.bias[own]))
        for place, token in enumerate(ledger.ids.tolist()):
            if place != own:
                cell.add(token, stored[place], float(ledger.bias[place]))
        whole = cell.on_sphere(ledger.residual)
        if whole is None or not whole.reached:
            assert rival.win_angle is None
            continue
        told += 1
        apart = np.linalg.norm(whole.point - ledger.residual) / (2 * np.linalg.norm(ledger.residual))
        assert rival.win_angle == pytest.approx(2 * np.arcsin(apart), abs=1e-6)
    assert told > 5


def test_a_landing_by_another_metric_says_that_logits_are_explained(make_head) -> None:
    landing = make_head().land("sea + horse", metric="cosine")
    assert "the landing ranked rows by cosine" in landing.why(vacancy=False).notes[0]
    assert not [note for note in make_head().land("sea + horse").why(vacancy=False).notes if "ranked" in note]


@pytest.mark.parametrize("text", ["1e-300*sea + 1e-300*horse", "1e300*sea + horse", "sea + 0.0000001*horse"])
def test_weights_beyond_use_are_refused(make_head, text: str) -> None:
    with pytest.raises(ExpressionError, match="only proportions count, so scale them"):
        why(make_head(), text)


def test_a_cap_is_said_to_come_after(make_head) -> None:
    tensors = {"model.norm.weight": np.zeros(16)}
    found = why(make_head(model_type="gemma2", final_logit_softcapping=30.0, tensors=tensors), "sea + horse")
    assert found.to_dict()["follows"] == ["cap 30·tanh(z/30)"]
    assert "margins are those before the head's cap" in " ".join(found.notes)
    assert why(make_head(), "sea + horse").to_dict()["follows"] == []


def test_bytes_are_followed_to_an_emoji(tinystories: Path) -> None:
    head = geo.open_head(tinystories)
    found = why(head, "sea + horse + prefix")
    assert [step.step for step in found.spelling] == [1, 2, 3, 4]
    written = b"".join(head.words().bytes_of(step.choices[0].id) for step in found.spelling)
    assert written.decode().strip() == found.spelling[-1].examples[0]
    counts = [step.reachable for step in found.spelling]
    assert counts == sorted(counts, reverse=True)
    assert counts[-1] >= 1
    scores = scores_of(head, found)
    for step in found.spelling:
        best = step.choices[0]
        assert best.score == pytest.approx(scores[best.id], rel=1e-6)
        assert all(best.score >= one.score for one in step.choices)
    assert "no row can tell" in " ".join(str(found).split())
    assert "no whole emoji" in found.notes[-1] or "a fit" in " ".join(found.notes) or not found.vacancy


def test_a_head_of_equal_rows_gives_ties_and_no_angles(make_head) -> None:
    head = make_head(np.tile(np.random.default_rng(0).normal(size=16), (420, 1)))
    found = why(head, "sea + horse", "folded")
    assert all(rival.margin == 0 and rival.flip_angle is None for rival in found.rivals)
    assert "the first two have the same score" in " ".join(found.notes)
    with pytest.raises(ExpressionError, match="is zero and points nowhere"):
        why(head, "sea + horse", "centered")


def test_a_twin_of_the_winner_never_wins(make_head) -> None:
    rows = np.random.default_rng(1).normal(size=(420, 16))
    first = why(make_head(rows), "sea + horse")
    rows[first.rivals[0].id] = rows[first.winner.id]
    found = why(make_head(rows), "sea + horse")
    twin = next(rival for rival in found.rivals if rival.margin == 0)
    assert twin.flip_angle is None


def test_its_json_has_the_keys_promised(make_head) -> None:
    found = json.loads(json.dumps(why(make_head(), "sea + horse + king").to_dict(), allow_nan=False))
    assert {
        "winner",
        "rivals",
        "cascade",
        "breakpoints",
        "vacancy",
        "head",
        "space",
        "metric",
        "version",
    } <= found.keys()
    assert {"id", "text", "margin", "by_term", "by_bias", "by_mean", "by_norm", "by_angle", "flip_angle",
            "win_angle"} <= found["rivals"][0].keys()  # fmt: skip
    assert found["phase"]["exact"]
    assert sum(one["share"] for one in found["phase"]["regions"]) == pytest.approx(1)


def test_it_is_told_in_tables_of_100_columns(make_head) -> None:
    found = why(make_head(model_type="phi"), "sea + horse + king + queen + man + woman + boat + ocean")
    assert max(len(line) for line in str(found).splitlines()) <= 100
    assert "others" in str(found)
    assert "<table>" in found._repr_html_()
    frame = found.to_frame()
    assert len(frame) == 5
    assert {"margin", "by_term.sea", "fingerprint", "space"} <= set(frame.columns)


def test_several_expressions_are_the_same_one_by_one(make_head) -> None:
    head, options = make_head(), WhyOptions(vacancy=False)
    both = explain_many(head, ["sea + horse", "king - man"], options)
    assert [one.to_dict() for one in both] == [
        explain(head, text, options).to_dict() for text in ("sea + horse", "king - man")
    ]


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"k": 0}, "k=0 arrived; expected 1 to 1,000"),
        ({"cascade": -1}, "cascade=-1 arrived; expected 0 to 1,000"),
        ({"seed": -1}, "seed=-1 arrived; expected 0 or more"),
        ({"vary": ("sea",)}, "--vary with 1 of 2 terms arrived; expected two of them, or all three of three"),
        ({"vary": ("sea", "fish")}, "--vary 'fish' arrived; the terms of this sum are sea, horse"),
    ],
)
def test_options_that_make_no_sense_are_refused(make_head, options, said: str) -> None:
    with pytest.raises(OptionError, match=said.split("(")[0]):
        why(make_head(), "sea + horse", **options)


def test_nothing_left_to_land_on_is_said(make_head) -> None:
    rows = np.random.default_rng(0).normal(size=(420, 16))
    head = make_head(rows, with_tokenizer=False)
    with pytest.raises(TokenError, match="words and text need one"):
        why(head, "sea + horse")
    found = why(head, "#1 + #2")
    assert found.winner.kind is None
    assert found.cascade[0].deleted == (found.winner.id,)
