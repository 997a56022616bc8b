"""Where rows stand among all candidates for their own queries, in float64, a block of candidates at a time."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float64, Int64

from geometry.head import Head

BLOCK = 8_192
"""Candidates scored at once."""


@dataclass(frozen=True, eq=False)
class Standings:
    """What each query's own row has above it.

    Attributes:
        above: Candidates that pass the own row; ties by id.
        above_emoji: Those of them that are whole emoji.
        first: Who comes first, the own row included.
        best_word: The best score of a candidate that is no emoji, the own row not counted; −∞ where there is none.
    """

    above: Int64[np.ndarray, " queries"]
    above_emoji: Int64[np.ndarray, " queries"]
    first: Int64[np.ndarray, " queries"]
    best_word: Float64[np.ndarray, " queries"]


def scores_of(
    head: Head,
    queries: Float64[np.ndarray, "queries dim"],
    ids: Int64[np.ndarray, " k"],
    extra: Float64[np.ndarray, "queries k"] | float = 0.0,
) -> Float64[np.ndarray, "queries k"]:
    """Return the space's scores of some rows for sums: q·w in ``raw``, cosines in ``whitened``, else logits.

    Args:
        head: In the space of the sums.
        queries: The sums, of any length.
        ids: The rows.
        extra: Added to their products with the sums.
    """
    rows = head.rows(ids).astype(np.float64)
    products = queries @ rows.T + extra
    if head.space.name == "raw":
        return products
    lengths = _lengths(queries)[:, None]
    if head.space.name == "whitened":
        cosines: Float64[np.ndarray, "queries k"] = products / lengths / _lengths(rows)
        return cosines
    logits: Float64[np.ndarray, "queries k"] = products * (np.sqrt(head.dim) / lengths)
    if head.readout.beta is not None:
        logits = logits + head.opened.matrix.rows(ids) @ (head.readout.beta.astype(np.float64) * head.readout.prescale)
    if head.readout.bias is not None:
        logits = logits + head.readout.bias[ids]
    return logits


def _lengths(vectors: Float64[np.ndarray, "rows dim"]) -> Float64[np.ndarray, " rows"]:
    """Return ‖v‖, and something above zero for a zero vector, whose cosines are then zero."""
    lengths: Float64[np.ndarray, " rows"] = np.maximum(np.linalg.norm(vectors, axis=1), 1e-300)
    return lengths


def standings(
    head: Head,
    queries: Float64[np.ndarray, "queries dim"],
    own: Int64[np.ndarray, " queries"],
    own_scores: Float64[np.ndarray, " queries"],
    left_out: Sequence[frozenset[int]],
    candidates: Bool[np.ndarray, " vocab"],
) -> Standings:
    """Find where each query's own row stands.

    Args:
        head: In the space of the queries.
        queries: Sums, as `scores_of` takes them.
        own: The row that each asks for.
        own_scores: Its score.
        left_out: Rows that are no candidates for a query.
        candidates: Rows that are at all.
    """
    n = len(own)
    above, above_emoji, best_word = np.zeros(n, np.int64), np.zeros(n, np.int64), np.full(n, -np.inf)
    first, first_score = own.copy(), own_scores.copy()
    is_emoji = np.zeros(head.vocab, dtype=np.bool_)
    is_emoji[head.opened.emoji_ids] = True
    every = np.flatnonzero(candidates)
    for start in range(0, len(every), BLOCK):
        ids = every[start : start + BLOCK]
        scores = scores_of(head, queries, ids)
        for i, tokens in enumerate(left_out):
            scores[i, np.isin(ids, [*tokens, own[i]])] = -np.inf
        passes = (scores > own_scores[:, None]) | ((scores == own_scores[:, None]) & (ids < own[:, None]))
        above += passes.sum(axis=1)
        above_emoji += passes[:, is_emoji[ids]].sum(axis=1)
        best = scores.argmax(axis=1)
        value = scores[np.arange(n), best]
        ahead = (value > first_score) | ((value == first_score) & (ids[best] < first))
        first[ahead], first_score[ahead] = ids[best[ahead]], value[ahead]
        words = scores[:, ~is_emoji[ids]]
        if words.size:
            best_word = np.maximum(best_word, words.max(axis=1))
    return Standings(above, above_emoji, first, best_word)
