"""Texts that one font can draw: what it lacks is named, and every width is known before anything is drawn."""

from functools import cache
from itertools import groupby

from geometry.sprites import Sprite, sprite
from geometry.tokens.emoji import VARIATION_SELECTOR, lookup, split_emoji
from geometry.tokens.printable import CLOSING, OPENING, dotted, printable

FONT = "DejaVu Sans"
"""Comes with matplotlib, so that a figure is the same everywhere; it has no colour emoji and no Chinese."""


def picture(label: str) -> Sprite | None:
    """Return the picture of a token's emoji, its space written or shown as ``·``."""
    return sprite(label.removeprefix("·"))


def shown(text: str) -> str:
    """Return text that the font has every glyph of.

    An emoji becomes its name in quotes, another glyph that the font lacks or that nobody would see ``⟨U+200D⟩``.

    >>> shown("a 🐠")
    'a “tropical fish”'
    >>> shown("\\u200d")
    '⟨U+200D⟩'
    """
    if text.isascii() and text.isprintable():
        return text
    return "".join(_named(piece) if emoji else _glyphs(piece) for piece, emoji in split_emoji(text))


def runs(text: str) -> list[str | Sprite]:
    """Return a line as shown texts and the pictures between them."""
    found: list[str | Sprite] = []
    for piece, emoji in split_emoji(text):
        drawn = picture(piece) if emoji else None
        run = drawn or (_named(piece) if emoji else _glyphs(piece))
        if isinstance(run, str) and found and isinstance(found[-1], str):
            found[-1] += run
        else:
            found.append(run)
    return found


def token_text(label: str) -> str:
    """Return a token as a figure shows it: ``·sea`` for `` sea``."""
    return dotted(shown(label))


def quoted(label: str) -> str:
    """Return a token in quotes; a name that stands in quotes already is left so."""
    text = token_text(label)
    return text if text.startswith("“") and text.endswith("”") else f"“{text}”"


def width_of(text: str, size: float, *, bold: bool = False) -> float:
    """Return how wide a shown text of ``size`` points will be, in inches."""
    from matplotlib.font_manager import FontProperties
    from matplotlib.textpath import TextToPath

    font = FontProperties(family=FONT, weight="bold" if bold else "normal", size=size)
    return float(TextToPath().get_text_width_height_descent(text, font, ismath=False)[0]) / 72


def run_width(run: str | Sprite, size: float, *, bold: bool = False) -> float:
    """Return how wide a run of a line will be, in inches; a picture is a little larger than the text."""
    return width_of(run, size, bold=bold) if isinstance(run, str) else 1.25 * size / 72


def largest_size(text: str, width: float, sizes: tuple[float, ...], *, bold: bool = False) -> float:
    """Return the first of some sizes, in points, at which shown text fits into ``width`` inches; else the last."""
    return next((size for size in sizes if width_of(text, size, bold=bold) <= width), sizes[-1])


def fit(text: str, width: float, size: float, *, bold: bool = False) -> str:
    """Return a shown text, its end cut off and marked by ``…`` where it is wider than ``width`` inches."""
    if width_of(text, size, bold=bold) <= width:
        return text
    fits, too_long = 0, len(text)
    while too_long - fits > 1:
        middle = (fits + too_long) // 2
        if width_of(text[:middle] + "…", size, bold=bold) <= width:
            fits = middle
        else:
            too_long = middle
    return text[:fits].rstrip() + "…"


def wrap(text: str, width: float, size: float, *, bold: bool = False) -> list[str]:
    """Return text as lines of at most ``width`` inches, emoji as pictures; a single longer word is cut off."""
    lines: list[str] = []
    for word in text.split():
        longer = f"{lines[-1]} {word}" if lines else word
        if lines and _line_width(longer, size, bold=bold) <= width:
            lines[-1] = longer
        else:
            fits = _line_width(word, size, bold=bold) <= width
            lines.append(word if fits else fit(shown(word), width, size, bold=bold))
    return lines


def _line_width(text: str, size: float, *, bold: bool) -> float:
    return sum(run_width(run, size, bold=bold) for run in runs(text))


def _named(emoji: str) -> str:
    bare = emoji.replace(VARIATION_SELECTOR, "")
    if all(ord(character) in _charmap() for character in bare):
        return bare
    found = lookup(emoji)
    return f"“{_glyphs(found.name)}”" if found else _glyphs(emoji)


def _glyphs(text: str) -> str:
    # a token that was printed already holds brackets, which printable() would write out
    seen = OPENING.join(printable(part.encode("utf-8", "surrogatepass")) for part in text.split(OPENING))
    parts = []
    for drawn, group in groupby(seen, lambda character: ord(character) in _charmap()):
        characters = "".join(group)
        codes = " ".join(f"U+{ord(character):04X}" for character in characters)
        parts.append(characters if drawn else f"{OPENING}{codes}{CLOSING}")
    return "".join(parts)


@cache
def _charmap() -> frozenset[int]:
    """Code points that both weights of the font can draw."""
    from matplotlib.font_manager import FontProperties, findfont
    from matplotlib.ft2font import FT2Font

    files = [findfont(FontProperties(family=FONT, weight=weight)) for weight in ("normal", "bold")]
    regular, bold = (frozenset(FT2Font(file).get_charmap()) for file in files)
    return regular & bold
