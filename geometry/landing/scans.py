"""The one pass over a head that finds out everything a batch of landings has to say."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import count

import numpy as np
from jaxtyping import Float64

from geometry.concepts import Concept, residual
from geometry.errors import ReadoutError
from geometry.head import Head
from geometry.landing.notes import landing_notes
from geometry.landing.nulls import NullSums, draw_null_sums
from geometry.landing.options import LandingOptions
from geometry.landing.record import LandedToken, Landing, text_of
from geometry.landing.settling import csls_for, settled
from geometry.scoring import Scoring, score_with
from geometry.search import BestRows, Logits, Neighbors, Partition, Reader, scan


@dataclass(frozen=True)
class Line:
    """One line of a ranking: a token, its score, and the variants that share the line."""

    id: int
    score: float
    folded: tuple[int, ...] = ()


class LandingScan:
    """What one pass over the head has to find out for a batch of concepts: run it once, then ask for landings."""

    def __init__(self, head: Head, concepts: Sequence[Concept], options: LandingOptions) -> None:
        self.head, self.concepts, self.options = head, concepts, options
        self.allowed = head.candidates(options.among, keep_undertrained=options.keep_undertrained)
        self.untrained = frozenset(head.undertrained.ids.tolist())
        self.inputs = [concept.input_ids for concept in concepts]
        self.variants = [variants_of(head, ids) for ids in self.inputs]
        # enough lines for the inputs and variants that are dropped; folding asks again if it needs more
        self.reach = options.k + max(len(a | b) for a, b in zip(self.inputs, self.variants, strict=True))
        self.out_of_sight = head.candidates(options.among, keep_undertrained=True) & ~self.allowed
        self.scoring = self._scoring()
        self.best = BestRows(self.scoring, self.allowed, self.reach)
        self.hidden = self._hidden()
        self.partition = self._partition()
        self.logits = self._logits()
        self.nulls = self._nulls()

    def run(self) -> None:
        """Pass over the head."""
        readers: list[Reader | None] = [self.best, self.hidden, self.partition, *self.logits, *self.nulls]
        scan(self.head, [reader for reader in readers if reader is not None])
        self.found = self.best.result()
        self.masked = [] if self.hidden is None else self.hidden.result()

    def landing(self, index: int, expression: str) -> Landing:
        """The landing of one concept of the batch."""
        lines = self._lines(index)
        probabilities = self._probabilities(index, [line.id for line in lines])
        landed = tuple(map(self._landed, [index] * len(lines), count(1), lines, probabilities))
        samples = self._samples(index)
        free = (one for one in self.found[index].ids.tolist() if one not in self.inputs[index] | self.variants[index])
        return Landing(
            head=self.head,
            concept=self.concepts[index],
            expression=expression,
            options=self.options,
            landings=landed,
            winner=next(free, None),
            samples=samples,
            notes=(
                *self.concepts[index].notes,
                *landing_notes(
                    self.head,
                    self.options,
                    landed,
                    samples,
                    self.nulls[index],
                    self._unmasked(index),
                    uses_masked=bool(self.inputs[index] & self.untrained),
                ),
            ),
        )

    def _landed(self, index: int, rank: int, line: Line, probability: float | None) -> LandedToken:
        tokens, null = self.head.tokens, self.nulls[index]
        return LandedToken(
            rank=rank,
            id=line.id,
            text=text_of(self.head, line.id),
            bytes=None if tokens is None else tokens.bytes_of(line.id).hex(),
            kind=None if tokens is None else tokens.kind(line.id),
            score=line.score,
            probability=probability,
            is_input=line.id in self.inputs[index],
            is_variant=line.id in self.variants[index],
            null_share=None if null is None else null.share(line.id),
            null_group_share=None if null is None else null.group_share(line.id),
            folded=line.folded,
            undertrained=line.id in self.untrained,
        )

    def _scoring(self) -> Scoring:
        vectors, options = self._vectors(), self.options
        if options.metric != "csls":
            return score_with(self.head, vectors, options.metric)
        # random sums are counted without being settled, so they need r of every row
        return csls_for(self.head, vectors, (self.allowed, self.out_of_sight), self.reach, whole=options.null)

    def _vectors(self) -> Float64[np.ndarray, "queries dim"]:
        if self.options.metric == "logit" and self.head.space.name not in ("raw", "whitened"):
            return self._residuals()
        return np.stack([concept.vector for concept in self.concepts])

    def _residuals(self) -> Float64[np.ndarray, "queries dim"]:
        """The residual of every concept, written into one array: of a thousand, a list of them would be as large."""
        found = np.empty((len(self.concepts), self.head.dim))
        for index, concept in enumerate(self.concepts):
            found[index] = residual(self.head, concept)
        return found

    def _hidden(self) -> BestRows | None:
        """The masked rows by themselves, to say what the mask keeps from being seen."""
        masked = self.out_of_sight
        return BestRows(self.scoring, masked, self.reach) if masked.any() else None

    def _partition(self) -> Partition | None:
        """Probabilities need the model's own, uncentred logits; in ``raw`` or without its norm there are none."""
        if self.head.space.name == "raw" or not self.head.readout.normalizes:
            return None
        if self.options.metric == "logit" and self.head.space.name == "folded":
            return Partition(self.scoring, self.options.temperature)
        residuals = self._residuals()
        return Partition(score_with(self.head.in_space("folded"), residuals, "logit"), self.options.temperature)

    def _logits(self) -> list[Logits]:
        if not self.options.sample:
            return []
        if self.partition is None:
            why = self.head.readout.why_unfolded or "space raw ranks without a scale"
            raise ReadoutError(f"sampling needs probabilities, and there are none here: {why}; leave --sample out")
        return [Logits(self.partition.scoring, query) for query in range(len(self.concepts))]

    def _nulls(self) -> list[NullSums | None]:
        if not self.options.null:
            return [None] * len(self.concepts)
        metric, as_stored, seed = self.options.metric, self.options.as_stored, self.options.seed
        return [
            draw_null_sums(self.head, concept, self.allowed, metric=metric, as_stored=as_stored, seed=seed)
            for concept in self.concepts
        ]

    def _dropped(self, index: int) -> frozenset[int]:
        return self.inputs[index] | self.variants[index] if self.options.exclude_inputs else frozenset()

    def _lines(self, index: int) -> list[Line]:
        found, reach = self.found[index], self.reach
        while True:
            lines = self._arrange(index, found)
            if len(lines) >= self.options.k or len(found.ids) < reach:
                return lines[: self.options.k]
            reach *= 4
            one = self.scoring.only(index)
            if self.options.metric == "csls":
                one = settled(one, [self.allowed], reach)
            wider = BestRows(one, self.allowed, reach)
            scan(self.head, [wider])
            found = wider.result()[0]

    def _arrange(self, index: int, found: Neighbors) -> list[Line]:
        """Drop and fold what the options say."""
        dropped, lines, line_of = self._dropped(index), list[Line](), dict[int, int]()
        for token, score in zip(found.ids.tolist(), found.scores.tolist(), strict=True):
            if token in dropped:
                continue
            if token in line_of:
                first = lines[line_of[token]]
                lines[line_of[token]] = Line(first.id, first.score, (*first.folded, token))
                continue
            if self.options.fold_variants:
                for variant in variants_of(self.head, frozenset({token})):
                    line_of.setdefault(variant, len(lines))
            lines.append(Line(token, score))
        return lines

    def _unmasked(self, index: int) -> list[int]:
        """Ids of the first k as they would come without the mask; empty where nothing is masked."""
        if not self.masked:
            return []
        both = (self.found[index], self.masked[index])
        merged = sorted(
            (-score, token)
            for one in both
            for token, score in zip(one.ids.tolist(), one.scores.tolist(), strict=True)
            if token not in self._dropped(index)
        )
        return [token for _, token in merged[: self.options.k]]

    def _probabilities(self, index: int, tokens: list[int]) -> list[float | None]:
        if self.partition is None:
            return [None] * len(tokens)
        exact = self.partition.scoring.exact(index, np.array(tokens, dtype=np.int64))
        logits = self.head.readout.finish(exact[None, :].astype(np.float32))[0].astype(np.float64)
        shares = np.exp(logits / self.options.temperature - self.partition.total[index])
        return [float(share) for share in np.minimum(shares, 1.0)]

    def _samples(self, index: int) -> tuple[int, ...]:
        """Draw from the candidates' probabilities."""
        if not self.options.sample:
            return ()
        values = np.where(self.allowed, self.logits[index].values, -np.inf)
        values[sorted(self._dropped(index))] = -np.inf
        if not np.isfinite(values).any():
            return ()
        weights = np.exp((values - values.max()) / self.options.temperature)
        generator = np.random.default_rng(self.options.seed)
        drawn = generator.choice(len(weights), size=self.options.sample, p=weights / weights.sum())
        return tuple(int(token) for token in drawn)


def variants_of(head: Head, ids: frozenset[int]) -> frozenset[int]:
    """Rows that differ from the given ones in case, leading space or plural only."""
    tokens = head.tokens
    if tokens is None:
        return frozenset()
    found = {variant for token in ids if token < tokens.size for variant in tokens.variants(token)}
    return frozenset(token for token in found if token < head.vocab) - ids
