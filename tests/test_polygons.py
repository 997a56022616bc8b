"""Convex polygons: clipping against a dense grid, areas against triangles, deepest points against the incircle."""

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from scipy.spatial import ConvexHull

from geometry.polygons import area, clip, deepest_point

SQUARE = np.array([[0.0, 0.0], [2.0, 0.0], [2.0, 2.0], [0.0, 2.0]])
TRIANGLE = np.array([[0.0, 0.0], [4.0, 0.0], [0.0, 3.0]])

seeds = st.integers(0, 2**32 - 1)


def convex(seed: int, *, scale: float = 1.0, shift: float = 0.0) -> np.ndarray:
    rng = np.random.default_rng(seed)
    points = rng.standard_normal((rng.integers(3, 9), 2))
    hull = points[ConvexHull(points).vertices]
    return (hull if rng.random() < 0.5 else hull[::-1]) * scale + shift


def inside(polygon: np.ndarray, points: np.ndarray) -> np.ndarray:
    """Whether each point lies in a convex polygon, edge by edge."""
    edges = np.roll(polygon, -1, axis=0) - polygon
    turns = edges[:, 0] * (points[:, None, 1] - polygon[:, 1]) - edges[:, 1] * (points[:, None, 0] - polygon[:, 0])
    return np.all(turns >= 0, axis=1) | np.all(turns <= 0, axis=1)


@settings(deadline=None)
@given(seeds, st.floats(0, 2 * np.pi), st.floats(-1, 1))
def test_clipping_keeps_the_points_on_one_side(seed: int, angle: float, offset: float):
    polygon, normal = convex(seed), np.array([np.cos(angle), np.sin(angle)])
    left = clip(polygon, normal, offset)
    grid = np.stack(np.meshgrid(*[np.linspace(-3, 3, 41)] * 2), axis=-1).reshape(-1, 2)
    clear = np.abs(grid @ normal - offset) > 1e-9
    wanted = inside(polygon, grid) & (grid @ normal >= offset)
    found = inside(left, grid) if len(left) > 2 else np.zeros(len(grid), dtype=bool)
    assert np.array_equal(found[clear], wanted[clear])


@settings(deadline=None)
@given(seeds, st.floats(0, 2 * np.pi), st.floats(-1, 1), st.floats(0.01, 100))
def test_both_sides_of_a_line_make_the_whole(seed: int, angle: float, offset: float, length: float):
    polygon, normal = convex(seed), length * np.array([np.cos(angle), np.sin(angle)])
    one, other = clip(polygon, normal, length * offset), clip(polygon, -normal, -length * offset)
    assert area(one) + area(other) == pytest.approx(area(polygon), rel=1e-9)
    again = clip(one, normal, length * offset - 1e-9 * length)
    assert area(again) == pytest.approx(area(one), rel=1e-9, abs=1e-12)


def test_clipping_by_hand():
    assert clip(SQUARE, np.array([1.0, 0.0]), 0.5).tolist() == [[0.5, 0.0], [2.0, 0.0], [2.0, 2.0], [0.5, 2.0]]
    assert clip(SQUARE, np.array([1.0, 0.0]), 3.0).shape == (0, 2)
    assert clip(SQUARE, np.array([1.0, 0.0]), 2.0).tolist() == [[2.0, 0.0], [2.0, 2.0]]
    assert clip(SQUARE, np.array([1.0, 1.0]), 4.0).tolist() == [[2.0, 2.0]]
    assert clip(SQUARE, np.array([1.0, 0.0]), 0.0).tolist() == SQUARE.tolist()
    assert clip(SQUARE, np.array([1.0, -1.0]), 0.0).tolist() == [[0.0, 0.0], [2.0, 0.0], [2.0, 2.0]]


def test_what_is_kept_whole_is_a_copy():
    left = clip(SQUARE, np.array([1.0, 0.0]), -1.0)
    left[0] = 9.0
    assert SQUARE[0].tolist() == [0.0, 0.0]


@pytest.mark.parametrize("corners", [0, 1, 2])
def test_what_has_no_area(corners: int):
    polygon = SQUARE[:corners]
    assert area(polygon) == 0
    assert len(clip(polygon, np.array([1.0, 0.0]), -1.0)) == corners
    assert clip(polygon, np.array([1.0, 0.0]), 9.0).shape == (0, 2)
    if corners:
        circle = deepest_point(polygon)
        assert circle.center.tolist() == polygon.mean(axis=0).tolist()
        assert circle.radius == 0


def test_no_point_lies_in_nothing():
    with pytest.raises(ValueError, match="without corners"):
        deepest_point(SQUARE[:0])


@given(seeds, st.floats(-1e6, 1e6))
def test_area_is_that_of_the_hull_either_way_round(seed: int, shift: float):
    polygon = convex(seed)
    assert area(polygon) == pytest.approx(ConvexHull(polygon).volume, rel=1e-9)
    assert area(polygon[::-1]) == pytest.approx(area(polygon), rel=1e-12)
    assert area(polygon + shift) == pytest.approx(area(polygon), rel=1e-7, abs=1e-7)


@settings(deadline=None)
@given(seeds, st.sampled_from([1e-6, 1.0, 1e6]), st.floats(-100, 100))
def test_the_deepest_point_of_a_triangle_is_its_incentre(seed: int, scale: float, shift: float):
    corners = np.random.default_rng(seed).standard_normal((3, 2))
    assume(area(corners) > 0.05)
    sides = np.linalg.norm(np.roll(corners, -1, axis=0) - np.roll(corners, 1, axis=0), axis=1)  # opposite each corner
    center, radius = deepest_point(corners * scale + shift * scale)
    assert center / scale == pytest.approx((sides @ corners) / sides.sum() + shift, abs=1e-6)
    assert radius / scale == pytest.approx(2 * area(corners) / sides.sum(), rel=1e-6)


@settings(deadline=None)
@given(seeds)
def test_no_point_of_a_dense_grid_lies_deeper(seed: int):
    polygon = convex(seed)
    assume(area(polygon) > 0.01)
    edges = np.roll(polygon, -1, axis=0) - polygon

    def depth(points: np.ndarray) -> np.ndarray:
        apart = points[:, None] - polygon
        return np.abs(edges[:, 0] * apart[..., 1] - edges[:, 1] * apart[..., 0]) / np.linalg.norm(edges, axis=1)

    circle = deepest_point(polygon)
    assert inside(polygon, circle.center[None])[0]
    assert depth(circle.center[None]).min() == pytest.approx(circle.radius, rel=1e-6)
    grid = np.stack(np.meshgrid(*[np.linspace(-3, 3, 61)] * 2), axis=-1).reshape(-1, 2)
    within = grid[inside(polygon, grid)]
    assert not len(within) or depth(within).min(axis=1).max() <= circle.radius + 1e-9


def test_by_hand():
    circle = deepest_point(TRIANGLE)
    assert circle.center == pytest.approx([1.0, 1.0])
    assert circle.radius == pytest.approx(1.0)
    assert deepest_point(SQUARE).radius == pytest.approx(1.0)
    doubled = np.repeat(SQUARE, 2, axis=0)
    assert deepest_point(doubled).center == pytest.approx([1.0, 1.0])
