"""Which token wins as one weight moves: a strip for each weight, cut where the winner changes."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from geometry.figures.colors import INK, tint
from geometry.figures.labels import draw_beside, draw_nothing, number
from geometry.figures.page import BODY, SMALL, TINY, house_style, open_page, size_of
from geometry.figures.pictures import draw_sprite
from geometry.figures.text import picture, quoted, width_of

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

LEFT, HEAD, FOOT = 0.95, 0.0, 0.42
"""Inches beside, above and below the strips' axes: for the terms' names and for the scale."""

ROW = 0.5
"""A strip and its room, in inches."""

_THICKNESS = 0.32


@dataclass(frozen=True)
class Stretch:
    """Weights from ``start`` to ``stop``, either of which may be infinite, over which one token wins."""

    start: float
    stop: float
    label: str


@dataclass(frozen=True)
class Strip:
    """What wins along one term's weight, and the weight that the expression has."""

    term: str
    stretches: tuple[Stretch, ...]
    weight: float | None = None


@dataclass(frozen=True)
class Strips:
    """Several strips over one scale.

    Attributes:
        title: the finding.
        strips: one a term.
        window: the weights shown, from and to.
    """

    title: str
    strips: tuple[Strip, ...]
    window: tuple[float, float] = (-2.0, 2.0)


def strips(panel: Strips, *, caption: str = "", width: float = 8.0) -> "Figure":
    """Draw a strip for each weight, with the winning emoji in each wide enough stretch.

    Args:
        panel: what to draw.
        caption: head, fingerprint, space, seed and version, for the corner.
        width: of the figure in inches; its height follows from the number of strips.
    """
    with house_style():
        rows = ROW * max(len(panel.strips), 1)
        page = open_page(panel.title, caption, width=width, body=HEAD + rows + FOOT)
        draw_strips(page.axes(LEFT, FOOT, page.width - LEFT, rows), panel)
    return page.figure


def draw_strips(axes: "Axes", panel: Strips) -> None:
    """Draw on axes that have room around them: `LEFT`, `HEAD` and `FOOT`."""
    if not panel.strips:
        draw_nothing(axes, "no weights")
        return
    height = size_of(axes)[1]
    row = height / len(panel.strips)
    axes.set_xlim(*panel.window)
    axes.set_ylim(height, 0)
    axes.set_yticks([])
    axes.spines["left"].set_visible(False)
    axes.set_xlabel("weight of the term, the others as they are")
    for index, strip in enumerate(panel.strips):
        middle = row * (index + 0.5) + 0.05
        thickness = min(_THICKNESS, row - 0.16)
        for stretch in strip.stretches:
            _draw_stretch(axes, stretch, middle, thickness, strip.weight)
        draw_beside(axes, middle, strip.term, LEFT, side=thickness - 0.04)
        if strip.weight is not None and panel.window[0] <= strip.weight <= panel.window[1]:
            _draw_weight(axes, strip.weight, middle, thickness)


def _draw_stretch(axes: "Axes", stretch: Stretch, middle: float, thickness: float, weight: float | None) -> None:
    from matplotlib.patches import Rectangle

    low, high = axes.get_xlim()
    start, stop = max(stretch.start, low), min(stretch.stop, high)
    if not stop > start:
        return
    area = Rectangle(
        (start, middle - thickness / 2), stop - start, thickness, facecolor=tint(stretch.label), edgecolor="white",
        linewidth=1.0,
    )  # fmt: skip
    axes.add_patch(area)
    inch = (high - low) / size_of(axes)[0]
    found, text = picture(stretch.label), quoted(stretch.label)
    sizes = (BODY - 1, SMALL, TINY) if found is None else (thickness - 0.05, 0.14)
    for size in sizes:
        wide = (size if found is not None else width_of(text, size)) + 0.06
        center = _room_beside(start, stop, weight, wide * inch)
        if center is not None and found is not None:
            draw_sprite(axes, found, (center, middle), size)
        elif center is not None:
            axes.text(center, middle, text, fontsize=size, ha="center", va="center_baseline", color=INK)
        if center is not None:
            return


def _room_beside(start: float, stop: float, weight: float | None, wide: float) -> float | None:
    """The middle of a stretch, or of its longer part where the weight's line would cross what stands there."""
    middle, line = (start + stop) / 2, wide * 0.15
    if weight is not None and start < weight < stop and abs(weight - middle) < wide / 2 + line:
        start, stop = (start, weight - line) if weight - start > stop - weight else (weight + line, stop)
    return (start + stop) / 2 if stop - start >= wide else None


def _draw_weight(axes: "Axes", weight: float, middle: float, thickness: float) -> None:
    """A line through the strip where the expression stands, and its weight above it."""
    top, bottom = middle - thickness / 2 - 0.03, middle + thickness / 2 + 0.03
    axes.vlines(weight, top, bottom, color="white", linewidth=3.2, zorder=6)
    axes.vlines(weight, top, bottom, color=INK, linewidth=1.4, zorder=6.1)
    axes.plot([weight], [top], marker="v", markersize=4.5, color=INK, clip_on=False, zorder=6.2)
    axes.annotate(
        number(weight), (weight, top), xytext=(5, 1), textcoords="offset points", fontsize=TINY, color=INK,
        va="center_baseline", annotation_clip=False,
    )  # fmt: skip
