"""The best emoji and the best other row for each of many residuals, in one pass over the head and bounded memory."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float32, Float64, Int64

from geometry.head import Head
from geometry.scoring import score_with
from geometry.search import scan

SETTLED = 256
"""Residuals whose best rows are scored again at once."""


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
    residuals: Float64[np.ndarray, "queries dim"],
    left_out: Sequence[frozenset[int]],
    *,
    candidates: Bool[np.ndarray, " vocab"] | None = None,
) -> Contest:
    """Find the best emoji and the best other row for every residual.

    Rows are compared in float32 and the best of each sort scored again in float64: scores are exact, and a row is
    passed over only for one whose score is the same to float32's rounding.

    Args:
        head: In the space whose rows meet residuals: `geometry.products.residual_view`.
        residuals: As `geometry.products.residuals_of` gives them.
        left_out: For each residual the rows that are no candidates: inputs, variants, a family.
        candidates: Rows that may win at all; by default every finite, unmasked one.
    """
    allowed = head.candidates() if candidates is None else candidates
    is_emoji = np.zeros(head.vocab, dtype=np.bool_)
    is_emoji[head.opened.emoji_ids] = True
    if not len(residuals):
        nobody = (np.empty(0, dtype=np.int64), np.empty(0))
        return Contest(*nobody, *nobody)
    products = _products(head, residuals)
    readers = [_Best(products, allowed & kind, left_out) for kind in (is_emoji, ~is_emoji)]
    scan(head, readers)
    (emoji, emoji_score), (other, other_score) = (
        (reader.ids, _settle(head, residuals, reader.ids)) for reader in readers
    )
    return Contest(emoji, emoji_score, other, other_score)


@dataclass(frozen=True, eq=False)
class _Products:
    """What turns stored rows into scores, in float32: rows @ x.T + offset + shift."""

    x: Float32[np.ndarray, "queries dim"]
    offset: Float32[np.ndarray, " queries"]
    shift: Float64[np.ndarray, " vocab"] | None


def _products(head: Head, residuals: Float64[np.ndarray, "queries dim"]) -> _Products:
    x, offset = np.empty(residuals.shape, dtype=np.float32), np.empty(len(residuals), dtype=np.float32)
    shift = None
    for start in range(0, len(residuals), SETTLED):
        part = score_with(head, residuals[start : start + SETTLED], "logit")
        x[start : start + SETTLED], offset[start : start + SETTLED], shift = part.x, part.offset, part.shift
    return _Products(x, offset, shift)


def _settle(
    head: Head, residuals: Float64[np.ndarray, "queries dim"], ids: Int64[np.ndarray, " queries"]
) -> Float64[np.ndarray, " queries"]:
    """The scores of the rows found, in float64; −∞ where none was."""
    scores = np.full(len(ids), -np.inf)
    for start in range(0, len(residuals), SETTLED):
        part = score_with(head, residuals[start : start + SETTLED], "logit")
        for query in np.flatnonzero(ids[start : start + SETTLED] >= 0).tolist():
            scores[start + query] = part.exact(query, ids[start + query : start + query + 1])[0]
    return scores


class _Best:
    """Reader: the best allowed row of each query, less those that the query leaves out."""

    def __init__(
        self, products: _Products, allowed: Bool[np.ndarray, " vocab"], left_out: Sequence[frozenset[int]]
    ) -> None:
        self._products, self._allowed = products, allowed
        pairs = sorted((token, query) for query, tokens in enumerate(left_out) for token in tokens)
        self._tokens = np.array([token for token, _ in pairs], dtype=np.int64)
        self._queries = np.array([query for _, query in pairs], dtype=np.int64)
        self.ids = np.full(len(products.x), -1, dtype=np.int64)
        self._scores = np.full(len(products.x), -np.inf, dtype=np.float32)

    def see(self, start: int, block: Float32[np.ndarray, "tokens dim"]) -> None:
        stop = start + len(block)
        inside = np.flatnonzero(self._allowed[start:stop])
        if not len(inside):
            return
        scores = self._products.x @ block[inside].T
        scores += self._products.offset[:, None]
        if self._products.shift is not None:
            scores += self._products.shift[start + inside].astype(np.float32)
        first, last = np.searchsorted(self._tokens, [start, stop])
        column = np.full(len(block), -1)
        column[inside] = np.arange(len(inside))
        gone = column[self._tokens[first:last] - start]
        scores[self._queries[first:last][gone >= 0], gone[gone >= 0]] = -np.inf
        best = scores.argmax(axis=1)
        value = scores[np.arange(len(scores)), best]
        better = value > self._scores
        self._scores[better] = value[better]
        self.ids[better] = inside[best[better]] + start
