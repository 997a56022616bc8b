"""Exact nearest rows: one pass over the stored rows serves any number of questions at once.

Every score is an affine function of a product with a stored row,

    s = r · (w·x + c) + t        (per row: r, t; per query: x, c)

so rows are decoded once a block, and never copied into a space. Candidates are found in float32, through FAISS
(``faiss.knn``, flat inner product) or through a plain blocked scan, then scored again in float64. The rounding of a
float32 product is bounded by γ‖w‖‖x‖ (Higham 2002, "Accuracy and Stability of Numerical Algorithms", §3.1);
only rows that this bound rules out are left unscored, so ids and scores are those of a float64 brute force.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal, Protocol, runtime_checkable

import numpy as np
from jaxtyping import Bool, Float, Float32, Float64, Int64

from geometry.choices import METRICS, Metric, check_choice
from geometry.errors import OptionError, ReadoutError
from geometry.head import Head
from geometry.linalg import log_sum_exp, unit
from geometry.moments import blocks

Backend = Literal["faiss", "scan"]

LONGEST_QUERY = 1e15
"""Queries longer than this are refused where their length matters: float32 products with them overflow."""

SLACK = 32
"""Candidates that FAISS gives beyond the k asked for, so that near-ties at the end are settled in float64."""


@dataclass(frozen=True, eq=False)
class Neighbors:
    """The best rows for one query, best first, ties by id; scores in float64, higher is better."""

    ids: Int64[np.ndarray, " k"]
    scores: Float64[np.ndarray, " k"]


@dataclass(frozen=True, eq=False)
class Scoring:
    """One metric's scores for a batch of queries: s = scale · (w·x + offset) + shift for every stored row w.

    Attributes:
        x: queries pulled back to the stored rows (queries, dim).
        offset: (queries,).
        scale: a factor a row, or None for 1 (vocab,).
        shift: a summand a row, or None for 0 (vocab,).
    """

    head: Head
    metric: Metric
    vectors: Float64[np.ndarray, "queries dim"]
    x: Float64[np.ndarray, "queries dim"]
    offset: Float64[np.ndarray, " queries"]
    scale: Float64[np.ndarray, " vocab"] | None = None
    shift: Float64[np.ndarray, " vocab"] | None = None

    def exact(self, query: int, ids: Int64[np.ndarray, " found"]) -> Float64[np.ndarray, " found"]:
        """The metric itself, in float64, for one query and some rows: equal rows get equal scores."""
        stored = self.head.opened.matrix.rows(ids)
        rows, vector = self.head.space.apply(stored), self.vectors[query]
        # sums along each row, not a matrix product, whose rounding depends on where in the block a row stands
        if self.metric == "euclidean":
            return -np.asarray(np.sqrt(((rows - vector) ** 2).sum(axis=1)))
        if self.metric == "cosine":
            return np.asarray(np.clip((unit(rows) * unit(vector)).sum(axis=1), -1.0, 1.0))
        scores: Float64[np.ndarray, " found"] = (rows * vector).sum(axis=1)
        readout = self.head.readout
        if self.head.space.name != "raw" and readout.beta is not None:
            scores += (stored * (readout.beta.astype(np.float64) * readout.prescale)).sum(axis=1)
        if self.head.space.name != "raw" and readout.bias is not None:
            scores += readout.bias[ids]
        return scores

    def only(self, query: int) -> "Scoring":
        """The same for one of the queries."""
        one = [query]
        return replace(self, vectors=self.vectors[one], x=self.x[one], offset=self.offset[one])

    def error(self, query: int) -> Float64[np.ndarray, " vocab"]:
        """A bound, for every row, on what float32 arithmetic can get wrong."""
        roundings = (self.x.shape[1] + 8) * np.finfo(np.float32).eps
        size = self.head.opened.raw_norms * np.linalg.norm(self.x[query]) + abs(self.offset[query])
        if self.scale is not None:
            size = size * self.scale
        bound: Float64[np.ndarray, " vocab"] = roundings * (size if self.shift is None else size + np.abs(self.shift))
        return bound


def score_with(head: Head, vectors: Float[np.ndarray, "queries dim"], metric: Metric) -> Scoring:
    """Set up a metric on a head in its space.

    Args:
        vectors: for ``cosine`` and ``euclidean`` sums in the space; for ``logit`` the same in ``raw`` and, elsewhere,
            residuals on the sphere (:func:`geometry.concepts.residual`).

    Returns:
        ``logit``: q·w in raw, else w̃·u + b (b with W·β, before scale and cap); ``cosine``: cosine similarity in
        [−1, 1], 0 for a zero row; ``euclidean``: −‖w̃ − q‖, at most 0.

    Raises:
        ReadoutError: ``logit`` in space ``whitened``.
        OptionError: no such metric.
    """
    check_choice("metric", metric, METRICS)
    wide = vectors.astype(np.float64)
    if metric == "logit":
        return _logit_scoring(head, wide)
    if metric == "cosine":
        x, offset = head.space.pull(unit(wide))
        norms = head.norms
        scale = np.divide(1.0, norms, out=np.zeros_like(norms), where=norms > 0)
        return Scoring(head, metric, wide, x, offset, scale=scale)
    # −‖w̃ − q‖² = 2(w̃·q − ‖w̃‖²/2) − ‖q‖² has the same order
    x, offset = head.space.pull(wide)
    if np.abs(x).max(initial=0.0) > LONGEST_QUERY:
        raise OptionError(
            f"a sum of length {np.abs(x).max():.1e} arrived; distances need one below {LONGEST_QUERY:.0e}"
        )
    return Scoring(head, metric, wide, x, offset, shift=-0.5 * head.norms**2)


def _logit_scoring(head: Head, vectors: Float64[np.ndarray, "queries dim"]) -> Scoring:
    if head.space.name == "whitened":
        raise ReadoutError(
            "metric logit has no meaning on whitened rows; use --metric cosine or euclidean, or another space"
        )
    x, offset = head.space.pull(vectors)
    if head.space.name == "raw":
        # the order of q·w does not depend on q's length, which float32 might not hold
        largest = np.abs(x).max(axis=1, keepdims=True)
        return Scoring(head, "logit", vectors, np.divide(x, largest, out=x.copy(), where=largest > 0), offset)
    readout = head.readout
    if readout.beta is not None:
        x = x + readout.beta.astype(np.float64) * readout.prescale
    bias = None if readout.bias is None else readout.bias.astype(np.float64)
    return Scoring(head, "logit", vectors, x, offset, shift=bias)


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


class Partition:
    """Reader: log Σ exp(logit / T) over every finite row, for the probabilities of a batch of residuals."""

    def __init__(self, scoring: Scoring, temperature: float) -> None:
        self.scoring, self.temperature = scoring, temperature
        self.total = np.full(len(scoring.x), -np.inf)

    def see(self, start: int, block: Float32[np.ndarray, "tokens dim"]) -> None:
        finite = self.scoring.head.opened.finite[start : start + len(block)]
        if not finite.all():
            block = block[finite]
        scores = self.scoring.x.astype(np.float32) @ block.T
        if self.scoring.shift is not None:
            scores = scores + self.scoring.shift[start : start + len(finite)][finite].astype(np.float32)
        logits = self.scoring.head.readout.finish(scores).astype(np.float64)
        self.total = np.logaddexp(self.total, log_sum_exp(logits / self.temperature))


class Logits:
    """Reader: every finite row's logit for one query of a scoring (−inf elsewhere), for sampling."""

    def __init__(self, scoring: Scoring, query: int) -> None:
        self.scoring, self.query = scoring, query
        self.values = np.full(scoring.head.vocab, -np.inf)

    def see(self, start: int, block: Float32[np.ndarray, "tokens dim"]) -> None:
        stop = start + len(block)
        scores = self.scoring.x[[self.query]].astype(np.float32) @ block.T
        if self.scoring.shift is not None:
            scores = scores + self.scoring.shift[start:stop].astype(np.float32)
        finite = self.scoring.head.opened.finite[start:stop]
        self.values[start:stop] = np.where(finite, self.scoring.head.readout.finish(scores)[0], -np.inf)


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
