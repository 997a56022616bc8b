"""The column beside a map: its groups, its sums, and what was done to it."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from geometry.figures.colors import GREY, INK
from geometry.figures.page import BODY, SMALL, TINY, Page
from geometry.figures.pictures import draw_sprite
from geometry.figures.text import fit, picture, run_width, runs, shown, token_text, wrap

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_ENTRY, _TIGHT, _NEAR, _TOLD, _HEAD, _GAP = 0.34, 0.28, 0.2, 0.115, 0.66, 0.16
"""Inches of an entry of the legend, and of one of many; of one of the nearest, a note's line, a sum's head, a gap."""

_MANY = 10


@dataclass(frozen=True)
class LegendLine:
    """One group.

    Attributes:
        color: its own.
        label: a token that stands for it.
        name: what it is called.
        note: smaller, below the name.
        square: its tokens are marked by squares instead of discs.
    """

    color: str
    label: str
    name: str
    note: str
    square: bool = False


@dataclass(frozen=True)
class SumLines:
    """One sum: what it is, where it lands, and what is nearest to it.

    Attributes:
        title: the sum and its landing.
        note: how far its place can be believed.
        near: the nearest: token, its name, and a figure such as ``0.54``.
    """

    title: str
    note: str
    near: tuple[tuple[str, str, str], ...]


def draw_side(
    page: Page,
    legend: tuple[LegendLine, ...],
    sums: tuple[SumLines, ...],
    notes: tuple[str, ...],
    width: float,
    *,
    legend_title: str = "",
) -> None:
    """Draw the column at the right of a page, ``width`` inches wide, from above to below.

    Of each sum as many of its nearest are told as there is room for, and of the last sums perhaps nothing.
    """
    height = page.height - 0.12
    axes = page.axes(page.width - width, 0.0, width, height)
    axes.set_xlim(0, width)
    axes.set_ylim(0, height)
    axes.set_axis_off()
    lines = _note_lines(notes, width)
    entry = _ENTRY if len(legend) <= _MANY and len(sums) < 2 else _TIGHT
    room = height - entry * len(legend) - _TOLD * len(lines) - 2 * _GAP - 0.2 * bool(legend_title)
    shown_sums = sums
    while shown_sums and room / len(shown_sums) < _HEAD + 2 * _NEAR:
        shown_sums = shown_sums[:-1]
    top = height
    for one in shown_sums:
        near = int((room / len(shown_sums) - _HEAD) / _NEAR)
        top = _draw_sum(axes, one, top, width, min(near, len(one.near)))
    if legend_title:
        top -= 0.1
        axes.text(0.0, top, fit(legend_title, width, TINY), fontsize=TINY, color=GREY, va="center")
        top -= 0.1
    for line in legend:
        _draw_entry(axes, line, top - entry / 2, width)
        top -= entry
    for number, text in enumerate(reversed(lines)):
        axes.text(0.0, 0.06 + _TOLD * number, text, fontsize=TINY, color=GREY, va="center")


def _note_lines(notes: tuple[str, ...], width: float) -> list[str]:
    lines: list[str] = []
    for note in notes:
        lines += [*wrap(shown(note), width, TINY), ""]
    return lines[:-1]


def _draw_sum(axes: "Axes", one: SumLines, top: float, width: float, near: int) -> float:
    for line in wrap(one.title, width, BODY, bold=True):
        top -= 0.19
        _write_runs(axes, line, 0.0, top, BODY)
    top -= 0.03
    for line in wrap(one.note, width, TINY):
        top -= 0.12
        axes.text(0.0, top, line, fontsize=TINY, color=GREY, va="center")
    top -= 0.04
    for token, name, figure in one.near[:near]:
        top -= _NEAR
        axes.text(0.0, top, figure, fontsize=SMALL, color=INK, va="center_baseline")
        found = picture(token)
        if found is not None:
            draw_sprite(axes, found, (0.46, top), 0.17)
        text = shown(name) if found is not None else token_text(token)
        axes.text(0.62, top, fit(text, width - 0.62, SMALL), fontsize=SMALL, color=INK, va="center_baseline")
    return top - _GAP


def _draw_entry(axes: "Axes", line: LegendLine, middle: float, width: float) -> None:
    side, marker, alpha = (0.13, "s", 1.0) if line.square else (0.25, "o", 0.55)
    axes.scatter([0.14], [middle], s=(side * 72) ** 2, c=[line.color], marker=marker, alpha=alpha, linewidths=0)
    found = picture(line.label)
    if found is not None:
        draw_sprite(axes, found, (0.14, middle), 0.17)
    axes.text(0.36, middle + 0.055, fit(shown(line.name), width - 0.36, SMALL + 0.5), fontsize=SMALL + 0.5, va="center")
    axes.text(
        0.36, middle - 0.075, fit(line.note, width - 0.36, TINY), fontsize=TINY, color=GREY, va="center"
    )  # fmt: skip


def _write_runs(axes: "Axes", line: str, x: float, y: float, size: float) -> None:
    """Write a bold line with its emoji as pictures."""
    for run in runs(line):
        if isinstance(run, str):
            axes.text(x, y, run, fontsize=size, fontweight="bold", va="center_baseline")
            x += run_width(run.rstrip(), size, bold=True) + 0.09 * (len(run) - len(run.rstrip()))
        else:
            width = run_width(run, size, bold=True)
            draw_sprite(axes, run, (x + width / 2, y + 0.01), width)
            x += width
