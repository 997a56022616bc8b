"""Points of a bounded cell that lie on the sphere or beyond.

The largest norm over a polytope is no convex question. Where residuals have few numbers its corners are listed, which
answers it; elsewhere a direction is maximised by linear programs, then the direction of what was found, and finding
nothing proves nothing.
"""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float64, Int64

from geometry.linalg import unit
from geometry.products import row_products
from geometry.reachability.rivals import Rivals

STARTS = 8
"""Directions drawn by seed, after that of the cell's point."""

ROUNDS = 60
"""Linear programs for one start, or lists of corners, at most."""

ADDED = 32
EDGE = 2.0
"""How far out, in radii, points are looked for."""

FEW_AXES = 6
"""Of residuals whose cells' corners are listed: their number grows with the power of half of that."""


@dataclass(frozen=True, eq=False)
class Far:
    """What is known of how far out a cell goes.

    Attributes:
        point: A point of the cell at least as long as the radius; None if none was found.
        inside: It is proven that there is none.
    """

    point: Float64[np.ndarray, " dim"] | None
    inside: bool = False


def far_point(
    rivals: Rivals,
    token: int,
    point: Float64[np.ndarray, " dim"],
    ids: Int64[np.ndarray, " boundaries"],
    slack: float,
    *,
    seed: int,
) -> Far:
    """Look for a point of a token's cell on the sphere or beyond.

    Args:
        point: A point of the cell.
        ids: Rows known to bound it; those met on the way are remembered.
        slack: By how much the token leads in the cell.
        seed: Of the directions to start from.
    """
    cell = _Programs(rivals, token, ids, slack)
    axes = cell.basis.shape[1]
    if 1 < axes <= FEW_AXES:
        return cell.furthest_corner()
    generator = np.random.default_rng([seed, token])
    for start in range(STARTS + 1):
        drawn = np.asarray(generator.normal(size=axes))
        found = cell.climb(unit(cell.basis.T @ point if start == 0 and point.any() else drawn))
        if found is not None:
            return Far(found)
    return Far(None)


class _Programs:
    """One token's cell in the coordinates that residuals can have; lengths in radii."""

    def __init__(self, rivals: Rivals, token: int, ids: Int64[np.ndarray, " boundaries"], slack: float) -> None:
        self._rivals, self._token, self._slack = rivals, token, slack
        self.basis = _residual_basis(rivals)
        self._ids = np.empty(0, dtype=np.int64)
        self._normals, self._levels = np.empty((0, self.basis.shape[1])), np.empty(0)
        self._add(ids)

    def climb(self, direction: Float64[np.ndarray, " axes"]) -> Float64[np.ndarray, " dim"] | None:
        """Maximise a direction, then that of what was found, again and again; return what lies beyond the sphere."""
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

    def furthest_corner(self) -> Far:
        """List the corners; meet the rows that are ahead at the longest, until none is."""
        for _ in range(ROUNDS):
            corners = self._corners()
            if corners is None:
                return Far(None)
            lengths = np.linalg.norm(corners, axis=1)
            longest = corners[int(lengths.argmax())]
            if lengths.max() < 1:
                return Far(None, inside=True)
            if not self._meet(longest):
                return Far(np.asarray(self.basis @ longest * self._rivals.radius))
        return Far(None)

    def _corners(self) -> Float64[np.ndarray, "corners axes"] | None:
        """The corners of the boundaries met so far; None where there is no room between them."""
        from scipy.optimize import linprog
        from scipy.spatial import HalfspaceIntersection, QhullError

        axes = self.basis.shape[1]
        normals = np.vstack([self._normals, np.eye(axes), -np.eye(axes)])
        levels = np.append(self._levels, np.full(2 * axes, -EDGE))
        widest = linprog(  # the middle of the largest ball in between
            np.append(np.zeros(axes), -1.0), A_ub=np.column_stack([-normals, np.ones(len(normals))]), b_ub=-levels,
            bounds=[(None, None)] * axes + [(0, None)], method="highs",
        )  # fmt: skip
        if widest.status != 0 or widest.x[-1] <= 1e-9:
            return None
        try:
            met = HalfspaceIntersection(np.column_stack([-normals, levels]), widest.x[:-1])
        except QhullError:
            return None
        corners = np.asarray(met.intersections)
        return corners if np.isfinite(corners).all() else None

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
