"""Tokens and legends on axes: an emoji as its picture, anything else as text."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np

from geometry.figures.colors import GREY, INK
from geometry.figures.page import BODY, SMALL, TINY, size_of
from geometry.figures.pictures import draw_sprite
from geometry.figures.text import fit, largest_size, picture, shown, token_text, width_of

if TYPE_CHECKING:
    from matplotlib.axes import Axes

LEGEND_LINE = 0.2
"""Inches that one line of a legend takes."""

LineStyle = Literal["-"] | tuple[int, tuple[float, ...]]
"""Solid, or dashes and gaps in widths of the line."""

_KEY_PICTURE = 0.18
_SQUARE, _STROKE, _BESIDE = 0.12, 0.3, 0.07


def draw_beside(axes: "Axes", y: float, label: str, width: float, *, side: float, bold: bool = False) -> None:
    """Draw a row's label in the ``width`` inches left of the axes: a picture in their middle, or text at their end."""
    found, coords = picture(label), axes.get_yaxis_transform()
    if found is not None:
        draw_sprite(axes, found, (0.0, y), side, coords=coords, shift=-width / 2)
        return
    text = token_text(label)
    size = largest_size(text, width - 0.1, (BODY + 1, BODY, SMALL, TINY) if bold else (BODY, SMALL, TINY), bold=bold)
    text = fit(text, width - 0.1, size, bold=bold)
    axes.annotate(
        text, (0, y), xycoords=coords, xytext=(-0.1 * 72, 0), textcoords="offset points", ha="right",
        va="center_baseline", fontsize=size, fontweight="bold" if bold else "normal", annotation_clip=False,
    )  # fmt: skip


@dataclass(frozen=True)
class Key:
    """One entry of a legend: a name, and the colour and hatching or the kind of line that stand for it.

    Attributes:
        name: What stands beside the swatch.
        color: Of the swatch.
        hatch: Over a square.
        line: matplotlib's line style, where lines are drawn: the swatch is a piece of such a line.
    """

    name: str
    color: str
    hatch: str = ""
    line: LineStyle | None = None


def legend_lines(keys: list[Key], width: float) -> list[list[Key]]:
    """Return the entries in lines of at most ``width`` inches."""
    lines: list[list[Key]] = [[]]
    used = 0.0
    for key in keys:
        needed = _key_width(key, width)
        if lines[-1] and used + needed > width:
            lines.append([])
            used = 0.0
        lines[-1].append(key)
        used += needed
    return [line for line in lines if line]


def draw_legend(axes: "Axes", keys: list[Key], *, above: float = 0.08) -> None:
    """Draw a legend above axes, its lowest line ``above`` inches from them."""
    width, height = size_of(axes)
    lines = legend_lines(keys, width)
    for number, line in enumerate(lines):
        y = height + above + (len(lines) - 1 - number) * LEGEND_LINE
        x = 0.0
        for key in line:
            _draw_swatch(axes, key, x, y)
            found, beside = picture(key.name), x + _swatch(key) + _BESIDE
            if found is not None:
                draw_sprite(
                    axes, found, ((beside + _KEY_PICTURE / 2) / width, (y + 0.06) / height), _KEY_PICTURE,
                    coords="axes fraction",
                )  # fmt: skip
            else:
                axes.text(
                    beside / width, (y + 0.055) / height, _key_text(key, width), transform=axes.transAxes,
                    fontsize=SMALL + 0.5, va="center_baseline", color=INK,
                )  # fmt: skip
            x += _key_width(key, width)


def _draw_swatch(axes: "Axes", key: Key, x: float, y: float) -> None:
    """A square, or a piece of the line; its lower left corner in inches from that of the axes."""
    from matplotlib.lines import Line2D
    from matplotlib.patches import Rectangle

    width, height = size_of(axes)
    if key.line is not None:
        middle = (y + _SQUARE / 2) / height
        stroke = Line2D(
            [x / width, (x + _STROKE) / width], [middle, middle], color=key.color, linestyle=key.line, linewidth=1.8,
            transform=axes.transAxes, clip_on=False,
        )  # fmt: skip
        axes.add_line(stroke)
        return
    square = Rectangle(
        (x / width, y / height), _SQUARE / width, _SQUARE / height, transform=axes.transAxes, clip_on=False,
        facecolor=key.color, edgecolor="white", hatch=key.hatch, linewidth=0,
    )  # fmt: skip
    axes.add_patch(square)


def _swatch(key: Key) -> float:
    return _SQUARE if key.line is None else _STROKE


def _key_text(key: Key, width: float) -> str:
    return fit(shown(key.name), width - _swatch(key) - 0.08, SMALL + 0.5)


def _key_width(key: Key, width: float) -> float:
    name = _KEY_PICTURE if picture(key.name) else width_of(_key_text(key, width), SMALL + 0.5)
    return _swatch(key) + _BESIDE + name + 0.2


def draw_nothing(axes: "Axes", what: str) -> None:
    """Say in the middle of empty axes that there is nothing to draw."""
    axes.set_axis_off()
    axes.text(0.5, 0.5, what, transform=axes.transAxes, ha="center", va="center", color=GREY)


def number(value: float, decimals: int = 2) -> str:
    """Return a number with a true minus sign; not in scientific notation below a million."""
    if not np.isfinite(value):
        return "–"
    return (f"{value:.{decimals}f}" if abs(value) < 1e6 else f"{value:.3g}").replace("-", "−")
