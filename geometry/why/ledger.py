"""The ledger of a sum: what each of its terms gives each row, from which every answer of ``why`` is read off."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from jaxtyping import Bool, Float64, Int64

from geometry.concepts import Concept, Term, check_direction
from geometry.head import Head
from geometry.landing.scans import variants_of
from geometry.linalg import unit
from geometry.products import residual_view, residuals_of, row_biases, row_products


@dataclass(frozen=True, eq=False)
class Ledger:
    """A sum q = Σ αᵢtᵢ taken apart: score of a row = s · Σ αᵢ·(w̃·tᵢ) + b.

    Attributes:
        head: In the sum's space.
        concept: The sum.
        labels: Its terms by label, in reading order, each once.
        weights: αᵢ, of equal labels added up.
        terms: tᵢ, as they enter the sum.
        ids: The rows in play, ascending: candidates that are neither inputs nor variants of one.
        products: w̃·tᵢ for every row in play.
        bias: b of every row in play, zero where the head has none.
        every: The score of every row of the head, in play or not; not finite where the row is not.
        scale: s = √d/‖q‖, in ``raw`` 1; in ``whitened`` √d/‖Cov^−½q‖, so that scores are logits of the
            residual that the sum stands for.
    """

    head: Head
    concept: Concept
    labels: tuple[str, ...]
    weights: Float64[np.ndarray, " terms"]
    terms: Float64[np.ndarray, "terms dim"]
    ids: Int64[np.ndarray, " rows"]
    products: Float64[np.ndarray, "rows terms"]
    bias: Float64[np.ndarray, " rows"]
    every: Float64[np.ndarray, " vocab"]
    scale: float

    @cached_property
    def scores(self) -> Float64[np.ndarray, " rows"]:
        """The score of every row in play: its logit before scale and cap; in ``raw`` q·w."""
        return np.asarray(self.every[self.ids])

    @cached_property
    def order(self) -> Int64[np.ndarray, " rows"]:
        """Places in `ids` from the best score to the worst, ties by id."""
        return np.lexsort((self.ids, -self.scores))

    @property
    def has_bias(self) -> bool:
        """Whether any two rows in play differ in bias."""
        return bool(len(self.bias)) and bool(np.ptp(self.bias) > 0)

    @property
    def residual(self) -> Float64[np.ndarray, " dim"]:
        """What the sum stands for, to be met by rows of `residual_view`: on the sphere, in ``raw`` q itself."""
        return np.asarray(residuals_of(self.head, self.concept.vector[None, :])[0])

    @property
    def view(self) -> Head:
        """The head whose rows meet the residual."""
        return residual_view(self.head)

    def place(self, token: int) -> int | None:
        """The place of a token in `ids`; None if it is not in play."""
        at = int(np.searchsorted(self.ids, token))
        return at if at < len(self.ids) and self.ids[at] == token else None

    def grams(self) -> Float64[np.ndarray, "terms terms"]:
        """Products of the terms as residuals, whose quadratic form is ‖q‖² (of Cov^−½q in ``whitened``)."""
        turned = np.stack([self.head.space.residual_direction(term) for term in self.terms])
        gram: Float64[np.ndarray, "terms terms"] = turned @ turned.T
        return gram


def merged_terms(concept: Concept) -> Mapping[str, Term]:
    """Return a concept's terms by label, the weights of equal labels added up."""
    found: dict[str, Term] = {}
    for term in concept.terms:
        known = found.get(term.label)
        found[term.label] = term if known is None else replace(known, weight=known.weight + term.weight)
    return found


def open_ledger(head: Head, concept: Concept, candidates: Bool[np.ndarray, " vocab"]) -> Ledger:
    """Take a sum apart, in one pass over the head.

    Args:
        head: In the sum's space.
        candidates: Rows that may be landed on; inputs and their variants are left out besides.

    Raises:
        ExpressionError: The sum is zero.
    """
    check_direction(concept)
    merged = merged_terms(concept)
    terms = np.stack([term.vector for term in merged.values()])
    inputs = concept.input_ids
    free = candidates.copy()
    free[[token for token in inputs | variants_of(head, inputs) if token < head.vocab]] = False
    ids, biases = np.flatnonzero(free), row_biases(head)
    bias = np.zeros(head.vocab) if biases is None else biases
    weights = np.array([term.weight for term in merged.values()])
    length = float(np.linalg.norm(head.space.residual_direction(concept.vector)))
    scale = 1.0 if head.space.name == "raw" else float(np.sqrt(head.dim)) / length
    products = row_products(head, terms)
    return Ledger(
        head=head,
        concept=concept,
        labels=tuple(merged),
        weights=weights,
        terms=terms,
        ids=ids,
        products=products[ids],
        bias=bias[ids],
        every=scale * (products @ weights) + bias,
        scale=scale,
    )


def mean_share(head: Head, concept: Concept) -> float:
    """Return how often the mean row is in a sum: Σ αᵢ × rows summed in term i / their sum's length.

    A direction, being a difference of means, holds none of it.
    """
    total = 0.0
    for term in concept.terms:
        if not term.ids:
            continue
        summed = head.space.apply(head.opened.matrix.rows(term.ids)).sum(axis=0)
        # how the term's vector came from its rows: as they are, or at unit length
        stretch = float(unit(summed) @ term.vector)
        length = float(np.linalg.norm(summed))
        total += term.weight * len(term.ids) * (stretch / length if length else 0.0)
    return total
