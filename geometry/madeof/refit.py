"""Weights without shrinkage, and the share of a vector that they explain."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float64


@dataclass(frozen=True, eq=False)
class Refit:
    """A non-negative least squares fit of a vector by rows.

    Attributes:
        weights: one a row, from 0.
        r2: 1 − ‖t − fit‖²/‖t‖², from 0 to 1; 0 without rows.
    """

    weights: Float64[np.ndarray, " terms"]
    r2: float


def refit(target: Float64[np.ndarray, " dim"], rows: Float64[np.ndarray, "terms dim"]) -> Refit:
    """Minimise ‖t − Σ cⱼ wⱼ‖² over c ≥ 0 (Lawson & Hanson 1974, NNLS).

    Args:
        target: not zero.
    """
    from scipy.optimize import nnls

    if not len(rows):
        return Refit(np.zeros(0), 0.0)
    weights, rest = nnls(rows.T, target)
    share = 1.0 - float(rest) ** 2 / float(target @ target)
    return Refit(weights, min(max(share, 0.0), 1.0))
