"""What is summed over all matched rows, in float64: products of numbers with numbers, dim × dim of them."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float64, Int64

from geometry.comparison.rows import Matched


@dataclass(frozen=True, eq=False)
class Sums:
    """What one pass over the matched rows A and B adds up, all centred.

    Attributes:
        n: How many tokens there are.
        square_a, square_b: ‖A‖² and ‖B‖².
        gram_a, gram_b, gram_ab: ‖AᵀA‖, ‖BᵀB‖ and ‖AᵀB‖ (Frobenius).
        cross: AᵀB.
        cross_half: AᵀB over the half of the tokens that a map is fitted on; None where none is.
        half_a, half_b: ‖A‖² and ‖B‖² over that half.
    """

    n: int
    square_a: float
    square_b: float
    gram_a: float
    gram_b: float
    gram_ab: float
    cross: Float64[np.ndarray, "dim other"]
    cross_half: Float64[np.ndarray, "dim other"] | None
    half_a: float
    half_b: float


def sum_up(matched: Matched, half: Bool[np.ndarray, " tokens"] | None = None) -> Sums:
    """Pass over the matched rows once, in float64.

    Args:
        matched: The heads.
        half: The tokens that a map is fitted on besides.
    """
    dims = (matched.a.dim, matched.b.dim)
    gram_a, gram_b, cross = (_zeros(*shape) for shape in ((dims[0], dims[0]), (dims[1], dims[1]), dims))
    inside = None if half is None else _zeros(*dims)
    squares, halves = np.zeros(2), np.zeros(2)
    cost = dims[0] * dims[1] + dims[0] ** 2 / 2 + dims[1] ** 2 / 2
    for block in matched.blocks("products of matched rows", products=cost):
        _add_gram(gram_a, block.a)
        _add_gram(gram_b, block.b)
        squares += (block.a**2).sum(), (block.b**2).sum()
        if half is None or inside is None:
            _add_product(cross, block.a, block.b)
            continue
        fitted = half[block.places]
        a, b = block.a[fitted], block.b[fitted]
        _add_product(inside, a, b)
        halves += (a**2).sum(), (b**2).sum()
        _add_product(cross, block.a[~fitted], block.b[~fitted])
    if inside is not None:
        cross += inside
    return Sums(
        n=len(matched), square_a=float(squares[0]), square_b=float(squares[1]), gram_a=_gram_size(gram_a),
        gram_b=_gram_size(gram_b), gram_ab=float(np.linalg.norm(cross)), cross=cross, cross_half=inside,
        half_a=float(halves[0]), half_b=float(halves[1]),
    )  # fmt: skip


def cross_product(matched: Matched, partner: Int64[np.ndarray, " tokens"]) -> Float64[np.ndarray, "dim other"]:
    """Return AᵀB where each token has another's row in B."""
    cross = _zeros(matched.a.dim, matched.b.dim)
    for block in matched.blocks("products of permuted rows", partner=partner, products=float(cross.size)):
        _add_product(cross, block.a, block.b)
    return cross


def _zeros(dim: int, other: int) -> Float64[np.ndarray, "dim other"]:
    """What products are added to: with its columns in memory one after the other, as BLAS has them."""
    return np.zeros((dim, other), order="F")


def _add_product(
    total: Float64[np.ndarray, "dim other"],
    a: Float64[np.ndarray, "tokens dim"],
    b: Float64[np.ndarray, "tokens other"],
) -> None:
    """Add AᵀB in place: a product by itself would be as large as the sum."""
    from scipy.linalg.blas import dgemm

    if len(a):
        dgemm(1.0, a.T, b.T, beta=1.0, c=total, trans_b=True, overwrite_c=True)


def _add_gram(total: Float64[np.ndarray, "dim dim"], a: Float64[np.ndarray, "tokens dim"]) -> None:
    """Add the upper triangle of AᵀA in place."""
    from scipy.linalg.blas import dsyrk

    dsyrk(1.0, a.T, beta=1.0, c=total, overwrite_c=True)


def _gram_size(upper: Float64[np.ndarray, "dim dim"]) -> float:
    """The Frobenius norm of a symmetric matrix of which the upper triangle is given, the rest zero."""
    return float(np.sqrt(2 * (np.linalg.norm(upper) ** 2) - (np.diagonal(upper) ** 2).sum()))
