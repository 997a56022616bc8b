"""Targets → how far each lies outside the convex hull of the other rows."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float, Float64, Int64

from geometry.errors import OptionError
from geometry.head import Head
from geometry.linalg import unit
from geometry.progress import track
from geometry.reachability.corral import Corral
from geometry.reachability.rows import HeldRows, Lowest, Rows, StreamedRows, lowest

TOLERANCE = 1e-6
"""Gap at which a distance counts as found, as a share of the distance to the rows first looked at."""

HELD_BYTES = 256 * 2**20
"""Heads that take less than this in float64 are kept in memory, in their space."""

GROUP_BYTES = 128 * 2**20
POINTS = 64
"""Rows that are added in one round at most; targets are followed together while such sets fit ``GROUP_BYTES``."""

MOST_ROUNDS = 200


@dataclass(frozen=True, eq=False)
class HullDistance:
    """How far a point lies outside the convex hull of some rows.

    Attributes:
        value: the distance, ‖w_t − Σ weights · rows‖; 0 where that is within the tolerance.
        gap: how much smaller the true distance can be, by duality; at most the distance itself.
        ids: the rows that the nearest point of the hull is made of.
        weights: their shares, of sum 1.
        rounds: passes over the rows that it took.
    """

    value: float
    gap: float
    ids: Int64[np.ndarray, " support"]
    weights: Float64[np.ndarray, " support"]
    rounds: int


def hull_distance(
    target: Float[np.ndarray, " dim"], rows: Float[np.ndarray, "tokens dim"], *, tolerance: float = TOLERANCE
) -> HullDistance:
    """Distance from a point to the convex hull of rows.

    λ = min ‖t − Σ aⱼwⱼ‖ over a ≥ 0, Σ a = 1 = max over ‖x‖ ≤ 1 of min over j of (t − wⱼ)·x.

    Args:
        tolerance: gap to stop at, as a share of the distance to the rows first looked at.

    Returns:
        The distance, ids being places in ``rows``.

    Raises:
        OptionError: there are no rows, or numbers that are not finite.
    """
    if not len(rows):
        raise OptionError("the distance to a hull of no rows was asked for; expected at least one other row")
    if not (np.isfinite(target).all() and np.isfinite(rows).all()):
        raise OptionError("rows that hold NaN or infinity arrived; leave them out")
    held = HeldRows(np.arange(len(rows)), rows.astype(np.float64))
    return _distances(held, target[None, :].astype(np.float64), [frozenset()], tolerance)[0]


def hull_distances(
    head: Head,
    targets: Float[np.ndarray, "queries dim"],
    left_out: Sequence[frozenset[int]],
    *,
    allowed: Bool[np.ndarray, " vocab"] | None = None,
    tolerance: float = TOLERANCE,
    label: str = "reachability",
) -> list[HullDistance]:
    """Distances from many points to the convex hulls of a head's rows, each less some of them.

    Every round is one pass over the head for all targets that are followed together.

    Args:
        head: in the space wanted.
        targets: points in that space, such as rows of the head.
        left_out: for each of them the tokens whose rows make no part of its hull: itself at least, if it is a row.
        allowed: rows that the hulls are made of; all finite, unmasked ones by default.
        tolerance: as in :func:`hull_distance`.
        label: names the passes in a progress bar.

    Raises:
        OptionError: the numbers of targets and sets differ, no row is left for one, or one is not finite.
    """
    allowed = head.candidates() if allowed is None else allowed & head.opened.finite
    wide = targets.astype(np.float64)
    _check(wide, left_out, allowed, head.dim)
    rows: Rows
    if allowed.sum() * head.dim * 8 <= HELD_BYTES:
        ids = np.flatnonzero(allowed)
        rows = HeldRows(ids, head.space.apply(head.opened.matrix.rows(ids)))
    else:
        rows = StreamedRows(head, allowed, label)
    size = max(1, GROUP_BYTES // (POINTS * head.dim * 8))
    starts = range(0, len(wide), size)
    found: list[HullDistance] = []
    for start in track(starts, label, total=len(starts), nbytes=int(allowed.sum()) * head.dim * len(wide)):
        found += _distances(rows, wide[start : start + size], left_out[start : start + size], tolerance)
    return found


def _check(
    targets: Float64[np.ndarray, "queries dim"],
    left_out: Sequence[frozenset[int]],
    allowed: Bool[np.ndarray, " vocab"],
    dim: int,
) -> None:
    if len(targets) != len(left_out):
        raise OptionError(f"{len(targets)} targets and {len(left_out)} sets of rows to leave out arrived")
    if targets.shape[1] != dim:
        raise OptionError(f"targets of length {targets.shape[1]} arrived; this head's rows have {dim} numbers")
    if not np.isfinite(targets).all():
        raise OptionError("a target that holds NaN or infinity arrived; leave it out")
    total = int(allowed.sum())
    for dropped in left_out:
        gone = sum(bool(allowed[token]) for token in dropped if 0 <= token < len(allowed))
        if gone == total:
            raise OptionError(f"of {total} rows none is left to make a hull of: leave fewer out")


class _Search:
    """One target's distance in the making: λ lies between ``lower`` and ``upper``."""

    def __init__(self, target: Float64[np.ndarray, " dim"], rows: Rows, tolerance: float) -> None:
        self._target, self._rows, self._tolerance = target, rows, tolerance
        away = rows.center - target
        self.direction = unit(away) if away.any() else unit(np.ones(len(target)))
        self.rounds, self.upper, self.lower = 0, np.inf, 0.0
        self.waits, self.done = False, False  # for a look in float64; for nothing
        self._scale = 1.0  # the distance to the rows first looked at: a corral wants points of length about 1
        self._corral: Corral | None = None

    def take(self, found: Lowest, *, exact: bool) -> None:
        """Learn from the rows that reach least far along the direction."""
        self.rounds += 1
        self.waits = False
        if self._corral is None:
            points = self._points(found.ids)
            self._scale = float(np.linalg.norm(points, axis=1).max()) or 1.0
            self._corral = Corral(found.ids, points / self._scale)
            self._settle(self._corral)
            return
        reached = found.products - self._target @ self.direction
        if exact:
            self.lower = max(self.lower, float(reached.min()))
        new = found.ids[(reached < self.upper) & ~np.isin(found.ids, self._corral.ids)]
        if self.upper - reached.min() <= self._tolerance * self._scale or not len(new):
            self.done, self.waits = exact, not exact
            return
        self._corral.add(new, self._points(new) / self._scale)
        self._settle(self._corral)

    def result(self) -> HullDistance:
        """What is known by now."""
        assert self._corral is not None
        value = self.upper if self.upper > self._tolerance * self._scale else 0.0
        gap = max(self.upper - self.lower, 0.0)
        return HullDistance(value, gap, self._corral.support, self._corral.weights, self.rounds)

    def _points(self, ids: Int64[np.ndarray, " k"]) -> Float64[np.ndarray, "k dim"]:
        points: Float64[np.ndarray, "k dim"] = self._rows.rows(ids) - self._target
        return points

    def _settle(self, corral: Corral) -> None:
        corral.settle()
        self.upper = float(np.linalg.norm(corral.nearest)) * self._scale
        self.direction = unit(corral.nearest)
        self.done = self.upper <= self._tolerance * self._scale


def _distances(
    rows: Rows, targets: Float64[np.ndarray, "queries dim"], left_out: Sequence[frozenset[int]], tolerance: float
) -> list[HullDistance]:
    """Follow some targets together, one pass over the rows a round, until every gap is closed."""
    from threadpoolctl import threadpool_limits

    searches = [_Search(target, rows, tolerance) for target in targets]
    for _ in range(MOST_ROUNDS):
        todo = [place for place, search in enumerate(searches) if not search.done]
        moving = [place for place in todo if not searches[place].waits]
        exact = rows.exact or not moving
        asked = todo if exact else moving
        if not asked:
            break
        directions = np.stack([searches[place].direction for place in asked])
        found = lowest(rows, directions, [left_out[place] for place in asked], POINTS, exact=exact)
        with threadpool_limits(1, user_api="blas"):  # threads cost more than products this small
            for place, one in zip(asked, found, strict=True):
                searches[place].take(one, exact=exact)
    return [search.result() for search in searches]
