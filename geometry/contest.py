"""The best emoji and the best other row for each of many residuals, in one pass over the head and bounded memory."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import numpy as np
from jaxtyping import Bool, Float32, Float64, Int64

from geometry.head import Head
from geometry.moments import block_rows
from geometry.progress import track
from geometry.scoring import score_with

SETTLED = 256
"""Residuals that are in memory as float64 at once."""

AT_ONCE = 16_384
"""Residuals that one pass over the head serves; more take a pass for every so many."""

SCORES_BYTES = 64 * 2**20
"""Memory that scores take at once."""

PRODUCTS_A_SECOND = 1e11
"""Multiply-adds that a machine makes in float32, roughly: by it a bar is shown where many residuals take long."""


@runtime_checkable
class Residuals(Protocol):
    """Residuals that are made where they are asked for, so that not all need to be in memory; an array is some too."""

    def __len__(self) -> int:
        """How many there are."""

    def __getitem__(self, part: slice, /) -> Float64[np.ndarray, "queries dim"]:
        """Make some of them."""


@dataclass(frozen=True, eq=False)
class Contest:
    """Who is best for each residual; −1 and −∞ where no row of that sort is left.

    Attributes:
        emoji, emoji_score: The best whole emoji and its logit before scale and cap (in ``raw`` q·w).
        other, other_score: The best row that is no emoji.
    """

    emoji: Int64[np.ndarray, " queries"]
    emoji_score: Float64[np.ndarray, " queries"]
    other: Int64[np.ndarray, " queries"]
    other_score: Float64[np.ndarray, " queries"]

    @property
    def lead(self) -> Float64[np.ndarray, " queries"]:
        """E: the best emoji's score less the best other row's."""
        return np.asarray(self.emoji_score - self.other_score)

    @property
    def best(self) -> Float64[np.ndarray, " queries"]:
        """The best score of all."""
        return np.asarray(np.maximum(self.emoji_score, self.other_score))

    @property
    def winner(self) -> Int64[np.ndarray, " queries"]:
        """Who has it; of equal scores the lower id."""
        level = self.emoji_score == self.other_score
        ahead = np.where(level, self.emoji < self.other, self.emoji_score > self.other_score)
        return np.where(ahead, self.emoji, self.other)


def contest(
    head: Head,
    residuals: Float64[np.ndarray, "queries dim"] | Residuals,
    left_out: Sequence[frozenset[int]],
    *,
    candidates: Bool[np.ndarray, " vocab"] | None = None,
) -> Contest:
    """Find the best emoji and the best other row for every residual.

    Rows are compared in float32 and the best of each sort scored again in float64: scores are exact, and a row is
    passed over only for one whose score is the same to float32's rounding.

    Memory above the residuals given: one decoded block, `SCORES_BYTES` of scores, `AT_ONCE` residuals in float32 and
    `SETTLED` in float64; at dim 4,096 at most 0.4 GB, however many residuals and rows there are.

    Args:
        head: In the space whose rows meet residuals: `geometry.products.residual_view`.
        residuals: As `geometry.products.residuals_of` gives them; up to `AT_ONCE` take one pass over the head.
        left_out: For each residual the rows that are no candidates: inputs, variants, a family.
        candidates: Rows that may win at all, of those that are finite; by default every unmasked one.
    """
    allowed = head.candidates() if candidates is None else candidates & head.opened.finite
    is_emoji = np.zeros(head.vocab, dtype=np.bool_)
    is_emoji[head.opened.emoji_ids] = True
    emoji, other = np.full(len(residuals), -1), np.full(len(residuals), -1)
    for start in range(0, len(residuals), AT_ONCE):
        part = slice(start, min(start + AT_ONCE, len(residuals)))
        best = _Best(_products(head, residuals, part), allowed, is_emoji, left_out[part])
        _scan(head, best)
        emoji[part], other[part] = best.ids
    return Contest(emoji, _settle(head, residuals, emoji), other, _settle(head, residuals, other))


@dataclass(frozen=True, eq=False)
class _Products:
    """What turns stored rows into scores, in float32: rows @ x.T + offset + shift."""

    x: Float32[np.ndarray, "queries dim"]
    offset: Float32[np.ndarray, " queries"]
    shift: Float64[np.ndarray, " vocab"] | None


def _products(head: Head, residuals: Float64[np.ndarray, "queries dim"] | Residuals, wanted: slice) -> _Products:
    queries = wanted.stop - wanted.start
    x, offset = np.empty((queries, head.dim), dtype=np.float32), np.empty(queries, dtype=np.float32)
    shift = None
    for start in range(0, queries, SETTLED):
        stop = min(start + SETTLED, queries)
        part = score_with(head, residuals[wanted.start + start : wanted.start + stop], "logit")
        x[start:stop], offset[start:stop], shift = part.x, part.offset, part.shift
    return _Products(x, offset, shift)


def _settle(
    head: Head, residuals: Float64[np.ndarray, "queries dim"] | Residuals, ids: Int64[np.ndarray, " queries"]
) -> Float64[np.ndarray, " queries"]:
    """The scores of the rows found, in float64; −∞ where none was."""
    scores = np.full(len(ids), -np.inf)
    for start in range(0, len(ids), SETTLED):
        part = score_with(head, residuals[start : start + SETTLED], "logit")
        found = np.flatnonzero(ids[start : start + SETTLED] >= 0)
        scores[start + found] = part.exact_pairs(found, ids[start + found])
    return scores


def _scan(head: Head, best: "_Best") -> None:
    """Show every row to the queries once, with a bar where there are many rows or many queries."""
    matrix, queries = head.opened.matrix, len(best.ids[0])
    size = min(block_rows(matrix), max(64, SCORES_BYTES // (4 * queries)))
    seconds = queries * head.vocab * head.dim / PRODUCTS_A_SECOND
    total = -(-head.vocab // size)
    label = f"names ({queries:,})"
    for start, block in track(matrix.blocks(size), label, total=total, nbytes=matrix.nbytes, seconds=seconds):
        best.see(start, block)


class _Best:
    """The best allowed emoji and the best other allowed row of each query, less those that the query leaves out."""

    def __init__(
        self,
        products: _Products,
        allowed: Bool[np.ndarray, " vocab"],
        is_emoji: Bool[np.ndarray, " vocab"],
        left_out: Sequence[frozenset[int]],
    ) -> None:
        self._products, self._allowed, self._is_emoji = products, allowed, is_emoji
        pairs = sorted((token, query) for query, tokens in enumerate(left_out) for token in tokens)
        self._tokens = np.array([token for token, _ in pairs], dtype=np.int64)
        self._queries = np.array([query for _, query in pairs], dtype=np.int64)
        self.ids = np.full((2, len(products.x)), -1)
        self._scores = np.full((2, len(products.x)), -np.inf, dtype=np.float32)

    def see(self, start: int, block: Float32[np.ndarray, "tokens dim"]) -> None:
        """Take in the rows from ``start`` on."""
        inside = np.flatnonzero(self._allowed[start : start + len(block)])
        if not len(inside):
            return
        scores = self._scored(start, block, inside)
        emoji = np.flatnonzero(self._is_emoji[start + inside])
        if len(emoji):
            self._take(0, scores[:, emoji], start + inside[emoji])
            scores[:, emoji] = -np.inf
        self._take(1, scores, start + inside)

    def _scored(
        self, start: int, block: Float32[np.ndarray, "tokens dim"], inside: Int64[np.ndarray, " inside"]
    ) -> Float32[np.ndarray, "queries inside"]:
        """The allowed rows' scores, −∞ where a query leaves a row out."""
        rows = block if len(inside) == len(block) else block[inside]
        scores: Float32[np.ndarray, "queries inside"] = self._products.x @ rows.T
        scores += self._products.offset[:, None]
        if self._products.shift is not None:
            scores += self._products.shift[start + inside].astype(np.float32)
        first, last = np.searchsorted(self._tokens, [start, start + len(block)])
        column = np.full(len(block), -1)
        column[inside] = np.arange(len(inside))
        gone = column[self._tokens[first:last] - start]
        scores[self._queries[first:last][gone >= 0], gone[gone >= 0]] = -np.inf
        return scores

    def _take(self, kind: int, scores: Float32[np.ndarray, "queries some"], ids: Int64[np.ndarray, " some"]) -> None:
        """Keep the best of these rows where it beats those before."""
        best = scores.argmax(axis=1)
        value = scores[np.arange(len(scores)), best]
        better = value > self._scores[kind]
        self._scores[kind, better] = value[better]
        self.ids[kind, better] = ids[best[better]]
