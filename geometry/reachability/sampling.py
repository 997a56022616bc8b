"""λ of tokens that exist and of random rows, to hold others' λ against: nearly every random row has λ > 0."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float64, Int64

from geometry.linalg import unit
from geometry.reachability.distance import hull_distances
from geometry.reachability.rivals import Rivals


@dataclass(frozen=True, slots=True)
class Sampled:
    """Distances from the hull of all other rows, rising.

    Attributes:
        what: What the tokens were drawn from: ``emoji``, ``words`` or ``tokens``.
        tokens: λ of tokens that exist.
        random: λ of as many rows in random directions, each as far from the mean row as one of these tokens.
    """

    what: str
    tokens: tuple[float, ...]
    random: tuple[float, ...]


def sample_distances(rivals: Rivals, count: int, *, seed: int) -> Sampled:
    """Draw tokens and random rows by seed and measure their λ.

    Emoji where there are enough, else words, else any token. Bias plays no part in λ.
    """
    view, generator = rivals.view, np.random.default_rng([seed, count])
    what, pool = _pool(rivals, count)
    ids = np.sort(generator.choice(pool, min(count, len(pool)), replace=False))
    rows, mean = rivals.rows(ids), view.space.apply(view.opened.moments.mean[None, :])
    noise = unit(generator.normal(size=rows.shape) if not view.space.centers else _level(generator, rows.shape))
    noise = mean + noise * np.linalg.norm(rows - mean, axis=1, keepdims=True)
    left_out = [*(frozenset({token}) for token in ids.tolist()), *[frozenset[int]()] * len(ids)]
    found = hull_distances(
        view, np.concatenate([rows, noise]), left_out, allowed=rivals.competing, label="reachability: sample"
    )
    values = [one.value for one in found]
    return Sampled(what, tuple(sorted(values[: len(ids)])), tuple(sorted(values[len(ids) :])))


def _pool(rivals: Rivals, count: int) -> tuple[str, Int64[np.ndarray, " pool"]]:
    view = rivals.view
    if view.tokens is not None:
        for what, ids in (("emoji", view.opened.emoji_ids), ("words", np.flatnonzero(view.candidates("words")))):
            ids = ids[rivals.competing[ids]]
            if len(ids) >= count:
                return what, ids
    return "tokens", np.flatnonzero(rivals.competing & view.candidates())


def _level(generator: np.random.Generator, shape: tuple[int, ...]) -> Float64[np.ndarray, "rows dim"]:
    """Draw what a LayerNorm leaves of random vectors."""
    drawn = np.asarray(generator.normal(size=shape))
    return np.asarray(drawn - drawn.mean(axis=1, keepdims=True))
