"""Tokens that are the same word in another dress, and tokens that are spelt almost alike."""

import difflib
from collections.abc import Iterable

from geometry.tokens.emoji import VARIATION_SELECTOR

_SHORTEST_SINGULAR = 3  # "as" is no plural of "a"


def variant_key(data: bytes) -> str | bytes:
    """Return what a token keeps when case, one leading space and variation selectors are taken away.

    >>> variant_key(b" Horse") == variant_key(b"horse")
    True
    """
    bare = data.removeprefix(b" ")
    try:
        return bare.decode().casefold().replace(VARIATION_SELECTOR, "")
    except UnicodeDecodeError:
        return bare


def inflections(key: str | bytes) -> list[str]:
    """Return the keys that differ from this one by a regular English plural, in either direction.

    >>> inflections("pony")
    ['ponys', 'ponyes', 'ponies']
    >>> inflections("horses")
    ['horseses', 'horse', 'hors']
    """
    if not isinstance(key, str) or not key.isalpha() or not key.isascii():
        return []
    plurals, singulars = [], []
    if len(key) >= _SHORTEST_SINGULAR:
        plurals = [key + "es"] if key.endswith("s") else [key + "s", key + "es"]
        if key.endswith("y"):
            plurals.append(key[:-1] + "ies")
    if key.endswith("s") and not key.endswith("ss"):
        singulars.append(key[:-1])
    if key.endswith("es"):
        singulars.append(key[:-2])
    if key.endswith("ies"):
        singulars.append(key[:-3] + "y")
    return plurals + [word for word in singulars if len(word) >= _SHORTEST_SINGULAR]


def near_spellings(text: str, words: Iterable[str], n: int) -> list[str]:
    """Return up to ``n`` of ``words`` that are spelt most like ``text``, the likest first.

    Likeness is difflib's ratio over casefolded text. Only words that share the first or the second letter
    and are at most three letters longer or shorter are looked at, to be quick over 150,000 words.
    """
    wanted = text.strip().casefold()
    if not wanted:
        return []
    close: dict[str, str] = {}
    for word in words:
        if abs(len(word) - len(wanted)) > 3:
            continue
        folded = word.casefold()
        if folded[:1] == wanted[0] or folded[1:2] == wanted[1:2] != "":
            close.setdefault(folded, word)
    return [close[match] for match in difflib.get_close_matches(wanted, close, n, cutoff=0.6)]
