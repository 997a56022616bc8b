"""Token by token, cheapest step first: equal rows, a direction of its own, the hull of the others."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float64, Int64, Shaped

from geometry.errors import OptionError
from geometry.linalg import unit
from geometry.reachability.distance import HullDistance, hull_distances
from geometry.reachability.evidence import Evidence, leads, weigh
from geometry.reachability.firsts import Residuals, come_first
from geometry.reachability.rivals import Rivals
from geometry.reachability.sphere import on_sphere

HULLS_AT_ONCE = 1_024
"""Targets whose rows are held together in float64."""


@dataclass(frozen=True, eq=False)
class Settled:
    """What was found of each target.

    Attributes:
        status, step: As in `Evidence`, for every target.
        evidence: By token, of those that their own direction did not put first.
        notes: What a reader should know of how it was found.
    """

    status: Shaped[np.ndarray, " targets"]
    step: Shaped[np.ndarray, " targets"]
    evidence: dict[int, Evidence]
    notes: tuple[str, ...]


def settle(rivals: Rivals, ids: Int64[np.ndarray, " targets"], *, seed: int) -> Settled:
    """Find for every target whether it can come first."""
    status, step = np.full(len(ids), "undecided", dtype="<U9"), np.full(len(ids), "hull", dtype="<U9")
    tied = rivals.lowest[ids] != ids
    status[tied], step[tied] = "tied", "equal"
    left, notes = np.flatnonzero(~tied), list[str]()
    if rivals.competing.sum() == 1:  # it has no rival, whatever the residual
        status[left], step[left] = "reachable", "self"
        left = left[:0]
    for name, residuals in _directions(rivals, notes):
        if not len(left):
            break
        won = come_first(rivals, ids[left], residuals, label=f"reachability: {name}")
        status[left[won]], step[left[won]] = "reachable", name
        left = left[~won]
    evidence = _by_hull(rivals, ids[left])
    if rivals.bias is not None:
        evidence |= on_sphere(rivals, {t: one for t, one in evidence.items() if one.status == "undecided"}, seed=seed)
    for place in left.tolist():
        one = evidence[int(ids[place])]
        status[place], step[place] = one.status, one.step
    return Settled(status, step, evidence, tuple(notes))


def _directions(rivals: Rivals, notes: list[str]) -> Iterator[tuple[str, Residuals]]:
    """Directions to try, each made only when those before left something open."""
    view, radius = rivals.view, rivals.radius
    yield "self", lambda ids: radius * unit(rivals.rows(ids))
    mean = view.space.apply(view.opened.moments.mean[None, :])
    yield "centered", lambda ids: radius * unit(rivals.rows(ids) - mean)
    try:
        white = view.in_space("whitened").space
    except OptionError as error:
        notes.append(f"whitened directions were left out: {error}")
        return
    assert white.root is not None
    root = white.root

    def whitened(ids: Int64[np.ndarray, " k"]) -> Float64[np.ndarray, "k dim"]:
        rows = white.apply(view.opened.matrix.rows(ids))
        return radius * unit(white.pull(rows)[0] if view.space.name == "raw" else rows @ root)

    yield "whitened", whitened


def _by_hull(rivals: Rivals, ids: Int64[np.ndarray, " targets"]) -> dict[int, Evidence]:
    """Measure how far each target lies outside the hull of its rivals, and try the direction that says so."""
    told: dict[int, Evidence] = {}
    for start in range(0, len(ids), HULLS_AT_ONCE):
        some = ids[start : start + HULLS_AT_ONCE]
        rows, left_out = rivals.rows(some), [frozenset({token}) for token in some.tolist()]
        found = hull_distances(rivals.view, rows, left_out, allowed=rivals.competing, label="reachability: hull")
        away = np.stack([_away(rivals, row, one) for row, one in zip(rows, found, strict=True)])
        witnesses = rivals.radius * unit(away)
        for token, one, lead, witness in zip(
            some.tolist(), found, leads(rivals, some, witnesses), witnesses, strict=True
        ):
            told[token] = weigh(rivals, token, one, float(lead), witness)
    return told


def _away(rivals: Rivals, row: Float64[np.ndarray, " dim"], found: HullDistance) -> Float64[np.ndarray, " dim"]:
    """From the hull's nearest point to the row: the direction in which the row leads by λ."""
    away: Float64[np.ndarray, " dim"] = row - found.weights @ rivals.rows(found.ids)
    return away
