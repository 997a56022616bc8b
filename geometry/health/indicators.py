"""Several signs that nothing has trained a row, how far they agree, and how well they find rows known to be so.

Each sign is a score that is higher the more a row is like the rows known to be unused (reserved names, padding, bytes
that no UTF-8 holds); it flags rows at or above the 1st percentile of those, each left out of its own mean, and says
nothing where a letter or digit, which text always trains, comes that high. `geometry.undertrained`, the rule that masks
rows everywhere else, is one of them.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float64, Int64

from geometry.head import Head
from geometry.linalg import unit
from geometry.moments import blocks
from geometry.progress import track
from geometry.undertrained import Undertrained, always_trained, find_undertrained

RULE = "component"
"""The sign that masks rows: cosine similarity, less the mean row and the first principal component."""

FEWEST_SHOWN = 4
"""References that the test shows to the signs at least; the rule itself wants more."""

HALVES, SMALL = 9, 32_768_000
"""Halves that are drawn on heads of at most so many numbers; on larger ones it is one."""

SECONDS_A_NUMBER = 4e-8
"""For the bar alone, which a single half needs not: its passes have their own."""


@dataclass(frozen=True, eq=False)
class Indicator:
    """One sign, on every row.

    Attributes:
        name: What it measures.
        scores: Of each row, higher the more it is like unused ones; −∞ where a row is not finite.
        threshold: From which a row is flagged; None where the sign says nothing.
        highest_anchor: The highest score of a letter or digit.
        ids: The rows flagged, ascending.
        falls: Whether what is measured is lower for unused rows; the scores are then its negative.
    """

    name: str
    scores: Float64[np.ndarray, " vocab"]
    threshold: float | None
    highest_anchor: float
    ids: Int64[np.ndarray, " flagged"]
    falls: bool = False

    def told(self, score: float) -> float:
        """Return what a score says was measured."""
        return -score if self.falls else score


def indicators(
    head: Head, references: Int64[np.ndarray, " references"] | None = None, *, fewest: int | None = None
) -> tuple[Indicator, ...]:
    """Return every sign on a head's rows as stored, the rule first.

    Args:
        head: In any space; rows are taken as stored.
        references: Rows to go by; by default all that are known to be unused.
        fewest: References below which there are no signs; by default as many as the rule wants.

    Returns:
        The rule's cosine similarity; cosine similarity to the references' mean direction; −‖w − their mean‖; −‖w‖.
        None at all where the rule has no references or no letters.
    """
    opened = head.opened
    rule = opened.undertrained
    if references is not None:
        options = {} if fewest is None else {"fewest": fewest}
        rule = find_undertrained(opened.matrix, head.tokens, opened.finite, references, **options)
    if head.tokens is None or rule.scores is None:
        return ()
    anchors = always_trained(head.tokens, head.vocab, opened.finite)
    unused = opened.matrix.rows(rule.references).astype(np.float64)
    cosine, distance = _closeness(head, unused)
    return (
        _of_rule(rule),
        _sign("cosine", cosine, _left_out(unused, cosines=True), anchors, opened.finite),
        _sign("distance", -distance, _left_out(unused, cosines=False), anchors, opened.finite, falls=True),
        _sign("length", -opened.raw_norms, -np.linalg.norm(unused, axis=1), anchors, opened.finite, falls=True),
    )


def _of_rule(rule: Undertrained) -> Indicator:
    assert rule.scores is not None
    assert rule.highest_anchor is not None
    return Indicator(RULE, rule.scores, rule.threshold, rule.highest_anchor, rule.ids)


def _sign(
    name: str,
    scores: Float64[np.ndarray, " vocab"],
    own: Float64[np.ndarray, " references"],
    anchors: Int64[np.ndarray, " anchors"],
    finite: Bool[np.ndarray, " vocab"],
    *,
    falls: bool = False,
) -> Indicator:
    scores = np.where(finite, scores, -np.inf)
    threshold, highest = float(np.percentile(own, 1)), float(scores[anchors].max())
    if threshold <= highest:
        return Indicator(name, scores, None, highest, np.empty(0, dtype=np.int64), falls)
    return Indicator(name, scores, threshold, highest, np.flatnonzero(scores >= threshold), falls)


def _left_out(unused: Float64[np.ndarray, "references dim"], *, cosines: bool) -> Float64[np.ndarray, " references"]:
    """Each reference's closeness to the mean of the others."""
    rows = unit(unused) if cosines else unused
    others = (rows.sum(axis=0) - rows) / (len(rows) - 1)
    if cosines:
        return np.asarray((rows * unit(others)).sum(axis=1))
    return -np.asarray(np.linalg.norm(rows - others, axis=1))


def _closeness(
    head: Head, unused: Float64[np.ndarray, "references dim"]
) -> tuple[Float64[np.ndarray, " vocab"], Float64[np.ndarray, " vocab"]]:
    """Cosine similarity to the references' mean direction, and distance to their mean."""
    direction, mean = unit(unit(unused).mean(axis=0)), unused.mean(axis=0)
    lengths = head.opened.raw_norms
    cosine, distance = np.empty(head.vocab), np.empty(head.vocab)
    with np.errstate(invalid="ignore", over="ignore", divide="ignore"):
        for start, block in blocks(head.opened.matrix, "signs of under-training"):
            part = slice(start, start + len(block))
            cosine[part] = block @ direction.astype(np.float32) / lengths[part]
            away = block - mean.astype(np.float32)
            distance[part] = np.sqrt(np.einsum("ij,ij->i", away, away, dtype=np.float64))
    return np.nan_to_num(cosine, nan=-np.inf), distance


@dataclass(frozen=True, slots=True)
class Found:
    """How many rows of a truth were flagged, and how much of what was flagged is true.

    Attributes:
        truth: Rows known to be unused, those that the sign was shown not counted.
        flagged: Rows flagged, those not counted either.
        hits: Rows of both.
    """

    truth: int
    flagged: int
    hits: int

    @property
    def recall(self) -> float | None:
        """Share of the truth that was flagged, from 0 to 1."""
        return self.hits / self.truth if self.truth else None

    @property
    def precision(self) -> float | None:
        """Share of the flagged that is true, from 0 to 1."""
        return self.hits / self.flagged if self.flagged else None


@dataclass(frozen=True, eq=False)
class HiddenHalf:
    """The signs asked with a seeded half of the references, tested on what they were not shown, several times.

    Attributes:
        shown, hidden: References of either half.
        references: What each sign finds of the hidden half, a draw each, by name; `Found.precision` means nothing
            there, since other rows may be unused too.
        truth: What it finds of a list of unused rows that was given; None without one.
    """

    shown: int
    hidden: int
    references: dict[str, tuple[Found, ...]]
    truth: dict[str, tuple[Found, ...]] | None


def hide_half(head: Head, truth: Sequence[int] | None, seed: int) -> HiddenHalf | None:
    """Hide half of the references from every sign and count what each finds; on small heads for several halves.

    Args:
        truth: Ids of rows known to be unused, such as those of tokens that the training text never held.
        seed: Of the halves.

    Returns:
        None where there are too few references to halve.
    """
    from threadpoolctl import threadpool_limits

    references, generator = head.opened.undertrained.references, np.random.default_rng(seed)
    if len(references) // 2 < FEWEST_SHOWN:
        return None
    known = None if truth is None else np.unique(np.asarray(truth, dtype=np.int64))
    of_hidden: dict[str, list[Found]] = {}
    of_truth: dict[str, list[Found]] = {}
    half, numbers = len(references) // 2, head.vocab * head.dim
    halves = HALVES if numbers <= SMALL else 1
    with threadpool_limits(1 if halves > 1 else None, user_api="blas"):  # threads cost more than products this narrow
        for _ in track(range(halves), "hidden halves", total=halves, seconds=(halves - 1) * numbers * SECONDS_A_NUMBER):
            order = generator.permutation(references)
            shown, hidden = np.sort(order[:half]), order[half:]
            for sign in indicators(head, shown, fewest=FEWEST_SHOWN):
                of_hidden.setdefault(sign.name, []).append(found(sign.ids, hidden, shown))
                if known is not None:
                    of_truth.setdefault(sign.name, []).append(found(sign.ids, known, shown))
    if not of_hidden:
        return None
    return HiddenHalf(
        half,
        len(references) - half,
        {name: tuple(draws) for name, draws in of_hidden.items()},
        None if known is None else {name: tuple(draws) for name, draws in of_truth.items()},
    )


def found(
    flagged: Int64[np.ndarray, " flagged"],
    truth: Int64[np.ndarray, " truth"],
    shown: Int64[np.ndarray, " shown"],
) -> Found:
    """Count flagged rows against a truth, leaving out what was shown."""
    flagged, truth = np.setdiff1d(flagged, shown), np.setdiff1d(truth, shown)
    return Found(len(truth), len(flagged), len(np.intersect1d(flagged, truth)))


def overlap(one: Int64[np.ndarray, " flagged"], other: Int64[np.ndarray, " others"]) -> float | None:
    """Return how far two signs flag the same rows: |∩| / |∪|, from 0 to 1; None where neither flags any."""
    both, either = len(np.intersect1d(one, other)), len(np.union1d(one, other))
    return both / either if either else None
