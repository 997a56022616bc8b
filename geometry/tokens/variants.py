"""Tokens that are the same word in another dress, and tokens that are spelt almost alike."""

import difflib
from collections.abc import Iterable

from geometry.tokens.emoji import VARIATION_SELECTOR

_SHORTEST_SINGULAR = 3  # "as" is no plural of "a"
_SIBILANTS = ("s", "x", "z", "ch", "sh")
_NO_PLURALS = frozenset(
    {"news", "hers", "ours", "yours", "theirs", "always", "perhaps", "james", "mars", "lens", "does"}
)


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

    >>> inflections("pony"), inflections("fish"), inflections("horses")
    (['ponies'], ['fishes'], ['horse'])
    """
    if not isinstance(key, str) or not key.isalpha() or not key.isascii() or key in _NO_PLURALS:
        return []
    forms = [one for one in [_plural(key)] if len(key) >= _SHORTEST_SINGULAR and one not in _NO_PLURALS]
    if key.endswith("s"):
        singulars = (key[:-1], key[:-2] if key.endswith("es") else "", key[:-3] + "y" if key.endswith("ies") else "")
        forms += [one for one in singulars if len(one) >= _SHORTEST_SINGULAR and _plural(one) == key]
    return forms


def _plural(word: str) -> str:
    if word.endswith(_SIBILANTS):
        return word + "es"
    if word.endswith("y") and word[-2:-1] not in "aeiou":
        return word[:-1] + "ies"
    return word + "s"


def near_spellings(text: str, words: Iterable[str], n: int) -> list[str]:
    """Return up to ``n`` of ``words`` that are spelt most like ``text``, the likest first.

    Likeness is difflib's ratio over casefolded text. Only words that share the first letter and are at most
    three letters longer or shorter are looked at, to be quick over 150,000 words.
    """
    wanted = text.strip().casefold()
    if not wanted:
        return []
    close: dict[str, str] = {}
    for word in words:
        if abs(len(word) - len(wanted)) > 3:
            continue
        folded = word.casefold()
        if folded[:1] == wanted[0]:
            close.setdefault(folded, word)
    return [close[match] for match in difflib.get_close_matches(wanted, close, n, cutoff=0.6)]
