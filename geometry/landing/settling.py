"""CSLS without r of every row: exact all the same, where finding all of them would take minutes.

r of a row is a mean over its nearest rows among all: for every row that is quadratic in the vocabulary. What r is at
least is cheap (the same mean over a sample of rows), and tells what a score is at most. Rows that rank first by this
get their r; once the first k all have theirs, no other row can pass them.
"""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from jaxtyping import Bool, Float64, Int64

from geometry.head import Head
from geometry.hubness import means_of
from geometry.scoring import Scoring, csls_scoring, score_with
from geometry.search import BestRows, scan

QUICK = 1e11
"""Multiply-adds, about a second of them, up to which r is found of every row at once."""

AHEAD = 8
"""So many times k rows get their r in one round."""

MOST_SHARE = 0.25
"""Share of rows from which on the rest is found too."""


def csls_for(
    head: Head,
    vectors: Float64[np.ndarray, "queries dim"],
    pools: Sequence[Bool[np.ndarray, " vocab"]],
    k: int,
    *,
    whole: bool = False,
) -> Scoring:
    """Set up CSLS so that the k best rows of each pool are exact for every query, and their scores are.

    Args:
        vectors: Sums in the head's space.
        pools: Rows that may be found.
        whole: r is wanted of every row.
    """
    means = means_of(head)
    if whole or means.work <= QUICK:
        return score_with(head, vectors, "csls")
    means.bound()
    return settled(csls_scoring(head, vectors, means.values), pools, k)


def settled(scoring: Scoring, pools: Sequence[Bool[np.ndarray, " vocab"]], k: int) -> Scoring:
    """Return a scoring by CSLS whose k best rows of each pool are exact for every query; others score too much."""
    means = means_of(scoring.head)
    while not means.known.all():
        first, ahead = _best(scoring, pools, k)
        if means.known[first].all():
            break
        if means.known.mean() < MOST_SHARE:
            means.learn(ahead)
        else:
            means.learn_all()
        scoring = replace(scoring, shift=-means.values)
    return scoring


def _best(
    scoring: Scoring, pools: Sequence[Bool[np.ndarray, " vocab"]], k: int
) -> tuple[Int64[np.ndarray, " first"], Int64[np.ndarray, " ahead"]]:
    """Return the rows that are among anyone's k best, and among anyone's next ones as well."""
    readers = [BestRows(scoring, pool, AHEAD * k) for pool in pools]
    scan(scoring.head, readers)
    found = [one.ids for reader in readers for one in reader.result()]
    return np.unique(np.concatenate([ids[:k] for ids in found])), np.unique(np.concatenate(found))
