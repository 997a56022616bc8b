"""From a row predicted in a head's space back to the row that a model stores, so that folding it gives it again."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float64

from geometry.head import Head

LONGEST = 10.0
"""A shift along a LayerNorm's blind direction that makes a row this many times longer is not taken."""


@dataclass(frozen=True, eq=False)
class Stored:
    """Rows as a model stores them.

    Attributes:
        rows: w, to be written into the head.
        biases: What is added to their logits; None where the head has no bias to write it into.
        off: By how much w·β, which a norm's shift adds to each logit, misses the bias predicted; 0 where it is met.
    """

    rows: Float64[np.ndarray, "tokens dim"]
    biases: Float64[np.ndarray, " tokens"] | None
    off: Float64[np.ndarray, " tokens"]


def stored_rows(view: Head, rows: Float64[np.ndarray, "tokens dim"], biases: Float64[np.ndarray, " tokens"]) -> Stored:
    """Undo what a space did to rows: the mean is added again, the norm's gain and the prescale are divided out.

    A coordinate that the gain is zero in tells no logit anything and becomes zero. A LayerNorm's rows are folded to
    mean zero, so that any multiple of 1/γ can be added to a row without changing a product: where the norm has a shift
    β and the head no bias, that multiple is what makes w·β the bias predicted.

    Args:
        view: The head in ``raw``, ``folded`` or ``centered``.
        rows: w̃ there.
        biases: b, a norm's shift included, as `geometry.products.row_biases` has it.
    """
    readout, space = view.readout, view.space
    wide = rows if space.mean is None else rows + space.mean
    none = np.zeros(len(rows))
    if space.name == "raw":
        return Stored(wide, None if readout.bias is None else none, none)
    if space.gain is None:
        return Stored(wide, None if readout.bias is None else biases, none if readout.bias is not None else biases)
    gain = space.gain.astype(np.float64)
    inverse = np.divide(1.0, gain, out=np.zeros_like(gain), where=gain != 0)
    found = wide * inverse
    shift = np.zeros(view.dim) if readout.beta is None else readout.beta.astype(np.float64) * readout.prescale
    missing = biases - found @ shift
    if readout.bias is not None:
        return Stored(found, missing, none)
    reach = float(inverse @ shift)
    if space.centers and reach:
        moved = found + (missing / reach)[:, None] * inverse
        sound = np.linalg.norm(moved, axis=1) <= LONGEST * np.linalg.norm(found, axis=1)
        found = np.where(sound[:, None], moved, found)
        missing = np.where(sound, 0.0, missing)
    return Stored(found, None, missing)
