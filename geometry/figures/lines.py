"""Lines over one pair of scales, each with a name; dashed ones are what the others have to stand against."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from jaxtyping import Bool, Float64

from geometry.figures.colors import series_color
from geometry.figures.labels import Key, draw_legend, draw_nothing
from geometry.figures.page import AXIS, size_of
from geometry.figures.text import fit, shown

if TYPE_CHECKING:
    from matplotlib.axes import Axes

LEFT, FOOT = 0.6, 0.46
"""Inches beside and below the axes, for their scales."""

_DASHES = (0, (4, 2.5))


@dataclass(frozen=True, eq=False)
class Line:
    """Points joined in their order; on a logarithmic scale those that are not above 0 are left out.

    Attributes:
        name: For the legend.
        x, y: The points.
        color: Which of the series' colours; a control has that of what it is a control of.
        control: Whether it is dashed.
    """

    name: str
    x: Float64[np.ndarray, " points"]
    y: Float64[np.ndarray, " points"]
    color: int
    control: bool = False


@dataclass(frozen=True, eq=False)
class Lines:
    """Lines over one pair of scales.

    Attributes:
        title: The finding.
        lines: In the order of the legend.
        x, y: What the scales are of.
        log_x, log_y: Whether they are logarithmic.
    """

    title: str
    lines: tuple[Line, ...]
    x: str
    y: str
    log_x: bool = False
    log_y: bool = False


def line_keys(panel: Lines) -> list[Key]:
    """Return the legend's entries: one a line that is no control."""
    return [Key(line.name, series_color(line.color), line="-") for line in panel.lines if not line.control]


def draw_lines(axes: "Axes", panel: Lines, *, above: float = 0.08) -> None:
    """Draw on axes that have room for their scales, `LEFT` and `FOOT`, and above for the legend."""
    drawn = [(line, _drawable(panel, line)) for line in panel.lines]
    if not any(keep.any() for _, keep in drawn):
        draw_nothing(axes, "no values")
        return
    for logarithmic, set_scale, axis in (
        (panel.log_x, axes.set_xscale, axes.xaxis),
        (panel.log_y, axes.set_yscale, axes.yaxis),
    ):
        if logarithmic:
            set_scale("log")
            axis.set_major_formatter("{x:,g}")  # matplotlib's own is mathematics, which is off: a token may be "$"
    axes.grid()
    for line, keep in drawn:
        axes.plot(
            line.x[keep], line.y[keep], color=series_color(line.color), linewidth=1.2 if line.control else 1.8,
            linestyle=_DASHES if line.control else "-", alpha=0.8 if line.control else 1.0, zorder=3,
        )  # fmt: skip
    width, height = size_of(axes)
    axes.set_xlabel(fit(shown(panel.x), width, AXIS))
    axes.set_ylabel(fit(shown(panel.y), height, AXIS))
    draw_legend(axes, line_keys(panel), above=above)


def _drawable(panel: Lines, line: Line) -> Bool[np.ndarray, " points"]:
    keep: Bool[np.ndarray, " points"] = np.isfinite(line.x) & np.isfinite(line.y)
    for logarithmic, values in ((panel.log_x, line.x), (panel.log_y, line.y)):
        if logarithmic:
            keep &= values > 0
    return keep
