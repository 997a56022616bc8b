"""Which emoji can still be reached from the bytes written so far."""

from bisect import bisect_left
from collections.abc import Callable, Iterable, Sequence
from functools import cache

from geometry.tokens.emoji import Emoji, catalogue, lookup

MAX_SEGMENTATIONS = 1000


class ByteTrie:
    """A set of byte strings that answers what continues a prefix.

    The strings are kept sorted and searched by bisection: the same answers as a tree of nodes, in a
    hundredth of its memory and with nothing to build.
    """

    def __init__(self, strings: Iterable[bytes]) -> None:
        self._sorted = sorted(set(strings))

    def __len__(self) -> int:
        return len(self._sorted)

    def __contains__(self, data: bytes) -> bool:
        place = bisect_left(self._sorted, data)
        return place < len(self._sorted) and self._sorted[place] == data

    def under(self, prefix: bytes) -> tuple[bytes, ...]:
        """Return every string that starts with ``prefix``, itself included, in byte order.

        >>> ByteTrie([b"ab", b"abc", b"b"]).under(b"ab")
        (b'ab', b'abc')
        """
        start = stop = bisect_left(self._sorted, prefix)
        while stop < len(self._sorted) and self._sorted[stop].startswith(prefix):
            stop += 1
        return tuple(self._sorted[start:stop])

    def opens(self, prefix: bytes) -> bool:
        """Return whether some *longer* string starts with ``prefix``."""
        place = bisect_left(self._sorted, prefix + b"\x00")
        return place < len(self._sorted) and self._sorted[place].startswith(prefix)


@cache
def emoji_trie() -> ByteTrie:
    """Return the trie of every catalogue sequence's UTF-8, unqualified forms and components included."""
    return ByteTrie(emoji.text.encode() for emoji in catalogue())


def reachable(data: bytes) -> tuple[Emoji, ...]:
    """Return the emoji that begin with these bytes, in byte order; one leading space is passed over.

    Forms of one emoji (with and without its variation selectors) count once.

    >>> [emoji.text for emoji in reachable(b" \\xf0\\x9f\\x90\\xa0")]
    ['🐠']
    """
    found = (lookup(text.decode()) for text in emoji_trie().under(data.removeprefix(b" ")))
    return tuple(dict.fromkeys(emoji for emoji in found if emoji is not None))


def segmentations(
    data: bytes, tokens: Callable[[bytes], Sequence[int]], limit: int = MAX_SEGMENTATIONS
) -> tuple[tuple[int, ...], ...]:
    """Return the ways to write exactly these bytes in tokens, the fewest tokens first.

    Args:
        data: The bytes to write.
        tokens: Gives the ids that hold some bytes.
        limit: How many ways are followed and given at most: a long ZWJ sequence has millions.
    """
    found: list[tuple[int, ...]] = []
    open_ways: list[tuple[tuple[int, ...], int]] = [((), 0)]  # the ids so far, and how many bytes they write
    while open_ways and len(found) < limit:
        longer = []
        for ids, start in open_ways[:limit]:
            for end in range(len(data), start, -1):
                for token_id in tokens(data[start:end]):
                    if end == len(data):
                        found.append((*ids, token_id))
                    else:
                        longer.append(((*ids, token_id), end))
        open_ways = longer
    return tuple(found[:limit])
