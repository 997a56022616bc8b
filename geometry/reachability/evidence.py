"""What is known of a token that no direction of its own puts first: a witness that it wins, or a proof that none is."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from jaxtyping import Float64, Int64

from geometry.products import row_products
from geometry.reachability.distance import HullDistance
from geometry.reachability.rivals import Rivals

Status = Literal["reachable", "never", "undecided", "tied"]
Step = Literal["equal", "self", "centered", "whitened", "hull", "sphere"]

AT_ONCE = 64
"""Residuals whose logits over the whole head are held together."""


@dataclass(frozen=True, eq=False)
class Evidence:
    """Both sides of one token's question.

    Attributes:
        status: What they come to.
        step: What settled it, or was tried last.
        distance: λ, the distance of its row from the hull of the others; 0 where that is within the tolerance.
        gap: How much smaller the true λ can be, by duality.
        lead: How far ahead of every rival it is at the witness, in logits on the sphere, found by a scan in float64; at
            most 0 without one.
        bound: No residual up to that length puts it further ahead than this: R‖w̃_t − Σ aⱼw̃ⱼ‖ + b_t − Σ aⱼbⱼ.
            0 where it leads at shorter residuals alone, all corners of its cell lying within the sphere.
        ids, weights: The rivals and their shares a that prove the bound, the largest first.
        rounds: Passes over the rows that it took.
        witness: The residual that puts it first, (dim); None without one.
    """

    status: Status
    step: Step
    distance: float
    gap: float
    lead: float
    bound: float
    ids: Int64[np.ndarray, " support"]
    weights: Float64[np.ndarray, " support"]
    rounds: int
    witness: Float64[np.ndarray, " dim"] | None


def weigh(
    rivals: Rivals, token: int, found: HullDistance, lead: float, witness: Float64[np.ndarray, " dim"]
) -> Evidence:
    """Judge a token by its distance from the hull and by how far its best direction puts it ahead."""
    bound = bound_of(rivals, token, found.ids, found.weights)
    status: Status = "undecided"
    if lead > 0:
        status = "reachable"
    elif bound <= 0 or (rivals.bias is None and found.value == 0):
        status = "never"
    order = np.argsort(-found.weights, kind="stable")
    return Evidence(
        status=status,
        step="hull",
        distance=found.value,
        gap=min(found.gap, bound / rivals.radius) if rivals.bias is None else found.gap,
        lead=lead,
        bound=bound,
        ids=found.ids[order],
        weights=found.weights[order],
        rounds=found.rounds,
        witness=witness if lead > 0 else None,
    )


def bound_of(
    rivals: Rivals, token: int, ids: Int64[np.ndarray, " support"], weights: Float64[np.ndarray, " support"]
) -> float:
    """Return R‖w̃_t − Σ aⱼw̃ⱼ‖ + b_t − Σ aⱼbⱼ, in logits: by how much the token can lead at most.

    A lead over all rivals is a lead over their mean with any shares a ≥ 0 of sum 1; u·v ≤ R‖v‖ bounds that.
    """
    own = np.array([token])
    apart = rivals.rows(own)[0] - weights @ rivals.rows(ids)
    return float(rivals.furthest * np.linalg.norm(apart) + rivals.biases(own)[0] - weights @ rivals.biases(ids))


def leads(
    rivals: Rivals, ids: Sequence[int] | Int64[np.ndarray, " targets"], residuals: Float64[np.ndarray, "targets dim"]
) -> Float64[np.ndarray, " targets"]:
    """How far each token is ahead of every competing row at its residual, less float64's rounding.

    ∞ without rivals, −∞ for a zero residual, which no norm puts out.
    """
    found = np.empty(len(ids))
    every = np.flatnonzero(rivals.competing)
    for first in range(0, len(ids), AT_ONCE):
        some = np.asarray(ids[first : first + AT_ONCE], dtype=np.int64)
        logits = row_products(rivals.view, residuals[first : first + AT_ONCE], label="witnesses").T
        logits += 0.0 if rivals.bias is None else rivals.bias
        places = np.arange(len(some))
        own = logits[places, some] - rivals.rounding[some]
        logits[places, some] = -np.inf
        others = logits[:, every]
        others += rivals.rounding[every]
        found[first : first + AT_ONCE] = own - others.max(axis=1)
    return np.where(residuals.any(axis=1), found, -np.inf)
