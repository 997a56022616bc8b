"""Metrics: every one of them an affine function of a product with a stored row,

    s = r · (w·x + c) + t        (per row: r, t; per query: x, c)

so that rows need never be copied into a space to be compared in it. (CSLS takes off r(q) besides, which is the same for
every row and changes no ranking.)
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import pairwise

import numpy as np
from jaxtyping import Bool, Float, Float64, Int64

from geometry.choices import Metric
from geometry.errors import OptionError
from geometry.head import Head
from geometry.hubness import check_metric, local_means, means_of
from geometry.linalg import row_products, unit

LONGEST_QUERY = 1e15
"""Queries longer than this are refused where their length matters: float32 products with them overflow."""

EXACT_AT_ONCE = 2**20
"""Numbers of stored rows that are scored in float64 at a time."""


@dataclass(frozen=True, eq=False)
class Scoring:
    """One metric's scores for a batch of queries: s = scale · (w·x + offset) + shift for every stored row w.

    Attributes:
        x: queries pulled back to the stored rows (queries, dim).
        offset: (queries,).
        scale: a factor a row, or None for 1 (vocab,).
        shift: a summand a row, or None for 0 (vocab,).
        levels: what is taken off all scores of a query, or None for 0 (queries,).
        sizes: what the queries were divided by, or None for 1 (queries,).
    """

    head: Head
    metric: Metric
    vectors: Float64[np.ndarray, "queries dim"]
    x: Float64[np.ndarray, "queries dim"]
    offset: Float64[np.ndarray, " queries"]
    scale: Float64[np.ndarray, " vocab"] | None = None
    shift: Float64[np.ndarray, " vocab"] | None = None
    levels: Float64[np.ndarray, " queries"] | None = None
    sizes: Float64[np.ndarray, " queries"] | None = None

    def exact(self, query: int, ids: Int64[np.ndarray, " found"]) -> Float64[np.ndarray, " found"]:
        """The metric itself, in float64, for one query and some rows: equal rows get equal scores."""
        return self.exact_pairs(np.full(len(ids), query), ids)

    def exact_pairs(
        self, queries: Int64[np.ndarray, " found"], ids: Int64[np.ndarray, " found"]
    ) -> Float64[np.ndarray, " found"]:
        """The same for pairs of a query and a row, sooner where one query's follow each other."""
        size = max(1, EXACT_AT_ONCE // self.x.shape[1])
        parts = [slice(start, start + size) for start in range(0, len(ids), size)]
        scores = [self._exact(queries[part], ids[part]) for part in parts]
        return np.concatenate(scores) if scores else np.empty(0)

    def _exact(
        self, queries: Int64[np.ndarray, " found"], ids: Int64[np.ndarray, " found"]
    ) -> Float64[np.ndarray, " found"]:
        stored = self.head.opened.matrix.rows(ids)
        rows = self.head.space.apply(stored)
        if self.metric == "euclidean":
            apart = rows - self.vectors[queries]
            return np.asarray(-np.sqrt(row_products(apart, apart)))
        if self.metric in ("cosine", "csls"):
            lengths = np.sqrt(row_products(rows, rows))
            along = self._along(rows, queries, unit)
            cosines = np.asarray(np.divide(along, lengths, out=np.zeros_like(along), where=lengths > 0).clip(-1.0, 1.0))
            if self.shift is None or self.levels is None:
                return cosines
            return np.asarray(2.0 * cosines + self.shift[ids] - self.levels[queries])
        scores = self._along(rows, queries)
        readout = self.head.readout
        if self.head.space.name != "raw" and readout.beta is not None:
            scores += row_products(stored.astype(np.float64), readout.beta.astype(np.float64) * readout.prescale)
        if self.head.space.name != "raw" and readout.bias is not None:
            scores += readout.bias[ids]
        return scores

    def _along(
        self,
        rows: Float64[np.ndarray, "found dim"],
        queries: Int64[np.ndarray, " found"],
        change: Callable[[Float64[np.ndarray, " dim"]], Float64[np.ndarray, " dim"]] = np.asarray,
    ) -> Float64[np.ndarray, " found"]:
        """The product of every row with its query, changed as told."""
        products = np.empty(len(rows))
        ends = [*(np.flatnonzero(np.diff(queries)) + 1).tolist(), len(rows)]
        for start, end in pairwise([0, *ends]):
            products[start:end] = row_products(rows[start:end], change(self.vectors[queries[start]]))
        return products

    def only(self, query: int) -> "Scoring":
        """The same for one of the queries."""
        return self.some([query])

    def some(self, queries: Sequence[int]) -> "Scoring":
        """The same for some of the queries, in their order."""
        part = list(queries)
        levels, sizes = (None if one is None else one[part] for one in (self.levels, self.sizes))
        vectors, x, offset = self.vectors[part], self.x[part], self.offset[part]
        return replace(self, vectors=vectors, x=x, offset=offset, levels=levels, sizes=sizes)

    def affine(
        self, queries: Int64[np.ndarray, " found"], scores: Float64[np.ndarray, " found"]
    ) -> Float64[np.ndarray, " found"]:
        """What s is, at least, of rows that got these scores from :meth:`exact`."""
        if self.metric == "euclidean":
            squares, others = scores**2, row_products(self.vectors, self.vectors)[queries]
            return np.asarray(0.5 * (others - squares) - (self.x.shape[1] + 8) * 2.0**-50 * (others + squares))
        if self.levels is not None:
            return np.asarray(scores + self.levels[queries])
        return scores if self.sizes is None else np.asarray(scores / self.sizes[queries])

    def error(self, query: int) -> Float64[np.ndarray, " vocab"]:
        """A bound, for every row, on what float32 arithmetic can get wrong."""
        vocab = self.head.vocab
        return self.error_pairs(np.full(vocab, query), np.arange(vocab))

    def error_pairs(
        self, queries: Int64[np.ndarray, " found"], ids: Int64[np.ndarray, " found"]
    ) -> Float64[np.ndarray, " found"]:
        """The same for pairs of a query and a row."""
        size = self.head.opened.raw_norms[ids] * self._lengths[queries] + np.abs(self.offset[queries])
        if self.scale is not None:
            size = size * self.scale[ids]
        return np.asarray(self._rounding * (size if self.shift is None else size + np.abs(self.shift[ids])))

    def largest_errors(self, rows: Bool[np.ndarray, " vocab"]) -> Float64[np.ndarray, " queries"]:
        """A bound for every query on what float32 arithmetic can get wrong in any of some rows."""
        scale = np.ones(self.head.vocab) if self.scale is None else self.scale
        with np.errstate(invalid="ignore"):
            longest = (self.head.opened.raw_norms * scale).max(where=rows, initial=0.0)
        shifted = 0.0 if self.shift is None else np.abs(self.shift).max(where=rows, initial=0.0)
        size = longest * self._lengths + scale.max(where=rows, initial=0.0) * np.abs(self.offset) + shifted
        return np.asarray(self._rounding * size)

    @cached_property
    def _lengths(self) -> Float64[np.ndarray, " queries"]:
        return np.asarray(np.sqrt(row_products(self.x, self.x)))

    @property
    def _rounding(self) -> float:
        return float((self.x.shape[1] + 8) * np.finfo(np.float32).eps)


def score_with(head: Head, vectors: Float[np.ndarray, "queries dim"], metric: Metric) -> Scoring:
    """Set up a metric on a head in its space.

    Args:
        vectors: for ``cosine`` and ``euclidean`` sums in the space; for ``logit`` the same in ``raw`` and, elsewhere,
            residuals on the sphere (:func:`geometry.concepts.residual`).

    Returns:
        ``logit``: q·w in raw, else w̃·u + b (b with W·β, before scale and cap); ``cosine``: cosine similarity in
        [−1, 1], 0 for a zero row; ``euclidean``: −‖w̃ − q‖, at most 0; ``csls``: 2cos(q, w̃) − r(q) − r(w̃) in [−4, 4],
        cosine similarity held against how near the neighbours of both are (:func:`geometry.hubness.local_means`).

    Raises:
        ReadoutError: ``logit`` in space ``whitened``.
        OptionError: no such metric, or ``csls`` in ``raw`` or ``whitened``.
    """
    check_metric(metric, head.space.name)
    wide = vectors.astype(np.float64, copy=False)
    if metric == "logit":
        return _logit_scoring(head, wide)
    if metric == "csls":
        return csls_scoring(head, wide, local_means(head))
    if metric == "cosine":
        x, offset = head.space.pull(unit(wide))
        return Scoring(head, metric, wide, x, offset, scale=_inverse(head.norms))
    # −‖w̃ − q‖² = 2(w̃·q − ‖w̃‖²/2) − ‖q‖² has the same order
    x, offset = head.space.pull(wide)
    if np.abs(x).max(initial=0.0) > LONGEST_QUERY:
        raise OptionError(
            f"a sum of length {np.abs(x).max():.1e} arrived; distances need one below {LONGEST_QUERY:.0e}"
        )
    return Scoring(head, metric, wide, x, offset, shift=-0.5 * head.norms**2)


def csls_scoring(
    head: Head, vectors: Float64[np.ndarray, "queries dim"], means: Float64[np.ndarray, " vocab"]
) -> Scoring:
    """Set up CSLS with an r of every row that is given: its own, or what it is at least, which gives scores at most."""
    x, offset = head.space.pull(unit(vectors))
    levels = means_of(head).of_vectors(vectors)
    return Scoring(head, "csls", vectors, x, offset, scale=2.0 * _inverse(head.norms), shift=-means, levels=levels)


def _inverse(norms: Float64[np.ndarray, " vocab"]) -> Float64[np.ndarray, " vocab"]:
    """Return 1/‖w̃‖, 0 for a zero row."""
    return np.asarray(np.divide(1.0, norms, out=np.zeros_like(norms), where=norms > 0))


def _logit_scoring(head: Head, vectors: Float64[np.ndarray, "queries dim"]) -> Scoring:
    x, offset = head.space.pull(vectors)
    if head.space.name == "raw":
        # the order of q·w does not depend on q's length, which float32 might not hold
        largest = np.maximum(x.max(axis=1, keepdims=True), -x.min(axis=1, keepdims=True))
        sizes = np.where(largest > 0, largest, 1.0)
        return Scoring(head, "logit", vectors, x / sizes, offset, sizes=sizes[:, 0])
    readout = head.readout
    if readout.beta is not None:
        x = x + readout.beta.astype(np.float64) * readout.prescale
    bias = None if readout.bias is None else readout.bias.astype(np.float64)
    return Scoring(head, "logit", vectors, x, offset, shift=bias)
