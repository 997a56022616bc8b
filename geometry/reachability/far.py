"""Points of a bounded cell that lie on the sphere or beyond: maximise a direction, turn to what was found, again.

The largest norm over a polytope is no convex question, so that finding nothing proves nothing.
"""

from collections.abc import Iterator

import numpy as np
from jaxtyping import Float64, Int64

from geometry.linalg import unit
from geometry.products import row_products
from geometry.reachability.rivals import Rivals

STARTS = 8
"""Directions drawn by seed, after that of the cell's point."""

ROUNDS = 60
"""Linear programs for one start at most."""

ADDED = 32
EDGE = 2.0
"""How far out, in radii, points are looked for."""


def far_points(
    rivals: Rivals,
    token: int,
    point: Float64[np.ndarray, " dim"],
    ids: Int64[np.ndarray, " boundaries"],
    slack: float,
    *,
    seed: int,
) -> Iterator[Float64[np.ndarray, " dim"]]:
    """Yield directions from ``point`` to points of the token's cell at least as long as the radius.

    Args:
        point: A point of the cell.
        ids: Rows known to bound it; those met on the way are remembered.
        slack: By how much the token leads in the cell.
        seed: Of the directions.
    """
    cell = _Programs(rivals, token, ids, slack)
    generator = np.random.default_rng([seed, token])
    for start in range(STARTS + 1):
        drawn = np.asarray(generator.normal(size=cell.basis.shape[1]))
        found = cell.furthest(unit(cell.basis.T @ point if start == 0 and point.any() else drawn))
        if found is not None:
            yield found - point


class _Programs:
    """Linear programs over one token's cell, in the coordinates that residuals can have; lengths in radii."""

    def __init__(self, rivals: Rivals, token: int, ids: Int64[np.ndarray, " boundaries"], slack: float) -> None:
        self._rivals, self._token, self._slack = rivals, token, slack
        self.basis = _residual_basis(rivals)
        self._ids = np.empty(0, dtype=np.int64)
        self._normals, self._levels = np.empty((0, self.basis.shape[1])), np.empty(0)
        self._add(ids)

    def furthest(self, direction: Float64[np.ndarray, " axes"]) -> Float64[np.ndarray, " dim"] | None:
        """Climb from one direction; return a point of the cell beyond the sphere, or None."""
        from scipy.optimize import linprog

        longest = 0.0
        for _ in range(ROUNDS):
            solved = linprog(-direction, A_ub=-self._normals, b_ub=-self._levels, bounds=(-EDGE, EDGE), method="highs")
            if solved.status != 0:
                return None
            found = np.asarray(solved.x)
            if self._meet(found):
                continue
            length = float(np.linalg.norm(found))
            if length >= 1:
                return np.asarray(self.basis @ found * self._rivals.radius)
            if length <= longest * (1 + 1e-9):
                return None
            longest, direction = length, unit(found)
        return None

    def _meet(self, point: Float64[np.ndarray, " axes"]) -> bool:
        """Take in the rows that are ahead at a point; whether there are any."""
        rivals = self._rivals
        logits = row_products(rivals.view, (self.basis @ point * rivals.radius)[None, :], label="cells")[:, 0]
        logits += 0.0 if rivals.bias is None else rivals.bias
        ahead = np.where(rivals.competing, logits - logits[self._token] + self._slack / 2, -np.inf)
        ahead[self._token] = ahead[self._ids] = -np.inf
        worst = np.argsort(-ahead)[:ADDED]
        worst = worst[ahead[worst] > 0]
        self._add(worst)
        return bool(len(worst))

    def _add(self, ids: Int64[np.ndarray, " k"]) -> None:
        rivals, own = self._rivals, np.array([self._token])
        apart = (rivals.rows(own) - rivals.rows(ids)) @ self.basis
        lengths = np.linalg.norm(apart, axis=1)
        lengths = np.where(lengths > 0, lengths, 1.0)
        levels = (rivals.biases(ids) - rivals.biases(own) + self._slack) / (lengths * rivals.radius)
        self._ids = np.concatenate([self._ids, ids])
        self._normals = np.vstack([self._normals, apart / lengths[:, None]])
        self._levels = np.concatenate([self._levels, levels])


def _residual_basis(rivals: Rivals) -> Float64[np.ndarray, "dim axes"]:
    """Return an orthonormal basis of what the norm puts out: of a LayerNorm nothing lies along the ones."""
    dim = rivals.view.dim
    if not rivals.view.space.centers:
        return np.eye(dim)
    columns = np.column_stack([np.ones(dim), np.eye(dim)[:, 1:]])
    return np.asarray(np.linalg.qr(columns)[0][:, 1:])
