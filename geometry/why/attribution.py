"""Why the winner beats its rivals: each margin taken apart, in two exact readings."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float64, Int64

from geometry.linalg import unit
from geometry.why.ledger import Ledger, mean_share


@dataclass(frozen=True, slots=True)
class Margin:
    """The winner's score less a rival's, before the head's scale and cap, in two readings that both add up to it.

    margin = Σ by_term + by_bias = by_mean + by_norm + by_angle + by_bias.

    Attributes:
        id: The rival.
        margin: Positive where the winner is ahead.
        by_term: What each term gives: s·αᵢ·Δ·tᵢ, Δ the winner's row less the rival's.
        by_bias: What the head's bias gives, a LayerNorm's shift included.
        by_mean: s·a·Δ·μ: what the mean row in the sum gives (a times it); zero in a centred space.
        by_norm: s·‖q̃‖·(n_t − n_k)·(c_t + c_k)/2, with q̃ = q − a·μ: what the lengths n of the rows give.
        by_angle: s·‖q̃‖·(n_t + n_k)·(c_t − c_k)/2: what their cosine similarities c to q̃ give.
    """

    id: int
    margin: float
    by_term: dict[str, float]
    by_bias: float
    by_mean: float
    by_norm: float
    by_angle: float


def margins(ledger: Ledger, winner: int, rivals: Sequence[int]) -> list[Margin]:
    """Take the margins of a winner over its rivals apart; both are places in the ledger."""
    head, (first, *others) = ledger.head, [winner, *rivals]
    rows = head.space.apply(head.opened.matrix.rows(ledger.ids[[winner, *rivals]]))
    mean = head.space.apply(head.opened.moments.mean[None, :])[0]
    share = mean_share(head, ledger.concept)
    rest = ledger.concept.vector - share * mean
    size = ledger.scale * float(np.linalg.norm(rest))
    lengths, cosines = np.linalg.norm(rows, axis=1), unit(rows) @ unit(rest)
    found = []
    for index, place in enumerate(others, 1):
        by_term = ledger.scale * ledger.weights * (ledger.products[first] - ledger.products[place])
        by_bias = float(ledger.bias[first] - ledger.bias[place])
        found.append(
            Margin(
                id=int(ledger.ids[place]),
                margin=float(by_term.sum()) + by_bias,
                by_term=dict(zip(ledger.labels, by_term.tolist(), strict=True)),
                by_bias=by_bias,
                by_mean=float(ledger.scale * share * ((rows[0] - rows[index]) @ mean)),
                by_norm=float(size * (lengths[0] - lengths[index]) * (cosines[0] + cosines[index]) / 2),
                by_angle=float(size * (lengths[0] + lengths[index]) * (cosines[0] - cosines[index]) / 2),
            )
        )
    return found


def contributions(ledger: Ledger, places: Int64[np.ndarray, " rows"]) -> Float64[np.ndarray, "rows parts"]:
    """Return what each term, and last the bias, gives the score of each row: rows add up to the scores."""
    parts = ledger.scale * ledger.weights * ledger.products[places]
    return np.column_stack([parts, ledger.bias[places]])
