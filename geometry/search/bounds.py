"""How far a product at the precision of the stored rows can be from the real one.

With x̂ the query as it is multiplied (in bf16 or float32), sums in float32 and one rounding of the result to bf16,

    |w·x − p| ≤ ‖w‖(‖x − x̂‖ + γ‖x̂‖) + u|p|,    γ = (dim + 8)·2⁻²³, u = 2⁻⁸ (0 where the result stays float32)

(Cauchy–Schwarz; Higham 2002, "Accuracy and Stability of Numerical Algorithms", §3.1). Processors and GPUs may take
numbers below 2⁻¹²⁶ for 0, which adds a term that only matters for rows as small.
"""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float32, Float64, Int64

from geometry.linalg import row_products
from geometry.scoring import Scoring

BF16_UNIT = 2.0**-8
SMALLEST = 2.0**-126

AT_ONCE = 32
"""Queries whose lengths are taken at a time, so that they stay in the processor's cache."""


@dataclass(frozen=True, eq=False)
class Bounds:
    """Bounds for one scoring, of which the products are made with other queries.

    Attributes:
        along: what is multiplied by a row's length (queries,).
        least: what every row can be off (queries,).
        unit: relative rounding of the products.
        sizes: lengths of the queries as multiplied (queries,).
        norms: lengths of the stored rows, 0 where they are not finite (vocab,).
    """

    scoring: Scoring
    along: Float64[np.ndarray, " queries"]
    least: Float64[np.ndarray, " queries"]
    unit: float
    sizes: Float64[np.ndarray, " queries"]
    norms: Float64[np.ndarray, " vocab"]

    def scores(
        self, products: Float64[np.ndarray, " found"], queries: Int64[np.ndarray, " found"],
        ids: Int64[np.ndarray, " found"],
    ) -> tuple[Float64[np.ndarray, " found"], Float64[np.ndarray, " found"]]:  # fmt: skip
        """What some products say of the metric's scores: at least, at most."""
        scoring = self.scoring
        error = self.along[queries] * self.norms[ids] + self.least[queries] + self.unit * np.abs(products)
        middle = products + scoring.offset[queries]
        if scoring.scale is not None:
            middle, error = middle * scoring.scale[ids], error * scoring.scale[ids]
        if scoring.shift is not None:
            middle = middle + scoring.shift[ids]
            error = error + 2.0**-50 * np.abs(scoring.shift[ids])
        return middle - error, middle + error

    def of_rows(self) -> tuple[Float64[np.ndarray, " vocab"], Float64[np.ndarray, " vocab"]]:
        """Of every row what its error grows with: its length, and what its score can be beside the product, scaled."""
        scoring, least = self.scoring, float(self.least.max(initial=0.0))
        # the scores of groups are made in float32, in four steps
        beside = least + 2.0**-20 * float(np.abs(scoring.offset).max(initial=0.0))
        lengths, apart = self.norms, np.full(len(self.norms), beside)
        if scoring.scale is not None:
            lengths, apart = scoring.scale * lengths, scoring.scale * apart
        return lengths, apart if scoring.shift is None else apart + 2.0**-20 * np.abs(scoring.shift)

    def of_queries(self, *, plain: bool) -> Float64[np.ndarray, " queries"]:
        """Of every query what its error is for a row of length 1.

        Args:
            plain: scores are products, so that the part that grows with a product is told by its score; it is taken
                for the largest possible otherwise.
        """
        return self.along + 1.01 * (2.0**-20 + (0.0 if plain else self.unit)) * self.sizes


def make_bounds(scoring: Scoring, multiplied: Float32[np.ndarray, "queries dim"], *, unit: float) -> Bounds:
    """Bounds for products with ``multiplied``, the queries rounded to what they are multiplied in."""
    queries, dim = multiplied.shape
    sizes, apart = np.empty(queries), np.empty(queries)
    for start in range(0, queries, AT_ONCE):
        part = slice(start, start + AT_ONCE)
        wide = multiplied[part].astype(np.float64)
        sizes[part], apart[part] = _lengths(wide), _lengths(scoring.x[part] - wide)
    gamma = (dim + 8) * 2.0**-23
    lost = np.sqrt(dim) * SMALLEST
    along = apart + gamma * sizes + lost
    least = lost * sizes + dim * SMALLEST
    norms = np.where(scoring.head.opened.finite, scoring.head.opened.raw_norms, 0.0)
    # the bounds are themselves sums of rounded numbers
    return Bounds(scoring, along * (1 + 2.0**-40), least, unit * (1 + 2.0**-40), sizes, norms)


def _lengths(vectors: Float64[np.ndarray, "queries dim"]) -> Float64[np.ndarray, " queries"]:
    return np.asarray(np.sqrt(row_products(vectors, vectors)))
