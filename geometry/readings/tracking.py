"""Tokens and sums that are followed through the layers.

What is one token is followed as that token: ``sea`` is the row of `` sea``, ``'sea'`` that of the bare one, ``🐠`` the
emoji's own row, ``#42`` the row itself. A word or an emoji of several tokens is followed by its first one, which is
what a model has to say first (a space alone before an emoji's bytes passed over), and the record says so. A sum such
as ``sea + horse + emoji`` has no row: what is followed is the token it lands on in this head, and beside it the cosine
similarity of each residual to the sum.
"""

from dataclasses import dataclass
from typing import Literal

import numpy as np
from jaxtyping import Float64

from geometry.choices import SpaceName
from geometry.concepts import evaluate, residual
from geometry.errors import ExpressionError
from geometry.head import Head
from geometry.landing import land_many
from geometry.landing.record import text_of
from geometry.linalg import unit


@dataclass(frozen=True, eq=False)
class Tracked:
    """What is followed.

    Attributes:
        label: As it was asked for.
        kind: ``token``, ``piece`` (the first of several tokens) or ``sum`` (what it lands on).
        id, text: The token whose rank is told.
        note: What a reader should know of that; empty for a token.
        direction: A sum's residual (dim,), before gain and shift; None for tokens.
    """

    label: str
    kind: Literal["token", "piece", "sum"]
    id: int
    text: str
    note: str = ""
    direction: Float64[np.ndarray, " dim"] | None = None

    def cosines(
        self, directions: Float64[np.ndarray, "layers positions dim"]
    ) -> Float64[np.ndarray, "layers positions"]:
        """Return the cosine similarity of every residual's direction to the sum, from −1 to 1."""
        assert self.direction is not None
        found: Float64[np.ndarray, "layers positions"] = unit(directions) @ unit(self.direction)
        return found


def resolve(head: Head, asked: str, space: SpaceName) -> Tracked:
    """Understand what is to be followed.

    Args:
        space: Where sums are made.

    Raises:
        GeometryError: It does not parse, the head lacks it, or a sum lands on nothing but its own inputs.
    """
    concept = evaluate(head.in_space("raw"), asked)
    terms = concept.terms
    if len(terms) == 1 and terms[0].ids and terms[0].weight > 0:
        ids = terms[0].ids
        texts = [text_of(head, token) for token in ids]
        place = next((place for place, text in enumerate(texts) if text.strip()), 0)
        first, text = ids[place], texts[place]
        if len(ids) == 1:
            return Tracked(asked, "token", first, text)
        what = "its first piece" if place == 0 else "the first piece after its space"
        note = f"{asked} is no token here: what is followed is {what}, {text!r}, of {len(ids)}"
        return Tracked(asked, "piece", first, text, note)
    (landing,) = land_many(head.in_space("raw"), [asked], space=space)
    if landing.winner is None:
        raise ExpressionError(f"{asked!r} lands on nothing but its own inputs; track a token, such as sea or 🐠")
    text = text_of(head, landing.winner)
    note = f"{asked} has no row: what is followed is the token it lands on in space {space}, {text!r}"
    return Tracked(asked, "sum", landing.winner, text, note, residual(landing.head, landing.concept))
