"""Convex polygons in the plane: cut by a line, measured, and the point deepest inside found.

A polygon is its corners in order, either way round, (corners, 2) float64; the empty one has none.
"""

from typing import NamedTuple

import numpy as np
from jaxtyping import Float64


class Circle(NamedTuple):
    """A circle: its centre and its radius."""

    center: Float64[np.ndarray, "2"]
    radius: float


def clip(
    polygon: Float64[np.ndarray, "corners 2"], normal: Float64[np.ndarray, "2"], offset: float
) -> Float64[np.ndarray, "kept 2"]:
    """Keep the part of a convex polygon where n·x ≥ offset.

    Corners on the line itself are kept. What only touches the line has no area left and comes back as the corner
    or the edge that touches.

    Args:
        polygon: the corners in order.
        normal: n, of any length but zero.
        offset: where the line n·x = offset lies.

    Returns:
        The corners of what is left, in the same order; none when nothing is.

    Source: Sutherland and Hodgman, Reentrant polygon clipping (1974), for one edge.
    """
    heights = polygon @ normal - offset
    if np.all(heights >= 0):
        return polygon.copy()
    kept = []
    for index in range(len(polygon)):
        here, there = heights[index - 1], heights[index]
        start, end = polygon[index - 1], polygon[index]
        if (here < 0) != (there < 0) and here != 0 and there != 0:
            kept.append(start + (end - start) * (here / (here - there)))
        if there >= 0:
            kept.append(end)
    return np.array(kept, dtype=np.float64).reshape(-1, 2)


def area(polygon: Float64[np.ndarray, "corners 2"]) -> float:
    """Return the area, never negative; 0 for fewer than three corners.

    The shoelace formula ½|Σ xᵢyᵢ₊₁ − xᵢ₊₁yᵢ|, about the first corner so that a polygon far from the origin loses no
    digits.
    """
    if len(polygon) < 3:
        return 0.0
    x, y = (polygon - polygon[0]).T
    return float(abs(x @ np.roll(y, -1) - np.roll(x, -1) @ y) / 2)


def deepest_point(polygon: Float64[np.ndarray, "corners 2"]) -> Circle:
    """Return a largest circle inside a convex polygon: its Chebyshev centre and the distance to the nearest edge.

    max r such that every edge with inward unit normal n and offset o has n·x − r ≥ o, a linear programme. Where
    several circles are as large (a rectangle's) any one of them is given; a polygon without area gives the mean of
    its corners and radius 0.

    Raises:
        ValueError: a polygon without corners has no point at all.
    """
    if not len(polygon):
        raise ValueError("a polygon without corners arrived; expected at least one corner")
    middle = polygon.mean(axis=0)
    around = polygon - middle
    size = float(np.abs(around).max())
    if size == 0 or area(around / size) <= 1e-12:
        return Circle(middle, 0.0)
    scaled = around / size  # the solver's tolerances are absolute
    edges = np.roll(scaled, -1, axis=0) - scaled
    lengths = np.linalg.norm(edges, axis=1)
    kept = lengths > 1e-12
    normals = np.column_stack([-edges[kept, 1], edges[kept, 0]]) / lengths[kept, None]
    offsets = (normals * scaled[kept]).sum(axis=1)
    inward = np.where(offsets > 0, -1.0, 1.0)  # the middle, now the origin, lies inside every edge
    solution = _largest_circle(normals * inward[:, None], offsets * inward)
    return Circle(middle + solution[:2] * size, max(float(solution[2]) * size, 0.0))


def _largest_circle(
    normals: Float64[np.ndarray, "edges 2"], offsets: Float64[np.ndarray, " edges"]
) -> Float64[np.ndarray, "3"]:
    from scipy.optimize import linprog

    constraints = np.column_stack([-normals, np.ones(len(normals))])
    result = linprog([0.0, 0.0, -1.0], A_ub=constraints, b_ub=-offsets, bounds=[(None, None)] * 2 + [(0.0, None)])
    if not result.success:
        raise RuntimeError(f"no circle was found in a convex polygon: {result.message}")
    return np.asarray(result.x, dtype=np.float64)
