"""The one pass over a head that finds out everything a batch of landings has to say."""

from collections.abc import Iterator, Sequence

import numpy as np
from jaxtyping import Float64

from geometry.concepts import Concept, check_direction, residual
from geometry.errors import ReadoutError
from geometry.head import Head
from geometry.landing.nulls import NullSums, draw_null_sums
from geometry.landing.options import LandingOptions
from geometry.landing.record import LandedToken, Landing, text_of
from geometry.search import BestRows, Logits, Neighbors, Partition, Reader, scan, score_with


class LandingScan:
    """Everything one pass over the head has to find out for a batch of concepts."""

    def __init__(self, head: Head, concepts: Sequence[Concept], options: LandingOptions) -> None:
        self.head, self.concepts, self.options = head, concepts, options
        self.allowed = head.candidates(options.among, keep_undertrained=options.keep_undertrained)
        self.inputs = [concept.input_ids for concept in concepts]
        self.variants = [_variants(head, ids) for ids in self.inputs]
        vectors = self._vectors()
        # enough lines for the inputs and variants that are dropped; folding asks again if it needs more
        self.reach = options.k + max(len(a | b) for a, b in zip(self.inputs, self.variants, strict=True))
        self.scoring = score_with(head, vectors, options.metric)
        self.best = BestRows(self.scoring, self.allowed, self.reach)
        self.hidden = self._hidden()
        self.partition = self._partition()
        self.logits = self._logits()
        self.nulls = self._nulls()

    def run(self) -> None:
        single = (self.hidden, self.partition)
        readers: list[Reader] = [self.best, *self.logits]
        readers += [reader for reader in (*single, *self.nulls) if reader is not None]
        scan(self.head, readers)
        self.found = self.best.result()

    def landing(self, index: int, expression: str) -> Landing:
        lines = self._lines(index)
        tokens = [line[0] for line in lines]
        probabilities = self._probabilities(index, tokens)
        null = self.nulls[index]
        landed = tuple(
            LandedToken(
                rank=rank,
                id=token,
                text=text_of(self.head, token),
                bytes=self._bytes(token),
                kind=self._kind(token),
                score=float(score),
                probability=probability,
                is_input=token in self.inputs[index],
                is_variant=token in self.variants[index],
                null_share=None if null is None else null.share(token),
                null_group_share=None if null is None else null.group_share(token),
                folded=folded,
            )
            for rank, ((token, score, folded), probability) in enumerate(zip(lines, probabilities, strict=True), 1)
        )
        concept = self.concepts[index]
        notes = (*concept.notes, *self._notes(index, landed))
        return Landing(self.head, concept, expression, self.options, landed, self._samples(index), notes)

    def _vectors(self) -> Float64[np.ndarray, "queries dim"]:
        for concept in self.concepts:
            check_direction(concept)
        if self.options.metric == "logit" and self.head.space.name not in ("raw", "whitened"):
            return np.stack([residual(self.head, concept) for concept in self.concepts])
        return np.stack([concept.vector for concept in self.concepts])

    def _hidden(self) -> BestRows | None:
        """The masked rows by themselves, to say what the mask keeps from being seen."""
        masked = self.head.candidates(self.options.among, keep_undertrained=True) & ~self.allowed
        return BestRows(self.scoring, masked, self.options.k) if masked.any() else None

    def _partition(self) -> Partition | None:
        """Probabilities need the model's own, uncentred logits; in ``raw`` or without its norm there are none."""
        if self.head.space.name == "raw" or not self.head.readout.known:
            return None
        residuals = np.stack([residual(self.head, concept) for concept in self.concepts])
        return Partition(score_with(self.head.in_space("folded"), residuals, "logit"), self.options.temperature)

    def _logits(self) -> list[Logits]:
        if not self.options.sample:
            return []
        if self.partition is None:
            why = self.head.readout.reason or "space raw ranks without a scale"
            raise ReadoutError(f"sampling needs probabilities, and there are none here: {why}; leave --sample out")
        return [Logits(self.partition.scoring, query) for query in range(len(self.concepts))]

    def _nulls(self) -> list[NullSums | None]:
        if not self.options.null:
            return [None] * len(self.concepts)
        return [
            draw_null_sums(
                self.head,
                concept,
                self.allowed,
                metric=self.options.metric,
                as_stored=self.options.as_stored,
                seed=self.options.seed,
            )
            for concept in self.concepts
        ]

    def _lines(self, index: int) -> list[tuple[int, float, tuple[int, ...]]]:
        """(id, score, ids folded in) for each line to be shown."""
        options, found, reach = self.options, self.found[index], self.reach
        while True:
            lines = self._arrange(index, found)
            if len(lines) >= options.k or len(found.ids) < reach or not options.fold_variants:
                return lines[: options.k]
            reach *= 4
            wider = BestRows(self.scoring, self.allowed, reach)
            scan(self.head, [wider])
            found = wider.result()[index]

    def _arrange(self, index: int, found: Neighbors) -> list[tuple[int, float, tuple[int, ...]]]:
        dropped = self.inputs[index] | self.variants[index] if self.options.exclude_inputs else frozenset()
        lines: list[tuple[int, float, tuple[int, ...]]] = []
        line_of: dict[int, int] = {}
        for token, score in zip(found.ids.tolist(), found.scores.tolist(), strict=True):
            if token in dropped:
                continue
            if self.options.fold_variants and token in line_of:
                place = line_of[token]
                lines[place] = (*lines[place][:2], (*lines[place][2], token))
                continue
            for variant in _variants(self.head, {token}):
                line_of.setdefault(variant, len(lines))
            lines.append((token, score, ()))
        return lines

    def _probabilities(self, index: int, tokens: list[int]) -> list[float | None]:
        if self.partition is None:
            return [None] * len(tokens)
        exact = self.partition.scoring.exact(index, np.array(tokens, dtype=np.int64))
        logits = self.head.readout.finish(exact[None, :].astype(np.float32))[0].astype(np.float64)
        shares = np.exp(logits / self.options.temperature - self.partition.total[index])
        return [float(share) for share in np.minimum(shares, 1.0)]

    def _samples(self, index: int) -> tuple[int, ...]:
        if not self.options.sample:
            return ()
        values = np.where(self.allowed, self.logits[index].values, -np.inf)
        if self.options.exclude_inputs:
            dropped = sorted(self.inputs[index] | self.variants[index])
            values[dropped] = -np.inf
        scaled = (values - values.max()) / self.options.temperature
        weights = np.exp(scaled)
        generator = np.random.default_rng(self.options.seed)
        drawn = generator.choice(len(weights), size=self.options.sample, p=weights / weights.sum())
        return tuple(int(token) for token in drawn)

    def _kind(self, token: int) -> str:
        tokens = self.head.tokens
        return "unknown" if tokens is None else tokens.kind(token)

    def _bytes(self, token: int) -> str:
        tokens = self.head.tokens
        return "" if tokens is None else tokens.bytes_of(token).hex()

    def _notes(self, index: int, landed: tuple[LandedToken, ...]) -> Iterator[str]:
        if self.options.sample:
            shown = " ".join(text_of(self.head, token) for token in self._samples(index))
            yield f"sampled at T = {self.options.temperature:g}, seed {self.options.seed}: {shown}"
        null = self.nulls[index]
        if null is not None:
            yield null.note
        elif self.options.null:
            yield "no null: the expression has no word for a random word to stand in for"
        if self.head.readout.known is False and self.head.space.name != "raw":
            yield f"no probabilities: {self.head.readout.reason}"
        unreadable = int((~self.head.opened.finite).sum())
        if unreadable:
            yield f"{unreadable:,} rows hold NaN or infinity and are left out"
        yield self._mask_note(index, landed)

    def _mask_note(self, index: int, landed: tuple[LandedToken, ...]) -> str:
        """What the under-trained mask does to this landing, or did not do."""
        undertrained = self.head.undertrained
        if self.options.keep_undertrained and len(undertrained.ids):
            hits = len({one.id for one in landed} & set(undertrained.ids.tolist()))
            return f"{hits} of these {len(landed)} are rows that are hidden by default: {undertrained.reason}"
        if self.hidden is None:
            return undertrained.reason
        seen, masked = self.found[index].scores[: self.options.k], self.hidden.result()[index]
        above = masked.scores[masked.scores > seen[-1]] if len(seen) else masked.scores
        if not len(above):
            return f"{undertrained.reason}; none of them would rank here"
        rank = 1 + int((seen >= masked.scores[0]).sum())
        return (
            f"{undertrained.reason}; without the mask {len(above)} of the first {self.options.k} would be such rows, "
            f"{text_of(self.head, int(masked.ids[0]))!r} at rank {rank}: --keep-undertrained shows them"
        )


def _variants(head: Head, ids: frozenset[int] | set[int]) -> frozenset[int]:
    """Rows that differ from the given ones in case, leading space or plural only."""
    tokens = head.tokens
    if tokens is None:
        return frozenset()
    found = {variant for token in ids if token < tokens.tokenizer_size for variant in tokens.variants(token)}
    return frozenset(token for token in found if token < head.vocab) - ids
