"""The emoji catalogue: every sequence of Unicode's emoji-test.txt, with its name, place and keywords.

Source, versions and licence: ``data/emoji/README.md``.
"""

from dataclasses import dataclass
from functools import cache

from geometry.bundled import data_folder

VARIATION_SELECTOR = "\ufe0f"


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


@cache
def _by_bare_text() -> dict[str, Emoji]:
    # Without its selectors every form of an emoji reads alike; the qualified one comes first in the file.
    emoji: dict[str, Emoji] = {}
    for entry in catalogue():
        emoji.setdefault(entry.text.replace(VARIATION_SELECTOR, ""), entry)
    return emoji
