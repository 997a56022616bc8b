"""Targets to compare one with: other tokens of its kind, matched to it, whose own names are left out as its own is."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float64

from geometry.concepts import Concept, Term
from geometry.errors import TokenError
from geometry.head import Head
from geometry.linalg import unit
from geometry.madeof.names import own_words, spelt_emoji
from geometry.matching import POOL, match_measures, matched
from geometry.tokens import catalogue

Ids = tuple[int, ...]


@dataclass(frozen=True, eq=False)
class StandIns:
    """Targets drawn in place of one, made of rows in the same way.

    Attributes:
        vectors: of unit length, in the head's space.
        left_out: what each may not be made of.
    """

    vectors: Float64[np.ndarray, "queries dim"]
    left_out: tuple[frozenset[int], ...]


def draw_stand_ins(
    head: Head, concept: Concept, usable: Bool[np.ndarray, " vocab"], count: int, *, seed: int = 0
) -> StandIns | None:
    """Draw targets in place of a concept; None where it has no tokens, or there are no others like them.

    A term that writes an emoji is replaced by another emoji of as many tokens, any other term token by token by those
    of the same kind; each is one of the nearest in row length and merge rank. Weights and directions stay.

    Args:
        usable: rows that may take part.
        count: how many at most; fewer where the head has not as many others.
    """
    generator = np.random.default_rng(seed)
    free = usable.copy()
    free[sorted(own_words(head, sorted(concept.input_ids)))] = False
    drawn = [_others(head, term.ids, free, count, generator) if term.ids else [()] * count for term in concept.terms]
    fewest = min(map(len, drawn))
    if not concept.input_ids or not fewest:
        return None
    chosen = [[ids[index] for ids in drawn] for index in range(fewest)]
    vectors = np.stack([_summed(head, concept.terms, ids) for ids in chosen])
    return StandIns(unit(vectors), tuple(own_words_of_terms(head, ids) for ids in chosen))


def own_words_of_terms(head: Head, terms: Sequence[Ids]) -> frozenset[int]:
    """What a sum may not be made of: the own words of every term that has tokens."""
    return frozenset[int]().union(*(own_words(head, ids) for ids in terms if ids))


def _summed(head: Head, terms: Sequence[Term], ids: Sequence[Ids]) -> Float64[np.ndarray, " dim"]:
    """The concept's own sum with other tokens in its terms."""
    total = np.zeros(head.dim)
    for term, own in zip(terms, ids, strict=True):
        vector = term.vector
        if own:
            vector = head.space.apply(head.opened.matrix.rows(own)).sum(axis=0)
            vector = vector if head.space.name == "raw" else unit(vector)
        total += term.weight * vector
    return total


def _others(
    head: Head, ids: Ids, free: Bool[np.ndarray, " vocab"], count: int, generator: np.random.Generator
) -> list[Ids]:
    """Up to ``count`` others in place of one term's tokens, in random order."""
    if spelt_emoji(head, ids) is not None:
        return _other_emoji(head, ids, free, count, generator)
    kinds, measures = head.words().kinds[: head.vocab], match_measures(head)
    slots = []
    for token in ids:
        pool = matched(np.flatnonzero(free & (kinds == kinds[token])), token, measures, max(POOL, count))
        slots.append(generator.permutation(pool)[:count].tolist())
    return list(zip(*slots, strict=False))


def _other_emoji(
    head: Head, ids: Ids, free: Bool[np.ndarray, " vocab"], count: int, generator: np.random.Generator
) -> list[Ids]:
    if len(ids) == 1:
        spellings: list[Ids] = [(token,) for token in head.words().emoji if free[token]]
    else:
        spellings = [own for own in _spelt_in(head, len(ids)) if own != ids and head.opened.finite[list(own)].all()]
    # pieces count by their mean length and rank; the emoji itself stands last, to be measured by
    measures = [measure[np.array([*spellings, ids])].mean(axis=1) for measure in match_measures(head)]
    pool = matched(np.arange(len(spellings)), len(spellings), measures, max(POOL, count))
    return [spellings[place] for place in generator.permutation(pool)[:count]]


def _spelt_in(head: Head, pieces: int) -> list[Ids]:
    """The emoji that this head spells in so many tokens."""
    tokens, found = head.words(), []
    for emoji in catalogue():
        if emoji.status == "fully-qualified":
            try:
                ids = tokens.emoji_ids(emoji.text)
            except TokenError:
                continue
            if len(ids) == pieces:
                found.append(ids)
    return found
