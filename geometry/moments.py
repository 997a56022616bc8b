"""One pass over a mapped matrix: row lengths, the mean row, the covariance, the first principal direction."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float32, Float64

from geometry.checkpoint import StoredMatrix
from geometry.errors import OptionError
from geometry.progress import track
from geometry.spaces import Space

BLOCK_BYTES = 16 * 2**20
"""Memory one decoded block takes; every pass over a head is made in blocks of about this size."""

EIGH_DIM = 1024
"""Up to this width the covariance is decomposed whole; above it Lanczos finds its first direction."""


@dataclass(frozen=True, eq=False)
class Moments:
    """Mean row and covariance (divided by the count) of the rows that were kept, as stored."""

    count: int
    mean: Float64[np.ndarray, " dim"]
    covariance: Float64[np.ndarray, "dim dim"] | None


def block_rows(matrix: StoredMatrix) -> int:
    """Number of rows whose float32 copy takes about ``BLOCK_BYTES``, or less where memory is kept small."""
    budget = BLOCK_BYTES if matrix.max_resident is None else min(BLOCK_BYTES, matrix.max_resident // 8)
    return max(64, budget // (4 * matrix.shape[1]))


def blocks(matrix: StoredMatrix, label: str) -> Iterator[tuple[int, Float32[np.ndarray, "tokens dim"]]]:
    """Yield (first row, decoded block) over the whole matrix; a bar is shown where that takes long."""
    size = block_rows(matrix)
    yield from track(matrix.blocks(size), label, total=-(-matrix.shape[0] // size), nbytes=matrix.nbytes)


def row_norms(matrix: StoredMatrix, space: Space) -> Float64[np.ndarray, " vocab"]:
    """Length of every row in a space; not finite where the row is not."""
    norms = np.empty(matrix.shape[0])
    with np.errstate(invalid="ignore", over="ignore"):
        for start, block in blocks(matrix, f"row lengths ({space.name})"):
            mapped = space.apply(block)
            norms[start : start + len(block)] = np.sqrt(np.einsum("ij,ij->i", mapped, mapped))
    return norms


def row_moments(matrix: StoredMatrix, keep: Bool[np.ndarray, " vocab"], *, covariance: bool = False) -> Moments:
    """Mean and, on request, covariance of the kept rows, in two passes in float64.

    Raises:
        OptionError: no row is kept.
    """
    dim = matrix.shape[1]
    count = int(keep.sum())
    if count == 0:
        raise OptionError("a mean over no rows was asked for; expected at least one finite, unmasked row")
    total = np.zeros(dim)
    for start, block in blocks(matrix, "mean row"):
        total += block[keep[start : start + len(block)]].sum(axis=0, dtype=np.float64)
    mean = total / count
    if not covariance:
        return Moments(count, mean, None)
    scatter = np.zeros((dim, dim))
    for start, block in blocks(matrix, "covariance"):
        centred = block[keep[start : start + len(block)]] - mean
        scatter += centred.T @ centred
    return Moments(count, mean, scatter / count)


def first_direction(matrix: StoredMatrix, keep: Bool[np.ndarray, " vocab"]) -> Float64[np.ndarray, " dim"]:
    """First principal direction (unit length, sign so that its largest entry is positive) of the kept rows."""
    from threadpoolctl import threadpool_limits

    dim = matrix.shape[1]
    if dim <= EIGH_DIM:
        scatter = row_moments(matrix, keep, covariance=True).covariance
        assert scatter is not None
        # two BLAS threads on a busy machine wait for each other 100 times longer than so small a problem takes
        with threadpool_limits(limits=1):
            direction = np.asarray(np.linalg.eigh(scatter)[1][:, -1])
    else:
        direction = _lanczos(matrix, keep)
    largest = direction[np.argmax(np.abs(direction))]
    return direction if largest > 0 else -direction


def _lanczos(matrix: StoredMatrix, keep: Bool[np.ndarray, " vocab"]) -> Float64[np.ndarray, " dim"]:
    from scipy.sparse.linalg import LinearOperator, eigsh

    mean = row_moments(matrix, keep).mean
    dim = matrix.shape[1]

    def multiply(vector: Float64[np.ndarray, "..."]) -> Float64[np.ndarray, "..."]:
        narrow = vector.reshape(-1)
        result = np.zeros(dim)
        for start, block in blocks(matrix, "first principal direction"):
            # the product of one block runs in float32; what it loses is far below the tolerance of 1e-6
            rows = block[keep[start : start + len(block)]]
            scores = rows @ narrow.astype(np.float32) - np.float32(mean @ narrow)
            result += rows.T @ scores - mean * scores.sum(dtype=np.float64)
        return result

    operator = LinearOperator((dim, dim), matvec=multiply, dtype=np.float64)
    start = np.ones(dim) / np.sqrt(dim)
    return np.asarray(eigsh(operator, k=1, v0=start, tol=1e-6)[1][:, 0])
