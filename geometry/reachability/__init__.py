"""Which tokens can come first at all.

    λ(t) = max over ‖x‖ ≤ 1 of min over j of (w_t − w_j)·x  =  dist(w_t, conv{w_j})

the largest margin, for a residual of unit length, with which t can win over every other row of a head without bias;
0 where it never wins. Solved as the point of least norm in the hull of p_j = w_j − w_t, by column generation: only rows
that reach further towards the target than those known are ever looked at closely. Every point x of the hull bounds λ
from above by ‖x‖ and from below by min p_j·x/‖x‖, and the difference is reported.

Most tokens need none of that: a direction of their own puts them first, and :func:`survey` tries those before.
"""

from collections.abc import Sequence

import numpy as np
from jaxtyping import Bool, Int64, Integer

from geometry.choices import DEFAULT_SPACE, SPACES, SpaceName, check_choice, check_seed
from geometry.errors import OptionError, ReadoutError, TokenError
from geometry.head import Head
from geometry.reachability.distance import HullDistance, hull_distance, hull_distances
from geometry.reachability.evidence import Evidence
from geometry.reachability.record import Count, Survey
from geometry.reachability.rivals import find_rivals
from geometry.reachability.sampling import Sampled, sample_distances
from geometry.reachability.settling import settle

__all__ = ["Count", "Evidence", "HullDistance", "Sampled", "Survey", "hull_distance", "hull_distances", "survey"]


def survey(
    head: Head,
    *,
    ids: Sequence[int] | Integer[np.ndarray, " targets"] | None = None,
    space: SpaceName | None = None,
    sampled: int = 0,
    seed: int = 0,
) -> Survey:
    """Find which tokens can ever be the argmax of a head's logits.

    Residuals are what the final norm can put out: the sphere of radius √d before gain and shift, which are folded into
    the rows; with its bias, a head is asked on that sphere. Without a known norm, and in ``raw``, residuals have any
    length. The argmax runs over every finite row, as the model's own does: masked and padding rows compete too.

    Args:
        head: A head just opened is asked in the default space, one in another space in its own.
        ids: The tokens to ask for; every finite row that stands for a token by default.
        space: Where to ask; ``centered`` gives what ``folded`` gives.
        sampled: Also measure λ of so many emoji (else words, else any tokens) and of as many random rows, to hold the
            others' λ against.
        seed: Of the search for far points, and of the sample.

    Returns:
        The status of every target with the step that settled it. ``reachable`` means a witness verified above
        rounding, ``never`` a dual certificate: R‖w̃_t − Σ aⱼw̃ⱼ‖ + b_t − Σ aⱼbⱼ, which bounds any lead, is at most 0 or,
        without bias, within 1e-6 of the rows' distances from 0.

    Raises:
        OptionError: No tokens to ask for, no such space, a negative seed or sample.
        TokenError: An id that is no finite row.
        ReadoutError: The space is ``whitened``, whose products are no logits.

    Source:
        Demeter, Kimmel & Downey 2020, "Stolen Probability"; Grivas, Bogoychev & Lopez 2022, "Low-Rank Softmax Can Have
        Unargmaxable Classes in Theory but Rarely in Practice".
    """
    check_seed(seed)
    if sampled < 0:
        raise OptionError(f"sampled={sampled} arrived; expected 0, for no sample, or more")
    view = head.in_space(_space(head, space))
    rivals = find_rivals(view)
    targets = _targets(view, ids)
    found = settle(rivals, targets, seed=seed)
    drawn = sample_distances(rivals, sampled, seed=seed) if sampled else None
    masked: Bool[np.ndarray, " vocab"] = np.zeros(view.vocab, dtype=np.bool_)
    masked[view.undertrained.ids] = True
    return Survey(
        head=view, ids=targets, status=found.status, step=found.step, lowest=rivals.lowest[targets],
        masked=masked[targets], evidence=found.evidence, competing=int(rivals.competing.sum()), radius=rivals.radius,
        biased=rivals.bias is not None, free=rivals.free, sampled=drawn, seed=seed, notes=found.notes,
    )  # fmt: skip


def _space(head: Head, space: SpaceName | None) -> SpaceName:
    chosen = (DEFAULT_SPACE if head.space.name == "raw" else head.space.name) if space is None else space
    check_choice("space", chosen, SPACES)
    if chosen == "whitened":
        raise ReadoutError("space whitened arrived; its products are no logits: ask in folded, or in raw")
    return chosen


def _targets(head: Head, ids: Sequence[int] | Integer[np.ndarray, " targets"] | None) -> Int64[np.ndarray, " targets"]:
    """Return the tokens asked for, each once, ascending."""
    finite = head.opened.finite
    if ids is None:
        found = np.flatnonzero(finite & head.opened.has_token)
        if not len(found):
            raise OptionError(f"{head.name} has no finite row that stands for a token: there is nothing to ask for")
        return found
    given = np.asarray(ids)
    if not given.size:
        raise OptionError("ids=[] arrived; expected at least one token id, or none at all for every token")
    if given.dtype.kind not in "iu":
        raise OptionError(f"ids of type {given.dtype} arrived; expected whole numbers, the tokens' ids")
    asked = np.unique(given).astype(np.int64)
    for token in asked.tolist():
        if not 0 <= token < head.vocab:
            raise TokenError(f"id {token} arrived; expected 0 to {head.vocab - 1}, the rows of {head.name}")
        if not finite[token]:
            raise TokenError(
                f"id {token} arrived, whose row holds NaN, infinity or far too large numbers; leave it out"
            )
    return asked
