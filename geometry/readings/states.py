"""States as they enter the head, and the directions they point in: the last one is not normed twice."""

import numpy as np
from jaxtyping import Bool, Float32, Float64

from geometry.errors import ReadoutError, ResidualsError
from geometry.head import Head
from geometry.readings.options import NormName
from geometry.readout import Readout
from geometry.residuals import Residuals

NORMED_WITHIN, MOST_OF = 0.02, 0.9
"""A state counts as normed where its mean square, gain and shift undone, is 1 to within so much; most states must."""

FAINT = 1e-4
"""Gains below this share of the median cannot be undone: what passed through them is as good as gone."""


def check_fits(head: Head, residuals: Residuals, norm: NormName) -> None:
    """Refuse residuals that do not belong to the head, and a norm that it does not know.

    Raises:
        ResidualsError: Another width, or ids that are no rows.
        ReadoutError: The head's norm is not known and was asked for.
    """
    if residuals.shape[2] != head.dim:
        raise ResidualsError(
            f"{residuals.source}: residuals of width {residuals.shape[2]:,} arrived; {head.name} has rows of "
            f"{head.dim:,}: capture them from the model that the head is of"
        )
    beyond = [token for token in residuals.token_ids or () if token >= head.vocab]
    if beyond:
        raise ResidualsError(
            f"{residuals.source}: the token id {beyond[0]} arrived; {head.name} has {head.vocab:,} rows: capture them "
            "from the model that the head is of"
        )
    if norm == "normed" and not head.readout.known:
        raise ReadoutError(
            f"{head.name}: its final norm is not known: {head.readout.reason}; ask for --norm raw, which ranks the "
            "rows by their products alone, without probabilities"
        )


def last_is_normed(head: Head, residuals: Residuals, told: bool | None) -> tuple[bool, str]:
    """Return whether the last state has been through the final norm, and what a reader should know of that.

    Args:
        told: What the caller says; None for what the residuals say. Where nobody says, the state itself does: undone
            of gain and shift, a normed one has a mean square of 1.
    """
    said = residuals.last_is_normed if told is None else told
    if not head.readout.normalizes:
        return said is None or said, ""
    seen = looks_normed(head.readout, residuals.states[-1])
    if said is None:
        how = "has been through the final norm, so it is not normed again" if seen else "has not been through the norm"
        return seen, f"nobody says whether the last state is normed; by its length it {how}"
    if said != seen:
        looks = "looks normed" if seen else "does not look normed"
        return said, f"the last state is taken as {'normed' if said else 'not normed'}, though by its length it {looks}"
    return said, ""


def looks_normed(readout: Readout, states: Float32[np.ndarray, "positions dim"]) -> bool:
    """Say whether states look like what the final norm puts out."""
    undone = undo(readout, states)
    square = np.mean(undone[:, _strong(readout, states.shape[1])] ** 2, axis=1)
    return bool(np.mean(np.abs(square - 1.0) < NORMED_WITHIN) >= MOST_OF)


def undo(readout: Readout, states: Float32[np.ndarray, "positions dim"]) -> Float64[np.ndarray, "positions dim"]:
    """Return (x − β)/γ of normed states, 0 where the gain is too faint to be undone."""
    wide: Float64[np.ndarray, "positions dim"] = states.astype(np.float64)
    if readout.beta is not None:
        wide -= readout.beta
    if readout.gain is None:
        return wide
    strong = _strong(readout, states.shape[1])
    np.divide(wide, readout.gain, out=wide, where=strong[None, :])
    wide[:, ~strong] = 0.0
    return wide


def entering(
    head: Head, states: Float32[np.ndarray, "layers positions dim"], norm: NormName, *, last_normed: bool
) -> Float32[np.ndarray, "layers positions dim"]:
    """Return states as they enter the head, before any prescale.

    ``normed``: each through the final norm, by its own scale; the last as it is where it has been through already.
    ``raw``: as they are.
    """
    if norm == "raw":
        return states
    layers, positions, dim = states.shape
    flat = head.readout.normed(states.reshape(-1, dim)).reshape(layers, positions, dim)
    if last_normed:
        flat = np.concatenate([flat[:-1], states[-1:]])
    return np.asarray(flat, dtype=np.float32)


def directions(
    head: Head, states: Float32[np.ndarray, "layers positions dim"], *, last_normed: bool
) -> Float64[np.ndarray, "layers positions dim"]:
    """Return what the final norm makes of states before its gain and shift: û with w·norm(x) = w̃·û for folded rows.

    Of length √d, up to the norm's eps; the states themselves where there is no norm or it is not known.
    """
    readout, wide = head.readout, states.astype(np.float64)
    if not readout.normalizes:
        return wide
    found: Float64[np.ndarray, "layers positions dim"] = wide
    found = wide - wide.mean(axis=2, keepdims=True) if readout.centers else wide
    found = found / np.sqrt(np.mean(found**2, axis=2, keepdims=True) + readout.eps)
    if last_normed:
        found[-1] = undo(readout, states[-1])
    return found


def regained(head: Head, units: Float64[np.ndarray, "queries dim"]) -> Float32[np.ndarray, "queries dim"]:
    """Return directions with gain and shift on them, as they enter the head: the way back from `directions`."""
    readout, found = head.readout, units
    if readout.normalizes:
        found = found if readout.gain is None else found * readout.gain
        found = found if readout.beta is None else found + readout.beta
    return found.astype(np.float32)


def _strong(readout: Readout, dim: int) -> Bool[np.ndarray, " dim"]:
    if readout.gain is None:
        return np.ones(dim, dtype=np.bool_)
    size = np.abs(readout.gain.astype(np.float64))
    return np.asarray(size > FAINT * np.median(size))
