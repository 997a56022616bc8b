"""How far the residual has to turn before a rival wins: past one boundary, and into the rival's own cell."""

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from jaxtyping import Float64, Int64

from geometry.linalg import unit
from geometry.products import row_biases, row_products
from geometry.reachability.polyhedron import nearest_in_polyhedron
from geometry.why.ledger import Ledger

ROUNDS = 200
"""Passes over the head at most; a cell that has not settled by then has no angle told."""

FURTHEST = 4.0**6
"""How far out the sphere is looked for; beyond, the nearest point loses its digits, and the cell ends before it."""

ADDED = 8
"""Rows that are taken into a cell's boundary at once."""

TOLERANCE = 1e-9
"""How far, relative to the size of scores, a row may still be ahead in the cell that was found."""


def flip_angles(
    ledger: Ledger, winner: int, rivals: Sequence[int], rows: Float64[np.ndarray, "rows dim"]
) -> list[float | None]:
    """Return how far the residual has to turn, straight towards each rival, until the two are level.

    arccos τ − arccos c in radians, with c = Δ·u/(√d‖Δ‖) and τ = (b_k − b_t)/(√d‖Δ‖); in ``raw`` τ = 0.

    Args:
        winner, rivals: Places in the ledger.
        rows: The winner's row, then each rival's, in `Ledger.view`.

    Returns:
        One angle a rival, at least 0; None where no turn does it (|τ| > 1, or equal rows).
    """
    direction, radius = unit(ledger.residual), float(np.linalg.norm(ledger.residual))
    found: list[float | None] = []
    for place, row in zip(rivals, rows[1:], strict=True):
        apart = rows[0] - row
        length = float(np.linalg.norm(apart))
        level = (ledger.bias[place] - ledger.bias[winner]) / (radius * length) if length else np.inf
        if abs(level) > 1:
            found.append(None)
            continue
        cosine = float(np.clip(apart @ direction / length, -1.0, 1.0))
        found.append(float(max(np.arccos(level) - np.arccos(cosine), 0.0)))
    return found


@dataclass(frozen=True, eq=False)
class _Nearest:
    """A cell's point that turns least from another, and whether it lies on the sphere or is where the cell ends."""

    point: Float64[np.ndarray, " dim"]
    reached: bool


@dataclass(eq=False)
class _Cell:
    """The residuals for which one row wins, known by the boundaries met so far: {x: G·x ≥ h}."""

    row: Float64[np.ndarray, " dim"]
    bias: float
    directions: list[Float64[np.ndarray, " dim"]] = field(default_factory=list)
    levels: list[float] = field(default_factory=list)
    known: set[int] = field(default_factory=set)

    def add(self, token: int, row: Float64[np.ndarray, " dim"], bias: float) -> None:
        """Take in the boundary towards another row; one with an equal row bounds by its bias alone."""
        apart = self.row - row
        length = float(np.linalg.norm(apart)) or 1.0
        self.known.add(token)
        self.directions.append(apart / length)
        self.levels.append((bias - self.bias) / length)

    def nearest(self, point: Float64[np.ndarray, " dim"]) -> Float64[np.ndarray, " dim"] | None:
        """The cell's point nearest to ``point``; None if the cell is empty."""
        if not self.directions:
            return point
        return nearest_in_polyhedron(np.stack(self.directions), np.array(self.levels), point)

    def on_sphere(self, point: Float64[np.ndarray, " dim"]) -> "_Nearest | None":
        """The cell's point on the sphere through ``point`` that turns least from it; None where it is empty there.

        A cell that ends before it reaches the sphere gives its far end: boundaries not met yet may still move that.

        The nearest point to t·``point`` turns least among those of its own length, whatever t ≥ 0 (it maximises a
        Lagrangian of the angle), and grows with t: t is found by bisection.
        """
        radius = float(np.linalg.norm(point))
        if not any(self.levels):
            # a cone: every positive multiple of the nearest point is in it
            near = self.nearest(point)
            length = 0.0 if near is None else float(np.linalg.norm(near))
            return None if near is None or length <= 1e-9 * radius else _Nearest(near * (radius / length), True)
        low, high = 0.0, 1.0
        least, most = self.nearest(point * low), self.nearest(point * high)
        while most is not None and np.linalg.norm(most) < radius:
            low, high = high, high * 4
            if high > FURTHEST:
                return _Nearest(most, False)
            most = self.nearest(point * high)
        if least is None or most is None or np.linalg.norm(least) > radius:
            return None
        for _ in range(60):
            middle = (low + high) / 2
            near = self.nearest(point * middle)
            if near is None:
                return None
            low, high = (middle, high) if np.linalg.norm(near) < radius else (low, middle)
        found = self.nearest(point * high)
        if found is None:
            return None
        found = found * (radius / float(np.linalg.norm(found)))
        return _Nearest(found, True) if self.holds(found) else None

    def holds(self, point: Float64[np.ndarray, " dim"]) -> bool:
        """Whether a point is within all boundaries met so far, up to rounding."""
        over = np.stack(self.directions) @ point - np.array(self.levels)
        return bool(over.min() >= -1e-6 * float(np.linalg.norm(point)))


def win_angles(ledger: Ledger, rivals: Sequence[int]) -> list[float | None]:
    """Return how far the residual has to turn, the shortest way, until each rival wins over every row in play.

    A rival's cell is bounded by as many planes as there are other rows; only those that matter are found, by looking
    who wins at the nearest point so far. Every round is one pass over the head for all rivals.

    Returns:
        One angle in radians a rival, at least its flip angle; None where the rival never wins within 90°, where that
        did not settle, and, with a bias, where the cell does not reach the residuals' sphere, or reaches it only behind
        a boundary that this search (a convex one) cannot turn around.
    """
    view, start = ledger.view, ledger.residual
    biases = row_biases(view)
    every = np.zeros(view.vocab) if biases is None else biases
    rows = view.space.apply(view.opened.matrix.rows(ledger.ids[list(rivals)]))
    cells = [_Cell(row, float(every[ledger.ids[k]])) for k, row in zip(rivals, rows, strict=True)]
    found: list[_Nearest | None] = [_Nearest(start, True) for _ in rivals]
    unsettled = list(range(len(cells)))
    for _ in range(ROUNDS):
        if not unsettled:
            break
        asked = np.stack([one.point for i in unsettled if (one := found[i]) is not None])
        scores = row_products(view, asked, label="cells")[ledger.ids].T + every[ledger.ids]
        for i, row_scores in zip(list(unsettled), scores, strict=True):
            settled = not _grow(cells[i], ledger, row_scores, int(rivals[i]))
            if not settled:
                found[i] = cells[i].on_sphere(start)
            if settled or found[i] is None:
                unsettled.remove(i)
    for i in unsettled:
        found[i] = None
    return [None if one is None or not one.reached else _angle(start, one.point) for one in found]


def _grow(cell: _Cell, ledger: Ledger, scores: Float64[np.ndarray, " rows"], own: int) -> bool:
    """Add the rows that are furthest ahead of the cell's own at its nearest point; False if none is."""
    lead = scores - scores[own]
    size = float(np.abs(scores).max())
    ahead: Int64[np.ndarray, " rows"] = np.flatnonzero(lead > TOLERANCE * max(size, 1e-300))
    new = [place for place in ahead[np.argsort(-lead[ahead])].tolist() if int(ledger.ids[place]) not in cell.known]
    if not new:
        return False
    view, chosen = ledger.view, new[:ADDED]
    rows = view.space.apply(view.opened.matrix.rows(ledger.ids[chosen]))
    for place, row in zip(chosen, rows, strict=True):
        cell.add(int(ledger.ids[place]), row, float(ledger.bias[place]))
    return True


def _angle(one: Float64[np.ndarray, " dim"], other: Float64[np.ndarray, " dim"]) -> float:
    """The angle between two vectors, exact also where it is small."""
    a, b = unit(one), unit(other)
    return float(2 * np.arctan2(np.linalg.norm(a - b), np.linalg.norm(a + b)))
