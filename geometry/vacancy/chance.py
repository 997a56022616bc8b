"""Would the missing row win? Drawn with the errors of rows that exist, beside how far such answers can be trusted."""

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from jaxtyping import Bool, Float64, Int64

BINS = (0.0, 0.1, 0.3, 0.5, 0.7, 0.9, 1.0)


@dataclass(frozen=True, slots=True)
class Bin:
    """Emoji that exist whose P(win) lies between two bounds: the mean of it, and how many really win."""

    low: float
    high: float
    n: int
    predicted: float
    observed: float


@dataclass(frozen=True, slots=True)
class Reliability:
    """P(win) of emoji that exist, predicted without their family, against whether their own rows win.

    Attributes:
        n: How many emoji.
        predicted: Mean P(win).
        observed: Share whose own row beats every row outside its family.
        brier: Mean squared difference of the two, 0 at best.
        brier_base: The same for somebody who always says ``observed``.
        bins: By P(win).
    """

    n: int
    predicted: float
    observed: float
    brier: float
    brier_base: float
    bins: tuple[Bin, ...]


def win_shares(
    residuals: Float64[np.ndarray, "queries dim"],
    rows: Float64[np.ndarray, "queries width"],
    errors: Float64[np.ndarray, "draws width"],
    to_beat: Float64[np.ndarray, " queries"],
    usable: Bool[np.ndarray, "queries draws"] | None = None,
) -> Float64[np.ndarray, " queries"]:
    """Return the share of draws ŵ + r that score above all other rows, for each query.

    Args:
        residuals: u of each query.
        rows: ŵ of each; a last column beyond dim is the row's bias.
        errors: r, of other rows.
        to_beat: The best score among the rows there are.
        usable: Which errors serve for which query; all by default.
    """
    dim = residuals.shape[1]
    scores = residuals @ errors[:, :dim].T + np.einsum("ij,ij->i", residuals, rows[:, :dim])[:, None]
    if rows.shape[1] > dim:
        scores += rows[:, dim][:, None] + errors[:, dim][None, :]
    wins = scores > to_beat[:, None]
    if usable is None:
        return np.asarray(wins.mean(axis=1))
    counts = np.maximum(usable.sum(axis=1), 1)
    return np.asarray((wins & usable).sum(axis=1) / counts)


def reliability(predicted: Float64[np.ndarray, " emoji"], observed: Bool[np.ndarray, " emoji"]) -> Reliability:
    """Hold probabilities against what happened."""
    happened, rate = observed.astype(np.float64), float(observed.mean())
    bins = []
    for low, high in pairwise(BINS):
        inside = (predicted >= low) & ((predicted < high) if high < 1 else (predicted <= 1))
        if inside.any():
            bins.append(
                Bin(low, high, int(inside.sum()), float(predicted[inside].mean()), float(happened[inside].mean()))
            )
    return Reliability(
        n=len(predicted),
        predicted=float(predicted.mean()),
        observed=rate,
        brier=float(((predicted - happened) ** 2).mean()),
        brier_base=rate * (1 - rate),
        bins=tuple(bins),
    )


def other_families(family: Int64[np.ndarray, " emoji"]) -> Bool[np.ndarray, "emoji emoji"]:
    """Say for each emoji which others are outside its family."""
    return np.asarray(family[:, None] != family[None, :])
