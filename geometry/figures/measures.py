"""Measured shares with their intervals: a row for each thing measured, a panel for each measure."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from jaxtyping import Float64

from geometry.figures.colors import GREY, GRID, INK, series_color
from geometry.figures.labels import LEGEND_LINE, Key, draw_beside, draw_legend, draw_nothing, legend_lines, number
from geometry.figures.page import BODY, SMALL, TINY, house_style, open_page, size_of
from geometry.figures.text import fit, picture, shown, token_text, width_of

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

ROW, FOOT = 0.34, 0.36

_GAP, _VALUE, _WIDEST_LABEL = 0.2, 0.68, 2.6


@dataclass(frozen=True, eq=False)
class Measure:
    """One panel.

    Attributes:
        name: of what is measured, such as ``recall@1``.
        values, lows, highs: a row's value and the ends of its interval; NaN where there is none.
        reference: a vertical line, such as chance.
    """

    name: str
    values: Float64[np.ndarray, " rows"]
    lows: Float64[np.ndarray, " rows"]
    highs: Float64[np.ndarray, " rows"]
    reference: float | None = None


@dataclass(frozen=True, eq=False)
class Intervals:
    """Several measures of the same rows.

    Attributes:
        title: the finding.
        labels: of the rows, from top to bottom.
        groups: each row's group, which has one colour.
        measures: the panels, from left to right.
        window: from where to where each panel's scale runs.
    """

    title: str
    labels: tuple[str, ...]
    groups: tuple[str, ...]
    measures: tuple[Measure, ...]
    window: tuple[float, float] = (0.0, 1.0)


def intervals(panel: Intervals, *, caption: str = "", width: float = 8.0) -> "Figure":
    """Draw a point and its interval for every row and measure.

    Args:
        panel: what to draw.
        caption: head, fingerprint, space, seed and version, for the corner.
        width: of the figure in inches; its height follows from the number of rows.
    """
    with house_style():
        keys = _keys(panel)
        head = 0.34 + LEGEND_LINE * len(legend_lines(keys, width - 0.6))
        rows = ROW * max(len(panel.labels), 1)
        page = open_page(panel.title, caption, width=width, body=head + rows + FOOT)
        left = _label_width(panel)
        each = (page.width - left - _GAP * (len(panel.measures) - 1)) / max(len(panel.measures), 1) - _VALUE
        for index, measure in enumerate(panel.measures):
            axes = page.axes(left + index * (each + _VALUE + _GAP), FOOT, each, rows)
            draw_intervals(axes, panel, measure)
            if index == 0:
                _draw_labels(axes, panel, left)
        if not panel.measures or not panel.labels:
            draw_nothing(page.axes(0.0, 0.0, page.width, page.height), "nothing was measured")
        elif keys:
            draw_legend(page.axes(0.0, FOOT, page.width, rows), keys, above=head - LEGEND_LINE + 0.06)
            page.figure.axes[-1].set_axis_off()
    return page.figure


def draw_intervals(axes: "Axes", panel: Intervals, measure: Measure) -> None:
    """Draw one measure; the rows' labels are not drawn."""
    low, high = panel.window
    rows = len(panel.labels)
    axes.set_xlim(low, high)
    axes.set_ylim(max(rows, 1) - 0.5, -0.5)
    axes.set_yticks([])
    axes.spines["left"].set_visible(False)
    last = np.flatnonzero(np.isfinite(measure.values)).max(initial=0) + 0.5  # a panel ends where its values do
    axes.vlines(axes.get_xticks(), -0.5, last, color=GRID, linewidth=0.6, zorder=1)
    axes.spines["bottom"].set_position(("data", last))
    name = fit(shown(measure.name), size_of(axes)[0] + _VALUE, BODY, bold=True)
    axes.set_title(name, fontsize=BODY, fontweight="bold", loc="left")
    if measure.reference is not None:
        axes.axvline(measure.reference, color=GREY, linewidth=0.9, linestyle=(0, (4, 3)), zorder=2)
    for row, color in enumerate(_colors(panel)):
        value = float(measure.values[row])
        if not np.isfinite(value):
            continue
        ends = [float(measure.lows[row]), float(measure.highs[row])]
        axes.plot(ends, [row, row], color=color, linewidth=1.6, marker="|", markersize=7, markeredgewidth=1.6, zorder=3)
        axes.plot([value], [row], marker="o", markersize=4.5, color=color, zorder=4, clip_on=False)
        interval = f"{number(ends[0])} – {number(ends[1])}" if np.all(np.isfinite(ends)) else ""
        for text, drop, size, shade in ((number(value), 1, SMALL, INK), (interval, -8, TINY - 0.5, GREY)):
            axes.annotate(
                text, (1, row), xycoords=axes.get_yaxis_transform(), xytext=(7, drop), textcoords="offset points",
                va="center_baseline", fontsize=size, color=shade, annotation_clip=False,
            )  # fmt: skip


def _group_names(panel: Intervals) -> list[str]:
    return list(dict.fromkeys(panel.groups))


def _colors(panel: Intervals) -> list[str]:
    names = _group_names(panel)
    return [series_color(names.index(group)) for group in panel.groups]


def _keys(panel: Intervals) -> list[Key]:
    names = _group_names(panel)
    return [Key(name, series_color(index)) for index, name in enumerate(names)] if len(names) > 1 else []


def _label_width(panel: Intervals) -> float:
    widths = [0.4 if picture(label) else width_of(token_text(label), BODY) + 0.15 for label in panel.labels]
    return min(max(widths, default=0.0), _WIDEST_LABEL)


def _draw_labels(axes: "Axes", panel: Intervals, width: float) -> None:
    for row, label in enumerate(panel.labels):
        draw_beside(axes, float(row), label, width, side=ROW - 0.08)
