"""Room on a figure: pictures pushed apart, and texts written only where nothing stands yet."""

from dataclasses import dataclass, field
from functools import cache

import numpy as np
from jaxtyping import Bool, Float64

from geometry.figures.text import width_of

PASSES = 200
CELL = 0.02
"""Inches along a cell of what is known to be free."""


def push_apart(
    points: Float64[np.ndarray, "points 2"],
    side: float | Float64[np.ndarray, " points"],
    held: Bool[np.ndarray, " points"] | None = None,
) -> Float64[np.ndarray, "points 2"]:
    """Return points moved, in as small steps as do, until few pairs are nearer than their sides let them; always alike.

    Args:
        points: where things lie.
        side: how wide they are: two of them need half of both between them.
        held: those that stay where they are.
    """
    from scipy.spatial import cKDTree

    sides = np.broadcast_to(np.asarray(side, dtype=np.float64), len(points))
    moves = np.where(np.zeros(len(points), dtype=np.bool_) if held is None else held, 0.0, 1.0)
    found = points + 1e-6 * np.random.default_rng(0).normal(size=points.shape) * moves[:, None]
    usual = float(np.median(sides)) if len(sides) else 0.0
    large = np.flatnonzero(sides > 1.2 * usual)
    for _ in range(PASSES):
        tree = cKDTree(found)
        pairs = tree.query_pairs(1.2 * usual, output_type="ndarray")
        for one in large.tolist():  # few: looked for by themselves, so that not all pairs in their reach are held
            near = np.array(tree.query_ball_point(found[one], (sides[one] + sides.max()) / 2), dtype=np.int64)
            near = near[near != one]
            pairs = np.vstack([pairs, np.column_stack([np.full(len(near), one), near])])
        if not len(pairs):
            break
        pairs = np.unique(np.sort(pairs, axis=1), axis=0)
        needed = (sides[pairs[:, 0]] + sides[pairs[:, 1]]) / 2
        apart = found[pairs[:, 0]] - found[pairs[:, 1]]
        length = np.maximum(np.linalg.norm(apart, axis=1), 1e-9)
        near_pairs = length < needed - 1e-3 * usual
        if not near_pairs.any():
            break
        pairs, apart, length, needed = pairs[near_pairs], apart[near_pairs], length[near_pairs], needed[near_pairs]
        step = apart / length[:, None] * ((needed - length) * 0.5)[:, None]
        first, second = moves[pairs[:, 0]], moves[pairs[:, 1]]
        alone = np.where(first * second > 0, 1.0, 2.0)  # what is held leaves the whole way to the other
        np.add.at(found, pairs[:, 0], step * (0.6 * first * alone)[:, None])
        np.add.at(found, pairs[:, 1], -step * (0.6 * second * alone)[:, None])
    return np.asarray(found)


Box = tuple[float, float, float, float]
"""Middle, width and height, in inches."""


@dataclass
class Room:
    """What of a rectangle is still free, in inches from its lower left corner.

    Attributes:
        taken: cells where nothing more is written.
        covered: cells that are better left as they are.
    """

    width: float
    height: float
    taken: Bool[np.ndarray, "rows columns"] = field(init=False, repr=False)
    covered: Bool[np.ndarray, "rows columns"] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        shape = max(1, int(self.height / CELL)), max(1, int(self.width / CELL))
        self.taken, self.covered = np.zeros(shape, dtype=np.bool_), np.zeros(shape, dtype=np.bool_)

    def is_free(self, box: Box) -> bool:
        """Whether a box is inside and nothing is taken in it."""
        rows, columns = self._cells(box)
        inside = min(rows[0], columns[0]) >= 0 and rows[1] <= len(self.taken) and columns[1] <= self.taken.shape[1]
        return inside and not self.taken[slice(*rows), slice(*columns)].any()

    def covers(self, box: Box) -> float:
        """The share of a box, 0 to 1, that is better left as it is."""
        part = self._part(self.covered, box)
        return float(part.mean()) if part.size else 0.0

    def take(self, box: Box) -> None:
        """Let nothing more be written there."""
        self._part(self.taken, box)[:] = True

    def cover(self, box: Box) -> None:
        """Let only what finds no other place be written there."""
        self._part(self.covered, box)[:] = True

    def _part(self, cells: Bool[np.ndarray, "rows columns"], box: Box) -> Bool[np.ndarray, "some others"]:
        (low, high), (left, right) = self._cells(box)
        return cells[max(low, 0) : max(high, 0), max(left, 0) : max(right, 0)]

    def _cells(self, box: Box) -> tuple[tuple[int, int], tuple[int, int]]:
        x, y, width, height = box
        across = int(np.floor((x - width / 2) / CELL)), int(np.ceil((x + width / 2) / CELL))
        return (int(np.floor((y - height / 2) / CELL)), int(np.ceil((y + height / 2) / CELL))), across


def write_beside(
    room: Room,
    at: tuple[float, float],
    width: float,
    height: float,
    away: float,
    *,
    covering: float = 1.0,
    anyway: bool = False,
) -> tuple[float, float] | None:
    """Take the place for a text next to a point that covers least, and return its middle; None where none is free.

    Args:
        at: the point.
        width, height: of the text.
        away: how far from the point its edge stays.
        covering: the share of the place, 0 to 1, that may be covered already.
        anyway: where none is free take one all the same, inside.
    """
    nearest = _around(at, width, height, away)
    for boxes in (nearest, *(_around(at, width, height, far * away) for far in (3.0, 6.0) if anyway)):
        free = [box for box in boxes if room.is_free(box) and room.covers(box) <= covering]
        if free:
            box = min(free, key=room.covers)
            break
    else:
        if not anyway:
            return None
        box = nearest[0 if nearest[0][0] + width / 2 < room.width else 1]
    room.take(box)
    return box[:2]


def _around(at: tuple[float, float], width: float, height: float, away: float) -> list[Box]:
    """The eight places of a text next to a point."""
    across, up = away + width / 2, away + height / 2
    steps = ((1, 0), (-1, 0), (0, -1), (0, 1), (1, 1), (-1, 1), (1, -1), (-1, -1))
    return [(at[0] + right * across, at[1] + above * up, width, height) for right, above in steps]


def quick_width(text: str, size: float) -> float:
    """Return about how wide a shown text will be, in inches: letter by letter, for thousands of them."""
    return sum(map(_advance, text)) * size


@cache
def _advance(letter: str) -> float:
    return width_of(letter, 100.0) / 100
