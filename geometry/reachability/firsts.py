"""Which tokens come strictly first at a residual of their own: all pairs, in float32, near ones settled in float64.

A float32 product of d numbers is wrong by at most γ‖w‖‖u‖ (Higham 2002, "Accuracy and Stability of Numerical
Algorithms", §3.1). The bound is two more columns of the product, so that one pass over it gives the most that any rival
can have. A rival whose longest logit, √d‖w̃‖ + b, is below the target's own is not looked at: half of all pairs.
"""

from collections.abc import Callable

import numpy as np
from jaxtyping import Bool, Float32, Float64, Int64

from geometry.moments import block_rows
from geometry.progress import track
from geometry.reachability.rivals import Rivals

Residuals = Callable[[Int64[np.ndarray, " k"]], Float64[np.ndarray, "k dim"]]
"""Tokens → a residual for each, of the rivals' radius or zero."""

TILE_BYTES = 32 * 2**20
MOST = 4_096
"""Targets looked at together, and the rivals that they meet at once: at most."""

PRODUCTS_A_SECOND = 5e10
"""For the bar alone."""


def come_first(
    rivals: Rivals, ids: Int64[np.ndarray, " targets"], residuals: Residuals, *, label: str
) -> Bool[np.ndarray, " targets"]:
    """Return which tokens are proven to be ahead of every other competing row at their own residuals.

    Args:
        ids: Competing rows.
        residuals: Gives the targets' residuals, some at a time; a zero one wins nothing.
        label: Names the passes in a progress bar.

    Returns:
        True where w̃_t·u_t + b_t − (w̃_j·u_t + b_j) is above rounding for every j; memory is that of a few blocks.
    """
    won = np.zeros(len(ids), dtype=np.bool_)
    size = max(1, min(MOST, TILE_BYTES // (8 * rivals.view.dim)))
    order = np.argsort(-rivals.reach[ids], kind="stable")  # alike ones together, so that much can be left out
    starts = range(0, len(ids), size)
    seconds = len(ids) * rivals.view.vocab * rivals.view.dim / PRODUCTS_A_SECOND
    for start in track(starts, label, total=len(starts), seconds=seconds):
        part = order[start : start + size]
        won[part] = _Tile(rivals, ids[part], residuals(ids[part])).winners()
    return won


class _Tile:
    """Some targets, each with its residual, against all rivals."""

    def __init__(
        self, rivals: Rivals, ids: Int64[np.ndarray, " targets"], residuals: Float64[np.ndarray, "targets dim"]
    ) -> None:
        self._rivals, self._ids, self._u = rivals, ids, residuals
        self._rows = rivals.rows(ids)
        self._own = (self._rows * residuals).sum(axis=1) + rivals.biases(ids) - rivals.rounding[ids]
        x = rivals.view.space.pull(residuals)[0]
        longest = np.linalg.norm(x, axis=1, keepdims=True)
        self._x: Float32[np.ndarray, "targets columns"] = np.hstack([x, longest, np.ones_like(longest)]).astype(
            np.float32
        )
        self._alive = np.flatnonzero(residuals.any(axis=1))

    def winners(self) -> Bool[np.ndarray, " targets"]:
        """Meet every rival; say who is still ahead."""
        matrix, reach = self._rivals.view.opened.matrix, self._rivals.reach
        for start, block in matrix.blocks(block_rows(matrix)):
            if not len(self._alive):
                break
            near = np.flatnonzero(reach[start : start + len(block)] >= self._own[self._alive].min())
            for first in range(0, len(near), MOST):
                some = near[first : first + MOST]
                self._meet(some + start, block[some])
        won = np.zeros(len(self._ids), dtype=np.bool_)
        won[self._alive] = True
        return won

    def _meet(self, ids: Int64[np.ndarray, " met"], block: Float32[np.ndarray, "met dim"]) -> None:
        """Drop the targets that one of these rivals is not proven to be behind."""
        if not len(self._alive):
            return
        most = self._x[self._alive] @ _with_bounds(self._rivals, ids, block).T
        own = np.searchsorted(ids, self._ids[self._alive])
        here = np.flatnonzero(ids[np.minimum(own, len(ids) - 1)] == self._ids[self._alive])
        most[here, own[here]] = -np.inf
        best = most.argmax(axis=1)
        top = most[np.arange(len(most)), best]
        near = np.flatnonzero(~(top < self._own[self._alive]))  # not so: a number, or none
        lost = near[self._passes(self._alive[near], ids[best[near]])]
        gone = set(lost.tolist())
        for place in near.tolist():
            if place not in gone and self._overtaken(int(self._alive[place]), most[place], ids):
                gone.add(place)
        if gone:
            self._alive = np.delete(self._alive, sorted(gone))

    def _overtaken(self, target: int, most: Float32[np.ndarray, " met"], ids: Int64[np.ndarray, " met"]) -> bool:
        """Whether one of the rivals that float32 cannot rule out is not behind in float64."""
        doubtful = ids[~(most < self._own[target])]
        return bool(self._passes(np.full(len(doubtful), target), doubtful).any())

    def _passes(
        self, targets: Int64[np.ndarray, " pairs"], ids: Int64[np.ndarray, " pairs"]
    ) -> Bool[np.ndarray, " pairs"]:
        """Which rivals are not behind their target by more than float64's rounding."""
        rivals, own = self._rivals, self._ids[targets]
        margins = ((self._rows[targets] - rivals.rows(ids)) * self._u[targets]).sum(axis=1)
        margins += rivals.biases(own) - rivals.biases(ids)
        return np.asarray(margins <= rivals.rounding[own] + rivals.rounding[ids])


def _with_bounds(
    rivals: Rivals, ids: Int64[np.ndarray, " met"], block: Float32[np.ndarray, "met dim"]
) -> Float32[np.ndarray, "met columns"]:
    """Rows as stored, their lengths times the share that float32 can get wrong, and their biases with theirs."""
    share = (block.shape[1] + 8) * np.finfo(np.float32).eps
    bias = rivals.biases(ids)
    beside = np.column_stack([share * rivals.view.opened.raw_norms[ids], bias + share * np.abs(bias)])
    return np.hstack([block, beside.astype(np.float32)])
