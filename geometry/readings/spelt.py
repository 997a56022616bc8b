"""Byte tokens joined into the emoji they spell: what a reading completes, or begins, after the tokens before it."""

from collections.abc import Sequence
from dataclasses import dataclass

from geometry.tokens import Vocabulary
from geometry.tokens.emoji import lookup
from geometry.tokens.trie import emoji_trie

MOST_TOKENS = 24
"""Tokens before a reading that are looked at; the longest emoji takes no more bytes than twice this many."""


@dataclass(frozen=True, slots=True)
class Spelt:
    """An emoji in the making.

    Attributes:
        bytes: What is written with this reading, in lower-case hex, a leading space included.
        before: Of it, what stood there already.
        emoji: The emoji it is; None where it only begins one.
    """

    bytes: str
    before: str
    emoji: str | None


def spell_cells(
    tokens: Vocabulary,
    readings: Sequence[Sequence[int]],
    positions: Sequence[int],
    read: Sequence[int] | None,
    where: Sequence[int],
) -> tuple[tuple[Spelt | None, ...], ...]:
    """Join each layer's readings with the bytes before them.

    Args:
        readings: The first token of every layer and position, (layers, positions).
        positions: Where they were read, as places in ``read`` and ``where``.
        read: The tokens that the model read: what is written before a reading is what was read up to there. None
            where that is not known: then a layer's own readings at the positions before.
        where: Where in the text each of these stood: what is not adjacent is not joined.

    Returns:
        (layers, positions); None where nothing is being spelt. A whole emoji's token spells nothing: it says it.
    """
    if read is not None:
        opened = {place: _pending(tokens, read[_run_start(where, place) : place + 1]) for place in positions}
        return tuple(
            tuple(_step(tokens, opened[place], token) for place, token in zip(positions, row, strict=True))
            for row in readings
        )
    stood = [where[place] for place in positions]
    return tuple(
        tuple(_step(tokens, _pending(tokens, row[_run_start(stood, at) : at]), one) for at, one in enumerate(row))
        for row in readings
    )


def _run_start(where: Sequence[int], place: int) -> int:
    """The first place of the run of adjacent ones that ends at a place."""
    while place and where[place] - where[place - 1] == 1:
        place -= 1
    return place


def _pending(tokens: Vocabulary, before: Sequence[int]) -> bytes:
    """The longest run of bytes at the end of some tokens that opens an emoji, all of them in emoji already begun."""
    longest, data = b"", b""
    for token in reversed(before[-MOST_TOKENS:]):
        data = tokens.bytes_of(token) + data
        if not data.removeprefix(b" ").isascii() and emoji_trie().opens(data.removeprefix(b" ")):
            longest = data
    return longest


def _step(tokens: Vocabulary, pending: bytes, token: int) -> Spelt | None:
    raw = tokens.bytes_of(token)
    joined = (pending + raw).removeprefix(b" ")
    if pending and raw and (joined in emoji_trie() or emoji_trie().opens(joined)):
        return _spelt(pending, raw)
    if tokens.kind(token) == "emoji_prefix":
        return _spelt(b"", raw)
    return None


def _spelt(pending: bytes, raw: bytes) -> Spelt:
    data = pending + raw
    bare = data.removeprefix(b" ")
    found = lookup(bare.decode()) if bare in emoji_trie() else None
    return Spelt(data.hex(), pending.hex(), None if found is None else found.text)
