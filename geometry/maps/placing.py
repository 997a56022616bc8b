"""A new vector put on a map that is there already: UMAP's transform, its samples replaced by what they come to.

As umap-learn does it, a vector starts at the weighted mean of its nearest points, then a hundred steps draw it to them
and push it from all others, which do not move. umap-learn draws five of the others by chance at each step; here all of
them push, each with its share. The answer is the one that theirs scatters around, depends on the vector alone, and
moves smoothly with it.
"""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float64, Int64

from geometry.hubness.question import Answers
from geometry.linalg import unit
from geometry.maps.layout import Curve
from geometry.maps.neighbors import nearest_to

STEPS = 100
RATE = 0.25
PUSHES = 5
"""umap-learn's own: steps, how far the first one goes, and how many of the others push for each that draws."""

FARTHEST = 4.0
"""No part of a step is longer, in either direction."""


@dataclass(frozen=True, eq=False)
class Placer:
    """What is needed to put vectors on a UMAP.

    Attributes:
        rows: the points' rows at unit length.
        points: where they lie.
        neighbors: how many nearest points draw a vector.
        curve: of the layout.
    """

    rows: Answers
    points: Float64[np.ndarray, "points 2"]
    neighbors: int
    curve: Curve

    def place(self, vectors: Float64[np.ndarray, "queries dim"]) -> Float64[np.ndarray, "queries 2"]:
        """Return where vectors lie, each by itself."""
        return self._placed(unit(vectors), None)

    def place_again(self, places: Int64[np.ndarray, " queries"]) -> Float64[np.ndarray, "queries 2"]:
        """Return where points of the map would lie if they were new: none is drawn to its own place."""
        return self._placed(self.rows.pick(places), places)

    def _placed(
        self, vectors: Float64[np.ndarray, "queries dim"], own: Int64[np.ndarray, " queries"] | None
    ) -> Float64[np.ndarray, "queries 2"]:
        near = nearest_to(vectors, self.rows, min(self.neighbors, len(self.points) - (own is not None)), own)
        found = np.empty((len(vectors), 2))
        for index, (places, scores) in enumerate(zip(near.places, near.scores, strict=True)):
            weights = membership(np.maximum(1.0 - scores, 0.0))
            others = self.points if own is None else np.delete(self.points, own[index], axis=0)
            found[index] = _settle(self.points[places], weights, others, self.curve)
        return found


def membership(distances: Float64[np.ndarray, " k"]) -> Float64[np.ndarray, " k"]:
    """Return how strongly each nearest point draws: exp(−d/σ), from 0 to 1.

    σ is such that all but the nearest come to log2 k together, as umap-learn's ``smooth_knn_dist`` has it for new
    vectors, and at least a thousandth of their mean distance.
    """
    target, low, high = np.log2(len(distances)), 0.0, np.inf
    sigma = 1.0
    for _ in range(64):
        total = float(np.exp(-distances[1:] / sigma).sum())
        if abs(total - target) < 1e-5:
            break
        low, high = (low, sigma) if total > target else (sigma, high)
        sigma = 2.0 * sigma if high == np.inf else 0.5 * (low + high)
    sigma = max(sigma, 1e-3 * float(distances.mean()), np.finfo(np.float64).tiny)
    return np.asarray(np.where(distances > 0, np.exp(-distances / sigma), 1.0))


def _settle(
    near: Float64[np.ndarray, "k 2"],
    weights: Float64[np.ndarray, " k"],
    others: Float64[np.ndarray, "points 2"],
    curve: Curve,
) -> tuple[float, float]:
    """Take the steps of one vector, first pulled by each of its nearest and then pushed by all."""
    shares = weights / weights.max()
    shares = np.where(shares < 1.0 / STEPS, 0.0, shares)
    same = np.flatnonzero(weights == 1.0)
    x, y = map(float, near[same[0]] if len(same) else weights @ near / weights.sum())
    pulling = [(to_x, to_y, share) for (to_x, to_y), share in zip(near.tolist(), shares.tolist(), strict=True) if share]
    pushing, pushes = np.ascontiguousarray(others.T), PUSHES * float(shares.sum()) / len(others)
    for step in range(STEPS):
        rate = RATE * (1.0 - step / STEPS)
        for to_x, to_y, share in pulling:  # one after the other: together they would pull past their middle
            from_x, from_y = x - to_x, y - to_y
            square = from_x * from_x + from_y * from_y
            if square > 0:
                pull = -2 * curve.a * curve.b * square ** (curve.b - 1) / (1 + curve.a * square**curve.b)
                x += rate * share * min(max(pull * from_x, -FARTHEST), FARTHEST)
                y += rate * share * min(max(pull * from_y, -FARTHEST), FARTHEST)
        away_x, away_y = x - pushing[0], y - pushing[1]
        squares = away_x * away_x + away_y * away_y
        push = 2 * curve.b / ((1e-3 + squares) * (1 + curve.a * squares**curve.b))
        x += rate * pushes * float(np.clip(push * away_x, -FARTHEST, FARTHEST).sum())
        y += rate * pushes * float(np.clip(push * away_y, -FARTHEST, FARTHEST).sum())
    return x, y
