"""Candidates by float32 products of decoded rows, through FAISS or through a plain blocked scan.

The rounding of a float32 product is bounded by γ‖w‖‖x‖ (Higham 2002, "Accuracy and Stability of Numerical Algorithms",
§3.1); only rows that this bound rules out are left unscored.
"""

import numpy as np
from jaxtyping import Bool, Float32, Float64, Int64

from geometry.scoring import Scoring

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

    def candidates(self, query: int) -> Int64[np.ndarray, " found"] | None:
        """Rows among which the k best of a query are; None where float32 cannot tell."""
        ids: Int64[np.ndarray, " found"] = self._ids[query]
        if len(ids) == int(self.allowed.sum()):
            return ids
        # a row left out scores at most the last candidate's float32 score and twice the rounding
        error = self.scoring.error(query)[self.allowed].max()
        kth = self._scores[query][min(self.k, len(ids)) - 1]
        return ids if kth - error > self._scores[query][-1] + error else None

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

    def candidates(self, query: int) -> Int64[np.ndarray, " found"]:
        """Rows among which the k best of a query are."""
        return self._kept[query].ids()

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

    def ids(self) -> Int64[np.ndarray, " found"]:
        return self._ids


def _inside(
    allowed: Bool[np.ndarray, " vocab"], start: int, block: Float32[np.ndarray, "tokens dim"]
) -> tuple[Int64[np.ndarray, " inside"], Float32[np.ndarray, "inside dim"]]:
    """The ids and rows of a block that may be found; the block itself, uncopied, where all may."""
    inside = np.flatnonzero(allowed[start : start + len(block)])
    return inside + start, block if len(inside) == len(block) else block[inside]
