"""The non-negative Lasso path of a vector over rows of unit length: an order in which rows explain it.

    min ½‖t − Σ cⱼ ŵⱼ‖² + λ Σ cⱼ,   c ≥ 0,  λ falling from max ŵⱼ·t

(Tibshirani 1996; its path as in Efron et al. 2004, "Least Angle Regression", §3.1 and §3.4).
"""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float64, Int64

TIE = 1e-9
"""Correlations (of unit vectors) that are this near count as equal, and residuals this short as zero."""

MOST_KNOTS = 2_000
"""A path of so many knots goes in circles between rows that tie, and ends there."""


@dataclass(frozen=True, eq=False)
class LassoPath:
    """The start of one vector's path.

    Attributes:
        ids: rows in the order in which they enter; one that leaves again keeps its place.
        residuals: t − Σ cⱼ ŵⱼ at each knot down to where the last of them enters.
        penalties: λ there.
    """

    ids: tuple[int, ...]
    residuals: Float64[np.ndarray, "knots dim"]
    penalties: Float64[np.ndarray, " knots"]


def lasso_path(
    target: Float64[np.ndarray, " dim"],
    ids: Int64[np.ndarray, " tokens"],
    rows: Float64[np.ndarray, "tokens dim"],
    terms: int,
) -> LassoPath:
    """Follow the path until ``terms`` of these unit-length rows have entered, or none is left that would.

    Along it every active row has correlation λ with the residual, so that the weights move along the d that solves
    ŴŴᵀd = 1 over the active rows, up to where another row's correlation reaches λ or a weight falls to zero.

    Args:
        target: of unit length.
        ids: the rows' tokens; of rows that tie, such as equal ones, the first enters.
    """
    weights, residual, penalty = np.zeros(len(rows)), target, np.inf
    active: list[int] = []
    entered: dict[int, None] = {}
    knots: list[tuple[Float64[np.ndarray, " dim"], float]] = []
    closed = np.zeros(len(rows), dtype=np.bool_)  # rows that may not enter at this knot
    while len(knots) < MOST_KNOTS:
        correlations = rows @ residual
        if not active:
            penalty = float(correlations.max())
        knots.append((residual, penalty))
        if penalty <= TIE:
            break
        if not active:
            active.append(int(correlations.argmax()))
            entered.setdefault(active[-1])
        if len(entered) == terms:
            break
        own = rows[active]
        direction = np.linalg.solve(own @ own.T, np.ones(len(active)))
        move = direction @ own
        gain = 1.0 - rows @ move
        can = (gain > TIE) & ~closed
        can[active] = False
        enters = np.divide(penalty - correlations, gain, out=np.full(len(rows), np.inf), where=can).clip(0.0)
        leaves = np.divide(-weights[active], direction, out=np.full(len(active), np.inf), where=direction < 0)
        step = min(float(enters.min()), float(leaves.min()), penalty)
        weights[active] += step * direction
        residual, penalty = residual - step * move, penalty - step
        closed[:] = False
        if step == leaves.min():
            closed[gone := active.pop(int(leaves.argmin()))] = True
            weights[gone] = 0.0
        elif step == enters.min():
            active.append(int(enters.argmin()))
            entered.setdefault(active[-1])
    residuals, penalties = (np.array(column) for column in zip(*knots, strict=True))
    return LassoPath(tuple(ids[list(entered)].tolist()), residuals, penalties)
