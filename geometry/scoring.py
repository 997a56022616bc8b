"""Metrics: every one of them an affine function of a product with a stored row,

    s = r · (w·x + c) + t        (per row: r, t; per query: x, c)

so that rows need never be copied into a space to be compared in it. (CSLS takes off r(q) besides, which is the same for
every row and changes no ranking.)
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from jaxtyping import Float, Float64, Int64

from geometry.choices import Metric
from geometry.errors import OptionError
from geometry.head import Head
from geometry.hubness import check_metric, local_means, means_of
from geometry.linalg import unit

LONGEST_QUERY = 1e15
"""Queries longer than this are refused where their length matters: float32 products with them overflow."""


@dataclass(frozen=True, eq=False)
class Scoring:
    """One metric's scores for a batch of queries: s = scale · (w·x + offset) + shift for every stored row w.

    Attributes:
        x: queries pulled back to the stored rows (queries, dim).
        offset: (queries,).
        scale: a factor a row, or None for 1 (vocab,).
        shift: a summand a row, or None for 0 (vocab,).
        levels: what is taken off all scores of a query, or None for 0 (queries,).
    """

    head: Head
    metric: Metric
    vectors: Float64[np.ndarray, "queries dim"]
    x: Float64[np.ndarray, "queries dim"]
    offset: Float64[np.ndarray, " queries"]
    scale: Float64[np.ndarray, " vocab"] | None = None
    shift: Float64[np.ndarray, " vocab"] | None = None
    levels: Float64[np.ndarray, " queries"] | None = None

    def exact(self, query: int, ids: Int64[np.ndarray, " found"]) -> Float64[np.ndarray, " found"]:
        """The metric itself, in float64, for one query and some rows: equal rows get equal scores."""
        stored = self.head.opened.matrix.rows(ids)
        rows, vector = self.head.space.apply(stored), self.vectors[query]
        # sums along each row, not a matrix product, whose rounding depends on where in the block a row stands
        if self.metric == "euclidean":
            return -np.asarray(np.sqrt(((rows - vector) ** 2).sum(axis=1)))
        if self.metric in ("cosine", "csls"):
            cosines = np.asarray(np.clip((unit(rows) * unit(vector)).sum(axis=1), -1.0, 1.0))
            if self.shift is None or self.levels is None:
                return cosines
            return np.asarray(2.0 * cosines + self.shift[ids] - self.levels[query])
        scores: Float64[np.ndarray, " found"] = (rows * vector).sum(axis=1)
        readout = self.head.readout
        if self.head.space.name != "raw" and readout.beta is not None:
            scores += (stored * (readout.beta.astype(np.float64) * readout.prescale)).sum(axis=1)
        if self.head.space.name != "raw" and readout.bias is not None:
            scores += readout.bias[ids]
        return scores

    def only(self, query: int) -> "Scoring":
        """The same for one of the queries."""
        return self.some([query])

    def some(self, queries: Sequence[int]) -> "Scoring":
        """The same for some of the queries, in their order."""
        part = list(queries)
        levels = None if self.levels is None else self.levels[part]
        return replace(self, vectors=self.vectors[part], x=self.x[part], offset=self.offset[part], levels=levels)

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
        largest = np.abs(x).max(axis=1, keepdims=True)
        return Scoring(head, "logit", vectors, np.divide(x, largest, out=x.copy(), where=largest > 0), offset)
    readout = head.readout
    if readout.beta is not None:
        x = x + readout.beta.astype(np.float64) * readout.prescale
    bias = None if readout.bias is None else readout.bias.astype(np.float64)
    return Scoring(head, "logit", vectors, x, offset, shift=bias)
