"""Products of every row with a few vectors, in float64, in one pass over the head."""

import numpy as np
from jaxtyping import Float, Float64

from geometry.head import Head
from geometry.linalg import on_sphere
from geometry.progress import track

WIDE_BYTES = 2**20
"""Float64 copies of so much at once stay in a core's cache, which is most of the time a pass takes."""


def row_products(
    head: Head, vectors: Float[np.ndarray, "queries dim"], *, label: str = "products"
) -> Float64[np.ndarray, "vocab queries"]:
    """Return w̃·v for every row w̃ in the head's space and every vector v; not finite where a row is not.

    Memory: a few rows in float64 and the result, vocab × queries in float64.
    """
    x, offset = head.space.pull(vectors)
    matrix, size = head.opened.matrix, max(32, WIDE_BYTES // (8 * head.dim))
    found = np.empty((head.vocab, len(x)))
    with np.errstate(invalid="ignore", over="ignore"):
        for start, block in track(matrix.blocks(size), label, total=-(-head.vocab // size), nbytes=matrix.nbytes):
            found[start : start + len(block)] = block.astype(np.float64) @ x.T
    found += offset
    return found


def row_biases(head: Head) -> Float64[np.ndarray, " vocab"] | None:
    """Return b, what every row's logit has beside its product with the residual: the bias, and W·β of a LayerNorm.

    None where there is none, and in ``raw``, whose logits leave it out.
    """
    readout = head.readout
    if head.space.name == "raw" or (readout.beta is None and readout.bias is None):
        return None
    total = np.zeros(head.vocab)
    if readout.beta is not None:
        shift = readout.beta.astype(np.float64) * readout.prescale
        total += row_products(head.in_space("raw"), shift[None, :], label="shift")[:, 0]
    return total if readout.bias is None else total + readout.bias


def residual_view(head: Head) -> Head:
    """Return the head in the space whose rows meet residuals as they are: itself, but ``centered`` for ``whitened``."""
    return head.in_space("centered") if head.space.name == "whitened" else head


def residuals_of(head: Head, sums: Float[np.ndarray, "queries dim"]) -> Float64[np.ndarray, "queries dim"]:
    """Return the residuals that sums of this head's rows stand for, to be scored in `residual_view`.

    u = √d·q/‖q‖, with Cov^−½q for q in ``whitened``; in ``raw`` the sums themselves. A zero sum stays zero.
    """
    if head.space.name == "raw":
        return sums.astype(np.float64)
    return np.stack([on_sphere(head.space.residual_direction(q)) for q in sums]) if len(sums) else sums.astype(float)
