"""Tokens like a given one in what should not matter: the length of its row, and how often text holds it."""

from collections.abc import Sequence

import numpy as np
from jaxtyping import Float64, Int64

from geometry.head import Head

POOL = 200
"""Tokens that are taken as matched to one: the nearest in row length and merge rank."""


def match_measures(head: Head) -> tuple[Float64[np.ndarray, " vocab"], Float64[np.ndarray, " vocab"]]:
    """What tokens are matched on: the length of each row as stored, and its merge rank, a proxy of frequency.

    Raises:
        TokenError: the head has no vocabulary.
    """
    tokens = head.words()
    return head.opened.raw_norms, np.array([tokens.rank(token) for token in range(head.vocab)], dtype=np.float64)


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
