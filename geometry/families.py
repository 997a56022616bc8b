"""Families of emoji: those that share a lemma, a part of a ZWJ sequence or a name within a name.

A row of 🐈 gives 🐱 away, so whatever is held out, deleted or resampled, is so by family.
"""

import re
from collections.abc import Sequence

from geometry.tokens.emoji import Emoji

COMMON_HEAD = 8
"""A last word or a glyph that more emoji than this share (face, button, 🧑) makes no family of them."""

_JOINER, _SELECTOR = "\u200d", "\ufe0f"
_PARTS = re.compile(r" (?:with|of|in|on|without|behind|over|and|holding|wearing) ")


def bare_words(name: str) -> tuple[str, ...]:
    """Return a name's words, lower case, singular in the crudest way.

    >>> bare_words("Cat face"), bare_words("cherries")
    (('cat', 'face'), ('cherry',))
    """
    return tuple(_singular(word) for word in re.findall(r"[\w'-]+", name.lower().replace("’", "'")))


def head_word(name: str) -> str:
    """Return the noun that a name is about: the last word before any ``with``, ``of``, ``in`` …

    >>> head_word("ear with hearing aid"), head_word("spouting whale")
    ('ear', 'whale')
    """
    words = bare_words(_PARTS.split(name.lower())[0])
    return words[-1] if words else ""


def phrases(name: str) -> frozenset[tuple[str, ...]]:
    """Return every run of a name's words, the whole included."""
    words = bare_words(name)
    return frozenset(words[i:j] for i in range(len(words)) for j in range(i + 1, len(words) + 1))


def parts(text: str) -> frozenset[str]:
    """Return the glyphs that a ZWJ sequence joins, without variation selectors; of others the one glyph."""
    return frozenset(text.replace(_SELECTOR, "").split(_JOINER))


def families(emoji: Sequence[Emoji]) -> tuple[int, ...]:
    """Return the number of each emoji's family: the finest partition in which kin stay together.

    Kin are emoji one of whose names stands within the other's, that are joined from a common glyph, or that
    have the same `head_word`; what more than `COMMON_HEAD` emoji have in common makes no kin.

    Returns:
        As many numbers as emoji, counted from 0 in order of first appearance.
    """
    groups: dict[object, list[int]] = {}
    whole = {bare_words(entry.name) for entry in emoji}
    for i, entry in enumerate(emoji):
        pieces = parts(entry.text)
        shared: set[object] = {("head", head_word(entry.name))} | (phrases(entry.name) & whole) | pieces
        for key in shared:
            groups.setdefault(key, []).append(i)
    parent = list(range(len(emoji)))

    def root(i: int) -> int:
        while parent[i] != i:
            parent[i] = parent[parent[i]]
            i = parent[i]
        return i

    for members in groups.values():
        if len(members) <= COMMON_HEAD:
            for i in members[1:]:
                parent[root(i)] = root(members[0])
    numbers: dict[int, int] = {}
    return tuple(numbers.setdefault(root(i), len(numbers)) for i in range(len(emoji)))


def _singular(word: str) -> str:
    if word.endswith("ies") and len(word) > 4:
        return word[:-3] + "y"
    if word.endswith("s") and not word.endswith(("ss", "us", "is")) and len(word) > 3:
        return word[:-1]
    return word
