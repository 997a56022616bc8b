"""Where the winner changes: along one weight, over two, and over all proportions of three."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from jaxtyping import Float64, Int64

from geometry.envelopes import Region, Segment, planar_regions, upper_curves, upper_lines
from geometry.errors import OptionError
from geometry.landing.record import text_of
from geometry.why.ledger import Ledger

REACH = 2.0
"""Weights are looked at from −REACH to REACH, further where the sum's own lie outside."""

COARSE, FINE = 61, 241
"""Grid points a side where there is a bias: who may win is looked for on the coarse one, told apart on the fine."""

Shape = Literal["plane", "ternary"]


@dataclass(frozen=True, slots=True)
class Stretch:
    """A stretch of one weight over which one row wins; an open end is None."""

    id: int
    text: str
    start: float | None
    stop: float | None


@dataclass(frozen=True, slots=True)
class Line:
    """Who wins as one term's weight moves and the others stay.

    Attributes:
        term: Its label.
        weight: What it is in the sum.
        numerical: Found by root-finding over `window`, as a bias demands; otherwise in closed form over all numbers.
        window: The weights looked at, or those that a figure shows.
        stretches: In order of weight.
    """

    term: str
    weight: float
    numerical: bool
    window: tuple[float, float]
    stretches: tuple[Stretch, ...]


@dataclass(frozen=True, eq=False)
class Phase:
    """Who wins over two weights, or over all proportions of three.

    Attributes:
        shape: ``plane`` (two weights, the others as in the sum) or ``ternary`` (three terms, each with the sign it
            has in the sum, by weights that add up to 1: complete for those signs, since only proportions count).
        terms: The labels of what varies; in a ternary diagram a minus stands before those that are taken away.
        at: The sum's own place; None where all its weights are zero.
        window: Lowest and highest weight of a plane.
        ids, texts: The rows that win somewhere, by the size of what they hold.
        shares: The share of the area that each holds.
        polygons: What each holds, corners in the two weights or the three proportions; empty where ``grid`` is given.
        planes: Score of each up to a common positive factor: constant, slopes in the first two of ``terms``.
        grid: With a bias, who wins at each point of a grid (place in ``ids``, −1 outside): numerical.
        leads: With a grid, how far the winner is ahead at each point, up to the same factor.
        degenerate: Terms that point the same way, whose regions are strips; empty where none do.
    """

    shape: Shape
    terms: tuple[str, ...]
    at: tuple[float, ...] | None
    window: tuple[float, float]
    ids: tuple[int, ...]
    texts: tuple[str, ...]
    shares: tuple[float, ...]
    polygons: tuple[Float64[np.ndarray, "_ axes"], ...]
    planes: Float64[np.ndarray, "rows 3"]
    grid: Int64[np.ndarray, "side side"] | None
    leads: Float64[np.ndarray, "side side"] | None
    degenerate: str


def lines(ledger: Ledger) -> tuple[Line, ...]:
    """Follow the winner along each term's weight."""
    return tuple(_line(ledger, index) for index in range(len(ledger.labels)))


def _line(ledger: Ledger, index: int) -> Line:
    weight = float(ledger.weights[index])
    window = (min(-REACH, weight - 1), max(REACH, weight + 1))
    others = ledger.weights.copy()
    others[index] = 0.0
    heights, slopes = ledger.products @ others, ledger.products[:, index]
    if ledger.has_bias:
        gram, radius = ledger.grams(), np.sqrt(ledger.head.dim)
        square = (float(others @ gram @ others), float(2 * gram[index] @ others), float(gram[index, index]))
        found = upper_curves(heights, slopes, ledger.bias / radius, square, window)
    else:
        found = upper_lines(heights, slopes)
    stretches = tuple(_stretch(ledger, one, window if ledger.has_bias else None) for one in found)
    return Line(ledger.labels[index], weight, ledger.has_bias, window, stretches)


def _stretch(ledger: Ledger, one: Segment, window: tuple[float, float] | None) -> Stretch:
    token = int(ledger.ids[one.row])
    low, high = window or (-np.inf, np.inf)
    start, stop = (None if one.start <= low else one.start), (None if one.stop >= high else one.stop)
    return Stretch(token, text_of(ledger.head, token), start, stop)


def choose_terms(ledger: Ledger, vary: Sequence[str]) -> tuple[str, ...]:
    """Return the labels that a phase diagram varies: those asked for, else all of a sum of two or three terms.

    Raises:
        OptionError: Some are no terms of the sum, or their number does not make a diagram.
    """
    if not vary:
        return ledger.labels if len(ledger.labels) in (2, 3) else ()
    wrong = [label for label in vary if label not in ledger.labels]
    if wrong:
        raise OptionError(f"--vary {wrong[0]!r} arrived; the terms of this sum are {', '.join(ledger.labels)}")
    labels = tuple(dict.fromkeys(vary))
    if len(labels) == 2 or (len(labels) == 3 and len(ledger.labels) == 3):
        return labels
    raise OptionError(
        f"--vary with {len(labels)} of {len(ledger.labels)} terms arrived; expected two of them, or all three of three"
    )


def phase(ledger: Ledger, terms: Sequence[str]) -> Phase | None:
    """Divide the weights of two terms, or the proportions of three, by who wins; None without terms or rows."""
    if not terms or not len(ledger.ids):
        return None
    index = [ledger.labels.index(label) for label in terms]
    shape: Shape = "ternary" if len(index) == 3 else "plane"
    own = ledger.weights[index]
    window = (min(-REACH, float(own.min()) - 0.5), max(REACH, float(own.max()) + 0.5))
    signs = np.where(own < 0, -1.0, 1.0) if shape == "ternary" else np.ones(2)
    if shape == "ternary":
        window = (0.0, 1.0)
        planes = (ledger.products[:, index] * signs) @ np.array([[0.0, 1, 0], [0, 0, 1], [1, -1, -1]])
        domain = np.array([[0.0, 0], [1, 0], [0, 1]])
        at = tuple((np.abs(own) / np.abs(own).sum()).tolist()) if own.any() else None
    else:
        rest = ledger.weights.copy()
        rest[index] = 0.0
        planes = np.column_stack([ledger.products @ rest, ledger.products[:, index]])
        low, high = window
        domain = np.array([[low, low], [high, low], [high, high], [low, high]])
        at = tuple(own.tolist())
    grid: Int64[np.ndarray, "side side"] | None = None
    leads: Float64[np.ndarray, "side side"] | None = None
    polygons: tuple[Float64[np.ndarray, "_ axes"], ...] = ()
    if ledger.has_bias:
        rows, grid, leads = _grid(ledger, index, signs, planes, window)
        sizes = np.bincount(grid[grid >= 0].ravel(), minlength=len(rows)).astype(np.float64)
    else:
        regions = planar_regions(planes, domain)
        rows = np.array([region.row for region in regions], dtype=np.int64)
        sizes = np.array([region.area for region in regions])
        polygons = tuple(_corners(region, shape) for region in regions)
    ids = tuple(int(ledger.ids[row]) for row in rows)
    return Phase(
        shape=shape,
        terms=tuple(f"-{term}" if sign < 0 else term for term, sign in zip(terms, signs, strict=True)),
        at=at,
        window=window,
        ids=ids,
        texts=tuple(text_of(ledger.head, token) for token in ids),
        shares=tuple((sizes / sizes.sum()).tolist()),
        polygons=polygons,
        planes=planes[rows],
        grid=grid,
        leads=leads,
        degenerate=_parallel(ledger, index),
    )


def _corners(region: Region, shape: Shape) -> Float64[np.ndarray, "corners axes"]:
    corners = region.polygon
    return corners if shape == "plane" else np.column_stack([corners, 1 - corners.sum(axis=1)])


def _parallel(ledger: Ledger, index: Sequence[int]) -> str:
    """Name two of the terms that point the same way, or opposite ways."""
    gram = ledger.grams()[np.ix_(index, index)]
    sizes = np.sqrt(np.diag(gram))
    for i in range(len(index)):
        for j in range(i):
            if abs(gram[i, j]) >= (1 - 1e-9) * sizes[i] * sizes[j]:
                return f"{ledger.labels[index[j]]} and {ledger.labels[index[i]]} point along one line"
    return ""


def _grid(
    ledger: Ledger,
    index: Sequence[int],
    signs: Float64[np.ndarray, " varied"],
    planes: Float64[np.ndarray, "rows 3"],
    window: tuple[float, float],
) -> tuple[Int64[np.ndarray, " winners"], Int64[np.ndarray, "side side"], Float64[np.ndarray, "side side"]]:
    """Who wins at each point of a grid, first weight along columns, and by how much; scores are divided by s."""
    gram, radius = ledger.grams(), np.sqrt(ledger.head.dim)

    def scan(
        side: int, rows: Int64[np.ndarray, " rows"]
    ) -> tuple[Int64[np.ndarray, "side side"], Float64[np.ndarray, "side side"]]:
        steps = np.linspace(*window, side)
        first, second = (axis.ravel() for axis in np.meshgrid(steps, steps))
        weights = np.tile(ledger.weights, (len(first), 1))
        weights[:, index] = np.column_stack([first, second, 1 - first - second][: len(index)]) * signs
        lengths = np.sqrt(np.maximum(np.einsum("ij,jk,ik->i", weights, gram, weights), 0.0)) / radius
        factors = np.column_stack([np.ones(len(first)), first, second, lengths])
        table = np.column_stack([planes[rows], ledger.bias[rows]])
        found = [_two_best(part @ table.T) for part in np.array_split(factors, side)]
        best, lead = rows[np.concatenate([one for one, _ in found])], np.concatenate([one for _, one in found])
        if len(index) == 3:
            best = np.where(first + second <= 1 + 1e-12, best, -1)
        return best.reshape(side, side), lead.reshape(side, side)

    coarse, _ = scan(COARSE, np.arange(len(planes)))
    grid, leads = scan(FINE, np.unique(coarse[coarse >= 0]))
    rows, counts = np.unique(grid[grid >= 0], return_counts=True)
    rows = rows[np.argsort(-counts, kind="stable")]
    place = np.full(len(planes) + 1, -1)
    place[rows] = np.arange(len(rows))
    return rows, place[grid], leads


def _two_best(
    scores: Float64[np.ndarray, "points rows"],
) -> tuple[Int64[np.ndarray, " points"], Float64[np.ndarray, " points"]]:
    """The best row at each point, and its score less the next one's."""
    best = scores.argmax(axis=1)
    points = np.arange(len(scores))
    top = scores[points, best]
    if scores.shape[1] == 1:
        return best, np.full(len(scores), np.inf)
    scores[points, best] = -np.inf
    return best, top - scores.max(axis=1)
