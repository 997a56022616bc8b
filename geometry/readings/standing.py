"""Where residuals stand: how far each points the way of a sum, and how far random sums' ways.

Correlational, as a lens is: a residual that points towards ``sea + horse + emoji`` more than towards random words'
sums has that in it beside everything else; whether the model uses it is another question.
"""

from dataclasses import dataclass, field

import numpy as np
from jaxtyping import Float64

from geometry.choices import SpaceName
from geometry.concepts import Concept, check_direction, evaluate, residual
from geometry.head import Head
from geometry.landing.nulls import draw_random_sums
from geometry.linalg import unit
from geometry.products import residuals_of

SUMS = 1_000
"""Random sums behind a band, as many as behind a landing's null column."""

BAND = (5.0, 95.0)

AT_ONCE = 2**22
"""Cosine similarities held at a time."""


@dataclass(frozen=True, eq=False)
class Standing:
    """Cosine similarities of residuals to a sum.

    Attributes:
        concept: The sum.
        space: Where it was made. A residual is compared there before the final norm's gain and shift, which are in
            the rows: what a folded row's product with it is the logit of.
        cosine: (layers, positions), from −1 to 1.
        low, high: Percentiles 5 and 95 over random sums; None where there are none.
        below: Share of random sums whose cosine similarity is lower, from 0 to 1.
        note: What the random sums are, or why there are none.
        direction: The sum's residual, (dim,).
    """

    concept: Concept
    space: SpaceName
    cosine: Float64[np.ndarray, "layers positions"]
    low: Float64[np.ndarray, "layers positions"] | None
    high: Float64[np.ndarray, "layers positions"] | None
    below: Float64[np.ndarray, "layers positions"] | None
    note: str
    direction: Float64[np.ndarray, " dim"] = field(repr=False)


def stand(
    head: Head, directions: Float64[np.ndarray, "layers positions dim"], expression: str, *, seed: int
) -> Standing:
    """Hold residuals against a sum and against `SUMS` sums of matched random words in place of its own.

    Args:
        head: In the space where the sums are made.
        directions: From `geometry.readings.states.directions`.

    Raises:
        GeometryError: The sum does not parse, cannot be made here, or is zero.
    """
    concept = evaluate(head, expression)
    check_direction(concept)
    aim = residual(head, concept)
    units = unit(directions)
    cosine: Float64[np.ndarray, "layers positions"] = units @ unit(aim)
    drawn = None if head.tokens is None else draw_random_sums(head, concept, SUMS, seed=seed)
    if drawn is None:
        note = "no band: the sum has no word that a random word could stand in for"
        return Standing(concept, head.space.name, cosine, None, None, None, note, aim)
    others = unit(residuals_of(head, drawn.sums))
    low, high, below = (np.empty(cosine.shape) for _ in range(3))
    flat = units.reshape(-1, head.dim)
    for start in range(0, len(flat), AT_ONCE // SUMS):
        here = slice(start, start + AT_ONCE // SUMS)
        theirs = flat[here] @ others.T
        low.reshape(-1)[here], high.reshape(-1)[here] = np.percentile(theirs, BAND, axis=1)
        below.reshape(-1)[here] = (theirs < cosine.reshape(-1)[here, None]).mean(axis=1)
    return Standing(concept, head.space.name, cosine, low, high, below, random_note(concept, drawn.slots, seed), aim)


def random_note(concept: Concept, slots: tuple[int, ...], seed: int) -> str:
    """Say what stands in for a sum's words."""
    words = " and ".join(concept.terms[slot].label for slot in slots)
    kept = " and ".join(term.label for index, term in enumerate(concept.terms) if index not in slots)
    return (
        f"the band is percentiles 5 to 95 of {SUMS:,} random words for {words}, matched on row length and merge rank"
        f"{f', {kept} kept' if kept else ''} (seed {seed})"
    )
