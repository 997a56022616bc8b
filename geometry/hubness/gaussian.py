"""Random rows with a head's own mean and covariance: what dimension and spread alone make of any measure."""

from dataclasses import dataclass, field

import numpy as np
from jaxtyping import Float32, Float64

from geometry.head import Head
from geometry.hubness.forms import Form, dot_pairs, form_of
from geometry.hubness.nearest import rough_scores
from geometry.hubness.question import Answers, Askers, Nearest, Rows
from geometry.moments import blocks
from geometry.products import row_biases, row_products

CHUNK = 1_024
"""Rows drawn together, from a seed of their own, so that any part can be drawn again instead of being kept."""

KEPT_BYTES = 256 * 2**20
"""Rows that take no more than this are drawn once."""


@dataclass(frozen=True, eq=False)
class GaussianRows:
    """Rows m + A·z, z standard normal, drawn by seed.

    Attributes:
        count: How many.
        mean, root: m (dim,) and A (dim, dim), its columns orthogonal.
        raw: They stand for rows as stored.
        seed: Of the draw.
        lengths: Of the rows.
    """

    count: int
    mean: Float64[np.ndarray, " dim"]
    root: Float64[np.ndarray, "dim dim"]
    raw: bool
    seed: int
    lengths: Float64[np.ndarray, " rows"] = field(init=False)
    _kept: list[Float32[np.ndarray, "rows dim"]] = field(default_factory=list, repr=False)
    _nearest: dict[tuple[int, int], Nearest] = field(default_factory=dict, repr=False)

    def __post_init__(self) -> None:
        keep, lengths = self.count * self.dim * 4 <= KEPT_BYTES, np.empty(self.count)
        for chunk in range(-(-self.count // CHUNK)):
            rows = self._chunk(chunk)
            lengths[chunk * CHUNK : chunk * CHUNK + len(rows)] = np.linalg.norm(rows.astype(np.float64), axis=1)
            if keep:
                self._kept.append(rows)
        object.__setattr__(self, "lengths", lengths)

    @property
    def dim(self) -> int:
        """Length of a row."""
        return len(self.mean)

    def part(self, start: int, stop: int) -> Rows:
        """Return the rows from one place to another (exclusive)."""
        first, last = start // CHUNK, -(-stop // CHUNK)
        chunks = self._kept[first:last] or [self._chunk(chunk) for chunk in range(first, last)]
        rows = np.concatenate(chunks)[start - first * CHUNK : stop - first * CHUNK]
        return rows.astype(np.float64)

    def askers(self, form: Form, count: int) -> Askers:
        """Let the first ``count`` of them ask."""

        def part(start: int, stop: int) -> Rows:
            return np.asarray(self.part(start, stop) * form.asks[start:stop, None])

        return Askers(part, (self.lengths * form.asks)[:count], np.arange(count))

    def answers(self, form: Form) -> Answers:
        """Let all of them answer; they are never settled, so none is picked."""

        def part(start: int, stop: int) -> Rows:
            return np.asarray(self.part(start, stop) * form.answers[start:stop, None])

        def pick(_: object) -> Rows:
            raise NotImplementedError("random rows are counted as float32 ranks them")

        return Answers(self.dim, part, pick, self.lengths * form.answers, form.shift, dot_pairs)

    def means(self, k: int) -> Float64[np.ndarray, " rows"]:
        """Return the mean cosine similarity of the k nearest to each."""
        return np.asarray(self.nearest_by_cosine(k, self.count).scores.mean(axis=1))

    def nearest_by_cosine(self, k: int, count: int) -> Nearest:
        """Return the k nearest to each of the first ``count``; found once, for N_k and for r."""
        if (k, count) not in self._nearest:
            form, label = form_of("cosine", self.lengths, dim=self.dim), "nearest random rows (cosine)"
            self._nearest[k, count] = rough_scores(self.askers(form, count), self.answers(form), k, label=label)
        return self._nearest[k, count]

    def products(self, vector: Float64[np.ndarray, " dim"]) -> Float64[np.ndarray, " rows"]:
        """Return the product of every row with a vector."""
        return np.concatenate(
            [self.part(at, min(at + CHUNK, self.count)) @ vector for at in range(0, self.count, CHUNK)]
        )

    def solve(self, vector: Float64[np.ndarray, " dim"]) -> Float64[np.ndarray, " dim"]:
        """Return Cov⁺v; directions in which the rows do not spread are left out."""
        variances = (self.root**2).sum(axis=0)  # the columns of A are orthogonal, as long as the spread along them
        spread = variances > 1e-10 * variances.max()
        return np.asarray(self.root[:, spread] @ ((vector @ self.root[:, spread]) / variances[spread] ** 2))

    def _chunk(self, chunk: int) -> Float32[np.ndarray, "rows dim"]:
        size = min(CHUNK, self.count - chunk * CHUNK)
        drawn = np.random.default_rng([self.seed, chunk]).standard_normal((size, self.dim), dtype=np.float32)
        rows: Float32[np.ndarray, "rows dim"] = drawn @ self.root.T.astype(np.float32) + self.mean.astype(np.float32)
        return rows


def gaussian_rows(head: Head, *, seed: int = 0) -> GaussianRows:
    """Draw as many rows as the head has candidates, with the mean and the covariance of its real rows in its space."""
    moments, space = head.opened.full_moments, head.space
    assert moments.covariance is not None
    half = space.apply_linear(moments.covariance)
    values, vectors = np.linalg.eigh(space.apply_linear(half.T))
    root = vectors * np.sqrt(np.maximum(values, 0.0))
    mean = space.apply(moments.mean[None, :])[0]
    return GaussianRows(int(head.candidates().sum()), mean, root, space.name == "raw", seed)


def gaussian_biases(head: Head, rows: GaussianRows) -> Float64[np.ndarray, " rows"] | None:
    """Return b of Gaussian rows: what is linear in a head's rows made of theirs, the rest of it dealt out.

    W·β, which a LayerNorm's shift adds to logits, is all linear in the rows. Dealt out to rows that it does not belong
    to, it would push some of them up for every residual, and chance would have more hubs and antihubs than it has. None
    where the head has no b, or its space leaves it out.
    """
    biases, real = row_biases(head), head.opened.real
    if biases is None:
        return None
    away, together = biases - biases[real].mean(), np.zeros(head.dim)
    for start, block in blocks(head.opened.matrix, "biases"):
        kept = real[start : start + len(block)]
        together += block[kept].T @ away[start : start + len(block)][kept]
    covariance = head.space.apply_linear(together[None, :] / real.sum())[0]
    slope = rows.solve(covariance)
    among = head.candidates()
    rest = biases[among] - row_products(head, slope[None, :], label="biases")[among, 0]
    return np.asarray(rows.products(slope) + rest)
