"""What is written in a cell: the token first read, or the emoji that it completes, at a width that is known."""

import unicodedata
from typing import TYPE_CHECKING

import numpy as np

from geometry.landing.record import text_of
from geometry.tokens.emoji import lookup, split_emoji
from geometry.tokens.printable import dotted, printable

if TYPE_CHECKING:
    import geometry.readings.record


def said(lens: "geometry.readings.record.Lens", layer: int, column: int) -> str:
    """Return what is first read in a cell; of an emoji in the making its bytes so far, at the end itself."""
    token = int(lens.reading.ids[layer, column, 0])
    spelt = lens.spelt[layer][column] if lens.spelt else None
    if spelt is None:
        return dotted(text_of(lens.head, token))
    if spelt.emoji is not None:
        return f"{dotted(text_of(lens.head, token))} = {spelt.emoji}"
    return f"{dotted(printable(bytes.fromhex(spelt.bytes)))}…"


def context(lens: "geometry.readings.record.Lens", longest: int = 48) -> str:
    """Return the end of the text that was read; empty where its tokens are not known."""
    ids = lens.residuals.token_ids
    if ids is None or lens.head.tokens is None:
        return ""
    last = lens.positions[-1] + 1
    data = b"".join(lens.head.tokens.bytes_of(token) for token in ids[:last])
    shown = " ".join(printable(data).split())
    return shown if len(shown) <= longest else "…" + shown[-longest:]


def steady(text: str) -> str:
    """Return text whose width terminals agree on: an emoji of several code points, or a narrow one, by its name."""
    return "".join(_named(piece) if emoji else piece for piece, emoji in split_emoji(text))


def cells(text: str) -> int:
    """Return how many columns of a terminal text takes."""
    from rich.cells import cell_len

    return cell_len(text)


def fitted(text: str, width: int) -> str:
    """Return text of at most so many columns, its end cut off and marked by ``…``."""
    text = steady(text)
    if cells(text) <= width:
        return text
    while cells(text) >= width:
        text = text[:-1]
    return text + "…"


def share(value: float) -> str:
    """Return a probability in three or four characters, such as ``.69``; empty where it is not known."""
    if not np.isfinite(value):
        return ""
    if value >= 0.995 or value == 0.0:
        return "1.0" if value else "0"
    return f"{value:.2f}"[1:] if value >= 0.095 else f"{value:.3f}"[1:] if value >= 0.0005 else f"{value:.0e}"


def signed(value: float, places: int = 3) -> str:
    """Return a number with a true minus, such as ``−0.084``; what rounds to nothing has none."""
    return f"{value:z.{places}f}".replace("-", "−")


def _named(emoji: str) -> str:
    if len(emoji) == 1 and unicodedata.east_asian_width(emoji) == "W":
        return emoji
    found = lookup(emoji)
    return f"“{found.name}”" if found is not None else emoji
