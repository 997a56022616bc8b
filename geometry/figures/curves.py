"""Whether what was predicted with a probability happened as often."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from jaxtyping import Float64

from geometry.figures.colors import GREY, series_color
from geometry.figures.labels import LEGEND_LINE, Key, draw_legend, draw_nothing, legend_lines
from geometry.figures.page import AXIS, TINY, house_style, open_page, size_of
from geometry.figures.text import fit, shown

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

LEFT, FOOT = 0.6, 0.6

_LARGEST = 260.0  # area in square points of the fullest bin's marker


@dataclass(frozen=True, eq=False)
class Curve:
    """Predictions in bins.

    Attributes:
        name: whose predictions.
        predicted: each bin's mean predicted probability.
        observed: the share of the bin that happened.
        counts: how many are in the bin; one without any is not drawn.
    """

    name: str
    predicted: Float64[np.ndarray, " bins"]
    observed: Float64[np.ndarray, " bins"]
    counts: Float64[np.ndarray, " bins"]


@dataclass(frozen=True, eq=False)
class Reliability:
    """Curves over one diagonal.

    Attributes:
        title: the finding.
        curves: one a kind of prediction.
        predicted, observed: what the axes' probabilities are of.
    """

    title: str
    curves: tuple[Curve, ...]
    predicted: str = "predicted probability"
    observed: str = "observed share"


def reliability(panel: Reliability, *, caption: str = "", width: float = 5.6) -> "Figure":
    """Draw predicted against observed probability; the area of a marker is its bin's count.

    Args:
        panel: what to draw.
        caption: head, fingerprint, space, seed and version, for the corner.
        width: of the figure in inches; the axes are square.
    """
    with house_style():
        side = width - 0.6 - LEFT
        keys = _keys(panel)
        head = 0.14 + LEGEND_LINE * len(legend_lines(keys, side))
        page = open_page(panel.title, caption, width=width, body=head + side + FOOT)
        axes = page.axes(LEFT, FOOT, side, side)
        draw_reliability(axes, panel)
        draw_legend(axes, keys)
    return page.figure


def draw_reliability(axes: "Axes", panel: Reliability) -> None:
    """Draw on square axes that have room for their scales: `LEFT` and `FOOT`."""
    largest = max((float(curve.counts.max(initial=0.0)) for curve in panel.curves), default=0.0)
    if largest <= 0:
        draw_nothing(axes, "nothing was predicted")
        return
    axes.set_xlim(0.0, 1.0)
    axes.set_ylim(0.0, 1.0)
    axes.grid()
    axes.plot([0, 1], [0, 1], color=GREY, linewidth=1.0, linestyle=(0, (4, 3)), zorder=2)
    for index, curve in enumerate(panel.curves):
        filled = curve.counts > 0
        x, y = curve.predicted[filled], curve.observed[filled]
        color = series_color(index)
        axes.plot(x, y, color=color, linewidth=1.0, alpha=0.6, zorder=3)
        area = 12 + _LARGEST * curve.counts[filled] / largest
        axes.scatter(x, y, s=area, color=color, alpha=0.8, edgecolor="white", linewidth=0.8, zorder=4, clip_on=False)
    axes.set_xlabel(fit(shown(panel.predicted), size_of(axes)[0], AXIS))
    axes.set_ylabel(fit(shown(panel.observed), size_of(axes)[1], AXIS))
    axes.annotate(
        f"dashed: as often as predicted · a marker's area: predictions in its bin, at most {largest:,.0f}", (0.5, 0),
        xycoords="axes fraction", xytext=(0, -38), textcoords="offset points", ha="center", fontsize=TINY, color=GREY,
    )  # fmt: skip


def _keys(panel: Reliability) -> list[Key]:
    return [Key(curve.name, series_color(index)) for index, curve in enumerate(panel.curves)]
