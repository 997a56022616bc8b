"""What the head reads in every state: the first tokens, entropy, distance from the last layer, ranks of some tokens.

The logits are the head's own (`Head.logits`), scaled and capped; probabilities are their softmax in float32 over every
row, T = 1, nothing masked. Rows that are not finite have none.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float32, Float64, Int64

from geometry.head import Head
from geometry.products import row_products
from geometry.progress import track

LOGIT_BYTES = 96 * 2**20
"""Logits held at once; a block has at least one position with all its layers."""

NOWHERE = np.float32(-1e30)
"""The logit of a row that is not finite, below the best one: its probability is 0 exactly."""


@dataclass(frozen=True, eq=False)
class Reading:
    """What was read at every layer and position.

    Attributes:
        ids: The first k tokens, best first, ties by id.
        probabilities: Theirs, from 0 to 1; NaN on a head whose readout is not known.
        entropy: −Σ p ln p, in nats.
        divergence: KL(final ‖ layer) = Σ p_final ln(p_final / p_layer), in nats, at least 0; final is the model's own
            last reading, the last state normed once.
        ranks: Of the tracked tokens, from 1.
        tracked: Their probabilities.
    """

    ids: Int64[np.ndarray, "layers positions k"]
    probabilities: Float64[np.ndarray, "layers positions k"]
    entropy: Float64[np.ndarray, "layers positions"]
    divergence: Float64[np.ndarray, "layers positions"]
    ranks: Int64[np.ndarray, "layers positions tracked"]
    tracked: Float64[np.ndarray, "layers positions tracked"]


def read_states(
    head: Head,
    states: Float32[np.ndarray, "layers positions dim"],
    final: Float32[np.ndarray, "positions dim"],
    *,
    k: int,
    tracked: Sequence[int],
) -> Reading:
    """Read states as they enter the head, a block of positions at a time.

    Args:
        states: From `geometry.readings.states.entering`.
        final: The last state as the model has it enter the head, which divergences are taken from.
        k: First tokens kept; fewer where the head has fewer readable rows.
        tracked: Tokens whose rank is wanted.
    """
    layers, positions, dim = states.shape
    k = min(k, int(head.opened.finite.sum()))
    shape = (layers, positions)
    found = Reading(
        np.empty((*shape, k), np.int64), np.empty((*shape, k)), np.empty(shape), np.empty(shape),
        np.empty((*shape, len(tracked)), np.int64), np.empty((*shape, len(tracked))),
    )  # fmt: skip
    size = max(1, LOGIT_BYTES // (4 * head.vocab * (layers + 1)))
    seconds = 2.0 * (layers + 1) * positions * head.vocab * dim / 2e10
    starts = range(0, positions, size)
    for start in track(starts, "lens", total=len(starts), seconds=seconds):
        here = slice(start, min(start + size, positions))
        # the same rows again where the last state enters as the model has it, so that its divergence is 0 exactly
        same = np.array_equal(states[-1, here], final[here])
        asked = [states[:, here].reshape(-1, dim), *([] if same else [final[here]])]
        logits = logits_of(head, np.concatenate(asked))
        _read_block(found, here, logits, tracked, known=head.readout.known)
    return found


def logits_of(head: Head, entering: Float32[np.ndarray, "queries dim"]) -> Float32[np.ndarray, "queries vocab"]:
    """Return the head's logits for states that enter it; plain products w·x where its readout is not known."""
    if head.readout.known:
        return head.logits(entering, normed=True)
    return np.ascontiguousarray(row_products(head.in_space("raw"), entering).T, dtype=np.float32)


def winners(head: Head, entering: Float32[np.ndarray, "queries dim"]) -> Int64[np.ndarray, " queries"]:
    """Return the first token of each state, in blocks; ties by id."""
    size = max(1, LOGIT_BYTES // (4 * head.vocab))
    starts, first = range(0, len(entering), size), np.empty(len(entering), np.int64)
    seconds = 2.0 * len(entering) * head.vocab * head.dim / 2e10
    for start in track(starts, "winners", total=len(starts), seconds=seconds):
        logits = logits_of(head, entering[start : start + size])
        first[start : start + size] = np.where(np.isfinite(logits), logits, -np.inf).argmax(axis=1)
    return first


def best(logits: Float32[np.ndarray, " vocab"], k: int) -> Int64[np.ndarray, " k"]:
    """Return the ids of the k largest logits, the largest first, ties by id."""
    least = np.partition(logits, len(logits) - k)[len(logits) - k]
    among = np.flatnonzero(logits >= least)
    return np.asarray(among[np.lexsort((among, -logits[among]))][:k])


def rank_of(logits: Float32[np.ndarray, " vocab"], token: int) -> int:
    """Return a token's place, from 1; of equal logits the lower id comes first."""
    own = logits[token]
    return 1 + int((logits > own).sum()) + int((logits[:token] == own).sum())


def _read_block(
    found: Reading,
    here: slice,
    logits: Float32[np.ndarray, "queries vocab"],
    tracked: Sequence[int],
    *,
    known: bool,
) -> None:
    layers, k = found.ids.shape[0], found.ids.shape[2]
    width = here.stop - here.start
    z = np.where(np.isfinite(logits), logits, -np.inf)
    z -= z.max(axis=1, keepdims=True)
    np.maximum(z, NOWHERE, out=z)
    for column in range(width):
        final = len(z) - width + column
        p_final, whole = _softmax(z[final])
        h_final = float(np.log(whole) - p_final @ z[final])
        for layer in range(layers):
            row, at = z[layer * width + column], (layer, here.start + column)
            found.ids[at] = best(row, k)
            found.ranks[at] = [rank_of(row, token) for token in tracked]
            if not known:
                for one in (found.probabilities, found.entropy, found.divergence, found.tracked):
                    one[at] = np.nan
                continue
            p, total = _softmax(row)
            found.probabilities[at] = p[found.ids[at]]
            found.tracked[at] = p[list(tracked)]
            found.entropy[at] = max(np.log(total) - p @ row, 0.0)
            found.divergence[at] = max(np.log(total) - p_final @ row - h_final, 0.0)


def _softmax(shifted: Float32[np.ndarray, " vocab"]) -> tuple[Float64[np.ndarray, " vocab"], float]:
    """Return the softmax of logits less their largest, exponentials in float32, and the sum of these."""
    weights = np.exp(shifted)
    total = float(weights.sum(dtype=np.float64))
    return weights.astype(np.float64) / total, total
