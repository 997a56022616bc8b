"""Which region each pixel of a phase diagram lies in, and how far ahead its winner is there."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float64, Int, Int64

from geometry.figures.frame import Frame

PER_INCH = 120

_EDGE = 0.05  # inches


@dataclass(frozen=True, eq=False)
class Polygons:
    """Regions known exactly.

    Attributes:
        corners: each region's convex polygon in weights: the first two, or all three that add to one.
        planes: each region's score p₀ + p₁a + p₂b of the first two weights, whatever the third.
    """

    corners: tuple[Float64[np.ndarray, "_ _"], ...]
    planes: Float64[np.ndarray, "regions 3"]


@dataclass(frozen=True, eq=False)
class Cells:
    """Regions known at the points of a grid.

    Attributes:
        winners: each region's place among the labels, −1 for none. Columns run over the first weight and rows over
            the second, both from the window's lowest to its highest (0 to 1 in a triangle), ends included.
        step: between points, for the corner line.
        margins: how far the winner is ahead at each point; without them a region fades near its edge alone.
    """

    winners: Int[np.ndarray, "rows columns"]
    step: float
    margins: Float64[np.ndarray, "rows columns"] | None = None


Cover = Polygons | Cells


@dataclass(frozen=True, eq=False)
class Raster:
    """Pixels from the lower left corner upwards: the region of each, −1 outside, and its strength from 0 to 1."""

    regions: Int64[np.ndarray, "height width"]
    strength: Float64[np.ndarray, "height width"]

    def at(self, inches: Float64[np.ndarray, "points 2"]) -> Int64[np.ndarray, " points"]:
        """Return the regions at points of the axes, −1 beyond them."""
        columns, rows = np.floor(inches * PER_INCH).astype(np.int64).T
        height, width = self.regions.shape
        inside = (columns >= 0) & (columns < width) & (rows >= 0) & (rows < height)
        found = np.full(len(inches), -1, dtype=np.int64)
        found[inside] = self.regions[rows[inside], columns[inside]]
        return found


def sample(frame: Frame, cover: Cover, scale: float | None) -> Raster:
    """Return the regions at every pixel of a frame.

    Args:
        frame: where weights lie.
        cover: the regions.
        scale: the margin at which a region has its full colour; by default half of the median margin.
    """
    width, height = (max(int(np.ceil(side * PER_INCH)), 1) for side in frame.size)
    columns, rows = np.meshgrid(np.arange(width), np.arange(height))
    points = frame.weights((np.stack([columns, rows], axis=-1) + 0.5) / PER_INCH)
    regions, margins = _of_planes(cover, points) if isinstance(cover, Polygons) else _of_cells(cover, points, frame)
    regions = np.where(_inside(frame.domain, points), regions, -1)
    strength = _edges(regions) if margins is None else _strength(margins, regions >= 0, scale)
    return Raster(regions, strength)


def _edges(regions: Int64[np.ndarray, "height width"]) -> Float64[np.ndarray, "height width"]:
    """0 where the region changes, 1 from a little away on."""
    from scipy.ndimage import distance_transform_edt

    same = np.ones(regions.shape, dtype=np.bool_)
    for here, there, flags in (
        (regions[:-1], regions[1:], same[:-1]),
        (regions[:, :-1], regions[:, 1:], same[:, :-1]),
    ):
        flags &= (here == there) | (here < 0) | (there < 0)  # the triangle's own sides are no change of winner
    depth: Float64[np.ndarray, "height width"] = distance_transform_edt(np.pad(same, 1, mode="edge"))[1:-1, 1:-1]
    return np.ones(regions.shape) if same.all() else np.clip(depth / (_EDGE * PER_INCH), 0.0, 1.0)


def _strength(
    margins: Float64[np.ndarray, "height width"], inside: Bool[np.ndarray, "height width"], scale: float | None
) -> Float64[np.ndarray, "height width"]:
    finite = margins[inside & np.isfinite(margins)]
    if scale is None:
        scale = float(np.median(finite)) / 2 if len(finite) else 1.0
    share = np.clip(margins / scale, 0.0, 1.0) if scale > 0 else np.ones(inside.shape)
    return share * (2 - share)


def _of_planes(
    cover: Polygons, points: Float64[np.ndarray, "height width 2"]
) -> tuple[Int64[np.ndarray, "height width"], Float64[np.ndarray, "height width"]]:
    """The highest plane at each point and its lead over the second."""
    best = np.full(points.shape[:2], -np.inf)
    second = best.copy()
    regions = np.full(points.shape[:2], -1, dtype=np.int64)
    for region, (constant, first, other) in enumerate(cover.planes):
        score = constant + points[..., 0] * first + points[..., 1] * other
        ahead = score > best
        second = np.where(ahead, best, np.maximum(second, score))
        best = np.where(ahead, score, best)
        regions[ahead] = region
    lead = np.full(best.shape, np.inf)
    return regions, np.subtract(best, second, out=lead, where=np.isfinite(second))


def _of_cells(
    cover: Cells, points: Float64[np.ndarray, "height width 2"], frame: Frame
) -> tuple[Int64[np.ndarray, "height width"], Float64[np.ndarray, "height width"] | None]:
    """The nearest grid point's region and margin."""
    low, high = frame.domain.min(axis=0), frame.domain.max(axis=0)
    sides = np.array(cover.winners.shape[::-1]) - 1
    places = (points - low) / (high - low) * sides
    nearest = np.rint(places).astype(np.int64).clip(0, sides)
    # beside a triangle's slope the nearest point may lie beyond it, the one before never does
    beyond = cover.winners[nearest[..., 1], nearest[..., 0]] < 0
    nearest[beyond] = np.floor(places[beyond]).astype(np.int64).clip(0, sides)
    columns, rows = nearest[..., 0], nearest[..., 1]
    margins = None if cover.margins is None else cover.margins[rows, columns]
    return cover.winners[rows, columns].astype(np.int64), margins


def _inside(
    domain: Float64[np.ndarray, "corners 2"], points: Float64[np.ndarray, "height width 2"]
) -> Bool[np.ndarray, "height width"]:
    edges = np.roll(domain, -1, axis=0) - domain
    apart = points[..., None, :] - domain
    turns = edges[:, 0] * apart[..., 1] - edges[:, 1] * apart[..., 0]
    return np.asarray(np.all(turns >= -1e-12, axis=-1) | np.all(turns <= 1e-12, axis=-1))
