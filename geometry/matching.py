"""Tokens like a given one in what should not matter: the length of its row, and how often text holds it."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float64, Int64

from geometry.head import Head

POOL = 200
"""Tokens that are taken as matched to one: the nearest in row length and merge rank."""


def merge_ranks(head: Head) -> Float64[np.ndarray, " vocab"]:
    """Return every row's merge rank, a proxy of how often text holds its token; ids where there is no vocabulary."""
    tokens = head.tokens
    ranks = range(head.vocab) if tokens is None else map(tokens.rank, range(head.vocab))
    return np.fromiter(ranks, dtype=np.float64, count=head.vocab)


def match_measures(head: Head) -> tuple[Float64[np.ndarray, " vocab"], Float64[np.ndarray, " vocab"]]:
    """What tokens are matched on: the length of each row as stored, and its merge rank.

    Raises:
        TokenError: the head has no vocabulary.
    """
    head.words()
    return head.opened.raw_norms, merge_ranks(head)


def matched(
    tokens: Int64[np.ndarray, " tokens"],
    like: int,
    measures: Sequence[Float64[np.ndarray, " vocab"]],
    count: int = POOL,
) -> Int64[np.ndarray, " pool"]:
    """The ``count`` tokens whose percentiles in every measure are nearest to those of one, the nearest first."""
    away = np.zeros(len(tokens))
    for measure in measures:
        ordered = np.sort(measure[tokens])
        away += (np.searchsorted(ordered, measure[tokens]) - np.searchsorted(ordered, measure[like])) ** 2
    return tokens[np.argsort(away, kind="stable")[:count]]


@dataclass(frozen=True, eq=False)
class Sets:
    """Items with controls of their own: no token is the control of two.

    Attributes:
        items: Those that controls were left for, in the order they were given.
        controls: As many for each, the first taken first.
        gaps: For each measure, the mean difference of an item's and its controls' places in the pool, as a share of it.
    """

    items: Int64[np.ndarray, " items"]
    controls: Int64[np.ndarray, "items each"]
    gaps: Float64[np.ndarray, " measures"]


def match_apart(
    pool: Int64[np.ndarray, " pool"],
    items: Int64[np.ndarray, " items"],
    measures: Sequence[Float64[np.ndarray, " vocab"]],
    most: int,
    rng: np.random.Generator,
) -> Sets:
    """Give every item the nearest tokens that no other item has, in rounds: one each before anybody has two.

    Near is as in `matched`. A token that were the control of many items would count as many independent ones.

    Args:
        pool: What may be a control; none of the items.
        items: What is to be matched.
        measures: What tokens are matched on.
        most: Controls an item, at most; fewer where the pool does not suffice for all.
        rng: Of the order in which items choose, another one in each round; where the pool is smaller than the items,
            of which go without.
    """
    each = max(1, min(most, len(pool) // len(items)))
    if len(pool) < len(items):
        items = items[np.sort(rng.permutation(len(items))[: len(pool)])]
    ordered = [np.sort(measure[pool]) for measure in measures]
    there, here = (
        np.stack([np.searchsorted(a, measure[of]) for a, measure in zip(ordered, measures, strict=True)]) / len(pool)
        for of in (pool, items)
    )
    taken, controls = np.zeros(len(pool)), np.empty((len(items), each), dtype=np.int64)
    for column in range(each):
        for row in rng.permutation(len(items)):
            away = taken.copy()
            for measure in range(len(measures)):
                away += (there[measure] - here[measure, row]) ** 2
            controls[row, column] = away.argmin()
            taken[controls[row, column]] = np.inf
    gaps = np.abs(there[:, controls] - here[:, :, None]).mean(axis=(1, 2))
    return Sets(items, pool[controls], gaps)
