"""The plane of the first two principal components."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from jaxtyping import Float64

from geometry.errors import OptionError
from geometry.hubness.question import Answers
from geometry.linalg import unit

if TYPE_CHECKING:
    from scipy.sparse.linalg import LinearOperator

BLOCK = 4_096
"""Rows that are made at a time."""

_SAME = 1e-10  # of the rows' length: what is nearer than this is rounding


@dataclass(frozen=True, eq=False)
class Plane:
    """Where a vector lies: axes · (unit(x) − mean).

    Attributes:
        mean: of the rows at unit length.
        axes: the directions of most variance, orthonormal; the largest entry of each is positive.
    """

    mean: Float64[np.ndarray, " dim"]
    axes: Float64[np.ndarray, "2 dim"]

    def place(self, vectors: Float64[np.ndarray, "points dim"]) -> Float64[np.ndarray, "points 2"]:
        """Return where vectors lie, at unit length as the rows are."""
        return np.asarray((unit(vectors) - self.mean) @ self.axes.T)

    def in_plane(self, vectors: Float64[np.ndarray, "points dim"]) -> Float64[np.ndarray, " points"]:
        """Return how much of each vector's squared distance from the mean lies in the plane, from 0 to 1."""
        away = unit(vectors) - self.mean
        inside, whole = ((away @ self.axes.T) ** 2).sum(axis=1), (away**2).sum(axis=1)
        return np.asarray(np.divide(inside, whole, out=np.zeros_like(whole), where=whole > 0))


@dataclass(frozen=True, eq=False)
class Projection:
    """A plane, the points in it, and the share of their variance that it holds, from 0 to 1."""

    plane: Plane
    points: Float64[np.ndarray, "points 2"]
    variance: float


def principal_plane(rows: Answers) -> Projection:
    """Find the plane of most variance; the same rows give the same plane.

    Raises:
        OptionError: all rows are the same, and no plane is better than another.
    """
    from scipy.sparse.linalg import svds

    count = len(rows.lengths)
    mean = np.asarray(sum((part.sum(axis=0) for part in _parts(rows)), np.zeros(rows.dim)) / count)
    whole = sum(float(((part - mean) ** 2).sum()) for part in _parts(rows))
    if whole <= count * _SAME**2:
        raise OptionError(
            f"all {count:,} points have the same direction; expected rows that differ: there is nothing to map"
        )
    if min(count, rows.dim) <= 2:  # what svds cannot do
        _, sizes, axes = np.linalg.svd(np.concatenate([part - mean for part in _parts(rows)]), full_matrices=False)
        axes = np.vstack([axes, np.zeros((2, rows.dim))])[:2]
        sizes = np.append(sizes, [0.0, 0.0])[:2]
    else:
        start = np.random.default_rng(0).normal(size=min(count, rows.dim))  # any would do; the same gives the same
        _, sizes, axes = svds(_away(rows, mean), k=2, v0=start)
        order = np.argsort(-sizes)
        sizes, axes = sizes[order], axes[order]
    axes = axes * np.where(axes[[0, 1], np.abs(axes).argmax(axis=1)] < 0, -1.0, 1.0)[:, None]
    points = np.concatenate([(part - mean) @ axes.T for part in _parts(rows)])
    return Projection(Plane(mean, axes), points, float((sizes**2).sum() / whole))


def _parts(rows: Answers) -> Iterator[Float64[np.ndarray, "rows dim"]]:
    """Yield the rows, some at a time."""
    count = len(rows.lengths)
    for start in range(0, count, BLOCK):
        yield rows.part(start, min(start + BLOCK, count))


def _away(rows: Answers, mean: Float64[np.ndarray, " dim"]) -> "LinearOperator":
    """The rows less their mean as a linear map, so that they need not be held whole."""
    from scipy.sparse.linalg import LinearOperator

    def times(x: Float64[np.ndarray, "..."]) -> Float64[np.ndarray, "..."]:
        return np.asarray(np.concatenate([part @ x for part in _parts(rows)]) - mean @ x)

    def transposed_times(y: Float64[np.ndarray, "..."]) -> Float64[np.ndarray, "..."]:
        found, start = -np.multiply.outer(mean, y.sum(axis=0)), 0
        for part in _parts(rows):
            found += part.T @ y[start : start + len(part)]
            start += len(part)
        return np.asarray(found)

    shape = (len(rows.lengths), rows.dim)
    return LinearOperator(
        shape, matvec=times, rmatvec=transposed_times, matmat=times, rmatmat=transposed_times, dtype=np.float64
    )
