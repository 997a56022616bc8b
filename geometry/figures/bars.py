"""Why the winner wins: what each term gives it and its rivals, one stacked bar a candidate."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from jaxtyping import Float64

from geometry.figures.colors import GREY, INK, series_hatch, term_colors
from geometry.figures.labels import LEGEND_LINE, Key, draw_beside, draw_legend, draw_nothing, legend_lines, number
from geometry.figures.page import AXIS, BODY, SMALL, TINY, house_style, open_page, size_of
from geometry.figures.text import fit, picture, shown

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

LEFT, RIGHT, FOOT = 0.95, 0.62, 0.42
"""Inches beside and below the bars' axes: for the labels, for the totals, for the scale."""

ROW, WINNER = 0.46, 1.5
"""A row's height in inches; the winner's is so many rows."""

_LEAST_ROW = 0.3


@dataclass(frozen=True, eq=False)
class MarginBars:
    """What each term gives each candidate.

    Attributes:
        title: the finding.
        labels: the candidates' tokens, the winner first.
        names: what stands below each bar, such as the emoji's name; may be empty texts.
        terms: names of the columns; ``bias`` is drawn grey. A column that is zero throughout is left out.
        values: contributions, negative ones to the left of zero.
        totals: the scores, each the sum of its row.
        unit: of the scores, written below the scale.
    """

    title: str
    labels: tuple[str, ...]
    names: tuple[str, ...]
    terms: tuple[str, ...]
    values: Float64[np.ndarray, "candidates terms"]
    totals: Float64[np.ndarray, " candidates"]
    unit: str = "logit"


def margin_bars(panel: MarginBars, *, caption: str = "", width: float = 6.8) -> "Figure":
    """Draw the winner and its rivals as stacked bars, with their totals and how far each is behind.

    Args:
        panel: what to draw.
        caption: head, fingerprint, space, seed and version, for the corner.
        width: of the figure in inches; its height follows from the number of candidates.
    """
    with house_style():
        rows = ROW * (max(len(panel.labels), 1) + WINNER - 1)
        above = bars_head(panel, width - 0.6)
        page = open_page(panel.title, caption, width=width, body=above + rows + FOOT)
        draw_bars(page.axes(LEFT, FOOT, page.width - LEFT - RIGHT, rows), panel)
    return page.figure


def bars_head(panel: MarginBars, width: float) -> float:
    """Return the inches that the legend needs above axes in a part of the page ``width`` inches wide."""
    return 0.06 + LEGEND_LINE * len(legend_lines(_keys(panel), width - LEFT - RIGHT))


def draw_bars(axes: "Axes", panel: MarginBars) -> None:
    """Draw on axes that have room around them: `LEFT`, `RIGHT`, `FOOT` and `bars_head`.

    Where rows would be too low to read, the last candidates are left out, and a line says how many.
    """
    if not panel.labels or not len(panel.terms):
        draw_nothing(axes, "no candidates")
        return
    height = size_of(axes)[1]
    shown_rows = min(len(panel.labels), max(1, int(height / _LEAST_ROW - WINNER + 1)))
    row = min(height / (shown_rows + WINNER - 1), ROW * 1.25)
    values, totals = panel.values[:shown_rows], panel.totals[:shown_rows]
    _scale(axes, values, totals, panel.unit)
    axes.set_ylim(height, 0)
    decimals = _decimals(totals)
    for index in range(shown_rows):
        middle = row * (WINNER / 2 if index == 0 else WINNER + index - 0.5)
        _draw_row(axes, panel, index, middle, row * (WINNER if index == 0 else 1.0), decimals)
    if shown_rows < len(panel.labels):
        axes.annotate(
            f"and {len(panel.labels) - shown_rows} more", (1, 0), xycoords="axes fraction",
            xytext=(RIGHT * 72 - 2, -24), textcoords="offset points", ha="right", va="center", fontsize=TINY,
            color=GREY, annotation_clip=False,
        )  # fmt: skip
    draw_legend(axes, _keys(panel))


def _kept(panel: MarginBars) -> list[int]:
    """Columns that are not zero throughout."""
    return [column for column in range(len(panel.terms)) if np.any(panel.values[:, column] != 0)]


def _keys(panel: MarginBars) -> list[Key]:
    colors = term_colors(panel.terms)
    return [Key(panel.terms[column], colors[column], series_hatch(column)) for column in _kept(panel)]


def _scale(
    axes: "Axes", values: Float64[np.ndarray, "rows terms"], totals: Float64[np.ndarray, " rows"], unit: str
) -> None:
    from matplotlib.ticker import MaxNLocator

    low = float(min(np.minimum(values, 0).sum(axis=1).min(), totals.min(), 0.0))
    high = float(max(np.maximum(values, 0).sum(axis=1).max(), totals.max(), 0.0))
    room = (high - low) * 0.02 or 1.0
    axes.set_xlim(low - room if low < 0 else 0.0, high + room)
    axes.set_yticks([])
    axes.spines["left"].set_visible(False)
    axes.xaxis.set_major_locator(MaxNLocator(6, steps=[1, 2, 2.5, 5, 10]))
    axes.grid(axis="x")
    axes.axvline(0.0, color=INK, linewidth=0.8, zorder=3)
    room = size_of(axes)[0] - 0.3  # on either side of it may stand how many candidates are left out
    axes.set_xlabel(fit(shown(unit), room, AXIS))


def _draw_row(axes: "Axes", panel: MarginBars, index: int, middle: float, height: float, decimals: int) -> None:
    """One candidate: picture, bar, name below the bar, total at the right end."""
    first, name = index == 0, panel.names[index]
    thickness = height * (0.42 if first else 0.44)
    center = middle - (height * 0.13 if any(panel.names) else 0.0)
    _stack(axes, panel, index, center, thickness)
    label, side = panel.labels[index], min(height * 0.9, LEFT * 0.8)
    draw_beside(axes, middle if picture(label) else center, label, LEFT, side=side, bold=first)
    _write_name(axes, name, center + thickness / 2, first=first)
    total, behind = float(panel.totals[index]), float(panel.totals[index] - panel.totals[0])
    _at_the_end(axes, number(total, decimals), center, INK, BODY + 1 if first else BODY, bold=first)
    if not first:
        _at_the_end(axes, number(behind, decimals), center + thickness / 2 + 0.075, GREY, TINY, bold=False)


def _write_name(axes: "Axes", name: str, y: float, *, first: bool) -> None:
    """Below the bar, from the line at zero on, or left of that line where there is more room."""
    low, high = axes.get_xlim()
    zero, size = -low / (high - low), BODY if first else SMALL
    start, room = (zero, 1 - zero) if zero <= 0.5 else (0.0, zero)
    axes.annotate(
        fit(shown(name), room * size_of(axes)[0] - 0.06, size, bold=first), (start, y),
        xycoords=axes.get_yaxis_transform(), xytext=(2, -2), textcoords="offset points", va="top", fontsize=size,
        color=INK if first else GREY, fontweight="bold" if first else "normal",
    )  # fmt: skip


def _stack(axes: "Axes", panel: MarginBars, index: int, center: float, thickness: float) -> None:
    colors, total = term_colors(panel.terms), float(panel.totals[index])
    ends = {True: 0.0, False: 0.0}
    for column in _kept(panel):
        value = float(panel.values[index, column])
        axes.barh(
            center, value, height=thickness, left=ends[value >= 0], color=colors[column], edgecolor="white",
            linewidth=0.6, hatch=series_hatch(column), zorder=2,
        )  # fmt: skip
        ends[value >= 0] += value
    reach = thickness / 2 + 0.03
    axes.vlines(total, center - reach, center + reach, color="white", linewidth=3.0, zorder=3.5)
    axes.vlines(total, center - reach, center + reach, color=INK, linewidth=1.2, zorder=4)


def _at_the_end(axes: "Axes", text: str, y: float, color: str, size: float, *, bold: bool) -> None:
    axes.annotate(
        text, (1, y), xycoords=axes.get_yaxis_transform(), xytext=(RIGHT * 72 - 2, 0), textcoords="offset points",
        ha="right", va="center_baseline", fontsize=size, fontweight="bold" if bold else "normal", color=color,
        annotation_clip=False,
    )  # fmt: skip


def _decimals(totals: Float64[np.ndarray, " rows"]) -> int:
    """As few decimals, from two to four, as tell the totals apart."""
    for decimals in (2, 3):
        if len(np.unique(np.round(totals, decimals))) == len(totals):
            return decimals
    return 4 if len(np.unique(totals)) == len(totals) else 2
