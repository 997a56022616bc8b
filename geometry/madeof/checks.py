"""What no sum of words can be found for, refused in one line each."""

import numpy as np
from jaxtyping import Bool

from geometry.concepts import Concept, check_direction
from geometry.errors import OptionError
from geometry.head import Head

MOST_TERMS = 50
MOST_CONTROLS = 10_000

NO_LENGTH = 1e-9
"""Rows shorter than this share of the longest are what rounding leaves of a zero row."""


def check_numbers(terms: int, controls: int, seed: int) -> None:
    """Refuse numbers out of range.

    Raises:
        OptionError: names the number and its range.
    """
    if not 1 <= terms <= MOST_TERMS:
        raise OptionError(f"terms={terms} arrived; expected 1 to {MOST_TERMS} words")
    if not 0 <= controls <= MOST_CONTROLS:
        raise OptionError(f"controls={controls} arrived; expected 0 (none) to {MOST_CONTROLS:,}")
    if seed < 0:
        raise OptionError(f"seed={seed} arrived; expected 0 or more")


def check_words(head: Head, words: Bool[np.ndarray, " vocab"]) -> None:
    """Refuse a head whose words all have the same row: each would explain every token.

    Raises:
        OptionError: says how many there are.
    """
    ids = np.flatnonzero(words)
    if len(ids) < 2:
        return
    first = head.opened.matrix.rows(ids[:1])
    for start in range(0, len(ids), 256):  # two rows that differ end it, mostly the first two
        if (head.opened.matrix.rows(ids[start : start + 256]) != first).any():
            return
    raise OptionError(f"all {len(ids):,} words of {head.name} have the same row: no sum of them tells anything")


def check_target(head: Head, concept: Concept) -> None:
    """Refuse a target that points nowhere: a term whose row is zero in the head's space, or terms that cancel out.

    Raises:
        OptionError: a term's row is zero.
        ExpressionError: the sum is zero.
    """
    for term in concept.terms:
        row = head.space.apply(head.opened.matrix.rows(term.ids)).sum(axis=0) if term.ids else term.vector
        if np.linalg.norm(row) <= shortest(head):
            raise OptionError(
                f"the row of {term.label} is zero in space {head.space.name}: no sum of words leads there; "
                "name another token, or another space"
            )
    check_direction(concept)


def shortest(head: Head) -> float:
    """Lengths up to this, in the head's space, are none."""
    return NO_LENGTH * float(head.norms[head.opened.finite].max(initial=0.0))
