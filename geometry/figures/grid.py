"""Several panels on one page, two beside each other, each below its own finding."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from geometry.figures import lines, samples
from geometry.figures.labels import LEGEND_LINE, draw_legend, legend_lines
from geometry.figures.page import Page, house_style, open_page

if TYPE_CHECKING:
    from matplotlib.figure import Figure

Panel = lines.Lines | samples.Distributions

WIDTH, CELL = 12.0, 3.5
"""Inches of the whole page's width, and of one panel's height with its title and legend."""

_COLUMNS, _GAP, _SUBTITLE = 2, 0.5, 0.3


def grid(panels: Sequence[Panel], *, title: str, caption: str = "") -> "Figure":
    """Draw panels in the order of reading.

    Args:
        panels: What to draw.
        title: The finding of the whole.
        caption: Head, fingerprint, space, seed and version, for the corner.
    """
    with house_style():
        rows = -(-len(panels) // _COLUMNS)
        page = open_page(title, caption, width=WIDTH, body=rows * CELL)
        width = (page.width - _GAP * (_COLUMNS - 1)) / _COLUMNS
        for place, panel in enumerate(panels):
            row, column = divmod(place, _COLUMNS)
            _draw(page, panel, column * (width + _GAP), page.height - (row + 1) * CELL, width)
    return page.figure


def _draw(page: Page, panel: Panel, left: float, low: float, width: float) -> None:
    inside = width - lines.LEFT
    keys = lines.line_keys(panel) if isinstance(panel, lines.Lines) else samples.sample_keys(panel)
    legend = LEGEND_LINE * len(legend_lines(keys, inside))
    height = CELL - lines.FOOT - legend - 2 * _SUBTITLE
    axes = page.axes(left + lines.LEFT, low + lines.FOOT, inside, height)
    page.subtitle(panel.title, left, low + lines.FOOT + height + legend + 0.2, width)
    if isinstance(panel, lines.Lines):
        lines.draw_lines(axes, panel)
    else:
        samples.draw_distributions(axes, panel)
        draw_legend(axes, keys)
