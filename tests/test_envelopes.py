"""Upper envelopes against the highest score at every point of a dense grid."""

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from geometry.envelopes import planar_regions, upper_curves, upper_lines

SQUARE = np.array([[-2.0, -2], [2, -2], [2, 2], [-2, 2]])
TRIANGLE = np.array([[0.0, 0], [1, 0], [0, 1]])


def winner_at(segments, a: float) -> int:
    return next(one.row for one in segments if one.start <= a <= one.stop)


@given(seed=st.integers(0, 10_000), rows=st.integers(1, 60))
@settings(max_examples=60, deadline=None)
def test_lines_are_those_of_a_grid(seed: int, rows: int) -> None:
    rng = np.random.default_rng(seed)
    heights, slopes = rng.normal(size=rows), rng.normal(size=rows)
    segments = upper_lines(heights, slopes)
    assert segments[0].start == -np.inf
    assert segments[-1].stop == np.inf
    for before, after in pairwise(segments):
        assert before.stop == after.start
        a = after.start
        assert heights[before.row] + slopes[before.row] * a == pytest.approx(heights[after.row] + slopes[after.row] * a)
    for a in np.linspace(-50, 50, 401):
        scores = heights + slopes * a
        assert scores[winner_at(segments, a)] == pytest.approx(scores.max(), abs=1e-9)


def test_equal_lines_go_to_the_first() -> None:
    assert [one.row for one in upper_lines(np.zeros(4), np.zeros(4))] == [0]
    assert [one.row for one in upper_lines(np.array([0.0, 1, 1]), np.array([1.0, 0, 0]))] == [1, 0]
    assert upper_lines(np.empty(0), np.empty(0)) == []


def test_lines_through_one_point_have_no_segment_of_no_length() -> None:
    segments = upper_lines(np.zeros(5), np.array([-2.0, -1, 0, 1, 2]))
    assert [one.row for one in segments] == [0, 4]


@given(seed=st.integers(0, 10_000), rows=st.integers(1, 40), size=st.sampled_from([0.0, 0.3, 3.0]))
@settings(max_examples=60, deadline=None)
def test_curves_are_those_of_a_grid(seed: int, rows: int, size: float) -> None:
    rng = np.random.default_rng(seed)
    heights, slopes = rng.normal(size=rows), rng.normal(size=rows)
    biases = rng.normal(size=rows) * size
    one, other = rng.normal(size=(2, 5))
    length = (float(other @ other), float(2 * one @ other), float(one @ one))
    segments = upper_curves(heights, slopes, biases, length, (-3.0, 3.0))
    assert (segments[0].start, segments[-1].stop) == (-3.0, 3.0)
    for a in np.linspace(-3, 3, 601):
        scores = heights + slopes * a + biases * np.linalg.norm(other + a * one)
        assert scores[winner_at(segments, a)] == pytest.approx(scores.max(), abs=1e-6)


def test_curves_without_a_bias_are_lines() -> None:
    rng = np.random.default_rng(1)
    heights, slopes = rng.normal(size=30), rng.normal(size=30)
    curves = upper_curves(heights, slopes, np.zeros(30), (1.0, 0.0, 1.0), (-2.0, 2.0))
    lines = [one for one in upper_lines(heights, slopes) if one.stop > -2 and one.start < 2]
    assert [one.row for one in curves] == [one.row for one in lines]
    np.testing.assert_allclose([one.start for one in curves[1:]], [one.start for one in lines[1:]], atol=1e-9)


@given(seed=st.integers(0, 10_000), rows=st.integers(1, 80))
@settings(max_examples=40, deadline=None)
def test_regions_are_those_of_a_grid(seed: int, rows: int) -> None:
    rng = np.random.default_rng(seed)
    planes = rng.normal(size=(rows, 3))
    for domain, size in ((SQUARE, 16.0), (TRIANGLE, 0.5)):
        regions = planar_regions(planes, domain)
        assert sum(one.area for one in regions) == pytest.approx(size, rel=1e-9)
        low, high = domain.min(), domain.max()
        points = rng.uniform(low, high, size=(300, 2))
        if domain is TRIANGLE:
            points = points[points.sum(axis=1) <= 1]
        scores = np.column_stack([np.ones(len(points)), points]) @ planes.T
        for point, row in zip(points, scores, strict=True):
            inside = [one.row for one in regions if contains(one.polygon, point)]
            assert inside
            assert max(row[inside]) == pytest.approx(row.max(), abs=1e-9)


def contains(polygon: np.ndarray, point: np.ndarray) -> bool:
    edges = np.roll(polygon, -1, axis=0) - polygon
    to = point - polygon
    return bool((edges[:, 0] * to[:, 1] - edges[:, 1] * to[:, 0] >= -1e-9).all())


def test_planes_that_slope_along_one_line_make_strips() -> None:
    planes = np.array([[0.0, -1, -1], [0.5, 0, 0], [0.0, 1, 1]])
    regions = planar_regions(planes, SQUARE)
    assert {one.row for one in regions} == {0, 1, 2}
    assert sum(one.area for one in regions) == pytest.approx(16.0)


def test_equal_planes_go_to_the_first() -> None:
    regions = planar_regions(np.ones((5, 3)), TRIANGLE)
    assert [(one.row, one.area) for one in regions] == [(0, 0.5)]
    assert planar_regions(np.empty((0, 3)), TRIANGLE) == []
