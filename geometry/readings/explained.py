"""How much of a residual a few words explain, and whether what it says hangs on that part.

The share is that of the squared length of a residual, before the final norm's gain and shift, that lies in the span of
the sum's terms: R² of the best combination of them, whatever its weights. Two or three directions of a few hundred
explain little of anything; the random words beside them say how little that would be anyway.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float64, Int64

from geometry.choices import SpaceName
from geometry.concepts import Concept, evaluate
from geometry.errors import ExpressionError
from geometry.head import Head
from geometry.landing.nulls import RandomSums, draw_random_sums
from geometry.linalg import unit
from geometry.readings.reading import winners
from geometry.readings.standing import BAND, SUMS, random_note
from geometry.readings.states import regained

RANDOM_WINNERS = 20
"""Random spans for which it is seen whether the winner survives; each costs a reading of its own."""

SMALLEST = 1e-10
"""A projection of less than this share of the squared length points nowhere."""


@dataclass(frozen=True, eq=False)
class Explained:
    """Residuals explained by the terms of a sum, at some positions.

    Attributes:
        concept: The sum; its weights do not matter, only its terms' span.
        space: Where the rows were taken.
        rank: How many dimensions the span has.
        positions: Where.
        share: R², from 0 to 1.
        low, high: Percentiles 5 and 95 over random words' spans; None where there are none.
        below: Share of random words' spans that explain less.
        kept: R² of the terms that stay while words are replaced, such as the emoji direction; None where none do.
        winner: The first token of the reading itself.
        projected: The first token once the residual is replaced by its projection onto the span, at full length; −1
            where that is zero.
        removed: The first token once the projection is taken away; −1 where nothing is left.
        random_survivals: Share of `RANDOM_WINNERS` random words' spans whose projection keeps the winner; None where
            there are none.
        note: What the random words are.
    """

    concept: Concept
    space: SpaceName
    rank: int
    positions: tuple[int, ...]
    share: Float64[np.ndarray, "layers positions"]
    low: Float64[np.ndarray, "layers positions"] | None
    high: Float64[np.ndarray, "layers positions"] | None
    below: Float64[np.ndarray, "layers positions"] | None
    kept: Float64[np.ndarray, "layers positions"] | None
    winner: Int64[np.ndarray, "layers positions"]
    projected: Int64[np.ndarray, "layers positions"]
    removed: Int64[np.ndarray, "layers positions"]
    random_survivals: Float64[np.ndarray, "layers positions"] | None
    note: str


def explain_states(
    head: Head,
    directions: Float64[np.ndarray, "layers positions dim"],
    winner: Int64[np.ndarray, "layers positions"],
    expression: str,
    *,
    positions: Sequence[int],
    seed: int,
) -> Explained:
    """Explain residuals by a sum's terms.

    Args:
        head: In the space where the rows are taken.
        directions: Of the states at these positions, from `geometry.readings.states.directions`.
        winner: The first token read in each.
        positions: What the positions are called.

    Raises:
        GeometryError: The sum does not parse or cannot be made here, or every term of it is zero.
    """
    concept = evaluate(head, expression)
    basis = span(head, np.stack([term.vector for term in concept.terms]))
    if not len(basis):
        raise ExpressionError(f"the terms of {expression!r} are zero and span nothing; give others")
    shape = winner.shape
    u = directions.reshape(-1, head.dim)
    share = shares(u, basis)
    drawn = None if head.tokens is None else draw_random_sums(head, concept, SUMS, seed=seed)
    low = high = below = kept = survivals = None
    note = "no band: the sum has no word that a random word could stand in for"
    if drawn is not None:
        theirs, spans = np.empty((len(u), len(drawn.words))), list[Float64[np.ndarray, "rank dim"]]()
        for number, vectors in enumerate(_random_terms(head, concept, drawn)):
            one = span(head, vectors)
            theirs[:, number] = shares(u, one)
            spans += [one] * (number < RANDOM_WINNERS)
        low, high = np.percentile(theirs, BAND, axis=1)
        below = (theirs < share[:, None]).mean(axis=1)
        rest = [term.vector for index, term in enumerate(concept.terms) if index not in drawn.slots]
        kept = shares(u, span(head, np.stack(rest))) if rest else None
        note = random_note(concept, drawn.slots, seed)
        first = [_projected_winners(head, u, one, remove=False) for one in spans]
        survivals = (np.stack(first) == winner.reshape(-1)).mean(axis=0)
    return Explained(
        concept=concept,
        space=head.space.name,
        rank=len(basis),
        positions=tuple(positions),
        share=share.reshape(shape),
        low=None if low is None else low.reshape(shape),
        high=None if high is None else high.reshape(shape),
        below=None if below is None else below.reshape(shape),
        kept=None if kept is None else kept.reshape(shape),
        winner=winner,
        projected=_projected_winners(head, u, basis, remove=False).reshape(shape),
        removed=_projected_winners(head, u, basis, remove=True).reshape(shape),
        random_survivals=None if survivals is None else survivals.reshape(shape),
        note=note,
    )


def span(head: Head, vectors: Float64[np.ndarray, "terms dim"]) -> Float64[np.ndarray, "rank dim"]:
    """Return an orthonormal basis of the residual directions that vectors of the head's space stand for."""
    aims = unit(np.stack([head.space.residual_direction(vector) for vector in vectors]))
    _, sizes, basis = np.linalg.svd(aims, full_matrices=False)
    return np.asarray(basis[sizes > 1e-8 * max(sizes.max(initial=0.0), 1e-300)])


def shares(
    directions: Float64[np.ndarray, "queries dim"], basis: Float64[np.ndarray, "rank dim"]
) -> Float64[np.ndarray, " queries"]:
    """Return the share of each squared length that lies in a span, from 0 to 1; 0 for a zero direction."""
    whole = np.einsum("ij,ij->i", directions, directions)
    part = ((directions @ basis.T) ** 2).sum(axis=1)
    found: Float64[np.ndarray, " queries"] = np.divide(part, whole, out=np.zeros_like(whole), where=whole > 0)
    np.minimum(found, 1.0, out=found)
    return found


def _projected_winners(
    head: Head, u: Float64[np.ndarray, "queries dim"], basis: Float64[np.ndarray, "rank dim"], *, remove: bool
) -> Int64[np.ndarray, " queries"]:
    """The first tokens of residuals in the span, or outside of it, at the length that a norm would give them."""
    part = (u @ basis.T) @ basis
    left = u - part if remove else part
    square, whole = np.einsum("ij,ij->i", left, left), np.einsum("ij,ij->i", u, u)
    first = np.full(len(u), -1, np.int64)
    there = square > SMALLEST * whole
    # a norm gives any direction the same length; without one the projection is as long as it is
    sized = unit(left[there]) * np.sqrt(head.dim) if head.readout.normalizes else left[there]
    first[there] = winners(head, regained(head, sized))
    return first


def _random_terms(head: Head, concept: Concept, drawn: RandomSums) -> Iterator[Float64[np.ndarray, "terms dim"]]:
    """The terms of every random sum, one at a time: random words' rows for the words, the others as they are."""
    for words in drawn.words:
        rows = head.space.apply(head.opened.matrix.rows(words))
        vectors = np.stack([term.vector for term in concept.terms])
        vectors[list(drawn.slots)] = rows
        yield vectors
