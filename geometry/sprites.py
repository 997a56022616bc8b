"""Pictures of emoji without a system font: one sheet, cut where it is asked.

Source, counts and licence: ``data/sprites/README.md``.
"""

from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from jaxtyping import UInt8

from geometry.bundled import data_folder
from geometry.errors import GeometryError
from geometry.tokens.emoji import VARIATION_SELECTOR

if TYPE_CHECKING:
    from PIL.Image import Image

SIDE = 64
"""Pixels along each side of a picture."""

_LARGEST = 4096  # a sheet as wide and as high holds 4,096 emoji; Unicode has fewer


@dataclass(frozen=True, eq=False)
class Sprite:
    """The picture of one emoji.

    Attributes:
        pixels: red, green, blue and opacity, the colours not premultiplied, read-only.
        color: the mean of the pixels that are more opaque than not, as ``#rrggbb``.
    """

    pixels: UInt8[np.ndarray, "64 64 4"]
    color: str


def sprite(text: str) -> Sprite | None:
    """Return the picture of the emoji that ``text`` writes, or None.

    A space before it and variation selectors make no difference, so that a token finds its picture.

    >>> sprite(" 🐠").color
    '#c0930f'
    >>> sprite("fish") is None
    True

    Raises:
        GeometryError: the sheet is not of this package.
    """
    return _cut(bare_text(text))


def bare_text(text: str) -> str:
    """Return the text by which a picture is found: without a space before it and without variation selectors."""
    return text.removeprefix(" ").replace(VARIATION_SELECTOR, "")


def tile(text: str) -> "Image | None":
    """Return a picture as it lies on the sheet, in the palette that all share, or None; for sheets made of some.

    Raises:
        GeometryError: the sheet is not of this package.
    """
    place = _places().get(bare_text(text))
    return None if place is None else _sheet().crop(_box(place))


@dataclass(frozen=True)
class _Place:
    column: int
    row: int
    color: str


@cache
def _cut(bare: str) -> Sprite | None:
    place = _places().get(bare)
    if place is None:
        return None
    pixels = np.array(_sheet().crop(_box(place)).convert("RGBA"))
    pixels.flags.writeable = False
    return Sprite(pixels, place.color)


def _box(place: _Place) -> tuple[int, int, int, int]:
    left, top = place.column * SIDE, place.row * SIDE
    return left, top, left + SIDE, top + SIDE


@cache
def _places() -> dict[str, _Place]:
    table = (data_folder() / "sprites" / "emoji.tsv").read_text(encoding="utf-8")
    places = {}
    for line in table.splitlines()[1:]:
        text, column, row, color = line.split("\t")
        places[text.replace(VARIATION_SELECTOR, "")] = _Place(int(column), int(row), color)
    return places


@cache
def _sheet() -> "Image":
    places = _places().values()
    width, height = max(place.column for place in places) + 1, max(place.row for place in places) + 1
    return _open_sheet(data_folder() / "sprites" / "emoji.png", width * SIDE, height * SIDE)


def _open_sheet(path: Path, width: int, height: int) -> "Image":
    """Return the sheet; its header alone is read before its size is known to be the expected one."""
    from PIL import Image

    expected = f"expected a PNG of {width} × {height} pixels; install the package again"
    try:
        sheet = Image.open(path, formats=("PNG",))
        if sheet.size != (width, height) or max(sheet.size) > _LARGEST:
            raise GeometryError(f"{path} of {sheet.width} × {sheet.height} pixels arrived; {expected}")
        sheet.load()
    except (OSError, SyntaxError, Image.DecompressionBombError) as error:
        raise GeometryError(f"{path} cannot be read ({error}); {expected}") from error
    return sheet
