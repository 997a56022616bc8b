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

SUBSPACE, MAX_PASSES, TOLERANCE = 16, 12, 1e-4
"""Directions followed at once, passes at most, and the turn (in radians) at which the first one has settled."""


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
        total += _kept(block, keep[start : start + len(block)]).sum(axis=0, dtype=np.float64)
    mean = total / count
    if not covariance:
        return Moments(count, mean, None)
    scatter = np.zeros((dim, dim))
    for start, block in blocks(matrix, "covariance"):
        centred = _kept(block, keep[start : start + len(block)]) - mean
        scatter += centred.T @ centred
    return Moments(count, mean, scatter / count)


def first_direction(matrix: StoredMatrix, keep: Bool[np.ndarray, " vocab"]) -> Float64[np.ndarray, " dim"]:
    """First principal direction of the kept rows: unit length, sign so that its largest entry is positive.

    Subspace iteration on the covariance (Halko, Martinsson & Tropp 2011, "Finding Structure with Randomness", §4.5)
    from a seeded start, so that no dim × dim matrix is made; it stops where a pass turns the direction by less than
    ``TOLERANCE``, or after ``MAX_PASSES``, which only a head whose leading directions are equally strong needs.
    """
    dim = matrix.shape[1]
    mean = row_moments(matrix, keep).mean
    basis = np.linalg.qr(np.random.default_rng(0).normal(size=(dim, min(SUBSPACE, dim))))[0]
    direction = np.zeros(dim)
    for _ in range(MAX_PASSES):
        narrow, offset = basis.astype(np.float32), (mean @ basis).astype(np.float32)
        product = np.zeros_like(basis)
        for start, block in blocks(matrix, "first principal direction"):
            rows = _kept(block, keep[start : start + len(block)])
            scores = rows @ narrow - offset
            product += rows.T @ scores - np.outer(mean, scores.sum(axis=0, dtype=np.float64))
        values, turns = np.linalg.eigh(basis.T @ product)
        found = basis @ turns[:, -1]
        turned = np.linalg.norm(found - direction * np.sign(found @ direction))
        direction = found
        if turned < TOLERANCE or values[-1] <= 0:
            break
        basis = np.linalg.qr(product)[0]
    return direction if direction[np.argmax(np.abs(direction))] > 0 else -direction


def _kept(
    block: Float32[np.ndarray, "tokens dim"], keep: Bool[np.ndarray, " tokens"]
) -> Float32[np.ndarray, "kept dim"]:
    """Rows of a block that are kept; the block itself, uncopied, where all are."""
    return block if keep.all() else block[keep]
