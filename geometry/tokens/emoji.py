"""The emoji catalogue: every sequence of Unicode's emoji-test.txt, with its name, place and keywords.

Source, versions and licence: ``data/emoji/README.md``.
"""

from dataclasses import dataclass
from functools import cache

from geometry.bundled import data_folder

VARIATION_SELECTOR = "\ufe0f"

_LONGEST = 14  # code points of the longest emoji, and some to spare


@dataclass(frozen=True, slots=True)
class Emoji:
    """One sequence of emoji-test.txt.

    Attributes:
        text: The sequence itself.
        name: Unicode's short name, such as ``tropical fish``.
        group: Such as ``Animals & Nature``; ``Component`` for skin tones and hair.
        subgroup: Such as ``animal-marine``.
        keywords: CLDR's English keywords; empty for emoji newer than the bundled CLDR.
        status: ``fully-qualified``, ``minimally-qualified``, ``unqualified`` or ``component``.
    """

    text: str
    name: str
    group: str
    subgroup: str
    keywords: tuple[str, ...]
    status: str


@cache
def catalogue() -> tuple[Emoji, ...]:
    """Return every sequence of the catalogue, in Unicode's order, each status included."""
    table = (data_folder() / "emoji" / "emoji.tsv").read_text(encoding="utf-8")
    found = []
    for line in table.splitlines()[1:]:
        text, _, status, name, group, subgroup, keywords = line.split("\t")
        words = tuple(keywords.split("|")) if keywords else ()
        found.append(Emoji(text, name, group, subgroup, words, status))
    return tuple(found)


def lookup(text: str) -> Emoji | None:
    """Return the emoji that ``text`` writes, or None.

    Forms that lack a variation selector (``❤``) or have one too many (``🐠\\ufe0f``) give the fully qualified
    emoji; a bare digit, ``#`` or ``*`` is no emoji.

    >>> lookup("🐠").name
    'tropical fish'
    >>> lookup("\\u2764").status
    'fully-qualified'
    >>> lookup("1") is None
    True
    """
    return _by_bare_text().get(text.replace(VARIATION_SELECTOR, ""))


def split_emoji(text: str) -> list[tuple[str, bool]]:
    """Return the emoji of a text, each the longest that begins there, and the texts between them.

    >>> split_emoji("a 🐠!")
    [('a ', False), ('🐠', True), ('!', False)]
    """
    pieces, start, plain = [], 0, 0
    while start < len(text):
        length = _emoji_at(text, start)
        if length:
            pieces += [(text[plain:start], False), (text[start : start + length], True)]
            plain = start + length
        start += max(length, 1)
    return [(piece, emoji) for piece, emoji in [*pieces, (text[plain:], False)] if piece]


def _emoji_at(text: str, start: int) -> int:
    """Code points of the longest emoji that begins here; 0 where none does."""
    if text[start].isascii() and text[start + 1 : start + 2] not in (VARIATION_SELECTOR, "\u20e3"):
        return 0
    if text[start] == VARIATION_SELECTOR:
        return 0
    longest = min(_LONGEST, len(text) - start)
    return next((length for length in range(longest, 0, -1) if lookup(text[start : start + length])), 0)


@cache
def _by_bare_text() -> dict[str, Emoji]:
    # Without its selectors every form of an emoji reads alike; the qualified one comes first in the file.
    emoji: dict[str, Emoji] = {}
    for entry in catalogue():
        emoji.setdefault(entry.text.replace(VARIATION_SELECTOR, ""), entry)
    return emoji
