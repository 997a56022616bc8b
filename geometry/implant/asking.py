"""Asking a copy of the model for its new rows, after prompts of the name and of others."""

from collections.abc import Sequence

import numpy as np
from jaxtyping import Bool, Float64

from geometry.implant.measuring import Readout, read_rows
from geometry.live.running import Running
from geometry.progress import track

LOGIT_BYTES = 64 * 2**20
"""Logits held at once."""


def ask(
    copy: Running,
    sequences: Sequence[tuple[int, ...]],
    first: int,
    *,
    label: str,
    gone: Sequence[frozenset[int]] | None = None,
) -> tuple[Readout, Readout]:
    """Return how new rows do after sequences, and how the rows that are taken out did before.

    Args:
        copy: A model with new rows from ``first`` on.
        sequences: What to go on from.
        first: The first new row.
        label: What is asked, for a progress bar.
        gone: Rows that are taken out, for each sequence, an emoji's own: the best of them is read beside the others.

    Returns:
        Of the new rows; and of one row that was taken out for each sequence, empty where none was.
    """
    size = max(1, LOGIT_BYTES // (8 * first))
    found: list[Readout] = []
    taken: list[Readout] = []
    starts = range(0, len(sequences), size)
    for start in track(starts, label, total=len(starts), seconds=0.02 * len(sequences)):
        logits = copy.logits(sequences[start : start + size]).astype(np.float64)
        base, new = logits[:, :first], logits[:, first:]
        out = None if gone is None else _mask(gone[start : start + size], base.shape)
        found.append(read_rows(base, new, out))
        if out is not None:
            # the best of an emoji's rows, once all of them are taken out
            own = np.where(out, base, -np.inf).max(axis=1, keepdims=True)
            taken.append(read_rows(base, own, out))
    return _joined(found), _joined(taken)


def _mask(gone: Sequence[frozenset[int]], shape: tuple[int, ...]) -> Bool[np.ndarray, "prompts vocab"]:
    mask = np.zeros(shape, dtype=np.bool_)
    for row, ids in zip(mask, gone, strict=True):
        row[[token for token in ids if token < shape[1]]] = True
    return mask


def _joined(parts: Sequence[Readout]) -> Readout:
    if not parts:
        return Readout(np.zeros((0, 0)), np.zeros((0, 0), dtype=np.int64))
    logs: Float64[np.ndarray, "prompts rows"] = np.concatenate([one.log_probability for one in parts])
    return Readout(logs, np.concatenate([one.rank for one in parts]))
