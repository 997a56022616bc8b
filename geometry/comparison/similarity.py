"""How alike two heads are as wholes, with nothing aligned: linear CKA, and whether tokens keep their neighbours."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from math import comb
from typing import Any

import numpy as np
from jaxtyping import Float64, Int64

from geometry.comparison.rows import BLOCK_BYTES, PRODUCTS, Matched, centred_rows
from geometry.comparison.sums import Sums
from geometry.head import Head
from geometry.intervals import Figure, mean_figure
from geometry.linalg import unit
from geometry.progress import track

NEIGHBOURS = 10
SAMPLED = 2_000
"""Tokens whose neighbours are looked at, besides all of the kinds in `WHOLE`."""

WHOLE = ("emoji", "emoji_prefix")
"""Kinds whose tokens are not sampled but all looked at."""

ALIKE = 9
"""Decimals in which cosines that differ are no tie; ties go to the token that stands first in A, in both heads."""


@dataclass(frozen=True, slots=True)
class Kernel:
    """Linear CKA of the centred matched rows, and what it is for tokens dealt out again.

    Attributes:
        cka: ‖AᵀB‖²/(‖AᵀA‖‖BᵀB‖), from 0 to 1; 1 where B is A rotated and scaled.
        chance: Its mean over all permutations of the tokens of one head, exactly.
    """

    cka: float
    chance: float


def kernel_alignment(sums: Sums) -> Kernel:
    """Return centred linear CKA (Kornblith et al. 2019, "Similarity of Neural Network Representations Revisited").

    The chance value is tr(AᵀA)·tr(BᵀB)/((n−1)‖AᵀA‖‖BᵀB‖), the mean of ‖AᵀPB‖² over permutations P being
    ‖A‖²‖B‖²/(n−1) for centred rows.
    """
    below = sums.gram_a * sums.gram_b
    return Kernel(min(sums.gram_ab**2 / below, 1.0), sums.square_a * sums.square_b / ((sums.n - 1) * below))


@dataclass(frozen=True, slots=True, eq=False)
class KindNeighbours:
    """Mean Jaccard index of one kind's tokens, how many they are, and the index of each."""

    n: int
    jaccard: Figure
    values: Float64[np.ndarray, " tokens"] = field(repr=False)

    def to_dict(self) -> dict[str, Any]:
        """Return the figures by name; those of each token are left out."""
        return {"n": self.n, "jaccard": asdict(self.jaccard)}


@dataclass(frozen=True, slots=True, eq=False)
class Neighbourhoods:
    """Whether tokens keep their nearest neighbours.

    Attributes:
        k: How many neighbours, by cosine similarity of centred rows among the matched tokens.
        n: How many tokens were sampled.
        jaccard: Mean of |∩|/|∪| of the two sets of neighbours over them, 0 to 1.
        chance: Its mean for two sets drawn at random.
        by_kind: The same by kind of token; emoji and emoji prefixes are not sampled but all of them.
    """

    k: int
    n: int
    jaccard: Figure
    chance: float
    by_kind: Mapping[str, KindNeighbours]

    def to_dict(self) -> dict[str, Any]:
        """Return the figures by name."""
        return {
            "k": self.k, "n": self.n, "jaccard": asdict(self.jaccard), "chance": self.chance,
            "by_kind": {kind: one.to_dict() for kind, one in self.by_kind.items()},
        }  # fmt: skip


def compare_neighbours(matched: Matched, *, seed: int) -> Neighbourhoods:
    """Compare the nearest neighbours of a seeded sample of tokens, and of all in `WHOLE`, among all matched tokens."""
    n, k = len(matched), min(NEIGHBOURS, len(matched) - 1)
    sampled = np.sort(np.random.default_rng(seed).choice(n, size=min(SAMPLED, n), replace=False))
    whole = np.isin(matched.pairs.kinds, WHOLE)
    asked = np.union1d(sampled, np.flatnonzero(whole))
    sides = [nearest(head, ids, asked, k) for head, ids in
             ((matched.a, matched.pairs.a), (matched.b, matched.pairs.b))]  # fmt: skip
    values = jaccard(*sides)
    inside, kinds = np.isin(asked, sampled), matched.pairs.kinds[asked]
    by_kind = {
        kind: KindNeighbours(int(rows.sum()), _mean(values[rows], seed), values[rows])
        for kind in matched.pairs.by_kind()
        if (rows := (kinds == kind) & (inside | whole[asked])).any()
    }
    return Neighbourhoods(k, len(sampled), _mean(values[inside], seed), chance_jaccard(n - 1, k), by_kind)


def nearest(
    head: Head, ids: Int64[np.ndarray, " tokens"], asked: Int64[np.ndarray, " asked"], k: int
) -> Int64[np.ndarray, "asked k"]:
    """Return the places among ``ids`` of the k nearest of some of them, by cosine similarity, in float64.

    Args:
        head: In the space wanted.
        ids: The rows that may be found.
        asked: The places of those asked for, none of which is its own neighbour.
        k: How many.
    """
    queries = unit(centred_rows(head, ids[asked]))
    size = max(64, BLOCK_BYTES // (8 * max(head.dim, len(asked))))
    starts = range(0, len(ids), size)
    best, found = np.full((len(asked), k), -np.inf), np.zeros((len(asked), k), dtype=np.int64)
    seconds = len(asked) * float(head.dim) * len(ids) / PRODUCTS
    for start in track(starts, f"neighbours in {head.name}", total=len(starts), seconds=seconds):
        places = np.arange(start, min(start + size, len(ids)))
        keys = queries @ unit(centred_rows(head, ids[places])).T
        # no two places have the same key, so that neither rounding nor sorting decides between equal rows
        np.round(keys, ALIKE, out=keys)
        keys -= places * np.finfo(np.float64).eps
        own = np.flatnonzero((asked >= start) & (asked < start + len(places)))
        keys[own, asked[own] - start] = -np.inf
        rows = np.flatnonzero(keys.max(axis=1) > best.min(axis=1))
        both = np.hstack([best[rows], keys[rows]])
        kept = np.argpartition(-both, k - 1, axis=1)[:, :k]
        best[rows] = np.take_along_axis(both, kept, axis=1)
        before = np.take_along_axis(found[rows], np.minimum(kept, k - 1), axis=1)
        found[rows] = np.where(kept < k, before, places[np.maximum(kept - k, 0)])
    order = np.argsort(-best, axis=1)
    return np.take_along_axis(found, order, axis=1)


def jaccard(one: Int64[np.ndarray, "tokens k"], other: Int64[np.ndarray, "tokens k"]) -> Float64[np.ndarray, " tokens"]:
    """Return |∩|/|∪| of each pair of rows, whose entries are all different."""
    shared = (one[:, :, None] == other[:, None, :]).sum(axis=(1, 2))
    found: Float64[np.ndarray, " tokens"] = shared / (2 * one.shape[1] - shared)
    return found


def chance_jaccard(n: int, k: int) -> float:
    """Return the mean Jaccard index of two sets of k drawn at random from n, exactly.

    >>> chance_jaccard(10, 10), round(chance_jaccard(3, 1), 3)
    (1.0, 0.333)
    """
    ways = [comb(k, shared) * comb(n - k, k - shared) for shared in range(k + 1)]
    return sum(count * shared / (2 * k - shared) for shared, count in enumerate(ways)) / comb(n, k)


def _mean(values: Float64[np.ndarray, " tokens"], seed: int) -> Figure:
    return mean_figure(values, np.arange(len(values)), seed)
