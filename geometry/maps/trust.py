"""How far a picture's neighbours are neighbours in full dimension."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float64, Int64

from geometry.hubness.question import Answers, Nearest
from geometry.progress import track

MOST_ASKED = 5_000
"""Up to so many points all are asked; of more, a sample of :data:`SAMPLE`."""

SAMPLE = 2_000
BLOCK_NUMBERS = 2**22
"""Similarities that are held at a time (32 MiB)."""

PART = 4_096
"""Rows that are made at a time."""


@dataclass(frozen=True)
class Trust:
    """A picture's figures.

    Attributes:
        trust: Trustworthiness (Venna & Kaski 2001, doi:10.1007/3-540-44668-0_68), 0 to 1: 1 less a penalty for every
            neighbour in the picture that is not one in full dimension, by how far down it ranks there.
        overlap: Share of each point's nearest in full dimension that are among its nearest in the picture, 0 to 1.
        k: How many nearest were compared.
        asked: Of how many points.
    """

    trust: float
    overlap: float
    k: int
    asked: int


def trust_of(rows: Answers, near: Nearest, points: Float64[np.ndarray, "points 2"], k: int, *, seed: int = 0) -> Trust:
    """Measure a picture against the rows it is of.

    T = 1 − 2 / (n k (2m − 3k + 1)) Σᵢ Σⱼ (r(i, j) − k), j among i's k nearest in the picture but not in full dimension,
    r their rank there among the m = points − 1 others, n the points asked.

    Args:
        rows: at unit length.
        near: the k nearest of each point in full dimension, or more.
        points: where they lie.
        k: below half the number of points.
        seed: of the sample, where there are more than :data:`MOST_ASKED` points.
    """
    count = len(points)
    asked = np.arange(count)
    if count > MOST_ASKED:
        asked = np.sort(np.random.default_rng(seed).permutation(count)[:SAMPLE])
    drawn = nearest_drawn(points, asked, k)
    inside = (drawn[:, :, None] == near.places[asked, None, :k]).any(axis=2)
    ranks = _ranks(rows, asked, drawn)
    penalty = float(np.where(inside, 0, np.maximum(ranks - k, 0)).sum())
    largest = len(asked) * k * (2 * count - 3 * k - 1)
    trust = 1.0 - 2.0 * penalty / largest if largest > 0 else 1.0
    return Trust(trust, float(inside.mean()), k, len(asked))


def nearest_drawn(
    points: Float64[np.ndarray, "points 2"], asked: Int64[np.ndarray, " asked"], k: int
) -> Int64[np.ndarray, "asked k"]:
    """Return the k nearest of some points in the picture, themselves left out by place, ties by place."""
    from scipy.spatial import cKDTree

    more = min(len(points), k + 9)  # so that what is equally far is put in order of place, not of the tree
    distances, places = cKDTree(points).query(points[asked], more)
    distances = np.where(places == asked[:, None], np.inf, distances)
    order = np.lexsort((places, distances), axis=1)[:, :k]
    return np.take_along_axis(places, order, axis=1).astype(np.int64)


def beside(
    points: Float64[np.ndarray, "points 2"], at: Float64[np.ndarray, "queries 2"], k: int
) -> Int64[np.ndarray, "queries k"]:
    """Return the k points that lie nearest to some places of the picture."""
    from scipy.spatial import cKDTree

    return np.asarray(cKDTree(points).query(at, [*range(1, k + 1)])[1], dtype=np.int64)


def _ranks(
    rows: Answers, asked: Int64[np.ndarray, " asked"], drawn: Int64[np.ndarray, "asked k"]
) -> Int64[np.ndarray, "asked k"]:
    """Return where points rank in full dimension among all others of who asks, 1 the nearest."""
    count = len(rows.lengths)
    size = max(1, BLOCK_NUMBERS // count)
    ranks = np.empty(drawn.shape, dtype=np.int64)
    seconds = 2e-10 * len(asked) * count * (rows.dim + 8 * drawn.shape[1])
    starts = range(0, len(asked), size)
    for start in track(starts, "trustworthiness", total=len(starts), seconds=seconds):
        part = asked[start : start + size]
        x = rows.pick(part)
        similar = np.concatenate([x @ rows.part(a, min(a + PART, count)).T for a in range(0, count, PART)], axis=1)
        similar[np.arange(len(part)), part] = -np.inf
        at = np.take_along_axis(similar, drawn[start : start + size], axis=1)
        for column in range(drawn.shape[1]):
            ranks[start : start + size, column] = 1 + (similar > at[:, column, None]).sum(axis=1)
    return ranks
