"""A plane for the emoji of a head: where each row lies on it, and how far the plane can be trusted.

Every row is taken at unit length in the head's space, so that near means alike by cosine similarity; the plane is that
of the first two principal components of the emoji. Anything else is put into the same plane by the same projection, and
how much of it lies there at all is told: most of a residual does not.
"""

from dataclasses import dataclass, field
from typing import Literal

import numpy as np
from jaxtyping import Float64, Int64

from geometry.errors import OptionError
from geometry.head import Head
from geometry.linalg import unit

FEWEST = 10
"""Fewer emoji make no map."""

NEIGHBORS = 10
"""Nearest emoji that the trust figures compare."""

MethodName = Literal["pca"]


@dataclass(frozen=True, eq=False)
class EmojiMap:
    """Coordinates of a head's whole-emoji rows.

    Attributes:
        ids, texts: The emoji, one row each; with and without a space before them is one emoji.
        points: Where they lie, (emoji, 2), about the emoji's mean.
        method: How the plane was found.
        variance: The share of the rows' variance that lies in the plane, from 0 to 1.
        trust: Trustworthiness with 10 neighbours, from 0 to 1: that what is near in the plane is near in the space
            (Venna & Kaski 2001).
        overlap: The share of each emoji's 10 nearest in the space that are among its 10 nearest in the plane.
        mean, axes: x lies at axes · (unit(x) − mean).
    """

    ids: Int64[np.ndarray, " emoji"]
    texts: tuple[str, ...]
    points: Float64[np.ndarray, "emoji 2"]
    method: MethodName
    variance: float
    trust: float
    overlap: float
    mean: Float64[np.ndarray, " dim"] = field(repr=False)
    axes: Float64[np.ndarray, "2 dim"] = field(repr=False)

    def place(self, vectors: Float64[np.ndarray, "points dim"]) -> Float64[np.ndarray, "points 2"]:
        """Return where vectors of the same space lie, at unit length as the rows are."""
        return np.asarray((unit(vectors) - self.mean) @ self.axes.T)

    def in_plane(self, vectors: Float64[np.ndarray, "points dim"]) -> Float64[np.ndarray, " points"]:
        """Return how much of each vector's squared distance from the emoji's mean lies in the plane, from 0 to 1."""
        away = unit(vectors) - self.mean
        inside, whole = ((away @ self.axes.T) ** 2).sum(axis=1), (away**2).sum(axis=1)
        return np.asarray(np.divide(inside, whole, out=np.zeros_like(whole), where=whole > 0))


def map_emoji(head: Head) -> EmojiMap:
    """Map the head's whole-emoji rows by their principal components, in the head's space.

    The sign of each axis is such that its largest entry is positive: the same head gives the same map.

    Raises:
        OptionError: The head has fewer than `FEWEST` of them.
        TokenError: It has no vocabulary.
    """
    from scipy.sparse.linalg import svds

    tokens = head.words()
    ids = np.array(list({tokens.emoji[token].text: token for token in map(int, head.opened.emoji_ids[::-1])}.values()))
    if len(ids) < FEWEST:
        raise OptionError(
            f"{head.name} has {len(ids)} whole emoji; expected at least {FEWEST} for a map: take a head whose "
            "vocabulary holds them whole"
        )
    ids = np.sort(ids)
    rows = unit(head.rows(ids))
    mean = rows.mean(axis=0)
    away = rows - mean
    start = np.random.default_rng(0).normal(size=min(away.shape))  # any would do; the same one gives the same map
    _, sizes, axes = svds(away, k=2, v0=start)
    plane = axes[np.argsort(-sizes)]
    plane = plane * np.sign(plane[[0, 1], np.abs(plane).argmax(axis=1)])[:, None]
    points = away @ plane.T
    trust, overlap = _trust(rows, points)
    texts = tuple(tokens.emoji[token].text for token in ids.tolist())
    share = float((sizes**2).sum() / (away**2).sum())
    return EmojiMap(ids.astype(np.int64), texts, points, "pca", share, trust, overlap, mean, plane)


def _trust(rows: Float64[np.ndarray, "emoji dim"], points: Float64[np.ndarray, "emoji 2"]) -> tuple[float, float]:
    """How far neighbours in the plane are neighbours in the space, and the other way round."""
    from sklearn.manifold import trustworthiness

    k = min(NEIGHBORS, (len(rows) - 1) // 2)
    near, drawn = _nearest(rows, k), _nearest(points, k)
    overlap = np.mean([len(np.intersect1d(a, b)) / k for a, b in zip(near, drawn, strict=True)])
    return float(trustworthiness(rows, points, n_neighbors=k)), float(overlap)


def _nearest(points: Float64[np.ndarray, "emoji dim"], k: int) -> Int64[np.ndarray, "emoji k"]:
    square = (points**2).sum(axis=1)
    distances = square[:, None] + square[None, :] - 2 * points @ points.T
    np.fill_diagonal(distances, np.inf)
    return np.asarray(np.argsort(distances, axis=1, kind="stable")[:, :k])
