"""Where each region of a phase diagram has its emoji or word: at its deepest point, as large as it has room for."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float64

from geometry.figures.frame import Frame
from geometry.figures.page import BODY, SMALL, TINY
from geometry.figures.raster import PER_INCH, Cover, Polygons, Raster
from geometry.figures.text import picture, quoted, width_of
from geometry.polygons import Circle, clip, deepest_point

LARGEST, SMALLEST = 0.66, 0.13
"""Inches along a picture's side; a region with less room has none."""

RING = 0.065
"""Radius in inches of the ring around the expression's own weights."""


@dataclass(frozen=True, eq=False)
class Glyph:
    """A region's mark: its middle, its width and height in inches, and the size of its text; 0 for a picture."""

    label: str
    center: Float64[np.ndarray, "2"]
    width: float
    height: float
    text_size: float = 0.0

    def overlaps(self, left: float, low: float, width: float, height: float) -> bool:
        """Say whether a box touches it."""
        apart = np.abs(self.center - [left + width / 2, low + height / 2])
        return bool(np.all(apart < [(self.width + width) / 2, (self.height + height) / 2]))


def place_glyphs(
    frame: Frame, cover: Cover, raster: Raster, labels: tuple[str, ...], ring: Float64[np.ndarray, "2"] | None
) -> list[Glyph]:
    """Return a glyph for every region with room for one, none upon the ring, the largest first."""
    glyphs = []
    for region, label in enumerate(labels):
        if not np.any(raster.regions == region):
            continue
        if isinstance(cover, Polygons):
            circle = _deepest_in_polygon(frame, cover.corners[region], ring)
        else:
            circle = _deepest_in_raster(raster, region, ring)
        glyph = _glyph(label, circle, raster, region, ring)
        if glyph is not None:
            glyphs.append(glyph)
    return sorted(glyphs, key=lambda glyph: -glyph.height)


def _glyph(
    label: str, circle: Circle, raster: Raster, region: int, ring: Float64[np.ndarray, "2"] | None
) -> Glyph | None:
    if picture(label) is not None:
        side = min(1.25 * circle.radius, LARGEST)
        return Glyph(label, circle.center, side, side) if side >= SMALLEST else None
    text = quoted(label)
    for size in (BODY, SMALL, TINY, TINY - 1):
        glyph = Glyph(label, circle.center, width_of(text, size), size / 72, size)
        if ring is not None and glyph.overlaps(float(ring[0]) - RING, float(ring[1]) - RING, 2 * RING, 2 * RING):
            continue
        if np.all(raster.at(_outline(glyph)) == region):
            return glyph
    return None


def _outline(glyph: Glyph) -> Float64[np.ndarray, "points 2"]:
    """Points around a text's box, with some air."""
    x = np.linspace(-0.5, 0.5, 9) * (glyph.width + 0.04)
    y = np.linspace(-0.5, 0.5, 3) * (glyph.height + 0.04)
    box: Float64[np.ndarray, "points 2"] = np.stack(np.meshgrid(x, y), axis=-1).reshape(-1, 2)
    box += glyph.center
    return box


def _deepest_in_polygon(
    frame: Frame, corners: Float64[np.ndarray, "corners weights"], ring: Float64[np.ndarray, "2"] | None
) -> Circle:
    polygon = _within(frame.inches(corners), frame.inches(frame.domain))
    if len(polygon) < 3:
        return Circle(np.zeros(2), 0.0)
    circle = deepest_point(polygon)
    if ring is None or _clear(circle, ring):
        return circle
    # the ring would lie on the picture: the best place on one side of it
    sides = [np.array([np.cos(angle), np.sin(angle)]) for angle in np.arange(8) * np.pi / 4]
    parts = [clip(polygon, side, float(side @ ring) + RING) for side in sides]
    circles = [deepest_point(part) for part in parts if len(part) > 2]
    return max(circles, key=lambda one: one.radius, default=Circle(circle.center, 0.0))


def _within(
    polygon: Float64[np.ndarray, "corners 2"], domain: Float64[np.ndarray, "edges 2"]
) -> Float64[np.ndarray, "kept 2"]:
    middle = domain.mean(axis=0)
    for start, end in zip(domain, np.roll(domain, -1, axis=0), strict=True):
        normal = np.array([start[1] - end[1], end[0] - start[0]])
        normal = normal if normal @ (middle - start) > 0 else -normal
        polygon = clip(polygon, normal, float(normal @ start))
    return polygon


def _deepest_in_raster(raster: Raster, region: int, ring: Float64[np.ndarray, "2"] | None) -> Circle:
    from scipy.ndimage import distance_transform_edt

    def deepest(mask: Bool[np.ndarray, "height width"]) -> Circle:
        depth = distance_transform_edt(np.pad(mask, 1))[1:-1, 1:-1]
        row, column = np.unravel_index(int(depth.argmax()), depth.shape)
        return Circle((np.array([column, row]) + 0.5) / PER_INCH, float(depth.max()) / PER_INCH)

    mask = raster.regions == region
    circle = deepest(mask)
    if ring is None or _clear(circle, ring):
        return circle
    rows, columns = (np.indices(mask.shape) + 0.5) / PER_INCH
    return deepest(mask & (np.hypot(columns - ring[0], rows - ring[1]) > RING))


def _clear(circle: Circle, ring: Float64[np.ndarray, "2"]) -> bool:
    """Whether a picture in a circle would leave the ring free."""
    return float(np.linalg.norm(circle.center - ring)) > min(circle.radius, LARGEST / 1.25) * 0.8 + RING
