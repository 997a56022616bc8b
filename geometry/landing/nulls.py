"""The null column: where sums of as many random words land.

A token that random sums land on just as often is a hub, and landing on it is no finding.
"""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float32, Float64, Int64

from geometry.choices import Metric
from geometry.concepts import Concept
from geometry.head import Head
from geometry.linalg import on_sphere, unit
from geometry.matching import match_measures, matched
from geometry.scoring import score_with
from geometry.search import BestRows

SUMS = 1000
"""Random sums behind one null column: a share of 0.01 has a standard error of 0.003."""

DEPTH = 16
"""Best rows kept a random sum, so that its own words and their variants can be dropped."""


class NullSums:
    """Reader: where ``SUMS`` random sums land, each less its own inputs and their variants."""

    def __init__(
        self,
        head: Head,
        best: BestRows,
        drawn: Int64[np.ndarray, "sums words"],
        kept: frozenset[int],
        note: str,
    ) -> None:
        self._head, self._best, self._drawn, self._kept, self.note = head, best, drawn, kept, note
        self._landed: Int64[np.ndarray, " landed"] | None = None

    def see(self, start: int, block: Float32[np.ndarray, "tokens dim"]) -> None:
        self._best.see(start, block)

    def share(self, token: int) -> float:
        """Share of random sums that land on this token."""
        return float((self._landings() == token).mean())

    def group_share(self, token: int) -> float | None:
        """Share of random sums that land on an emoji of this token's Unicode group; None if it is no emoji."""
        emoji = self._head.words().emoji
        if token not in emoji:
            return None
        group = emoji[token].group
        return float(np.mean([int(t) in emoji and emoji[int(t)].group == group for t in self._landings()]))

    def _landings(self) -> Int64[np.ndarray, " landed"]:
        if self._landed is None:
            tokens, first = self._head.words(), []
            kept = self._kept.union(*map(tokens.variants, self._kept))
            for own, found in zip(self._drawn.tolist(), self._best.rough_ids().tolist(), strict=True):
                dropped = {variant for token in own for variant in tokens.variants(token)} | set(own) | kept
                first.append(next((token for token in found if token not in dropped), -1))
            self._landed = np.array(first, dtype=np.int64)
        return self._landed


@dataclass(frozen=True, eq=False)
class RandomSums:
    """A concept's sum with random words for its own, many times.

    Attributes:
        slots: Which of its terms were replaced.
        words: The word drawn for each of them, (sums, slots).
        sums: The sums, (sums, dim), before any sphere.
    """

    slots: tuple[int, ...]
    words: Int64[np.ndarray, "sums words"]
    sums: Float64[np.ndarray, "sums dim"]


def word_slots(head: Head, concept: Concept) -> tuple[int, ...]:
    """Which terms of a concept are made of words or their pieces alone, also where written as text or id."""
    tokens = head.words()
    return tuple(
        index
        for index, term in enumerate(concept.terms)
        if term.ids and all(tokens.kind(token) in ("word", "piece") for token in term.ids)
    )


def draw_random_sums(
    head: Head, concept: Concept, count: int, *, as_stored: bool = False, seed: int = 0
) -> RandomSums | None:
    """Draw sums with random words in place of a concept's; None where it has no word, or the head none to draw.

    Every word is replaced by a random one of those matched to its first piece in row length and merge rank
    (:func:`geometry.matching.matched`), none of them an input or a variant of one; weights, emoji, directions and
    bytes stay.
    """
    tokens, slots = head.words(), word_slots(head, concept)
    words = np.flatnonzero(head.candidates("words"))
    near = {variant for token in concept.input_ids for variant in tokens.variants(token)}
    words = words[~np.isin(words, sorted(near | concept.input_ids))]
    if not slots or not len(words):
        return None
    generator = np.random.default_rng(seed)
    measures = match_measures(head)
    drawn = np.empty((count, len(slots)), dtype=np.int64)
    sums = np.zeros((count, head.dim))
    for index, term in enumerate(concept.terms):
        if index not in slots:
            sums += term.weight * term.vector
            continue
        pool = matched(words, term.ids[0], measures)
        picks = generator.integers(len(pool), size=count)
        rows = head.space.apply(head.opened.matrix.rows(pool))
        sums += term.weight * (rows if as_stored or head.space.name == "raw" else unit(rows))[picks]
        drawn[:, slots.index(index)] = pool[picks]
    return RandomSums(slots, drawn, sums)


def draw_null_sums(
    head: Head,
    concept: Concept,
    allowed: Bool[np.ndarray, " vocab"],
    *,
    metric: Metric,
    as_stored: bool = False,
    seed: int = 0,
) -> NullSums | None:
    """Draw the random sums for one concept; None where it has no word, or the head no vocabulary."""
    drawn = None if head.tokens is None else draw_random_sums(head, concept, SUMS, as_stored=as_stored, seed=seed)
    if drawn is None:
        return None
    sums, slots = drawn.sums, drawn.slots
    if metric == "logit" and head.space.name != "raw":
        sums = np.stack([on_sphere(head.space.residual_direction(q)) for q in sums])
    best = BestRows(score_with(head, sums, metric), allowed, DEPTH, backend="faiss")
    kept = [term for index, term in enumerate(concept.terms) if index not in slots]
    labels = " and ".join(term.label for term in kept)
    note = (
        f"null: {SUMS:,} sums with {len(slots)} random word{'s' * (len(slots) > 1)} for the expression's, matched on "
        f"row length and merge rank{f', {labels} kept' if kept else ''} (seed {seed})"
    )
    inputs = frozenset(token for term in kept for token in term.ids)
    return NullSums(head, best, drawn.words, inputs, note)
