"""Names as a head holds them: the tokens of their words, and the sums of those words' rows."""

import re
from collections.abc import Iterable, Sequence

import numpy as np
from jaxtyping import Float64

from geometry.errors import TokenError
from geometry.head import Head
from geometry.linalg import unit

Word = tuple[int, ...]
"""The tokens of one word: itself, or its pieces, which are summed and enter as one term."""

Name = tuple[Word, ...]


def words_of(name: str) -> list[str]:
    """Return the words of a name, lower case: runs of letters and digits.

    >>> words_of("Jack-o-lantern")
    ['jack', 'o', 'lantern']
    """
    return re.findall(r"[^\W_]+", name.lower())


def spell_name(head: Head, name: str) -> Name:
    """Return the tokens of each word of a name; nothing where the head cannot spell it or lacks a row for it.

    One spelling a word, fixed beforehand: the one token that is space + word, else its canonical pieces.
    """
    found = []
    for word in words_of(name):
        try:
            ids = tuple(head.words().word(word))
        except TokenError:
            return ()
        if not all(head.opened.finite[token] for token in ids):
            return ()
        found.append(ids)
    return tuple(found)


def whole_words(head: Head, name: str) -> Word:
    """Return the one token of each word of a name, or nothing where a word has none."""
    spelt = spell_name(head, name)
    return tuple(ids[0] for ids in spelt) if all(len(ids) == 1 for ids in spelt) else ()


def as_names(words: Iterable[Iterable[int]]) -> list[Name]:
    """Return names of which every token is a word of its own."""
    return [tuple((token,) for token in ids) for ids in words]


def name_sums(
    head: Head, names: Sequence[Sequence[Iterable[int]]], *, as_stored: bool | None = None
) -> Float64[np.ndarray, "names dim"]:
    """Return Σ of the names' words' rows in the head's space, each word at unit length.

    Args:
        head: In the space wanted.
        names: The tokens of each word of each name.
        as_stored: Keep the rows' lengths; by default only in ``raw``.
    """
    keep = head.space.name == "raw" if as_stored is None else as_stored
    words = list(dict.fromkeys(tuple(word) for name in names for word in name))
    vectors = np.zeros((len(words), head.dim))
    for i, ids in enumerate(words):
        vectors[i] = head.space.apply(head.opened.matrix.rows(ids)).sum(axis=0)
    if not keep:
        vectors = unit(vectors)
    place = {word: i for i, word in enumerate(words)}
    sums = np.zeros((len(names), head.dim))
    for i, name in enumerate(names):
        for word in name:
            sums[i] += vectors[place[tuple(word)]]
    return sums


def name_queries(
    head: Head, names: Sequence[Sequence[Iterable[int]]], direction: float = 1.0, *, as_stored: bool = False
) -> Float64[np.ndarray, "names dim"]:
    """Return what names ask with: Σ of their words' rows and the emoji direction, as the head's space takes terms."""
    keep = as_stored or head.space.name == "raw"
    sums = name_sums(head, names, as_stored=keep)
    if not direction:
        return sums
    towards = head.emoji_direction
    return sums + direction * (towards if keep else unit(towards))


def near_ids(head: Head, name: Iterable[Iterable[int]]) -> frozenset[int]:
    """Return a name's tokens and their variants: what can be no landing of it."""
    own = frozenset(token for word in name for token in word)
    near = own.union(*(head.words().variants(token) for token in own))
    return frozenset(token for token in near if token < head.vocab)
