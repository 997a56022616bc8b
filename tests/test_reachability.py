"""Distances from convex hulls against a linear program, Qhull and NNLS; planted insides; batches against single."""

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from scipy.optimize import linprog, nnls
from scipy.spatial import ConvexHull

import geometry as geo
from geometry.errors import OptionError
from geometry.reachability import HullDistance, distance, hull_distance, hull_distances
from geometry.reachability.corral import Corral

SPACES = ("raw", "folded", "centered", "whitened")


def by_nnls(target: np.ndarray, rows: np.ndarray) -> float:
    """Lawson & Hanson's least distance: min ‖E u − f‖ with E = [Pᵀ; 1ᵀ], f the last unit vector."""
    points = rows - target
    scale = np.linalg.norm(points, axis=1).max() or 1.0
    stacked = np.vstack([points.T / scale, np.ones(len(points))])
    weights, _ = nnls(stacked, np.eye(len(stacked))[-1], maxiter=100 * len(points))
    return float(np.linalg.norm(weights / weights.sum() @ points))


def wins_somewhere(target: np.ndarray, rows: np.ndarray) -> bool:
    """Is there an x with (w_t − w_j)·x ≥ 1 for every j? A linear program, feasible outside the hull alone."""
    found = linprog(np.zeros(len(target)), A_ub=rows - target, b_ub=-np.ones(len(rows)), bounds=(None, None))
    return bool(found.status == 0)


def check(target: np.ndarray, rows: np.ndarray, found: HullDistance, tolerance: float = 1e-6) -> None:
    """The record by itself proves its value: a point of the hull that near, a margin that large."""
    scale = np.linalg.norm(rows - target, axis=1).max() or 1.0
    nearest = found.weights @ rows[found.ids]
    assert found.weights.sum() == pytest.approx(1)
    assert (found.weights > 0).all()
    assert len(set(found.ids.tolist())) == len(found.ids)
    length = np.linalg.norm(nearest - target)
    assert length == pytest.approx(found.value, abs=1.1 * tolerance * scale)
    assert 0 <= found.gap <= max(tolerance * scale, length)
    if found.value > 0:
        margin = ((target - rows) @ (target - nearest) / length).min()
        assert margin >= found.value - found.gap - 1e-9 * scale


@settings(max_examples=150, deadline=None)
@given(st.integers(0, 2**31), st.integers(1, 8), st.integers(1, 60), st.sampled_from([0.3, 1.0, 3.0]))
def test_distances_are_those_of_nnls_and_the_linear_program(seed: int, dim: int, number: int, far: float):
    generator = np.random.default_rng(seed)
    rows, target = generator.normal(size=(number, dim)), generator.normal(size=dim) * far
    found = hull_distance(target, rows)
    check(target, rows, found)
    assert found.value == pytest.approx(by_nnls(target, rows), abs=1e-5)
    if abs(found.value) > 1e-4 or found.value == 0:
        assert wins_somewhere(target, rows) == (found.value > 0)


@settings(max_examples=100, deadline=None)
@given(st.integers(0, 2**31), st.integers(1, 4), st.integers(1, 40))
def test_rows_that_repeat_and_lie_on_lines(seed: int, dim: int, number: int):
    """Rows from a small grid: ties, duplicates, flat hulls, targets on the hull's edge."""
    generator = np.random.default_rng(seed)
    rows = generator.integers(-1, 2, size=(number, dim)).astype(float)
    target = generator.integers(-2, 3, size=dim).astype(float)
    found = hull_distance(target, rows)
    check(target, rows, found)
    assert found.value <= by_nnls(target, rows) + 1e-5  # SciPy's NNLS can end early where rows tie


@pytest.mark.parametrize("dim", [2, 3, 5, 8])
def test_the_corners_are_those_of_qhull(dim: int):
    rows = np.random.default_rng(dim).normal(size=(60, dim))
    corners = set(ConvexHull(rows).vertices.tolist())
    for place in range(len(rows)):
        found = hull_distance(rows[place], np.delete(rows, place, axis=0))
        assert (found.value > 0) == (place in corners)


@pytest.mark.parametrize("dim", [2, 8])
def test_distances_to_facets_are_those_of_qhull(dim: int):
    """Well outside one facet's middle, the distance is the facet's own."""
    hull = ConvexHull(np.random.default_rng(0).normal(size=(40, dim)))
    for normal, simplex in list(zip(hull.equations, hull.simplices, strict=True))[:20]:
        middle = hull.points[simplex].mean(axis=0)
        found = hull_distance(middle + 0.7 * normal[:-1], hull.points)
        assert found.value == pytest.approx(0.7, abs=1e-6)
        assert set(found.ids.tolist()) == set(simplex.tolist())
        np.testing.assert_allclose(found.weights, 1 / dim, atol=1e-6)


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 2**31), st.integers(1, 60), st.integers(1, 80))
def test_a_planted_inside_has_distance_zero(seed: int, dim: int, number: int):
    generator = np.random.default_rng(seed)
    rows = generator.normal(size=(number + 1, dim)) * np.exp(2 * generator.normal(size=(number + 1, 1))) + 3.0
    target = generator.dirichlet(np.ones(len(rows))) @ rows
    found = hull_distance(target, rows)
    assert found.value == 0.0
    check(target, rows, found)


def test_the_mean_of_many_rows_lies_inside():
    """The start, from the target to the rows' centre, is no direction here, and the corral is as large as can be."""
    rows = np.random.default_rng(0).normal(size=(3000, 100)) + 5.0
    found = hull_distance(rows.mean(axis=0), rows)
    assert found.value == 0.0
    assert len(found.ids) <= 101
    check(rows.mean(axis=0), rows, found)


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 2**31), st.floats(-6, 6), st.floats(-3, 3))
def test_distances_move_and_scale_with_their_rows(seed: int, power: float, shift: float):
    generator = np.random.default_rng(seed)
    rows, target = generator.normal(size=(40, 6)), generator.normal(size=6) * 2
    plain, moved = hull_distance(target, rows), hull_distance((target + shift) * 10**power, (rows + shift) * 10**power)
    assert moved.value == pytest.approx(plain.value * 10**power, rel=1e-5, abs=2e-5 * 10**power)


def test_a_copy_among_the_rows_gives_zero_and_one_row_its_distance():
    rows = np.random.default_rng(0).normal(size=(50, 10))
    copied = hull_distance(rows[7], rows)
    assert (copied.value, copied.ids.tolist()) == (0.0, [7])
    assert hull_distance(rows[7], np.tile(rows[7], (5, 1))).value == 0.0
    single = hull_distance(rows[0], rows[1:2])
    assert single.value == pytest.approx(np.linalg.norm(rows[0] - rows[1]))
    assert single.gap == pytest.approx(0, abs=1e-12)
    assert single.ids.tolist() == [0]


def test_a_corral_that_grows_equals_one_that_starts_whole():
    points = np.random.default_rng(1).normal(size=(120, 30)) / 5 + 0.3
    whole = Corral(np.arange(120), points)
    whole.settle()
    grown = Corral(np.arange(10), points[:10])
    for start in range(10, 120, 10):
        grown.settle()
        grown.add(np.arange(start, start + 10), points[start : start + 10])
    grown.settle()
    np.testing.assert_allclose(grown.nearest, whole.nearest, atol=1e-9)
    assert set(grown.support.tolist()) == set(whole.support.tolist())


# on a head


@pytest.mark.parametrize("held", [True, False], ids=["held", "streamed"])
@pytest.mark.parametrize("model_type", ["llama", "phi"])
@pytest.mark.parametrize("space", SPACES)
def test_a_batch_equals_single_distances(make_head, monkeypatch, space: str, model_type: str, held: bool):
    if not held:
        monkeypatch.setattr(distance, "HELD_BYTES", 0)
    generator = np.random.default_rng(2)
    rows = generator.normal(size=(420, 16)) + 2.0
    rows[40] = rows[41]
    rows[50] = rows[60:70].mean(axis=0)
    head = make_head(rows, model_type=model_type).in_space(space)
    allowed = generator.random(420) < 0.9
    mapped = head.space.apply(head.opened.matrix.rows(range(420)))
    tokens = [3, 40, 50, 100, 101, 102]
    left_out = [frozenset({token}) for token in tokens]
    left_out[3] = frozenset({100, 7, 8, 9})
    found = hull_distances(head, mapped[tokens], left_out, allowed=allowed)
    for token, dropped, one in zip(tokens, left_out, found, strict=True):
        others = np.array([i for i in np.flatnonzero(allowed) if i not in dropped])
        alone = hull_distance(mapped[token], mapped[others])
        scale = np.linalg.norm(mapped[others] - mapped[token], axis=1).max()
        assert one.value == pytest.approx(alone.value, abs=2e-6 * scale)
        assert set(one.ids.tolist()) <= set(others.tolist())
        assert np.linalg.norm(one.weights @ mapped[one.ids] - mapped[token]) == pytest.approx(
            one.value, abs=2e-6 * scale
        )
        assert one.gap <= 2e-6 * scale


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.integers(0, 2**31), st.integers(2, 60), st.integers(1, 6))
def test_random_small_heads_held_and_streamed(make_head, seed: int, vocab: int, dim: int):
    generator = np.random.default_rng(seed)
    head = make_head(generator.normal(size=(vocab, dim)), with_tokenizer=False).folded()
    mapped = head.space.apply(head.opened.matrix.rows(range(vocab)))
    left_out = [frozenset({token}) for token in range(vocab)]
    found = hull_distances(head, mapped, left_out)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(distance, "HELD_BYTES", 0)
        streamed = hull_distances(head, mapped, left_out)
    for token, (one, other) in enumerate(zip(found, streamed, strict=True)):
        truth = by_nnls(mapped[token], np.delete(mapped, token, axis=0))
        assert one.value == pytest.approx(truth, abs=1e-4)
        assert other.value == pytest.approx(truth, abs=1e-4)


def test_a_token_with_a_distance_wins_for_its_own_direction(make_head):
    """The margin at the unit residual from the hull's nearest point to the row is the distance; no other is larger."""
    head = make_head(np.random.default_rng(3).normal(size=(420, 16))).folded()
    mapped = head.space.apply(head.opened.matrix.rows(range(420)))
    (found,) = hull_distances(head, mapped[[300]], [frozenset({300})], allowed=np.ones(420, dtype=bool))
    residual = mapped[300] - found.weights @ mapped[found.ids]
    residual /= np.linalg.norm(residual)
    margins = np.delete(mapped[300] @ residual - mapped @ residual, 300)
    assert margins.min() == pytest.approx(found.value, abs=1e-5)
    assert (mapped @ residual).argmax() == 300


def test_masked_and_unreadable_rows_make_no_part_of_a_hull(make_head):
    rows = np.random.default_rng(0).normal(size=(420, 16))
    rows[7, 0] = np.nan
    head = make_head(rows)
    (found,) = hull_distances(head, rows[[30]], [frozenset({30})])
    assert not set(found.ids.tolist()) - set(np.flatnonzero(head.candidates()).tolist())
    (also,) = hull_distances(head, rows[[30]], [frozenset({30})], allowed=np.ones(420, dtype=bool))
    assert also.value <= found.value + 1e-6


def test_what_has_no_answer_says_so(make_head):
    head = make_head(np.random.default_rng(0).normal(size=(20, 4)), with_tokenizer=False)
    point = np.ones((1, 4))
    with pytest.raises(OptionError, match="a hull of no rows was asked for; expected at least one other row"):
        hull_distance(point[0], np.empty((0, 4)))
    with pytest.raises(OptionError, match="rows that hold NaN or infinity arrived"):
        hull_distance(point[0], np.full((3, 4), np.nan))
    with pytest.raises(OptionError, match="of 20 rows none is left to make a hull of"):
        hull_distances(head, point, [frozenset(range(20))])
    with pytest.raises(OptionError, match="1 targets and 2 sets of rows to leave out arrived"):
        hull_distances(head, point, [frozenset(), frozenset()])
    with pytest.raises(OptionError, match="a target that holds NaN or infinity arrived"):
        hull_distances(head, point * np.inf, [frozenset()])
    with pytest.raises(OptionError, match="targets of length 5 arrived; this head's rows have 4 numbers"):
        hull_distances(head, np.ones((1, 5)), [frozenset()])
    assert hull_distances(head, np.empty((0, 4)), []) == []


def test_the_organisms_tokens_are_found_with_small_gaps():
    head = geo.open_head("organism").folded()
    tokens = np.random.default_rng(0).choice(np.flatnonzero(head.candidates()), 40, replace=False)
    targets = head.space.apply(head.opened.matrix.rows(tokens))
    found = hull_distances(head, targets, [frozenset({int(token)}) for token in tokens])
    for one, target in zip(found, targets, strict=True):
        assert one.gap <= 1e-6 * np.linalg.norm(target) * 2
        nearest = one.weights @ head.space.apply(head.opened.matrix.rows(one.ids))
        assert np.linalg.norm(nearest - target) == pytest.approx(one.value)
