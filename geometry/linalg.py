"""Pure functions on rows and residuals: NumPy arrays in, NumPy arrays out, nothing remembered.

Axis names used throughout the package: ``vocab``, ``dim``, ``tokens``, ``terms``, ``queries``, ``k``.
"""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Float64

from geometry.errors import OptionError


def unit(vectors: Float[np.ndarray, "*batch dim"]) -> Float64[np.ndarray, "*batch dim"]:
    """Scale every vector to length 1; a zero vector stays zero.

    Returns:
        v / ‖v‖ along the last axis, float64.
    """
    wide: Float64[np.ndarray, "*batch dim"] = vectors.astype(np.float64)
    # scaled first, so that squares neither overflow nor vanish
    largest = np.abs(wide).max(axis=-1, keepdims=True, initial=0.0)
    wide /= np.where(largest > 0, largest, 1.0)
    lengths = np.linalg.norm(wide, axis=-1, keepdims=True)
    wide /= np.where(lengths > 0, lengths, 1.0)
    return wide


def row_products(
    rows: Float64[np.ndarray, "tokens dim"], others: Float64[np.ndarray, "*tokens dim"]
) -> Float64[np.ndarray, " tokens"]:
    """The product of every row with one vector, or with a row of its own.

    Each is summed along its row in the same order, so that equal rows get equal products; in a matrix product the
    rounding depends on where in the block a row stands.
    """
    both = "ij,j->i" if others.ndim == 1 else "ij,ij->i"
    return np.asarray(np.einsum(both, rows, others))


def on_sphere(direction: Float[np.ndarray, " dim"]) -> Float64[np.ndarray, " dim"]:
    """Put a sum where a final norm's output lies: u = √d · q / ‖q‖, before gain and shift.

    An RMSNorm without its gain gives vectors of length √d exactly; so does a LayerNorm, for residuals whose
    mean has been removed.
    """
    return unit(direction) * float(np.sqrt(direction.shape[-1]))


def fold(
    rows: Float[np.ndarray, "tokens dim"], gain: Float[np.ndarray, " dim"], *, centers: bool
) -> Float64[np.ndarray, "tokens dim"]:
    """Move a norm's gain γ into the rows: W·diag(γ), and for a LayerNorm W·diag(γ)(I − 11ᵀ/d).

    Args:
        rows: rows as stored.
        gain: the factor that the norm really applies (1 + w where a model stores w).
        centers: whether the norm subtracts the mean over ``dim``, as a LayerNorm does.
    """
    folded = rows.astype(np.float64) * gain.astype(np.float64)
    return folded - folded.mean(axis=1, keepdims=True) if centers else folded


def fold_residual(
    residuals: Float[np.ndarray, "*batch dim"], gain: Float[np.ndarray, " dim"], *, centers: bool
) -> Float64[np.ndarray, "*batch dim"]:
    """The transpose of :func:`fold`: the x with w·x = fold(w)·residual for every row w."""
    wide = residuals.astype(np.float64, copy=False)
    if centers:
        wide = wide - wide.mean(axis=-1, keepdims=True)
    return wide * gain.astype(np.float64)


@dataclass(frozen=True, eq=False)
class Whitener:
    """Cov^−½ (dim, dim), symmetric, with the number of directions kept and their condition number λmax/λmin."""

    root: Float64[np.ndarray, "dim dim"]
    kept: int
    condition: float


def inverse_root(covariance: Float64[np.ndarray, "dim dim"], *, eps: float = 0.0) -> Whitener:
    """Return Cov^−½.

    Directions whose eigenvalue is not above ``eps`` × the largest (nor above rounding) get weight zero: a
    LayerNorm's folded rows have no variance along the all-ones direction, and whitening must not invent any.
    """
    values, vectors = np.linalg.eigh(covariance)
    floor = max(eps, np.finfo(np.float64).eps * len(values)) * max(values[-1], 0.0)
    kept = values > floor
    roots = np.zeros_like(values)
    roots[kept] = 1.0 / np.sqrt(values[kept])
    return Whitener((vectors * roots) @ vectors.T, int(kept.sum()), float(values[-1] / values[kept][0]))


def remove_direction(
    rows: Float[np.ndarray, "tokens dim"], direction: Float[np.ndarray, " dim"]
) -> Float64[np.ndarray, "tokens dim"]:
    """Project rows onto the complement of one unit-length direction: w − (w·v)v."""
    wide = rows.astype(np.float64)
    return wide - np.outer(wide @ direction, direction)


def log_sum_exp(values: Float[np.ndarray, "queries vocab"]) -> Float64[np.ndarray, " queries"]:
    """log Σ exp over the last axis, shifted by the maximum so that nothing overflows."""
    top = values.max(axis=1, keepdims=True).astype(np.float64)
    top = np.where(np.isfinite(top), top, 0.0)
    with np.errstate(divide="ignore"):
        total: Float64[np.ndarray, " queries"] = np.log(np.exp(values - top).sum(axis=1)) + top[:, 0]
    return total


@dataclass(frozen=True, eq=False)
class Procrustes:
    """The orthogonal map that brings one set of vectors closest to another, and how close.

    Attributes:
        rotation: Q (dim, dim), orthogonal: a rotation, or one with a reflection.
        scale: s, what lengths are multiplied by besides, at least 0.
        residual: ‖sAQ − B‖²/‖B‖², from 0 (the same but for Q and s) to 1 (nothing in common).
    """

    rotation: Float64[np.ndarray, "dim dim"]
    scale: float
    residual: float


def procrustes(a: Float[np.ndarray, "n dim"], b: Float[np.ndarray, "n other"]) -> Procrustes:
    """Return the orthogonal Q with the least ‖AQ − B‖ and the scale s with the least ‖sAQ − B‖.

    Q = UVᵀ of the SVD UΣVᵀ of AᵀB, s = tr(Σ)/‖A‖² (Schönemann 1966, "A generalized solution of the orthogonal
    Procrustes problem"). The vectors are taken as they are: whoever wants them centred centres them before.

    Raises:
        OptionError: the vectors differ in length.
    """
    wide, other = a.astype(np.float64), b.astype(np.float64)
    return procrustes_of(wide.T @ other, float((wide**2).sum()), float((other**2).sum()))


def procrustes_of(
    cross: Float64[np.ndarray, "dim other"], square_a: float, square_b: float, *, overwrite: bool = False
) -> Procrustes:
    """Return the same from AᵀB, ‖A‖² and ‖B‖² alone, so that neither set need be held.

    Args:
        cross: AᵀB.
        square_a, square_b: ‖A‖² and ‖B‖².
        overwrite: Put Q where AᵀB was, which saves a copy of dim × dim numbers, and another where the columns of AᵀB
            lie one after the other.

    Raises:
        OptionError: the vectors differ in length.
    """
    from scipy.linalg import svd

    if cross.shape[0] != cross.shape[1]:
        raise OptionError(
            f"vectors of {cross.shape[0]:,} and {cross.shape[1]:,} numbers arrived; an orthogonal map keeps their "
            "number, so expected as many in both: compare without aligning, as CKA does"
        )
    left, values, right = svd(cross, overwrite_a=overwrite, check_finite=False)
    total = float(values.sum())
    scale = total / square_a if square_a > 0 else 0.0
    explained = total * scale / square_b if square_b > 0 else 1.0
    rotation = cross if overwrite else np.empty_like(cross)
    np.matmul(right.T, left.T, out=rotation.T)
    return Procrustes(rotation, scale, max(1.0 - explained, 0.0))
