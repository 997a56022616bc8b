"""Which of many scores is highest, as weights move: upper envelopes of lines, of curves and of planes.

Pure arrays: rows are numbered by their place, and of equal scores the first place wins.
"""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float64, Int64

from geometry.polygons import area, clip

ROUNDS = 100
"""Rounds of adding planes at most; each adds every plane that is highest at some corner."""


@dataclass(frozen=True, slots=True)
class Segment:
    """A stretch of one weight over which one row wins, from ``start`` to ``stop``, which may be infinite."""

    row: int
    start: float
    stop: float


@dataclass(frozen=True, eq=False)
class Region:
    """A convex polygon of two weights over which one row wins, its corners in counter-clockwise order."""

    row: int
    polygon: Float64[np.ndarray, "corners 2"]
    area: float


def upper_lines(heights: Float64[np.ndarray, " rows"], slopes: Float64[np.ndarray, " rows"]) -> list[Segment]:
    """Return who is highest among the lines heights + slopes·a, for every a from −∞ to ∞, in closed form."""
    if not len(heights):
        return []
    rows = np.arange(len(heights))
    flattest = rows[slopes == slopes.min()]
    at = int(flattest[np.argmax(heights[flattest])])
    segments, start, steeper = [], -np.inf, rows
    while True:
        steeper = steeper[slopes[steeper] > slopes[at]]
        if not len(steeper):
            segments.append(Segment(at, start, np.inf))
            return segments
        crossings = (heights[at] - heights[steeper]) / (slopes[steeper] - slopes[at])
        stop = float(crossings.min())
        # where several cross at once the steepest is ahead right behind the crossing
        first = steeper[crossings == stop]
        if stop > start:
            segments.append(Segment(at, start, stop))
            start = stop
        at = int(first[np.argmax(slopes[first])])


def upper_curves(
    heights: Float64[np.ndarray, " rows"],
    slopes: Float64[np.ndarray, " rows"],
    biases: Float64[np.ndarray, " rows"],
    length: tuple[float, float, float],
    window: tuple[float, float],
) -> list[Segment]:
    """Return who is highest among heights + slopes·a + biases·n(a) over a window, n(a)² = c₀ + c₁a + c₂a².

    Two curves meet where (Δheight + Δslope·a)² = Δbias²·n(a)²: a quadratic, whose roots are followed from one winner
    to the next.
    """
    low, high = window
    if not len(heights):
        return []

    def scores(a: float) -> Float64[np.ndarray, " rows"]:
        size = np.sqrt(max(length[0] + length[1] * a + length[2] * a * a, 0.0))
        return np.asarray(heights + slopes * a + biases * size)

    step = 1e-9 * (high - low)
    segments, start, cursor, at = list[Segment](), low, low, int(np.argmax(scores(low)))
    while True:
        apart = (heights - heights[at], slopes - slopes[at], biases - biases[at])
        cursor = min(_overtaken(*apart, length, cursor + step), high)
        if cursor >= high:
            return [*segments, Segment(at, start, high)]
        # two curves may touch and part again: whoever is ahead behind the meeting has won it
        after = int(np.argmax(scores(cursor + step)))
        if after != at:
            segments.append(Segment(at, start, cursor))
            start, at = cursor, after


def _overtaken(
    heights: Float64[np.ndarray, " rows"],
    slopes: Float64[np.ndarray, " rows"],
    biases: Float64[np.ndarray, " rows"],
    length: tuple[float, float, float],
    start: float,
) -> float:
    """The first a > start where some row, all given less the winner's own, comes level with it; ∞ if none does."""
    constant = heights**2 - biases**2 * length[0]
    linear = 2 * heights * slopes - biases**2 * length[1]
    square = slopes**2 - biases**2 * length[2]
    with np.errstate(divide="ignore", invalid="ignore"):
        # √(linear² − 4·square·constant), written so that nothing cancels where the biases are nearly equal
        inner = heights**2 * length[2] - heights * slopes * length[1] + slopes**2 * length[0]
        inner += biases**2 * (length[1] ** 2 / 4 - length[0] * length[2])
        spread = 2 * np.abs(biases) * np.sqrt(inner)
        # the stable pair of roots: no difference of nearly equal numbers
        half = -0.5 * (linear + np.where(linear >= 0, spread, -spread))
        roots = np.concatenate([half / square, constant / half])
        twice = [np.concatenate([values, values]) for values in (heights, slopes, biases)]
        # squaring adds the crossings with the bias of the other sign
        rounding = 1e-9 * (np.abs(twice[0]) + np.abs(twice[1] * roots))
        level = (twice[0] + twice[1] * roots) * np.sign(twice[2]) <= rounding
        roots = roots[np.isfinite(roots) & level & (roots > start)]
    return float(roots.min()) if len(roots) else np.inf


def planar_regions(planes: Float64[np.ndarray, "rows 3"], domain: Float64[np.ndarray, "corners 2"]) -> list[Region]:
    """Return who is highest among the planes p₀ + p₁a + p₂b over a convex domain, as exact polygons.

    Planes that win at a corner of the polygons so far are added until there is no other: over a polygon the highest
    plane's lead is convex, so nobody who is behind at its corners is ahead inside.

    Returns:
        Regions by size, the largest first; they tile the domain up to rounding.
    """
    if not len(planes):
        return []
    size = np.abs(planes).max() * max(1.0, float(np.abs(domain).max()))
    chosen = _highest(planes, domain)
    regions: list[Region] = []
    for _ in range(ROUNDS):
        regions = [region for row in chosen.tolist() if (region := _region(row, chosen, planes, domain)) is not None]
        corners = np.concatenate([region.polygon for region in regions])
        own = np.concatenate([np.full(len(region.polygon), region.row) for region in regions])
        ones = np.column_stack([np.ones(len(corners)), corners])
        best = _highest_each(planes, ones)
        lead = np.einsum("ij,ij->i", planes[best] - planes[own], ones)
        new = np.setdiff1d(best[lead > 1e-12 * size], chosen)
        if not len(new):
            break
        chosen = np.union1d(chosen, new)
    return sorted(regions, key=lambda region: -region.area)


def _highest(planes: Float64[np.ndarray, "rows 3"], points: Float64[np.ndarray, "n 2"]) -> Int64[np.ndarray, " found"]:
    return np.unique(_highest_each(planes, np.column_stack([np.ones(len(points)), points])))


def _highest_each(planes: Float64[np.ndarray, "rows 3"], ones: Float64[np.ndarray, "n 3"]) -> Int64[np.ndarray, " n"]:
    """The highest plane at each point, a few points at a time so that the products stay small."""
    found = [np.argmax(part @ planes.T, axis=1) for part in np.array_split(ones, -(-len(ones) // 256))]
    return np.concatenate(found)


def _region(
    row: int,
    chosen: Int64[np.ndarray, " chosen"],
    planes: Float64[np.ndarray, "rows 3"],
    domain: Float64[np.ndarray, "corners 2"],
) -> Region | None:
    """The part of the domain where one of the chosen planes is highest; None where that has no area."""
    polygon = domain
    for other in chosen.tolist():
        apart = planes[row] - planes[other]
        if other == row:
            continue
        if not apart.any():
            if other < row:
                return None
            continue
        polygon = clip(polygon, apart[1:], -float(apart[0]))
        if len(polygon) < 3:
            return None
    size = area(polygon)
    return Region(row, polygon, size) if size > 0 else None
