"""With a bias: does the cell of a token, the residuals for which it comes first, meet the sphere of its residuals?

    P_t = {u: (w̃_t − w̃_j)·u + b_t − b_j ≥ ε for every j},  ε the tolerance

P_t is convex and the sphere is not, so there are two questions. Does P_t come within the sphere: is its point of least
norm, found with the rows that matter alone, no longer than R? If not, its multipliers prove that no residual of length
up to R puts t ahead. And does P_t get out of the ball: it does along the direction in which t leads by λ, if λ > 0;
a token inside the hull of the others has a bounded cell, whose far points are looked for in `far`.
"""

from collections.abc import Iterator, Mapping
from dataclasses import replace

import numpy as np
from jaxtyping import Float64, Int64

from geometry.linalg import unit
from geometry.products import row_products
from geometry.progress import track
from geometry.reachability.distance import TOLERANCE
from geometry.reachability.evidence import AT_ONCE, Evidence, bound_of, leads
from geometry.reachability.far import far_point
from geometry.reachability.polyhedron import least_norm
from geometry.reachability.rivals import Rivals

ADDED = 32
"""Boundaries that are taken in at once."""

ROUNDS = 100
"""Passes over the head for one batch of cells at most."""

SECONDS_A_CELL = 0.05
"""For the bar alone."""


class Cell:
    """The residuals for which one token leads by at least ``slack``, known by the boundaries met so far.

    Attributes:
        evidence: What is known of the token; ``never`` once multipliers prove it.
        point: The point of least norm; None once it lies outside the ball or is not found.
        open: Rows that are ahead at the point may still be met.
    """

    def __init__(self, rivals: Rivals, token: int, evidence: Evidence) -> None:
        self.rivals, self.token, self.evidence = rivals, token, evidence
        own = np.array([token])
        self._row, self._bias = rivals.rows(own)[0], float(rivals.biases(own)[0])
        farthest = np.linalg.norm(self._row - rivals.rows(evidence.ids), axis=1).max()
        self.slack = TOLERANCE * rivals.furthest * float(farthest)
        self.ids: Int64[np.ndarray, " boundaries"] = np.empty(0, dtype=np.int64)
        self._normals, self._levels, self._lengths = np.empty((0, rivals.view.dim)), np.empty(0), np.empty(0)
        self.point: Float64[np.ndarray, " dim"] | None = None
        self.open, self._rounds = True, 0
        self._add(evidence.ids)  # the rows that bound the hull bound the cell far out

    def see(self, logits: Float64[np.ndarray, " vocab"]) -> None:
        """Take in the rows that are furthest ahead at the point of least norm; where none is, it lies in the cell."""
        self._rounds += 1
        ahead = np.where(self.rivals.competing, logits - logits[self.token] + self.slack / 2, -np.inf)
        ahead[self.token] = ahead[self.ids] = -np.inf
        worst = np.argsort(-ahead)[:ADDED]
        worst = worst[ahead[worst] > 0]
        if len(worst):
            self._add(worst)
        else:
            self.open = False

    def told(self) -> Evidence:
        """What is known by now."""
        return replace(self.evidence, step="sphere", rounds=self.evidence.rounds + self._rounds)

    def _add(self, ids: Int64[np.ndarray, " k"]) -> None:
        """Take in the boundaries towards some rows, and move to the point of least norm."""
        apart = self._row - self.rivals.rows(ids)
        lengths = np.linalg.norm(apart, axis=1)
        lengths = np.where(lengths > 0, lengths, 1.0)  # an equal row bounds by its bias alone
        levels = (self.rivals.biases(ids) - self._bias + self.slack) / (lengths * self.rivals.furthest)
        self.ids = np.concatenate([self.ids, ids])
        self._normals = np.vstack([self._normals, apart / lengths[:, None]])
        self._levels, self._lengths = np.concatenate([self._levels, levels]), np.concatenate([self._lengths, lengths])
        found = least_norm(self._normals, self._levels)
        self._prove(found.multipliers / self._lengths)
        outside = found.point is None or float(np.linalg.norm(found.point)) > 1
        self.open = not outside and self.evidence.status != "never"
        self.point = found.point * self.rivals.furthest if self.open and found.point is not None else None

    def _prove(self, shares: Float64[np.ndarray, " boundaries"]) -> None:
        """See whether the multipliers prove that the token never leads by more than the slack."""
        used = np.argsort(-shares, kind="stable")[: int((shares > 0).sum())]
        if not len(used):
            return
        ids, weights = self.ids[used], shares[used] / shares[used].sum()
        bound = bound_of(self.rivals, self.token, ids, weights)
        if bound <= self.slack:
            self.evidence = replace(self.evidence, status="never", bound=bound, ids=ids, weights=weights)


def on_sphere(rivals: Rivals, undecided: Mapping[int, Evidence], *, seed: int) -> Iterator[tuple[int, Evidence]]:
    """Decide tokens that the hull's direction left open, as far as that can be; yields each with what is known.

    Args:
        undecided: What the hull's step knows of each token.
        seed: Of the search for far points.
    """
    tokens = list(undecided)
    starts = range(0, len(tokens), AT_ONCE)
    for start in track(starts, "reachability: bias", total=len(starts), seconds=len(tokens) * SECONDS_A_CELL):
        cells = [Cell(rivals, token, undecided[token]) for token in tokens[start : start + AT_ONCE]]
        _close(rivals, cells)
        found = {cell.token: cell.told() for cell in cells}
        inside = [cell for cell in cells if cell.point is not None and not cell.open]
        found |= _crossed(rivals, [cell for cell in inside if rivals.free or cell.evidence.distance > 0])
        for cell in inside:
            if not rivals.free and cell.evidence.distance == 0:
                found[cell.token] = _searched(cell, seed)
        yield from found.items()


def _close(rivals: Rivals, cells: list[Cell]) -> None:
    """Let every cell meet the rows that matter, one pass over the head a round for all."""
    from threadpoolctl import threadpool_limits

    for _ in range(ROUNDS):
        points = {cell: cell.point for cell in cells if cell.open}
        if not points:
            return
        asked = np.stack([point for point in points.values() if point is not None])
        logits = row_products(rivals.view, asked, label="cells").T
        logits += 0.0 if rivals.bias is None else rivals.bias
        with threadpool_limits(1, user_api="blas"):  # threads cost more than products this small
            for cell, seen in zip(points, logits, strict=True):
                cell.see(seen)


def _crossed(rivals: Rivals, cells: list[Cell]) -> dict[int, Evidence]:
    """Leave the ball from every cell's point along the direction of λ, and look who comes first there."""
    witnesses = [_outward(cell) for cell in cells]
    if not witnesses:
        return {}
    ahead = leads(rivals, [cell.token for cell in cells], np.stack(witnesses))
    return {
        cell.token: _judged(cell, float(lead), witness)
        for cell, lead, witness in zip(cells, ahead, witnesses, strict=True)
    }


def _outward(cell: Cell) -> Float64[np.ndarray, " dim"]:
    """Where a ray from the cell's point leaves both ball and doubt; the point itself where any length will do."""
    rivals, known = cell.rivals, cell.evidence
    assert cell.point is not None
    if rivals.free:
        return cell.point
    away = rivals.rows(np.array([cell.token]))[0] - known.weights @ rivals.rows(known.ids)
    return crossing(cell.point, unit(away), rivals.radius)


def _searched(cell: Cell, seed: int) -> Evidence:
    """Look for a far point of a bounded cell, and cross the sphere on the way to it."""
    rivals, point = cell.rivals, cell.point
    assert point is not None
    far = far_point(rivals, cell.token, point, cell.ids, cell.slack, seed=seed)
    if far.point is None:
        return replace(cell.told(), status="never", bound=0.0) if far.inside else cell.told()
    witness = crossing(point, unit(far.point - point), rivals.radius)
    return _judged(cell, float(leads(rivals, [cell.token], witness[None, :])[0]), witness)


def _judged(cell: Cell, lead: float, witness: Float64[np.ndarray, " dim"]) -> Evidence:
    """What is known once the head was scanned at a residual."""
    known = cell.told()
    return replace(known, status="reachable", lead=lead, witness=witness) if lead > 0 else known


def crossing(
    point: Float64[np.ndarray, " dim"], direction: Float64[np.ndarray, " dim"], radius: float
) -> Float64[np.ndarray, " dim"]:
    """Return where the ray from a point in the ball leaves it: ‖point + s·direction‖ = radius, s ≥ 0."""
    along = float(point @ direction)
    step = -along + float(np.sqrt(max(along**2 + radius**2 - float(point @ point), 0.0)))
    return unit(point + max(step, 0.0) * direction) * radius
