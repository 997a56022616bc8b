"""The texts of a map that stand in any case: names of sums, and their terms that have no picture."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float64

from geometry.figures.apart import Room, write_beside
from geometry.figures.page import SMALL
from geometry.figures.text import fit, run_width, runs, shown

DIAMOND, DOT = "D", "o"
"""Markers of what is no token, and of a token whose text stands beside it."""

_LINE = 1.25  # of a text's size: the height it needs
_CLEAR = 0.24  # inches along the square that a diamond has to itself
_MOST = 0.5  # of the map's width that a name takes; a longer one is cut off
_EDGE = 0.06  # inches left and right of a text that stay free

Point = tuple[float, float]


@dataclass(frozen=True)
class Label:
    """A text and what it belongs to, in inches.

    Attributes:
        text: What stands there, emoji in it as pictures.
        at: The place that it names.
        middle: Of the text.
        width, height: Of the text.
        size: Of its letters, in points.
        bold: Whether they are.
        marker: What is drawn at the place itself; empty where the text stands there.
    """

    text: str
    at: Point
    middle: Point
    width: float
    height: float
    size: float
    bold: bool
    marker: str


def place_labels(
    room: Room, marks: list[tuple[str, Point]], terms: list[tuple[str, Point]], *, size: float, bold: bool
) -> list[Label]:
    """Take room for diamonds with their names and for written terms, each where it covers least.

    Args:
        room: What is taken and covered already.
        marks: Names and places of diamonds.
        terms: Texts of tokens and where they lie: they are written there, or beside it with a dot.
        size: Of the diamonds' names, in points.
        bold: Whether those are.
    """
    for _, (x, y) in marks:
        room.take((x, y, _CLEAR, _CLEAR))
    found = [_term(room, text, at) for text, at in terms]
    for name, at in marks:
        if _extent(name, size, bold=bold)[0] > _MOST * room.width:
            name = fit(shown(name), _MOST * room.width, size, bold=bold)
        width, height = _extent(name, size, bold=bold)
        middle = write_beside(room, at, width + _EDGE, height, 0.14, anyway=True)
        assert middle is not None
        found.append(Label(name, at, middle, width, height, size, bold, DIAMOND))
    return found


def _term(room: Room, text: str, at: Point) -> Label:
    size = SMALL + 1
    width, height = _extent(text, size, bold=True)
    box = (*at, width + _EDGE, height)
    if room.is_free(box):
        room.take(box)
        return Label(text, at, at, width, height, size, True, "")
    middle = write_beside(room, at, width + _EDGE, height, 0.06, anyway=True)
    assert middle is not None
    return Label(text, at, middle, width, height, size, True, DOT)


def _extent(text: str, size: float, *, bold: bool) -> tuple[float, float]:
    return sum(run_width(run, size, bold=bold) for run in runs(text)), size * _LINE / 72


def discs(labels: list[Label]) -> tuple[Float64[np.ndarray, "discs 2"], Float64[np.ndarray, " discs"]]:
    """Return discs that cover the labels and what they name, and how wide each is: pictures are pushed from them."""
    places: list[Point] = []
    sides: list[float] = []
    for one in labels:
        if one.marker == DIAMOND:
            places.append(one.at)
            sides.append(_CLEAR)
        count = max(1, round(one.width / one.height))
        places += [(one.middle[0] + one.width * ((step + 0.5) / count - 0.5), one.middle[1]) for step in range(count)]
        sides += [one.height] * count
    return np.array(places).reshape(-1, 2), np.array(sides)
