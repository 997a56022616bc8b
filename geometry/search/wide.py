"""Candidates by float32 products of decoded rows, through FAISS or through a plain blocked scan.

The rounding of a float32 product is bounded by γ‖w‖‖x‖ (Higham 2002, "Accuracy and Stability of Numerical Algorithms",
§3.1); only rows that this bound rules out are left unscored.
"""

import numpy as np
from jaxtyping import Bool, Float32, Float64, Int64

from geometry.scoring import Scoring
from geometry.search.pairs import Pairs, joined

SLACK = 32
"""Candidates that FAISS gives beyond the k asked for, so that near-ties at the end are settled in float64."""


class FaissRows:
    """The best rows as ``faiss.knn`` ranks them in float32, some more than asked for."""

    def __init__(self, scoring: Scoring, allowed: Bool[np.ndarray, " vocab"], k: int) -> None:
        self.scoring, self.allowed, self.k = scoring, allowed, k
        queries = len(scoring.x)
        self._ids = np.empty((queries, 0), dtype=np.int64)
        self._scores = np.empty((queries, 0), dtype=np.float32)

    def see(self, start: int, block: Float32[np.ndarray, "tokens dim"]) -> None:
        """Take in the rows from ``start`` on."""
        ids, rows = _inside(self.allowed, start, block)
        if not len(ids):
            return
        import faiss

        x, offset, rows = self._widened(ids, rows)
        wanted = self.k + SLACK
        scores, found = faiss.knn(
            np.ascontiguousarray(x), np.ascontiguousarray(rows), min(wanted, len(rows)),
            metric=faiss.METRIC_INNER_PRODUCT,
        )  # fmt: skip
        scores = np.hstack([self._scores, scores + offset])
        order = np.argsort(-scores, axis=1, kind="stable")[:, :wanted]
        self._scores = np.take_along_axis(scores, order, axis=1)
        self._ids = np.take_along_axis(np.hstack([self._ids, ids[found]]), order, axis=1)

    def _widened(
        self, ids: Int64[np.ndarray, " tokens"], rows: Float32[np.ndarray, "tokens dim"]
    ) -> tuple[
        Float32[np.ndarray, "queries wide"], Float32[np.ndarray, "queries 1"], Float32[np.ndarray, "tokens wide"]
    ]:
        """Queries, what is added to their scores, and rows, with scale and shift as two more columns where needed."""
        scoring = self.scoring
        x, offset = scoring.x.astype(np.float32), scoring.offset.astype(np.float32)[:, None]
        if scoring.scale is None and scoring.shift is None:
            return x, offset, rows
        scale = np.ones(len(ids)) if scoring.scale is None else scoring.scale[ids]
        shift = np.zeros(len(ids)) if scoring.shift is None else scoring.shift[ids]
        column = scale.astype(np.float32)[:, None]
        rows = np.hstack([rows * column, column, shift.astype(np.float32)[:, None]])
        return np.hstack([x, offset, np.ones_like(offset)]), np.zeros_like(offset), rows

    def found(self) -> tuple[Pairs, list[int]]:
        """Rows among which the k best of each query are, and the queries of which float32 cannot tell."""
        queries, found = self._ids.shape
        pairs = _pairs(self.scoring, np.repeat(np.arange(queries), found), self._ids.ravel(), self._scores.ravel())
        if found == int(self.allowed.sum()):
            return pairs, []
        # a row left out scores at most the last candidate's float32 score and twice the rounding
        error = self.scoring.largest_errors(self.allowed)
        kth, last = self._scores[:, min(self.k, found) - 1], self._scores[:, -1]
        sure = kth - error > last + error
        return pairs.where(sure[pairs.queries]), np.flatnonzero(~sure).tolist()

    def rough_ids(self) -> Int64[np.ndarray, "queries found"]:
        """The best rows as float32 ranks them."""
        return self._ids[:, : self.k]


class ScanRows:
    """All rows that float32 cannot rule out, however many."""

    def __init__(self, scoring: Scoring, allowed: Bool[np.ndarray, " vocab"], k: int) -> None:
        self.scoring, self.allowed = scoring, allowed
        self._kept = [_Survivors(scoring.error(query), k) for query in range(len(scoring.x))]

    def see(self, start: int, block: Float32[np.ndarray, "tokens dim"]) -> None:
        """Take in the rows from ``start`` on."""
        ids, rows = _inside(self.allowed, start, block)
        if len(ids):
            for kept, scores in zip(self._kept, self._products(ids, rows), strict=True):
                kept.add(ids, scores)

    def found(self) -> tuple[Pairs, list[int]]:
        """Rows among which the k best of each query are; no query is left in doubt."""
        return joined([kept.pairs(self.scoring, query) for query, kept in enumerate(self._kept)]), []

    def _products(
        self, ids: Int64[np.ndarray, " tokens"], rows: Float32[np.ndarray, "tokens dim"]
    ) -> Float32[np.ndarray, "queries tokens"]:
        scoring = self.scoring
        scores: Float32[np.ndarray, "queries tokens"] = scoring.x.astype(np.float32) @ rows.T
        scores += scoring.offset.astype(np.float32)[:, None]
        if scoring.scale is not None:
            scores *= scoring.scale[ids].astype(np.float32)
        if scoring.shift is not None:
            scores += scoring.shift[ids].astype(np.float32)
        return scores


class _Survivors:
    """Rows of one query that could still be among its k best, given how far float32 can be off."""

    def __init__(self, error: Float64[np.ndarray, " vocab"], k: int) -> None:
        self._error, self._k = error, k
        self._ids = np.empty(0, dtype=np.int64)
        self._scores = np.empty(0, dtype=np.float32)

    def add(self, ids: Int64[np.ndarray, " tokens"], scores: Float32[np.ndarray, " tokens"]) -> None:
        self._ids, self._scores = np.concatenate([self._ids, ids]), np.concatenate([self._scores, scores])
        if len(self._ids) > self._k:
            error = self._error[self._ids]
            certain = np.partition(self._scores - error, -self._k)[-self._k]
            keep = self._scores + error >= certain
            self._ids, self._scores = self._ids[keep], self._scores[keep]

    def pairs(self, scoring: Scoring, query: int) -> Pairs:
        return _pairs(scoring, np.full(len(self._ids), query), self._ids, self._scores)


def _pairs(
    scoring: Scoring, queries: Int64[np.ndarray, " found"], ids: Int64[np.ndarray, " found"],
    scores: Float32[np.ndarray, " found"],
) -> Pairs:  # fmt: skip
    """Pairs with what their float32 scores say of the real ones."""
    error = scoring.error_pairs(queries, ids)
    return Pairs(queries, ids, scores - error, scores + error)


def _inside(
    allowed: Bool[np.ndarray, " vocab"], start: int, block: Float32[np.ndarray, "tokens dim"]
) -> tuple[Int64[np.ndarray, " inside"], Float32[np.ndarray, "inside dim"]]:
    """The ids and rows of a block that may be found; the block itself, uncopied, where all may."""
    inside = np.flatnonzero(allowed[start : start + len(block)])
    return inside + start, block if len(inside) == len(block) else block[inside]
