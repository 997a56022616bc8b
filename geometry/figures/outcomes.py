"""What came of the same questions on two sides, beside how some samples are spread."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from geometry.figures import samples
from geometry.figures.colors import GREY, INK, series_color
from geometry.figures.labels import LEGEND_LINE, draw_beside, draw_legend, draw_nothing, legend_lines
from geometry.figures.page import BODY, SMALL, TINY, house_style, open_page, size_of
from geometry.figures.pictures import draw_sprite
from geometry.figures.text import fit, picture, shown, token_text

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

WIDTH, ROW = 12.0, 0.34

_LABELS, _LISTED, _GAP, _SUBTITLE, _MOST = 1.5, 4.4, 0.5, 0.32, 12


@dataclass(frozen=True)
class Outcome:
    """One question and the token that each side answers with.

    Attributes:
        question: As it was asked.
        first, second: The answers.
        same: Whether they are one token.
        note: What stands at the end of the line.
    """

    question: str
    first: str
    second: str
    same: bool
    note: str = ""


def outcomes_figure(
    panel: samples.Distributions, outcomes: Sequence[Outcome], *, title: str, subtitle: str, caption: str = ""
) -> "Figure":
    """Draw samples on the left and answers on the right; where there are none, samples over the whole width.

    Args:
        panel: The samples, with their own finding as title.
        outcomes: The answers: those that differ first, at most twelve.
        title: The finding of the whole.
        subtitle: That of the answers.
        caption: Heads, fingerprints, space, seed and version, for the corner.
    """
    listed = sorted(outcomes, key=lambda one: one.same)[:_MOST]
    with house_style():
        width = WIDTH - 0.6 - samples.LEFT - (_LISTED + _GAP if listed else 0.0)
        keys = samples.sample_keys(panel)
        legend = LEGEND_LINE * len(legend_lines(keys, width))
        above = legend + _SUBTITLE + (samples.MARKS if panel.marks else 0.0) + 0.2
        height = max(samples.BODY_HEIGHT, ROW * len(listed) - 0.2)
        page = open_page(title, caption, width=WIDTH, body=above + height + samples.FOOT)
        axes = page.axes(samples.LEFT, samples.FOOT, width, height)
        samples.draw_distributions(axes, panel)
        draw_legend(axes, keys, above=0.1 + (samples.MARKS if panel.marks else 0.0))
        top = page.height - _SUBTITLE + 0.1
        page.subtitle(panel.title, 0.0, top, samples.LEFT + width)
        if listed:
            left, rows = page.width - _LISTED, ROW * len(listed)
            page.subtitle(subtitle, left, top, _LISTED)
            low = page.height - _SUBTITLE - 0.1 - rows
            draw_outcomes(page.axes(left + _LABELS, low, _LISTED - _LABELS, rows), listed)
    return page.figure


def draw_outcomes(axes: "Axes", outcomes: Sequence[Outcome]) -> None:
    """Draw on axes that have `_LABELS` inches for the questions on their left."""
    axes.set_axis_off()
    if not outcomes:
        draw_nothing(axes, "nothing was asked")
        return
    width = size_of(axes)[0]
    axes.set_xlim(0.0, width)
    axes.set_ylim(len(outcomes) - 0.5, -0.5)
    room = (width - 0.95) / 2
    for row, one in enumerate(outcomes):
        draw_beside(axes, float(row), one.question, _LABELS, side=ROW - 0.08)
        color = GREY if one.same else series_color(5)
        _draw_token(axes, one.first, 0.0, row, room - 0.1)
        axes.text(room, row, "=" if one.same else "→", fontsize=BODY, color=color, va="center_baseline", ha="center")
        _draw_token(axes, one.second, room + 0.15, row, room - 0.1)
        note = fit(shown(one.note), 0.8, TINY)
        axes.text(width, row, note, fontsize=TINY, color=GREY, va="center_baseline", ha="right")


def _draw_token(axes: "Axes", token: str, left: float, row: int, room: float) -> None:
    found = picture(token.strip())
    if found is not None:
        draw_sprite(axes, found, (left + ROW / 2, float(row)), ROW - 0.08)
        return
    axes.text(left, row, fit(token_text(token), room, SMALL + 0.5), fontsize=SMALL + 0.5, color=INK,
              va="center_baseline")  # fmt: skip
