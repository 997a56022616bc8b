"""Any bytes as text that a terminal shows and that cannot be mistaken for other bytes."""

import unicodedata

from geometry.tokens.emoji import lookup

OPENING, CLOSING = "⟨", "⟩"

# Format characters, controls, lone surrogates, private and unassigned ones, and spaces but the plain one.
_UNSEEN = frozenset({"Cf", "Cc", "Cs", "Co", "Cn", "Zl", "Zp", "Zs"})


def printable(data: bytes) -> str:
    """Return bytes as readable text from which they can be told exactly.

    Valid UTF-8 stays as it is, plain spaces included. Bytes that are no UTF-8 become ``⟨F0 9F⟩``; characters
    that would not be seen (controls, spaces other than U+0020, joiners and variation selectors outside an
    emoji, combining marks with nothing to stand on) and the bracket ``⟨`` itself become ``⟨U+200D⟩``.

    >>> printable(b" \\xf0\\x9f")
    ' ⟨F0 9F⟩'
    >>> printable("\\u200d".encode())
    '⟨U+200D⟩'
    """
    shown = []
    for text, broken in _segments(data):
        shown.append(_visible(text))
        if broken:
            shown.append(f"{OPENING}{broken.hex(' ').upper()}{CLOSING}")
    return "".join(shown)


def dotted(text: str) -> str:
    """Return a printed token for a table, where a space before it would not be seen.

    >>> dotted(" sea")
    '·sea'
    """
    return "·" + text[1:] if text.startswith(" ") else text


def _segments(data: bytes) -> list[tuple[str, bytes]]:
    # Valid text, then the bytes that broke it, again and again; adjacent broken bytes are joined.
    segments: list[tuple[str, bytes]] = []
    while data:
        try:
            segments.append((data.decode(), b""))
            break
        except UnicodeDecodeError as error:
            text, broken = data[: error.start].decode(), data[error.start : error.end]
            if segments and not text:
                text, broken = segments[-1][0], segments[-1][1] + broken
                segments.pop()
            segments.append((text, broken))
            data = data[error.end :]
    return segments


def _visible(text: str) -> str:
    if text.isascii() and text.isprintable():
        return text
    if lookup(text.removeprefix(" ")) is not None:
        return text
    shown = []
    standing = False  # whether a combining mark would have something to stand on
    for character in text:
        category = unicodedata.category(character)
        mark = category.startswith("M")
        unseen = category in _UNSEEN and character != " "
        selector = "\ufe00" <= character <= "\ufe0f" or "\U000e0100" <= character <= "\U000e01ef"
        if unseen or selector or (mark and not standing) or character == OPENING:
            shown.append(f"{OPENING}U+{ord(character):04X}{CLOSING}")
            standing = False
        else:
            shown.append(character)
            standing = mark or category[0] not in "ZC"
    return "".join(shown)
