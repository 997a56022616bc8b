"""Sentencepiece's byte pair encoding: of all neighbours that make a piece, those with the best score are merged first.

A GGUF file holds the pieces' scores and no merges (Kudo & Richardson 2018, "SentencePiece", §3.1).
"""

import heapq
from collections.abc import Mapping
from functools import cached_property

from geometry.tokens.table import TokenTable


class ScoredEncoder:
    """Encodes a text with pieces and scores; added tokens that are no control tokens are found in it first.

    Args:
        table: the tokens, of the family ``sentencepiece``.
        scores: the score of every ordinary piece.
        ids: the id of every ordinary piece.
        byte_ids: the id of every byte that has a token for what no piece spells.
    """

    note = ""

    def __init__(
        self, table: TokenTable, scores: Mapping[str, float], ids: Mapping[str, int], byte_ids: Mapping[int, int]
    ) -> None:
        self._table, self._scores, self._ids, self._bytes = table, scores, ids, byte_ids

    @cached_property
    def _added(self) -> dict[str, int]:
        """The added tokens that a text may hold, by their text."""
        added = (token.id for token in self._table.added.values() if not token.special)
        return {self._table.data[token].decode(): token for token in added if self._table.data[token]}

    @cached_property
    def _lengths(self) -> dict[str, list[int]]:
        """How long they are, by their first character, the longest first: however many there are, these are few."""
        found: dict[str, set[int]] = {}
        for text in self._added:
            found.setdefault(text[0], set()).add(len(text))
        return {first: sorted(lengths, reverse=True) for first, lengths in found.items()}

    def normalise(self, text: str) -> bytes:
        """Return the bytes of the text itself."""
        return text.encode()

    def encode(self, text: str) -> list[int]:
        """Return the canonical token ids of exactly this text."""
        ids, start, at = [], 0, 0
        while at < len(text):
            lengths = self._lengths.get(text[at], ())
            found = next((text[at : at + length] for length in lengths if text[at : at + length] in self._added), "")
            if found:
                ids += [*self._encode_plain(text[start:at]), self._added[found]]
                start = at + len(found)
            at += len(found) or 1
        return ids + self._encode_plain(text[start:])

    def _encode_plain(self, text: str) -> list[int]:
        ids = []
        for part in merge_best(list(text.replace(" ", self._table.alphabet.mark)), self._scores):
            if part in self._ids:
                ids.append(self._ids[part])
            else:
                ids += self._spell(part.replace(self._table.alphabet.mark, " ").encode())
        return ids

    def _spell(self, data: bytes) -> list[int]:
        """Return the byte tokens of what no piece spells, or the unknown token, if there is one."""
        if all(byte in self._bytes for byte in data):
            return [self._bytes[byte] for byte in data]
        return [] if self._table.unknown is None else [self._table.unknown]


def merge_best(parts: list[str], scores: Mapping[str, float]) -> list[str]:
    """Merge neighbours whose text has a score, the best score first and then the leftmost, until none has one.

    Pairs wait in a heap, so that a long text takes n log n steps.
    """
    end = len(parts)
    following, before = list(range(1, end + 1)), list(range(-1, end - 1))
    alive = [True] * end
    heap: list[tuple[float, int, str]] = []

    def offer(left: int) -> None:
        if left >= 0 and following[left] < end:
            text = parts[left] + parts[following[left]]
            if text in scores:
                heapq.heappush(heap, (-scores[text], left, text))

    for left in range(end - 1):
        offer(left)
    while heap:
        _, left, text = heapq.heappop(heap)
        right = following[left]
        # a pair is stale where one of its parts has been merged since
        if not alive[left] or right >= end or parts[left] + parts[right] != text:
            continue
        parts[left], alive[right] = text, False
        following[left] = following[right]
        if following[left] < end:
            before[following[left]] = left
        offer(left)
        offer(before[left])
    return [part for part, kept in zip(parts, alive, strict=True) if kept]
