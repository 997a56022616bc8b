"""Exact nearest rows: one pass over the stored rows serves any number of questions at once.

Rows are decoded once a block. Candidates are found in float32, through FAISS (``faiss.knn``, flat inner product) or
through a plain blocked scan, then scored again in float64. The rounding of a float32 product is bounded by γ‖w‖‖x‖
(Higham 2002, "Accuracy and Stability of Numerical Algorithms", §3.1); only rows that this bound rules out are left
unscored, so ids and scores are those of a float64 brute force.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, Protocol, runtime_checkable

import numpy as np
from jaxtyping import Bool, Float, Float32, Float64, Int64

from geometry.choices import Metric
from geometry.errors import OptionError
from geometry.head import Head
from geometry.linalg import log_sum_exp
from geometry.moments import blocks
from geometry.scoring import Scoring, score_with

Backend = Literal["faiss", "scan"]

SLACK = 32
"""Candidates that FAISS gives beyond the k asked for, so that near-ties at the end are settled in float64."""

QUERIES_AT_ONCE = 128
"""Queries whose logits over one block of rows are held at a time."""


@dataclass(frozen=True, eq=False)
class Neighbors:
    """The best rows for one query, best first, ties by id; scores in float64, higher is better."""

    ids: Int64[np.ndarray, " k"]
    scores: Float64[np.ndarray, " k"]


@runtime_checkable
class Reader(Protocol):
    """Something that looks at every block of a head as it goes by."""

    def see(self, start: int, block: Float32[np.ndarray, "tokens dim"]) -> None:
        """Take in the rows from ``start`` on."""


def scan(head: Head, readers: Sequence[Reader]) -> None:
    """Decode every block of the head once and show it to each reader."""
    for start, block in blocks(head.opened.matrix, "scan"):
        for reader in readers:
            reader.see(start, block)


class BestRows:
    """Reader: the k best rows of every query of a scoring, exactly."""

    def __init__(
        self, scoring: Scoring, allowed: Bool[np.ndarray, " vocab"], k: int, *, backend: Backend = "faiss"
    ) -> None:
        self.scoring, self.allowed, self.k, self.backend = scoring, allowed, k, backend
        queries = len(scoring.x)
        self._ids = np.empty((queries, 0), dtype=np.int64)
        self._scores = np.empty((queries, 0), dtype=np.float32)
        self._kept: list[_Survivors] | None = None
        if backend == "scan":
            self._kept = [_Survivors(scoring.error(query), k) for query in range(queries)]

    def see(self, start: int, block: Float32[np.ndarray, "tokens dim"]) -> None:
        inside = np.flatnonzero(self.allowed[start : start + len(block)])
        if not len(inside):
            return
        rows = block if len(inside) == len(block) else block[inside]
        if self._kept is not None:
            for kept, scores in zip(self._kept, self._products(inside + start, rows), strict=True):
                kept.add(inside + start, scores)
        else:
            self._see_with_faiss(inside + start, rows)

    def result(self) -> list[Neighbors]:
        """The neighbours of each query, to be asked for after the scan."""
        return [self._settle(query) for query in range(len(self.scoring.x))]

    def rough_ids(self) -> Int64[np.ndarray, "queries found"]:
        """The best rows as float32 ranks them, unsettled: enough to count with. FAISS only."""
        return self._ids[:, : self.k]

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

    def _see_with_faiss(self, ids: Int64[np.ndarray, " tokens"], rows: Float32[np.ndarray, "tokens dim"]) -> None:
        import faiss

        scoring = self.scoring
        x, offset = scoring.x.astype(np.float32), scoring.offset.astype(np.float32)[:, None]
        if scoring.scale is not None or scoring.shift is not None:
            scale = np.ones(len(ids)) if scoring.scale is None else scoring.scale[ids]
            shift = np.zeros(len(ids)) if scoring.shift is None else scoring.shift[ids]
            column = scale.astype(np.float32)[:, None]
            rows = np.hstack([rows * column, column, shift.astype(np.float32)[:, None]])
            x = np.hstack([x, offset, np.ones_like(offset)])
            offset = np.zeros_like(offset)
        wanted = self.k + SLACK
        scores, found = faiss.knn(
            np.ascontiguousarray(x), np.ascontiguousarray(rows), min(wanted, len(rows)),
            metric=faiss.METRIC_INNER_PRODUCT,
        )  # fmt: skip
        scores = np.hstack([self._scores, scores + offset])
        order = np.argsort(-scores, axis=1, kind="stable")[:, :wanted]
        self._scores = np.take_along_axis(scores, order, axis=1)
        self._ids = np.take_along_axis(np.hstack([self._ids, ids[found]]), order, axis=1)

    def _settle(self, query: int) -> Neighbors:
        if self._kept is not None:
            return best_of(self.scoring, query, self._kept[query].ids(), self.k)
        ids = self._ids[query]
        best = best_of(self.scoring, query, ids, self.k)
        if len(ids) == int(self.allowed.sum()):
            return best
        # a row left out scores at most the last candidate's float32 score and twice the rounding
        error = self.scoring.error(query)[self.allowed].max()
        kth = self._scores[query][min(self.k, len(ids)) - 1]
        if kth - error > self._scores[query][-1] + error:
            return best
        return self._settle_by_scan(query)

    def _settle_by_scan(self, query: int) -> Neighbors:
        again = BestRows(self.scoring.only(query), self.allowed, self.k, backend="scan")
        scan(self.scoring.head, [again])
        return again.result()[0]


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


def best_of(scoring: Scoring, query: int, ids: Int64[np.ndarray, " found"], k: int) -> Neighbors:
    """Score some rows in float64 and keep the k best, ties by id."""
    scores = scoring.exact(query, ids)
    order = np.lexsort((ids, -scores))[:k]
    return Neighbors(ids[order], scores[order])


def block_logits(
    scoring: Scoring, start: int, block: Float32[np.ndarray, "tokens dim"], part: slice = slice(None)
) -> Float64[np.ndarray, "queries tokens"]:
    """The head's own logits, scaled and capped, for one block of rows; −inf where a row is not finite.

    Args:
        part: which queries; all by default.
    """
    stop = start + len(block)
    with np.errstate(invalid="ignore", over="ignore"):
        scores = scoring.x[part].astype(np.float32) @ block.T
        if scoring.shift is not None:
            scores += scoring.shift[start:stop].astype(np.float32)
        logits = scoring.head.readout.finish(scores).astype(np.float64)
    logits[:, ~scoring.head.opened.finite[start:stop]] = -np.inf
    return logits


class Partition:
    """Reader: log Σ exp(logit / T) over every finite row, for the probabilities of a batch of residuals."""

    def __init__(self, scoring: Scoring, temperature: float) -> None:
        self.scoring, self.temperature = scoring, temperature
        self.total = np.full(len(scoring.x), -np.inf)

    def see(self, start: int, block: Float32[np.ndarray, "tokens dim"]) -> None:
        # some queries at a time: with all of a thousand, the float64 copies would be larger than the block
        for first in range(0, len(self.total), QUERIES_AT_ONCE):
            part = slice(first, first + QUERIES_AT_ONCE)
            logits = block_logits(self.scoring, start, block, part)
            self.total[part] = np.logaddexp(self.total[part], log_sum_exp(logits / self.temperature))


class Logits:
    """Reader: every finite row's logit for one query of a scoring (−inf elsewhere), for sampling."""

    def __init__(self, scoring: Scoring, query: int) -> None:
        self.scoring = scoring.only(query)
        self.values = np.full(scoring.head.vocab, -np.inf)

    def see(self, start: int, block: Float32[np.ndarray, "tokens dim"]) -> None:
        self.values[start : start + len(block)] = block_logits(self.scoring, start, block)[0]


def neighbors(
    head: Head,
    vectors: Float[np.ndarray, "queries dim"],
    k: int,
    *,
    metric: Metric = "cosine",
    allowed: Bool[np.ndarray, " vocab"] | None = None,
    backend: Backend = "faiss",
) -> list[Neighbors]:
    """The k best rows for every vector, exactly: ids and scores of a float64 brute force, ties by id.

    Args:
        vectors: as :func:`score_with` takes them.
        metric: see there; ``csls`` finds r of every row first, which is quadratic in vocab, once a head and space.
        allowed: rows that may be found; all finite, unmasked ones by default.

    Raises:
        OptionError: k is not positive.
    """
    if k < 1:
        raise OptionError(f"k={k} arrived; expected at least 1")
    reader = BestRows(
        score_with(head, vectors, metric),
        head.candidates() if allowed is None else allowed,
        k,
        backend=backend,
    )
    scan(head, [reader])
    return reader.result()
