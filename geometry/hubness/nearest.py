"""The k nearest rows of very many rows, exactly: every row asks, every row may answer, and none answers itself.

A score is x·y + t: x of who asks, y and t of who may answer. Candidates are found in float32 (``faiss.knn``, flat inner
product, a block of rows at a time); the rounding of such a product is bounded (Higham 2002, "Accuracy and Stability of
Numerical Algorithms", §3.1), and what the bound leaves open is settled in float64. Nothing is done row by row, and
neither side is ever held whole in memory.
"""

from collections import deque
from collections.abc import Iterator

import numpy as np
from jaxtyping import Float32, Float64, Int64

from geometry.hubness.question import Answers, Askers, Nearest, Rows, error_bound
from geometry.progress import track

SLACK = 24
"""Candidates found beyond the k asked for, so that near ties at the end are settled in float64."""

ASKING_BYTES, ANSWERING_BYTES, SETTLING_BYTES, SCANNING_BYTES = (2**20 * size for size in (96, 16, 16, 128))
"""Memory of the rows that ask at once, of the block that answers them, of what is settled at once, and of the scores of
those for whom every row is scored in float64."""

PER_SECOND = 1e11
"""Multiply-adds a second that a bar's appearance is guessed with."""


def nearest(askers: Askers, answers: Answers, k: int, *, label: str, ordered: bool = True) -> Nearest:
    """Find the k best answers to everyone who asks, ties by place.

    Args:
        k: At least 1, and at most as many as there are answers beside oneself.
        label: What a bar is called.
        ordered: Settle the order and the scores of the k in float64 too; without it the set is exact, its order and
            its scores are those of float32.

    Memory: the sum of the four constants above, and the result.
    """
    count = len(askers.own)
    assert 1 <= k <= len(answers.lengths) - bool((askers.own >= 0).any())
    found = Nearest(np.empty((count, k), dtype=np.int64), np.empty((count, k)))
    open_ones: list[Int64[np.ndarray, " open"]] = []
    for start, rough in _rough_parts(askers, answers, k + 1 + SLACK, label):
        error = error_bound(askers.lengths[start : start + len(rough[0])], answers, np.float32)
        unsure = _settle(found, start, rough, error, askers, answers, ordered=ordered)
        open_ones.append(unsure + start)
    left = np.concatenate([np.empty(0, dtype=np.int64), *open_ones])
    zero = askers.lengths[left] == 0
    if zero.any():
        _settle_zeros(found, left[zero], askers, answers)
    left = left[~zero]
    if len(left):
        _settle_by_scan(found, left, askers, answers, label)
    return found


def rough_scores(askers: Askers, answers: Answers, k: int, *, label: str) -> Nearest:
    """Find them in float32 alone, unsettled: for controls, which are random anyway, and for bounds."""
    count = len(askers.own)
    found = Nearest(np.empty((count, k), dtype=np.int64), np.empty((count, k)))
    for start, (scores, places) in _rough_parts(askers, answers, k + 1, label):
        stop = start + len(scores)
        found.places[start:stop], found.scores[start:stop] = places[:, :k], scores[:, :k]
    return found


Rough = tuple[Float32[np.ndarray, "queries found"], Int64[np.ndarray, "queries found"]]


def _rough_parts(askers: Askers, answers: Answers, wanted: int, label: str) -> Iterator[tuple[int, Rough]]:
    """Yield (place of the first asker, scores and places of the best answers), oneself last; a bar moves on the way."""
    count, size = len(askers.own), max(256, ASKING_BYTES // (4 * answers.dim))
    total = -(-count // size) * -(-len(answers.lengths) // _block_size(answers))
    seconds = count * len(answers.lengths) * answers.dim / PER_SECOND
    moves = track(range(total), label, total=total, seconds=seconds)
    for start in range(0, count, size):
        stop = min(start + size, count)
        part = np.empty((stop - start, answers.dim), dtype=np.float32)
        for first, last in _steps(start, stop, answers.dim):
            part[first - start : last - start] = askers.part(first, last)
        yield start, _drop_own(_rough(part, answers, wanted, moves), askers.own[start:stop])
    deque(moves, maxlen=0)  # so that the bar goes


def _block_size(answers: Answers) -> int:
    return max(256, ANSWERING_BYTES // (4 * answers.dim))


def _steps(start: int, stop: int, dim: int) -> Iterator[tuple[int, int]]:
    """Yield spans of rows whose float64 copies stay small."""
    size = max(32, SETTLING_BYTES // (8 * dim))
    for first in range(start, stop, size):
        yield first, min(first + size, stop)


def _rough(part: Float32[np.ndarray, "queries dim"], answers: Answers, wanted: int, moves: Iterator[int]) -> Rough:
    """Return float32 scores and places of the ``wanted`` best answers, best first; one move a block of answers."""
    import faiss

    count, shifted = len(answers.lengths), bool(answers.shift.any())
    wanted, size = min(wanted, count), _block_size(answers)
    if shifted:
        part = np.hstack([part, np.ones((len(part), 1), dtype=np.float32)])
    scores, places = np.empty((len(part), 0), np.float32), np.empty((len(part), 0), np.int64)
    for start, _ in zip(range(0, count, size), moves, strict=False):
        stop = min(start + size, count)
        rows = np.empty((stop - start, part.shape[1]), dtype=np.float32)
        for first, last in _steps(start, stop, answers.dim):
            rows[first - start : last - start, : answers.dim] = answers.part(first, last)
        if shifted:
            rows[:, -1] = answers.shift[start:stop]
        new, at = faiss.knn(part, rows, min(wanted, len(rows)), metric=faiss.METRIC_INNER_PRODUCT)
        scores, places = np.hstack([scores, new]), np.hstack([places, at + start])
        if start:
            order = np.argsort(-scores, axis=1, kind="stable")[:, :wanted]
            scores, places = np.take_along_axis(scores, order, axis=1), np.take_along_axis(places, order, axis=1)
    return scores, places


def _drop_own(rough: Rough, own: Int64[np.ndarray, " queries"]) -> Rough:
    """Put oneself last, with a score below all others."""
    scores, places = rough
    mine = places == own[:, None]
    if not mine.any():
        return rough
    order = np.argsort(mine, axis=1, kind="stable")
    scores = np.where(mine, np.float32(-np.inf), scores)
    return np.take_along_axis(scores, order, axis=1), np.take_along_axis(places, order, axis=1)


def _settle(
    found: Nearest,
    start: int,
    rough: Rough,
    error: Float64[np.ndarray, " queries"],
    askers: Askers,
    answers: Answers,
    *,
    ordered: bool,
) -> Int64[np.ndarray, " open"]:
    """Write what can be told of these askers, and return those for whom too many answers came too close."""
    scores, places = rough
    k, stop = found.places.shape[1], start + len(scores)
    found.places[start:stop], found.scores[start:stop] = places[:, :k], scores[:, :k]
    least = scores[:, k - 1] - 2 * error
    missing = scores.shape[1] < len(answers.lengths)
    # oneself, put last at −∞, says nothing of the rows that were not found
    last = np.where(np.isfinite(scores), scores, np.float32(np.inf)).min(axis=1)
    unsure = missing & (last >= least)
    # where the next one is far below the k-th, the k are known
    near = ~unsure & (ordered | (scores[:, min(k, scores.shape[1] - 1)] >= least))
    may = near[:, None] & (scores >= least[:, None]) & np.isfinite(scores)
    for first, last_one in _steps(0, len(scores), answers.dim * 4):
        inside = np.flatnonzero(near[first:last_one]) + first
        if not len(inside):
            continue
        x = askers.part(start + first, start + last_one)
        exact = np.full((len(inside), scores.shape[1]), -np.inf)
        who, which = np.nonzero(may[inside])
        exact[who, which] = _pairs(x[inside - first], who, places[inside][who, which], answers)
        order = np.lexsort((places[inside], -exact), axis=1)[:, :k]
        found.places[start + inside] = np.take_along_axis(places[inside], order, axis=1)
        found.scores[start + inside] = np.take_along_axis(exact, order, axis=1)
    return np.flatnonzero(unsure)


def _pairs(
    x: Rows, who: Int64[np.ndarray, " pairs"], places: Int64[np.ndarray, " pairs"], answers: Answers
) -> Float64[np.ndarray, " pairs"]:
    """Score pairs in float64, some at a time."""
    scores = np.empty(len(who))
    for first, last in _steps(0, len(who), answers.dim):
        at = places[first:last]
        scores[first:last] = answers.pair(x[who[first:last]], answers.pick(at), answers.shift[at])
    return scores


def _settle_by_scan(
    found: Nearest, left: Int64[np.ndarray, " open"], askers: Askers, answers: Answers, label: str
) -> None:
    """Score every answer in float64 for those whom float32 left open, and settle what even that leaves."""
    count, k = len(answers.lengths), found.places.shape[1]
    size = max(1, SCANNING_BYTES // (8 * count))
    seconds = 2 * len(left) * count * answers.dim / PER_SECOND
    for at in track(range(0, len(left), size), label, total=-(-len(left) // size), seconds=seconds):
        who = left[at : at + size]
        x = np.concatenate([askers.part(one, one + 1) for one in who.tolist()])
        scores = np.empty((len(who), count))
        for first, last in _steps(0, count, answers.dim):
            scores[:, first:last] = x @ answers.part(first, last).T
        scores += answers.shift
        mine = np.flatnonzero(askers.own[who] >= 0)
        scores[mine, askers.own[who][mine]] = -np.inf
        # both the product and the pairs' own sums may be off by the bound
        least = np.partition(scores, -k, axis=1)[:, -k] - 4 * error_bound(askers.lengths[who], answers, np.float64)
        may = (scores >= least[:, None]) & np.isfinite(scores)
        asking, places = np.nonzero(may)
        exact = _pairs(x, asking, places, answers)
        order = np.lexsort((places, -exact, asking))
        begins = np.searchsorted(asking, np.arange(len(who)))  # in the order of askers before and after
        chosen = order[begins[:, None] + np.arange(k)]
        found.places[who], found.scores[who] = places[chosen], exact[chosen]


def _settle_zeros(found: Nearest, who: Int64[np.ndarray, " open"], askers: Askers, answers: Answers) -> None:
    """Answer those who are zero vectors: nothing but t tells rows apart for them, so that one order serves all."""
    k, own = found.places.shape[1], askers.own[who]
    best = np.lexsort((np.arange(len(answers.shift)), -answers.shift))[: k + 1]
    x = np.zeros((1, answers.dim))
    scores = _pairs(x, np.zeros(len(best), dtype=np.int64), best, answers)
    order = np.argsort(best == own[:, None], axis=1, kind="stable")[:, :k]  # oneself last
    found.places[who], found.scores[who] = best[order], scores[order]
