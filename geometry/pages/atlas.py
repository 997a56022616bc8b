"""The pictures of some emoji on one sheet, for a page that draws them on a canvas."""

from base64 import b64encode
from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import lru_cache
from io import BytesIO
from math import ceil, sqrt

from geometry.sprites import SIDE, bare_text, tile

_KEPT = 8  # sheets of up to 1.1 MB each: a server asks for the same few again and again


@dataclass(frozen=True, eq=False)
class Atlas:
    """Pictures side by side, row after row.

    Attributes:
        png: The sheet, an 8-bit PNG; empty where there is no picture.
        columns: Pictures in a row.
        count: Pictures.
    """

    png: bytes = field(repr=False)
    columns: int
    count: int
    _places: dict[str, int] = field(repr=False)

    def index(self, text: str) -> int:
        """Return which picture is that of a token, counted from 0, or -1 where it has none."""
        return self._places.get(bare_text(text), -1)

    def url(self) -> str:
        """Return the sheet as a ``data:`` address, or an empty one where there is no picture."""
        return f"data:image/png;base64,{b64encode(self.png).decode()}" if self.count else ""

    def to_dict(self) -> dict[str, int]:
        """Return what a script needs to find a picture on it."""
        return {"side": SIDE, "columns": self.columns, "count": self.count}


def make_atlas(texts: Iterable[str]) -> Atlas:
    """Return the sheet of every emoji among some tokens' texts, each once, in the order in which they come.

    The same texts give the same bytes.
    """
    return _made(tuple(dict.fromkeys(map(bare_text, texts))))


@lru_cache(maxsize=_KEPT)
def _made(texts: tuple[str, ...]) -> Atlas:
    from PIL import Image

    found = [(text, image) for text in texts if (image := tile(text)) is not None]
    if not found:
        return Atlas(b"", 1, 0, {})
    columns = ceil(sqrt(len(found)))
    opacity, palette = found[0][1].info["transparency"], found[0][1].getpalette()
    sheet = Image.new("P", (columns * SIDE, ceil(len(found) / columns) * SIDE), opacity.index(0))
    sheet.putpalette(palette or [])
    for at, (_, image) in enumerate(found):
        sheet.paste(image, (at % columns * SIDE, at // columns * SIDE))
    written = BytesIO()
    sheet.save(written, format="PNG", transparency=opacity)
    return Atlas(written.getvalue(), columns, len(found), {text: at for at, (text, _) in enumerate(found)})
