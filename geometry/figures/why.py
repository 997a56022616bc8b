"""The three answers of "why" on one page: what made the winner, where another wins, and along which weight."""

from typing import TYPE_CHECKING

from geometry.figures import bars, phase, strip
from geometry.figures.page import Page, house_style, open_page

if TYPE_CHECKING:
    from matplotlib.figure import Figure

WIDTH, HEIGHT = 12.0, 7.0

_GAP, _SUBTITLE, _SHARE = 0.35, 0.3, 0.44


def why_figure(
    margin: bars.MarginBars,
    diagram: phase.PhaseDiagram | None = None,
    weights: strip.Strips | None = None,
    *,
    title: str,
    caption: str = "",
) -> "Figure":
    """Draw bars with strips below them, and on the right the phase diagram where there is one, 12 × 7 inches.

    Args:
        margin: the winner and its rivals; as many are drawn as have room.
        diagram: over two weights or a triangle.
        weights: a strip a weight.
        title: the finding of the whole; each panel's own stands above it.
        caption: head, fingerprint, space, seed and version, for the corner.
    """
    with house_style():
        line = " · ".join(part for part in (caption, phase.phase_note(diagram)) if part)
        page = open_page(title, line, width=WIDTH, height=HEIGHT)
        width = page.width
        if diagram is not None:
            width -= _draw_diagram(page, diagram)
        below = _draw_strips(page, weights, width)
        _draw_bars(page, margin, below, width)
    return page.figure


def _draw_diagram(page: Page, panel: phase.PhaseDiagram) -> float:
    """Draw it on the right, as high as the page; return the inches it takes."""
    left, foot = (phase.LEFT, phase.FOOT) if len(panel.terms) == 2 else (0.0, 0.0)
    side = min(page.height - _SUBTITLE - foot, _SHARE * page.width)
    low = page.height - _SUBTITLE - side
    phase.draw_phase(page.axes(page.width - side, low, side, side), panel)
    page.subtitle(panel.title, page.width - side, page.height - _SUBTITLE + 0.1, side)
    return side + left + _GAP


def _draw_strips(page: Page, panel: strip.Strips | None, width: float) -> float:
    """Draw them at the foot of the page; return the inches they take."""
    if panel is None or not panel.strips:
        return 0.0
    rows = min(strip.ROW * len(panel.strips), page.height * 0.35)
    strip.draw_strips(page.axes(strip.LEFT, strip.FOOT, width - strip.LEFT, rows), panel)
    top = strip.FOOT + rows + strip.HEAD
    page.subtitle(panel.title, 0.0, top + 0.08, width)
    return top + _SUBTITLE + 0.15


def _draw_bars(page: Page, panel: bars.MarginBars, below: float, width: float) -> None:
    foot = below + bars.FOOT
    height = page.height - foot - bars.bars_head(panel, width) - _SUBTITLE
    bars.draw_bars(page.axes(bars.LEFT, foot, width - bars.LEFT - bars.RIGHT, height), panel)
    page.subtitle(panel.title, 0.0, page.height - _SUBTITLE + 0.1, width)
