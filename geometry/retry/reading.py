"""What a residual reads as, how far it is from another, and what its margins are made of."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from jaxtyping import Float32, Float64

from geometry.choices import DEFAULT_SPACE
from geometry.concepts import Concept, evaluate
from geometry.head import Head
from geometry.landing.record import text_of
from geometry.linalg import log_sum_exp, unit
from geometry.readings.options import NormName
from geometry.readings.reading import best, read_states
from geometry.readings.states import entering, undo
from geometry.why.attribution import margins as composite_margins
from geometry.why.ledger import Ledger, open_ledger


@dataclass(frozen=True, slots=True)
class Top:
    """A token and its probability: softmax in float32 over every row, T = 1."""

    id: int
    text: str
    probability: float


@dataclass(frozen=True, slots=True)
class Layer:
    """What one layer reads as.

    Attributes:
        layer: 0 is the embedding.
        top: The likeliest tokens.
        entropy: Of all of them, in nats.
        divergence: KL(last layer ‖ this one), in nats.
    """

    layer: int
    top: tuple[Top, ...]
    entropy: float
    divergence: float


@dataclass(frozen=True, slots=True)
class Moved:
    """How far a residual is from the one before, both as they meet the head: after the final norm.

    Attributes:
        cosine_distance: 1 − cosine similarity, 0 to 2.
        degrees: The angle between them, 0 to 180.
        distance: ‖x − x′‖.
    """

    cosine_distance: float
    degrees: float
    distance: float


@dataclass(frozen=True, slots=True)
class Rival:
    """Another token, and how far what was said is ahead of it: logits before the head's scale and cap.

    Attributes:
        id, text: The token.
        margin: Σ by_term + rest + by_bias; below 0 where a sample was not the likeliest.
        by_term: What the residual's part in the concept's terms gives: Σ cᵢ Δ·tᵢ, c the least-squares weights.
        rest: What the part of the residual outside their span gives.
        by_bias: What the head's bias gives, a norm's shift included.
        composite: The margin that the concept itself has, and what each term gives there; None where either token is
            one of its inputs, or there is no concept.
    """

    id: int
    text: str
    margin: float
    by_term: dict[str, float]
    rest: float
    by_bias: float
    composite: dict[str, float] | None


@dataclass(frozen=True)
class Snap:
    """Why one token was said: its margins.

    Attributes:
        id, text: The token.
        probability: Of it, by the model's own logits at T = 1.
        share: R², the share of the residual in the span of the concept's terms, 0 to 1; None without a concept.
        weights: The terms' weights in it.
        rivals: The likeliest other tokens.
    """

    id: int
    text: str
    probability: float
    share: float | None
    weights: dict[str, float]
    rivals: tuple[Rival, ...]


@dataclass(frozen=True, eq=False)
class Reader:
    """Reads residuals through a head, and margins by the terms of a concept.

    Attributes:
        head: As it was opened.
        expression: The concept, or None.
        k: Tokens a layer, and rivals.
    """

    head: Head
    expression: str | None
    k: int

    @cached_property
    def folded(self) -> Head:
        """The head in the space whose rows meet a residual before the norm's gain."""
        return self.head.in_space(DEFAULT_SPACE)

    @cached_property
    def concept(self) -> Concept | None:
        """The concept in that space."""
        return None if self.expression is None else evaluate(self.folded, self.expression)

    @cached_property
    def ledger(self) -> Ledger | None:
        """What each term of the concept gives each row."""
        return None if self.concept is None else open_ledger(self.folded, self.concept, self.folded.candidates())

    def layers(self, entering: Float32[np.ndarray, "layers dim"]) -> tuple[Layer, ...]:
        """Read one position's states as they enter the head; none where the head's readout is not known."""
        if not self.head.readout.known:
            return ()
        found = read_states(self.head, entering[:, None], entering[-1:], k=self.k, tracked=())
        told = []
        for number, (ids, shares) in enumerate(zip(found.ids[:, 0], found.probabilities[:, 0], strict=True)):
            top = tuple(Top(token, self.text(token), share) for token, share in zip(ids.tolist(), shares, strict=True))
            told.append(Layer(number, top, float(found.entropy[number, 0]), float(found.divergence[number, 0])))
        return tuple(told)

    def entering(
        self, states: Float32[np.ndarray, "layers positions dim"], *, last_normed: bool
    ) -> Float32[np.ndarray, "layers positions dim"]:
        """Return states as they enter the head, each normed by its own scale and the last once."""
        norm: NormName = "normed" if self.head.readout.known else "raw"
        return entering(self.head, states, norm, last_normed=last_normed)

    def text(self, token: int) -> str:
        """Return a token as text; rows of the model beyond the head have none."""
        return text_of(self.head, token) if token < self.head.vocab else f"#{token}"

    def snap(self, said: int, x: Float32[np.ndarray, " dim"], logits: Float32[np.ndarray, " vocab"]) -> Snap:
        """Say why a token was said.

        Args:
            said: The token.
            x: The residual as it met the head.
            logits: The model's own.
        """
        vocab = min(len(logits), self.head.vocab)
        others = best(logits[:vocab], min(self.k + 1, vocab)).tolist()
        rivals = [token for token in others if token != said][: self.k]
        probability = float(np.exp(logits[said] - log_sum_exp(logits[None, :])[0]))
        if said >= vocab:
            return Snap(said, self.text(said), probability, None, {}, ())
        weights, share = self._projection(x)
        told = self._rivals(said, rivals, x, weights)
        return Snap(said, self.text(said), probability, share, weights, told)

    def _rivals(
        self, said: int, rivals: Sequence[int], x: Float32[np.ndarray, " dim"], weights: dict[str, float]
    ) -> tuple[Rival, ...]:
        readout, rows = self.head.readout, self.head.opened.matrix.rows([said, *rivals]).astype(np.float64)
        wide, prescale = x.astype(np.float64), readout.prescale
        shift = 0.0 if readout.beta is None else rows @ (readout.beta.astype(np.float64) * prescale)
        bias = np.zeros(len(rows)) if readout.bias is None else readout.bias[[said, *rivals]].astype(np.float64)
        scores, biases = rows @ (wide * prescale) + bias, bias + shift
        terms = self._terms
        gives = self.folded.space.apply(rows) @ np.stack(list(terms.values())).T if terms else np.zeros((len(rows), 0))
        composites = self._composites(said, rivals)
        found = []
        for place, token in enumerate(rivals, 1):
            margin, by_bias = float(scores[0] - scores[place]), float(biases[0] - biases[place])
            by_term = {label: float(weights[label] * (gives[0, i] - gives[place, i])) for i, label in enumerate(terms)}
            rest = margin - by_bias - sum(by_term.values())
            found.append(Rival(token, self.text(token), margin, by_term, rest, by_bias, composites.get(token)))
        return tuple(found)

    @property
    def _terms(self) -> dict[str, Float64[np.ndarray, " dim"]]:
        """The concept's terms by label, equal ones once."""
        return {} if self.concept is None else {term.label: term.vector for term in self.concept.terms}

    def _projection(self, x: Float32[np.ndarray, " dim"]) -> tuple[dict[str, float], float | None]:
        """Return the terms' least-squares weights in a residual, before the norm's gain, and the share they make."""
        terms = self._terms
        if not terms:
            return {}, None
        vectors, wide = np.stack(list(terms.values())), undo(self.head.readout, x[None, :])[0]
        weights = np.linalg.lstsq(vectors.T, wide, rcond=None)[0]
        rest, whole = wide - weights @ vectors, float(wide @ wide)
        share = 1 - float(rest @ rest) / whole if whole else 0.0
        return dict(zip(terms, weights.tolist(), strict=True)), share

    def _composites(self, said: int, rivals: Sequence[int]) -> dict[int, dict[str, float]]:
        """Return the concept's own margins over the rivals, by term, for those that are in play."""
        ledger = self.ledger
        place = None if ledger is None else ledger.place(said)
        if ledger is None or place is None:
            return {}
        known = {token: at for token in rivals if (at := ledger.place(token)) is not None}
        found = composite_margins(ledger, place, list(known.values())) if known else []
        return {one.id: {"margin": one.margin, **one.by_term, "bias": one.by_bias} for one in found}


def moved(before: Float32[np.ndarray, " dim"], after: Float32[np.ndarray, " dim"]) -> Moved:
    """Measure how far one residual is from another.

    >>> moved(np.float32([1, 0]), np.float32([0, 1]))
    Moved(cosine_distance=1.0, degrees=90.0, distance=1.4142135623730951)
    """
    one, other = unit(before), unit(after)
    cosine = float(np.clip(one @ other, -1, 1))
    # of small angles the cosine keeps few digits
    degrees = float(np.degrees(2 * np.arctan2(np.linalg.norm(one - other), np.linalg.norm(one + other))))
    distance = float(np.linalg.norm(before.astype(np.float64) - after.astype(np.float64)))
    return Moved(1 - cosine, degrees, distance)
