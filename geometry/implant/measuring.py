"""How often a new row is said: probability, rank and first places, after prompts that ask for it and for others."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float64, Int64

from geometry.linalg import log_sum_exp


@dataclass(frozen=True, eq=False)
class Readout:
    """What new rows are said with, each as if it were the only new one.

    Attributes:
        log_probability: ln of the softmax over the rows there were and this one, at T = 1.
        rank: Its place, from 1.
    """

    log_probability: Float64[np.ndarray, "prompts rows"]
    rank: Int64[np.ndarray, "prompts rows"]


def read_rows(
    base: Float64[np.ndarray, "prompts vocab"],
    new: Float64[np.ndarray, "prompts rows"],
    gone: Bool[np.ndarray, "prompts vocab"] | None = None,
) -> Readout:
    """Read new rows against the rows there were.

    Args:
        base: Logits of the rows there were.
        new: Logits of the new ones.
        gone: Rows that are taken out first; they neither win nor share in the sum.
    """
    kept = base if gone is None else np.where(gone, -np.inf, base)
    total = np.logaddexp(log_sum_exp(kept)[:, None], new)
    ordered = np.sort(kept, axis=1)
    # of equal logits the lower id comes first, and the new one has the highest
    above = np.stack([len(row) - np.searchsorted(row, z) for row, z in zip(ordered, new, strict=True)])
    return Readout(new - total, above.astype(np.int64) + 1)


@dataclass(frozen=True)
class Share:
    """One row, or one kind of row, after one set of prompts.

    Attributes:
        probability: Mean probability: how often it is said when sampled at T = 1.
        first: Share of prompts after which it comes first: how often it is said greedily.
        rank: Median rank.
        log_probability: Mean ln p.
    """

    probability: float
    first: float
    rank: float
    log_probability: float


def shares(found: Readout) -> tuple[Share, ...]:
    """Return what each row comes to over the prompts."""
    return tuple(
        Share(float(np.exp(logs).mean()), float((ranks == 1).mean()), float(np.median(ranks)), float(logs.mean()))
        for logs, ranks in zip(found.log_probability.T, found.rank.T, strict=True)
    )


def pooled(several: tuple[Share, ...]) -> Share:
    """Return the mean of several rows' shares, ranks by their median."""
    return Share(
        float(np.mean([one.probability for one in several])),
        float(np.mean([one.first for one in several])),
        float(np.median([one.rank for one in several])),
        float(np.mean([one.log_probability for one in several])),
    )


def reach(value: float, drawn: list[float]) -> float:
    """Return (1 + draws that reach a value) / (1 + draws): the chance of it if it were one of them."""
    return (1 + sum(one >= value for one in drawn)) / (1 + len(drawn))
