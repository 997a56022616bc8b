"""Figures with their intervals: means, ratios and rank correlations, resampled by whole families."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float64, Int64

RESAMPLES = 1_000


@dataclass(frozen=True, slots=True)
class Figure:
    """A figure with its interval.

    Attributes:
        value: The figure itself.
        low, high: Percentiles 2.5 and 97.5 over resamples of whole families.
    """

    value: float
    low: float
    high: float


def mean_figure(values: Float64[np.ndarray, " items"], family: Int64[np.ndarray, " items"], seed: int) -> Figure:
    """Return the mean of ``values`` with its percentile interval over `RESAMPLES` resamples of whole families."""
    return ratio_figure(values, np.ones_like(values), family, seed)


def ratio_figure(
    above: Float64[np.ndarray, " items"],
    below: Float64[np.ndarray, " items"],
    family: Int64[np.ndarray, " items"],
    seed: int,
) -> Figure:
    """Return Σ above / Σ below with its percentile interval over resamples of whole families."""
    _, index = np.unique(family, return_inverse=True)
    tops, bottoms = np.bincount(index, weights=above), np.bincount(index, weights=below)
    drawn = np.random.default_rng(seed).integers(0, len(tops), size=(RESAMPLES, len(tops)))
    ratios = tops[drawn].sum(axis=1) / bottoms[drawn].sum(axis=1)
    low, high = np.percentile(ratios, [2.5, 97.5])
    return Figure(float(above.sum() / below.sum()), float(low), float(high))


def resampled(
    statistic: Callable[[Int64[np.ndarray, " drawn"]], float], family: Int64[np.ndarray, " items"], seed: int
) -> Figure:
    """Return a statistic of item places with its percentile interval over resamples of whole families.

    Args:
        statistic: Takes the places of the items drawn, some of them several times; draws for which it is NaN are
            left out of the interval.
        family: The number of each item's family.
    """
    _, index = np.unique(family, return_inverse=True)
    order = np.argsort(index, kind="stable")
    members = np.split(order, np.cumsum(np.bincount(index))[:-1])
    rng = np.random.default_rng(seed)
    values = [
        statistic(np.concatenate([members[i] for i in rng.integers(0, len(members), size=len(members))]))
        for _ in range(RESAMPLES)
    ]
    known = np.array(values)[np.isfinite(values)]
    low, high = np.percentile(known, [2.5, 97.5]) if len(known) else (np.nan, np.nan)
    return Figure(statistic(np.arange(len(family))), float(low), float(high))


def multiplicities(family: Int64[np.ndarray, " items"], seed: int) -> Float64[np.ndarray, "draws items"]:
    """Return how often each item is drawn in each of `RESAMPLES` resamples of whole families."""
    _, index = np.unique(family, return_inverse=True)
    count = int(index.max()) + 1
    drawn = np.random.default_rng(seed).integers(0, count, size=(RESAMPLES, count))
    return np.stack([np.bincount(row, minlength=count) for row in drawn])[:, index].astype(np.float64)


def rank_correlation(
    one: Float64[np.ndarray, " items"],
    other: Float64[np.ndarray, " items"],
    *,
    within: Int64[np.ndarray, " items"] | None = None,
) -> float:
    """Return Spearman's ρ, from −1 to 1; NaN where one side is constant.

    Args:
        one, other: What is ranked, over all items.
        within: Each item's stratum: ranks are then taken less their stratum's mean, so that what strata differ in
            counts for nothing.
    """
    from scipy.stats import rankdata

    a, b = rankdata(one), rankdata(other)
    strata = np.zeros(len(a), dtype=np.int64) if within is None else np.unique(within, return_inverse=True)[1]
    sizes = np.bincount(strata)
    a, b = (ranks - (np.bincount(strata, weights=ranks) / sizes)[strata] for ranks in (a, b))
    size = float(np.sqrt((a @ a) * (b @ b)))
    return float(a @ b) / size if size else float("nan")


def discovery_rates(p: Float64[np.ndarray, " tests"]) -> Float64[np.ndarray, " tests"]:
    """Return each test's q: the lowest false discovery rate at which it is still counted.

    Benjamini & Hochberg (1995), "Controlling the False Discovery Rate": min over larger p of p·n/rank.
    """
    n = len(p)
    order = np.argsort(-p, kind="stable")
    steps = np.minimum.accumulate(p[order] * n / np.arange(n, 0, -1))
    q = np.empty(n)
    q[order] = np.minimum(steps, 1.0)
    return q


def percentile_among(value: float, others: Sequence[float] | Float64[np.ndarray, " n"]) -> float:
    """Return the share of ``others`` below ``value``, ties counting half, as a percentage from 0 to 100."""
    known = np.asarray(others)
    if not len(known):
        return float("nan")
    return float(100 * ((known < value).mean() + 0.5 * (known == value).mean()))
