"""The point of least norm in the convex hull of a growing set of points.

Wolfe 1976, "Finding the Nearest Point in a Polytope": a *corral* of affinely independent points holds that point in the
inside of its own hull; a point that lies further towards the origin joins, those that lose their weight leave. In
exact arithmetic it ends at the answer after finitely many steps. It is Lawson & Hanson's non-negative least squares on
E = [Pᵀ; 1ᵀ], f = (0, …, 0, 1), with the corral kept from one set of points to the next.
"""

import numpy as np
from jaxtyping import Float64, Int64

SMALL = 1e-12
"""For points of length about 1: what of a squared length, a weight or a pivot is rounding."""

FINE = 1e-8
"""A gap above this is due to products that lost their digits: weights are then found from the points themselves."""

NOTHING = 1e-10
"""A norm that counts as zero."""


class Corral:
    """Points with ids, and the convex combination of some of them that is nearest to the origin.

    Attributes:
        ids: a name for each point.
        weights: of the members, above 0, of sum 1.
        nearest: the combination, the point of least norm after :meth:`settle`.
    """

    def __init__(self, ids: Int64[np.ndarray, " points"], points: Float64[np.ndarray, "points dim"]) -> None:
        self.ids, self._points, self._gram = ids, points, points @ points.T
        self._members = [int(self._gram.diagonal().argmin())]
        self.weights: Float64[np.ndarray, " members"] = np.ones(1)
        self.nearest: Float64[np.ndarray, " dim"] = points[self._members[0]]
        self._inverse: Float64[np.ndarray, "members members"] | None = None  # of G + 11ᵀ

    @property
    def support(self) -> Int64[np.ndarray, " members"]:
        """The members' ids."""
        members: Int64[np.ndarray, " members"] = self.ids[self._members]
        return members

    def add(self, ids: Int64[np.ndarray, " points"], points: Float64[np.ndarray, "points dim"]) -> None:
        """Take more points in; call :meth:`settle` after."""
        cross = self._points @ points.T
        self._gram = np.block([[self._gram, cross], [cross.T, points @ points.T]])
        self.ids, self._points = np.concatenate([self.ids, ids]), np.vstack([self._points, points])

    def settle(self) -> None:
        """Move to the point of least norm, as far as float64 can tell."""
        self._invert()
        self._approach()
        if self._gap() > FINE:
            self._inverse = None
            self._nearer(None)
            self._approach()

    def _gap(self) -> float:
        """How far the combination's norm is above what its own direction proves for these points."""
        norm = float(np.linalg.norm(self.nearest))
        return norm - float((self._points @ self.nearest).min()) / norm if norm > NOTHING else 0.0

    def _approach(self) -> None:
        """Let the point that lies furthest towards the origin enter, again and again, while that brings it nearer."""
        while len(self._members) < len(self.ids):
            products = self._points @ self.nearest
            products[self._members] = np.inf
            entering = int(products.argmin())
            norm = float(self.nearest @ self.nearest)
            if norm <= NOTHING**2 or products[entering] >= norm - SMALL * np.sqrt(norm) or not self._nearer(entering):
                return

    def _nearer(self, entering: int | None) -> bool:
        """Take a step; where rounding alone makes it end further away, undo it."""
        before = self._members, self.weights, self._inverse, self.nearest
        if entering is None or self._enter(entering):
            self._descend()
        if self.nearest @ self.nearest < before[-1] @ before[-1]:
            return True
        self._members, self.weights, self._inverse, self.nearest = before
        return False

    def _enter(self, place: int) -> bool:
        """Let a point join with weight 0; False where it lies in the corral's affine hull already."""
        if self._inverse is not None:
            across = self._gram[self._members, place] + 1.0
            solved = self._inverse @ across
            pivot = self._gram[place, place] + 1.0 - across @ solved
            if pivot <= SMALL:
                return False
            size = len(solved)
            larger = np.empty((size + 1, size + 1))
            larger[:size, :size] = self._inverse + np.outer(solved / pivot, solved)
            larger[size, :size] = larger[:size, size] = -solved / pivot
            larger[size, size] = 1 / pivot
            self._inverse = larger
        self._members = [*self._members, place]
        self.weights = np.append(self.weights, 0.0)
        return True

    def _descend(self) -> None:
        """Go to the affine hull's point of least norm, and where that lies outside drop what is in the way."""
        while True:
            goal = self._affine_weights()
            outside = goal <= SMALL
            if not outside.any():
                break
            steps = np.full(len(goal), np.inf)
            steps[outside] = self.weights[outside] / np.maximum(self.weights[outside] - goal[outside], 1e-300)
            gone = int(steps.argmin())
            self.weights = self.weights + min(1.0, float(steps[gone])) * (goal - self.weights)
            self._drop(gone)
        self.weights = goal
        self.nearest = goal @ self._points[self._members]

    def _affine_weights(self) -> Float64[np.ndarray, " members"]:
        """Weights of sum 1 that minimise ‖Σ vᵢpᵢ‖: those proportional to (G + 11ᵀ)⁻¹1, G the points' products.

        Without an inverse, the same by least squares on the points themselves: slower, and to more digits.
        """
        if self._inverse is not None:
            goal: Float64[np.ndarray, " members"] = self._inverse.sum(axis=1)
        else:
            points = self._points[self._members]
            wanted = np.zeros(points.shape[1] + 1)
            wanted[-1] = 1.0
            goal = np.linalg.lstsq(np.vstack([points.T, np.ones(len(points))]), wanted, rcond=None)[0]
        goal /= goal.sum()
        return goal

    def _drop(self, place: int) -> None:
        keep = np.arange(len(self._members)) != place
        if self._inverse is not None:
            column = self._inverse[keep, place]
            rest = self._inverse[keep][:, keep]
            self._inverse = rest - np.outer(column / self._inverse[place, place], column)
        self._members = self._members[:place] + self._members[place + 1 :]
        weights = np.maximum(self.weights[keep], 0.0)
        self.weights = weights / weights.sum()

    def _invert(self) -> None:
        """Start from the products again, so that no rounding piles up."""
        own = self._gram[np.ix_(self._members, self._members)]
        try:
            self._inverse = np.linalg.inv(own + 1.0)
        except np.linalg.LinAlgError:  # points that are not quite independent
            self._inverse = np.linalg.pinv(own + 1.0, hermitian=True)
