"""A figure with its title and its corner line, and room in inches for what stands between them."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from io import BytesIO
from threading import RLock
from typing import TYPE_CHECKING

from geometry.figures.colors import GREY, GRID, INK, PAPER
from geometry.figures.pictures import sprite_box
from geometry.figures.text import FONT, run_width, runs, shown, wrap

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

MARGIN = 0.3
NOTEBOOK_DOTS = 90
TITLE, SUBTITLE, BODY, AXIS, SMALL, TINY = 13.0, 10.0, 9.0, 8.0, 7.5, 6.5
"""Sizes of text in points; `AXIS` is for what an axis is of."""

_STYLE = {
    "font.family": FONT,
    "font.size": BODY,
    "text.color": INK,
    "text.parse_math": False,  # a token may be "$"
    "figure.facecolor": PAPER,
    "axes.facecolor": PAPER,
    "axes.edgecolor": GREY,
    "axes.linewidth": 0.6,
    "axes.labelcolor": GREY,  # ink is for what was found, grey for what it is measured with
    "axes.labelsize": AXIS,
    "axes.axisbelow": True,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "grid.color": GRID,
    "grid.linewidth": 0.6,
    "xtick.color": GREY,
    "ytick.color": GREY,
    "xtick.labelsize": SMALL,
    "ytick.labelsize": SMALL,
    "xtick.major.width": 0.6,
    "ytick.major.width": 0.6,
    "xtick.major.size": 3,
    "ytick.major.size": 3,
    "hatch.linewidth": 0.6,
    "hatch.color": PAPER,
    "svg.fonttype": "path",
}

_LOCK = RLock()  # matplotlib's settings belong to the whole process


@contextmanager
def house_style() -> Iterator[None]:
    """Draw with this package's settings, whatever the caller's are, and leave those as they were."""
    from matplotlib import style

    with _LOCK, style.context(["default", _STYLE]):
        yield


@dataclass(frozen=True, eq=False)
class Page:
    """A figure and the part of it that is free, in inches from its lower left corner."""

    figure: "Figure"
    left: float
    bottom: float
    width: float
    height: float

    def axes(self, left: float, bottom: float, width: float, height: float) -> "Axes":
        """Add axes, placed in inches from the free part's lower left corner."""
        total = self.figure.get_size_inches()
        return self.figure.add_axes(
            ((self.left + left) / total[0], (self.bottom + bottom) / total[1], width / total[0], height / total[1])
        )

    def subtitle(self, text: str, left: float, bottom: float, width: float) -> None:
        """Write a panel's finding, placed as :meth:`axes` places them, on one line."""
        lines = wrap(text, width, SUBTITLE, bold=True)
        if len(lines) > 1:
            lines = wrap(text, width - 0.12, SUBTITLE, bold=True)
            lines[0] += "…"
        if lines:
            _write_line(self.figure, (self.left + left, self.bottom + bottom), lines[0], SUBTITLE)


def open_page(title: str, caption: str, *, width: float, height: float | None = None, body: float = 0.0) -> Page:
    """Begin a figure.

    Args:
        title: the finding, in bold above everything.
        caption: head, fingerprint, space, seed and version, small and grey in the lower right corner.
        width: of the whole figure, in inches.
        height: of the whole figure; by default what ``body`` inches of free height need.
        body: see there.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg

    room = width - 2 * MARGIN
    titles, captions = wrap(title, room, TITLE, bold=True), wrap(shown(caption), room, TINY)
    head = MARGIN + 0.24 * len(titles) + (0.08 if titles else 0.0)
    foot = MARGIN * 0.6 + 0.12 * len(captions) + (0.08 if captions else 0.0)
    height = height if height is not None else head + body + foot
    figure = _figure_class()(figsize=(width, height))
    FigureCanvasAgg(figure)
    for number, line in enumerate(titles):
        _write_line(figure, (MARGIN, height - MARGIN * 0.8 - 0.14 - 0.24 * number), line, TITLE)
    figure.text(
        1 - MARGIN / width,
        MARGIN * 0.5 / height,
        "\n".join(captions),
        fontsize=TINY,
        color=GREY,
        ha="right",
        va="bottom",
    )
    return Page(figure, MARGIN, foot, room, height - head - foot)


@cache
def _figure_class() -> "type[Figure]":
    """A matplotlib figure that a notebook shows by itself, whatever backend is chosen there."""
    from matplotlib.figure import Figure

    class NotebookFigure(Figure):
        def _repr_png_(self) -> bytes:
            drawn = BytesIO()
            with house_style():
                self.savefig(drawn, format="png", dpi=NOTEBOOK_DOTS)
            return drawn.getvalue()

    return NotebookFigure


def _write_line(figure: "Figure", at: tuple[float, float], text: str, size: float) -> None:
    """Write a bold line that begins at a point in inches, emoji in it as pictures."""
    x, total = at[0], figure.get_size_inches()
    for run in runs(text):
        width = run_width(run, size, bold=True)
        if isinstance(run, str):
            figure.text(x / total[0], at[1] / total[1], run, fontsize=size, fontweight="bold")
        else:
            middle = ((x + width / 2) / total[0], (at[1] + 0.36 * size / 72) / total[1])
            figure.add_artist(sprite_box(run, middle, width, coords="figure fraction"))
        x += width


def size_of(axes: "Axes") -> tuple[float, float]:
    """Return the width and height of axes, in inches."""
    dots = axes.figure.dpi
    return float(axes.bbox.width / dots), float(axes.bbox.height / dots)
