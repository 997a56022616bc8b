"""Pairs of a query and a row that may be among its best, and their settling in float64."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float64, Int64, UInt64

from geometry.scoring import Scoring

MANY, THREADS = 4_096, 2
"""Pairs from which on so many threads settle them; more would only wait for each other."""


@dataclass(frozen=True, eq=False)
class Neighbors:
    """The best rows for one query, best first, ties by id; scores in float64, higher is better."""

    ids: Int64[np.ndarray, " k"]
    scores: Float64[np.ndarray, " k"]


@dataclass(frozen=True, eq=False)
class Pairs:
    """Rows that may be among the best of a query, and between what their scores lie."""

    queries: Int64[np.ndarray, " found"]
    ids: Int64[np.ndarray, " found"]
    low: Float64[np.ndarray, " found"]
    high: Float64[np.ndarray, " found"]

    def __len__(self) -> int:
        return len(self.ids)

    def above(self, least: Float64[np.ndarray, " queries"]) -> "Pairs":
        """Those that may score so much."""
        return self.where(self.high >= least[self.queries])

    def where(self, keep: Bool[np.ndarray, " found"]) -> "Pairs":
        """Some of them."""
        return self if keep.all() else self.at(np.flatnonzero(keep))

    def at(self, places: Int64[np.ndarray, " kept"]) -> "Pairs":
        """Those in some places, in this order."""
        return Pairs(self.queries[places], self.ids[places], self.low[places], self.high[places])

    def counts(self, queries: int) -> Int64[np.ndarray, " queries"]:
        """How many rows there are of every query."""
        return np.bincount(self.queries, minlength=queries).astype(np.int64)

    def kth(self, k: int, queries: int) -> Float64[np.ndarray, " queries"]:
        """What the k-th best row of every query scores at least, −∞ where there are fewer."""
        counts = self.counts(queries)
        enough = np.flatnonzero(counts >= k)
        # one sort of whole numbers: the query, then its scores downwards
        ordered = np.sort(self.queries.astype(np.uint64) << np.uint64(32) | _downwards(self.low))
        least = np.full(queries, -np.inf)
        least[enough] = _scores_of(ordered[_starts(counts)[enough] + k - 1])
        return least


def joined(parts: list[Pairs]) -> Pairs:
    """All pairs of some parts, in their order."""
    if not parts:
        nothing = np.empty(0, dtype=np.int64)
        return Pairs(nothing, nothing, np.empty(0), np.empty(0))
    columns = zip(*((part.queries, part.ids, part.low, part.high) for part in parts), strict=True)
    return Pairs(*(np.concatenate(column) for column in columns))


def settle(scoring: Scoring, pairs: Pairs, k: int) -> list[Neighbors]:
    """The k best rows of every query, in float64, ties by id.

    The k that promise most are scored first; of the others then only those whose score may reach the least of these.
    """
    queries = len(scoring.x)
    pairs = pairs.at(np.lexsort((-pairs.low, pairs.queries)))
    starts = _starts(pairs.counts(queries))
    first = np.arange(len(pairs)) - starts[pairs.queries] < k
    scores = np.full(len(pairs), -np.inf)
    scores[first] = _exact(scoring, pairs.where(first))
    least = np.full(queries, np.inf)
    np.minimum.at(least, pairs.queries[first], scoring.affine(pairs.queries[first], scores[first]))
    rest = ~first & (pairs.high >= least[pairs.queries])
    scores[rest] = _exact(scoring, pairs.where(rest))
    scored = first | rest
    order = np.flatnonzero(scored)[np.lexsort((pairs.ids[scored], -scores[scored], pairs.queries[scored]))]
    ends = np.cumsum(np.bincount(pairs.queries[scored], minlength=queries))
    begins = [0, *ends[:-1].tolist()]
    best = [order[begin : min(begin + k, end)] for begin, end in zip(begins, ends.tolist(), strict=True)]
    return [Neighbors(pairs.ids[part], scores[part]) for part in best]


def _exact(scoring: Scoring, pairs: Pairs) -> Float64[np.ndarray, " found"]:
    if len(pairs) < MANY:
        return scoring.exact_pairs(pairs.queries, pairs.ids)
    with ThreadPoolExecutor(THREADS) as threads:
        halves = zip(np.array_split(pairs.queries, THREADS), np.array_split(pairs.ids, THREADS), strict=True)
        return np.concatenate(list(threads.map(lambda half: scoring.exact_pairs(*half), halves)))


def _starts(counts: Int64[np.ndarray, " queries"]) -> Int64[np.ndarray, " queries"]:
    """Where the pairs of every query begin, in the order of the queries."""
    return np.asarray(np.cumsum(counts) - counts)


def _downwards(scores: Float64[np.ndarray, " found"]) -> UInt64[np.ndarray, " found"]:
    """32 bits that are the smaller, the larger a score is; it is rounded down to float32."""
    with np.errstate(over="ignore"):
        rounded = scores.astype(np.float32)
    rounded = np.where(rounded > scores, np.nextafter(rounded, np.float32(-np.inf)), rounded)
    bits = rounded.view(np.uint32)
    upwards = np.where(bits >> 31, ~bits, bits | np.uint32(1 << 31))
    return (~upwards).astype(np.uint64)


def _scores_of(keys: UInt64[np.ndarray, " found"]) -> Float64[np.ndarray, " found"]:
    """The scores of which ``_downwards`` made the lower 32 bits of these."""
    upwards = ~keys.astype(np.uint32)
    bits = np.where(upwards >> 31, upwards ^ np.uint32(1 << 31), ~upwards)
    return bits.view(np.float32).astype(np.float64)
