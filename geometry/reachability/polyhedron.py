"""Points of {x: G·x ≥ h} that are nearest to another, and the multipliers that prove it."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float64


@dataclass(frozen=True, eq=False)
class LeastNorm:
    """The point of least norm of a polyhedron.

    Attributes:
        point: The point; None where the polyhedron is empty or nothing was found.
        multipliers: One a boundary, y ≥ 0. Where the polyhedron is empty they prove it: Gᵀy ≈ 0 and h·y > 0. Elsewhere
            the point is Gᵀy up to a factor, and y is 0 where the boundary does not touch it.
    """

    point: Float64[np.ndarray, " dim"] | None
    multipliers: Float64[np.ndarray, " boundaries"]


def least_norm(
    directions: Float64[np.ndarray, "boundaries dim"], levels: Float64[np.ndarray, " boundaries"]
) -> LeastNorm:
    """Return the point of {x: G·x ≥ h} of least norm.

    Least distance programming by non-negative least squares on E = [Gᵀ; hᵀ], f = (0, …, 0, 1) (Lawson & Hanson 1974,
    "Solving Least Squares Problems", §23.4): with r = Ey − f the point is −r₁…ₙ/rₙ₊₁, and r = 0 where there is none.
    """
    from scipy.optimize import nnls

    if not len(levels) or (levels <= 0).all():
        return LeastNorm(np.zeros(directions.shape[1]), np.zeros(len(levels)))
    system = np.vstack([directions.T, levels])
    target = np.zeros(len(system))
    target[-1] = 1.0
    try:
        multipliers, distance = nnls(system, target, maxiter=50 * len(levels))
    except RuntimeError:  # its word for not having settled
        return LeastNorm(None, np.zeros(len(levels)))
    rest = system @ multipliers - target
    if distance < 1e-12 or abs(rest[-1]) < 1e-15:
        return LeastNorm(None, multipliers)
    return LeastNorm(-rest[:-1] / rest[-1], multipliers)


def nearest_in_polyhedron(
    directions: Float64[np.ndarray, "boundaries dim"],
    levels: Float64[np.ndarray, " boundaries"],
    point: Float64[np.ndarray, " dim"],
) -> Float64[np.ndarray, " dim"] | None:
    """Return the point of {x: G·x ≥ h} nearest to ``point``, or None where that is empty or was not found."""
    moved = least_norm(directions, levels - directions @ point).point
    return None if moved is None else point + moved
