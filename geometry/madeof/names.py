"""What a vector may not be made of: its own tokens, their variants, and for an emoji the words of its name."""

import re
from collections.abc import Iterable, Sequence

from geometry.head import Head
from geometry.landing.scans import variants_of
from geometry.tokens import Emoji, Vocabulary, lookup
from geometry.tokens.variants import inflections


def spelt_emoji(head: Head, ids: Sequence[int]) -> Emoji | None:
    """The emoji that these tokens write together, with or without a space before it."""
    tokens = head.tokens
    if tokens is None or not all(token < tokens.size for token in ids):
        return None
    try:
        return lookup(b"".join(map(tokens.bytes_of, ids)).removeprefix(b" ").decode())
    except UnicodeDecodeError:
        return None


def own_words(head: Head, ids: Sequence[int]) -> frozenset[int]:
    """These tokens, their variants, and where they write an emoji every word of its name with its variants."""
    emoji = spelt_emoji(head, ids)
    named = frozenset() if emoji is None else frozenset(_name_tokens(head.words(), emoji.name))
    known = named.union(ids)
    return known | variants_of(head, known)


def _name_tokens(tokens: Vocabulary, name: str) -> Iterable[int]:
    """One token at least of every word, from which `Vocabulary.variants` leads to the others."""
    # jack-o-lantern is left out as it stands and in its parts
    words = dict.fromkeys(re.findall(r"[\w'’-]+", name.lower()) + re.findall(r"[^\W_]+", name.lower()))
    for word in words:
        for form in (word, *inflections(word)):
            for dressed in (form, form.capitalize(), form.upper()):
                yield from tokens.with_bytes(f" {dressed}".encode())
                yield from tokens.with_bytes(dressed.encode())
