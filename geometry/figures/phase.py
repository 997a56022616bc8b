"""Which token wins as two weights move, or three that add to one: a map of regions with an emoji in each."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from jaxtyping import Float64

from geometry.errors import OptionError
from geometry.figures.colors import GREY, INK, tint
from geometry.figures.frame import Frame, triangle_frame, triangle_height, window_frame
from geometry.figures.glyphs import RING, Glyph, place_glyphs
from geometry.figures.labels import draw_nothing, number
from geometry.figures.page import AXIS, BODY, SMALL, TINY, house_style, open_page, size_of
from geometry.figures.pictures import draw_sprite
from geometry.figures.raster import Cells, Cover, Polygons, Raster, sample
from geometry.figures.text import fit, picture, quoted, shown, width_of

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["Cells", "PhaseDiagram", "Polygons", "draw_phase", "phase_diagram", "phase_note"]

LEFT, FOOT = 0.62, 0.48
"""Inches beside and below the axes of a window; a triangle keeps its labels within."""

_BELOW, _BESIDE = 0.42, 0.42


@dataclass(frozen=True, eq=False)
class PhaseDiagram:
    """Which token wins where.

    Attributes:
        title: the finding.
        terms: two names, for a window over their weights, or three, for a triangle of weights that add to 1.
        labels: each region's token.
        cover: the regions, as exact polygons or as cells of a grid.
        window: (first from, to, second from, to); a triangle has none.
        scale: the margin at which a region has its full colour, fading to white where it is 0; by default half of
            the median margin.
        point: the expression's own weights, marked by a ring; of any sum in a triangle.
        point_label: what stands beside the ring.
    """

    title: str
    terms: tuple[str, ...]
    labels: tuple[str, ...]
    cover: Cover
    window: tuple[float, float, float, float] = (-2.0, 2.0, -2.0, 2.0)
    scale: float | None = None
    point: Float64[np.ndarray, " weights"] | None = None
    point_label: str = ""


def phase_diagram(panel: PhaseDiagram, *, caption: str = "", width: float = 7.0) -> "Figure":
    """Draw regions in their emoji's colours, white where the winner changes.

    Args:
        panel: what to draw.
        caption: head, fingerprint, space, seed and version, for the corner; of a grid its step is added.
        width: of the figure in inches; the map is as high as it is wide.
    """
    with house_style():
        line = " · ".join(part for part in (caption, phase_note(panel)) if part)
        left, foot = (LEFT, FOOT) if len(panel.terms) == 2 else (0.0, 0.0)
        side = width - 0.6 - left
        height = side if left else triangle_height(side, below=_BELOW, beside=_BESIDE)
        page = open_page(panel.title, line, width=width, body=foot + height)
        draw_phase(page.axes(left, foot, side, height), panel)
    return page.figure


def phase_note(panel: PhaseDiagram | None) -> str:
    """Return what the corner line has to say of how the regions were found; nothing when they are exact."""
    if panel is None or isinstance(panel.cover, Polygons):
        return ""
    return f"numerical, step {panel.cover.step:g}"


def draw_phase(axes: "Axes", panel: PhaseDiagram) -> None:
    """Draw on axes; a window's have room for its scales: `LEFT` and `FOOT`."""
    if len(panel.terms) not in (2, 3):
        raise OptionError(
            f"{len(panel.terms)} weights arrived; expected two, or three of a triangle; leave others fixed"
        )
    if not panel.labels:
        draw_nothing(axes, "no regions")
        return
    ternary = len(panel.terms) == 3
    size = size_of(axes)
    frame = triangle_frame(size, below=_BELOW, beside=_BESIDE) if ternary else window_frame(panel.window, size)
    raster = sample(frame, panel.cover, panel.scale)
    (_prepare_triangle if ternary else _prepare_window)(axes, frame, panel)
    _paint(axes, frame, raster, panel.labels)
    if isinstance(panel.cover, Polygons):
        _outline(axes, frame, panel.cover)
    ring = _ring(frame, panel.point, ternary=ternary)
    glyphs = place_glyphs(frame, panel.cover, raster, panel.labels, ring)
    for glyph in glyphs:
        _draw_glyph(axes, frame, glyph)
    if ring is not None:
        _draw_ring(axes, frame, ring, shown(panel.point_label), glyphs)


def _ring(
    frame: Frame, point: Float64[np.ndarray, " weights"] | None, *, ternary: bool
) -> Float64[np.ndarray, "2"] | None:
    """Where the expression's weights lie, if they lie on the map."""
    if point is None:
        return None
    if ternary:
        if np.any(point < 0) or not point.sum() > 0:
            return None
        point = point / point.sum()
    at = frame.inches(point)
    return at if np.all(at >= 0) and np.all(at <= np.array(frame.size)) else None


def _prepare_window(axes: "Axes", frame: Frame, panel: PhaseDiagram) -> None:
    from matplotlib.ticker import MaxNLocator

    left, right, low, high = panel.window
    axes.set_xlim(left, right)
    axes.set_ylim(low, high)
    for axis in (axes.xaxis, axes.yaxis):
        axis.set_major_locator(MaxNLocator(6, steps=[1, 2, 5, 10]))
    axes.axhline(0.0, color=INK, linewidth=0.5, alpha=0.35, zorder=3)
    axes.axvline(0.0, color=INK, linewidth=0.5, alpha=0.35, zorder=3)
    for spine in axes.spines.values():
        spine.set_visible(True)
    axes.set_xlabel(fit(f"weight of {quoted(panel.terms[0])}", frame.size[0], AXIS))
    axes.set_ylabel(fit(f"weight of {quoted(panel.terms[1])}", frame.size[1], AXIS), labelpad=3)


def _prepare_triangle(axes: "Axes", frame: Frame, panel: PhaseDiagram) -> None:
    """Ticks run along the edges, each weight's in the direction in which it stays the same."""
    axes.set_xlim(0.0, 1.0)
    axes.set_ylim(0.0, 1.0)
    axes.set_axis_off()
    corners = frame.inches(frame.domain)
    middle = corners.mean(axis=0)
    for index, corner in enumerate(corners):
        following, before = corners[(index + 1) % 3], corners[index - 1]
        name = fit(quoted(panel.terms[index]), frame.size[0] / 2 - 0.2, BODY + 1, bold=True)
        half = width_of(name, BODY + 1, bold=True) / 2
        x = np.clip(corner[0], half, frame.size[0] - half)
        y = corner[1] + (0.18 if index == 2 else -0.28)
        _write(axes, frame, np.array([x, y]), name, size=BODY + 1, bold=True)
        # this corner's weight grows along the edge that ends here
        along = (corner - before) / np.linalg.norm(corner - before)
        aside = (before - following) / np.linalg.norm(before - following)
        for share in (0.2, 0.4, 0.6, 0.8):
            at = before + share * (corner - before)
            _line(axes, frame, np.array([at, at + 0.05 * aside]), GREY, 0.7)
            _write(axes, frame, at + 0.15 * aside, number(share, 1), size=TINY, color=GREY)
        outward = np.array([along[1], -along[0]])
        outward = outward if outward @ (before + corner - 2 * middle) > 0 else -outward
        angle = float(np.degrees(np.arctan2(along[1], along[0])))
        flipped = abs(angle) > 90
        text = f"weight of {quoted(panel.terms[index])}"
        text = fit(text, float(np.linalg.norm(corner - before)) - 0.4, SMALL)
        text = f"← {text}" if flipped else f"{text} →"
        at = (before + corner) / 2 + 0.32 * outward
        _write(axes, frame, at, text, size=SMALL, color=GREY, angle=angle - 180 if flipped else angle)
    _line(axes, frame, np.vstack([corners, corners[:1]]), GREY, 0.8)


def _write(
    axes: "Axes", frame: Frame, at: Float64[np.ndarray, "2"], text: str, *, size: float, color: str = INK,
    bold: bool = False, angle: float = 0.0,
) -> None:  # fmt: skip
    x, y = frame.fractions(at).tolist()
    axes.text(
        x, y, text, transform=axes.transAxes, fontsize=size, color=color, ha="center", va="center",
        rotation=angle, rotation_mode="anchor", fontweight="bold" if bold else "normal", zorder=7,
    )  # fmt: skip


def _line(axes: "Axes", frame: Frame, points: Float64[np.ndarray, "points 2"], color: str, width: float) -> None:
    x, y = frame.fractions(points).T
    axes.plot(x, y, color=color, linewidth=width, transform=axes.transAxes, clip_on=False, zorder=4)


def _paint(axes: "Axes", frame: Frame, raster: Raster, labels: tuple[str, ...]) -> None:
    from matplotlib.patches import Polygon

    tints = np.array([tint(label) for label in labels])
    image = np.ones((*raster.regions.shape, 4))
    image[..., :3] -= (1 - tints[raster.regions]) * raster.strength[..., None]
    image[raster.regions < 0] = [1, 1, 1, 0]
    extent = (*axes.get_xlim(), *axes.get_ylim())
    shown_image = axes.imshow(image, origin="lower", extent=extent, aspect="auto", interpolation="bilinear", zorder=1)
    domain = Polygon(frame.fractions(frame.inches(frame.domain)), transform=axes.transAxes)
    shown_image.set_clip_path(domain)


def _outline(axes: "Axes", frame: Frame, cover: Polygons) -> None:
    """A thin white line around every region, sharp at any size."""
    from matplotlib.collections import PolyCollection

    outlines = [frame.fractions(frame.inches(corners)) for corners in cover.corners if len(corners) > 2]
    lines = PolyCollection(
        outlines, facecolors="none", edgecolors="white", linewidths=0.8, transform=axes.transAxes, zorder=2
    )
    axes.add_collection(lines, autolim=False)


def _draw_glyph(axes: "Axes", frame: Frame, glyph: Glyph) -> None:
    found = picture(glyph.label)
    if found is None:
        _write(axes, frame, glyph.center, quoted(glyph.label), size=glyph.text_size)
        return
    x, y = frame.fractions(glyph.center).tolist()
    draw_sprite(axes, found, (x, y), glyph.width, coords="axes fraction")


def _draw_ring(axes: "Axes", frame: Frame, ring: Float64[np.ndarray, "2"], label: str, glyphs: list[Glyph]) -> None:
    from matplotlib.patheffects import withStroke

    x, y = frame.fractions(ring).tolist()
    for color, width in (("white", 3.6), (INK, 1.5)):
        axes.plot(
            [x], [y], marker="o", markersize=2 * RING * 72 - 1.5, markerfacecolor="none", markeredgecolor=color,
            markeredgewidth=width, transform=axes.transAxes, clip_on=False, zorder=8,
        )  # fmt: skip
    label = fit(label, frame.size[0] * 0.6, SMALL, bold=True)
    box = (width_of(label, SMALL, bold=True), 0.11)
    left, low = _beside(ring, box, frame.size, glyphs)
    axes.text(
        left / frame.size[0], (low + box[1] / 2) / frame.size[1], label, transform=axes.transAxes, fontsize=SMALL,
        fontweight="bold", va="center_baseline", zorder=9, path_effects=[withStroke(linewidth=2.5, foreground="white")],
    )  # fmt: skip


def _beside(
    ring: Float64[np.ndarray, "2"], box: tuple[float, float], size: tuple[float, float], glyphs: list[Glyph]
) -> tuple[float, float]:
    """The lower left corner of the ring's label: within the axes and, of such places, upon the fewest glyphs."""
    width, height = box
    away = RING + 0.06
    across = (ring[0] + away, ring[0] - away - width, ring[0] - width / 2)
    places = [(x, ring[1] - height / 2) for x in across[:2]]
    places += [(x, y) for y in (ring[1] + away, ring[1] - away - height) for x in (across[2], *across[:2])]
    inside = [(x, y) for x, y in places if 0.03 <= x <= size[0] - width - 0.03 and 0.03 <= y <= size[1] - height - 0.03]
    covered = {place: sum(glyph.overlaps(*place, width, height) for glyph in glyphs) for place in inside or places}
    return min(covered, key=lambda place: covered[place])
