"""Rows held against each other token by token, before and after the best orthogonal map of one head onto the other."""

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from jaxtyping import Bool, Float64

from geometry.comparison.rows import Matched
from geometry.comparison.sums import Sums, cross_product
from geometry.linalg import Procrustes, procrustes_of

SAMPLED = 2_000
"""Permuted tokens whose cosines are taken, at most."""


@dataclass(frozen=True, slots=True)
class Spread:
    """Mean and percentiles 5, 50 and 95 of a figure over tokens."""

    mean: float
    low: float
    median: float
    high: float


@dataclass(frozen=True, eq=False)
class TokenFigures:
    """A figure for each matched token; of centred rows a in A and b in B.

    Attributes:
        cosine_before: Cosine similarity of a and b as they are.
        ratio_before: ‖b‖/‖a‖.
        length: ‖a‖.
        cosine: Cosine similarity of aQ and b; None where nothing was aligned.
        ratio: ‖b‖/(s‖a‖).
        held_out: Which tokens the map of the held-out check was not fitted on.
        cosine_held_out: Cosine similarity of those under that map.
        cosine_permuted: That of some tokens dealt out again, under the map fitted to them.
    """

    cosine_before: Float64[np.ndarray, " tokens"]
    ratio_before: Float64[np.ndarray, " tokens"]
    length: Float64[np.ndarray, " tokens"]
    cosine: Float64[np.ndarray, " tokens"] | None = None
    ratio: Float64[np.ndarray, " tokens"] | None = None
    held_out: Bool[np.ndarray, " tokens"] | None = None
    cosine_held_out: Float64[np.ndarray, " held"] | None = None
    cosine_permuted: Float64[np.ndarray, " sampled"] | None = None


@dataclass(frozen=True, slots=True)
class Alignment:
    """How well an orthogonal map Q and a scale s bring A onto B, with what a map does that means nothing.

    Attributes:
        scale: s.
        residual: ‖sAQ − B‖²/‖B‖².
        turn: ‖Q − I‖/(2√dim), from 0 (Q does nothing) to 1.
        cosine: Of aQ and b over all tokens, the ones Q was fitted on.
        fitted: How many tokens the map of the check was fitted on: a seeded half.
        residual_held_out, cosine_held_out: That map's on the other half.
        residual_permuted, cosine_permuted: Those of a map fitted to tokens dealt out again, on these same tokens.
        freedom: Numbers that a map can choose for each token: dim(dim − 1)/2 over the number of tokens. With half as
            many as the rows have numbers, rows that share nothing come to a cosine similarity of .75.
    """

    scale: float
    residual: float
    turn: float
    cosine: Spread
    fitted: int
    residual_held_out: float
    cosine_held_out: Spread
    residual_permuted: float
    cosine_permuted: Spread
    freedom: float

    def to_dict(self) -> dict[str, Any]:
        """Return the figures by name."""
        return asdict(self)


@dataclass(frozen=True, eq=False)
class Fit:
    """The maps that an alignment is judged by."""

    full: Procrustes
    half: Procrustes
    fitted: Bool[np.ndarray, " tokens"]
    residual_permuted: float
    cosine_permuted: Float64[np.ndarray, " sampled"]


def spread(values: Float64[np.ndarray, " tokens"]) -> Spread:
    """Return mean and percentiles."""
    low, middle, high = np.percentile(values, [5, 50, 95])
    return Spread(float(values.mean()), float(low), float(middle), float(high))


def cosines(
    a: Float64[np.ndarray, "tokens dim"], b: Float64[np.ndarray, "tokens dim"]
) -> Float64[np.ndarray, " tokens"]:
    """Return the cosine similarity of each pair of rows; 0 where one of them is zero."""
    sizes = np.linalg.norm(a, axis=1) * np.linalg.norm(b, axis=1)
    products = np.einsum("ij,ij->i", a, b)
    found: Float64[np.ndarray, " tokens"] = np.clip(
        np.divide(products, sizes, out=np.zeros_like(sizes), where=sizes > 0), -1.0, 1.0
    )
    return found


def ratios(
    a: Float64[np.ndarray, "tokens dim"], b: Float64[np.ndarray, "tokens dim"]
) -> Float64[np.ndarray, " tokens"]:
    """Return ‖b‖/‖a‖ of each pair of rows; not a number where one of them is zero."""
    above, below = np.linalg.norm(b, axis=1), np.linalg.norm(a, axis=1)
    found: Float64[np.ndarray, " tokens"] = np.divide(
        above, below, out=np.full_like(above, np.nan), where=(below > 0) & (above > 0)
    )
    return found


def halve(n: int, seed: int) -> Bool[np.ndarray, " tokens"]:
    """Return which half of the tokens, rounded up, a map is fitted on for the held-out check."""
    order = np.random.default_rng(seed).permutation(n)
    return order < (n + 1) // 2


def fit_maps(matched: Matched, sums: Sums, half: Bool[np.ndarray, " tokens"], *, seed: int) -> Fit:
    """Fit Q on all tokens, on half of them, and on tokens dealt out again.

    The maps take the place of the products in ``sums``, which are used up: at 4,096 numbers a row each is 134 MB.

    Raises:
        OptionError: The heads' rows differ in length.
    """
    full = procrustes_of(sums.cross, sums.square_a, sums.square_b, overwrite=True)
    assert sums.cross_half is not None
    fitted = procrustes_of(sums.cross_half, sums.half_a, sums.half_b, overwrite=True)
    rng = np.random.default_rng([seed, 1])
    partner = rng.permutation(len(matched))
    null = procrustes_of(cross_product(matched, partner), sums.square_a, sums.square_b, overwrite=True)
    places = rng.choice(len(matched), size=min(SAMPLED, len(matched)), replace=False)
    dealt = cosines(matched.rows_of_a(places) @ null.rotation, matched.rows_of_b(partner[places]))
    return Fit(full, fitted, half, null.residual, dealt)


def compare_rows(matched: Matched, fit: Fit | None) -> tuple[TokenFigures, Alignment | None]:
    """Hold every matched row against its partner, as it is and under the maps, in one pass.

    Args:
        matched: Heads of equal dim.
        fit: The maps; None compares rows as they are alone.
    """
    n, dim = len(matched), matched.a.dim
    before, ratio, length = np.empty(n), np.empty(n), np.empty(n)
    after, outside = np.empty(n), np.empty(n)
    parts = np.zeros(3)  # ‖aQ‖², aQ·b and ‖b‖² over the half that was held out
    cost = 0.0 if fit is None else 1.5 * dim * dim
    for block in matched.blocks("rows against rows", products=cost):
        before[block.places], ratio[block.places] = cosines(block.a, block.b), ratios(block.a, block.b)
        length[block.places] = np.linalg.norm(block.a, axis=1)
        if fit is None:
            continue
        after[block.places] = cosines(block.a @ fit.full.rotation, block.b)
        held = ~fit.fitted[block.places]
        mapped, b = block.a[held] @ fit.half.rotation, block.b[held]
        outside[block.places[held]] = cosines(mapped, b)
        parts += (mapped**2).sum(), (mapped * b).sum(), (b**2).sum()
    if fit is None:
        return TokenFigures(before, ratio, length), None
    scale = fit.half.scale
    left = scale**2 * parts[0] - 2 * scale * parts[1] + parts[2]
    turn = np.linalg.norm(fit.full.rotation - np.eye(dim)) / (2 * np.sqrt(dim))
    alignment = Alignment(
        scale=fit.full.scale,
        residual=fit.full.residual,
        turn=float(turn),
        cosine=spread(after),
        fitted=int(fit.fitted.sum()),
        residual_held_out=max(float(left / parts[2]), 0.0) if parts[2] > 0 else 0.0,
        cosine_held_out=spread(outside[~fit.fitted]),
        residual_permuted=fit.residual_permuted,
        cosine_permuted=spread(fit.cosine_permuted),
        freedom=dim * (dim - 1) / 2 / n,
    )
    held_out = ~fit.fitted
    figures = TokenFigures(
        before, ratio, length, after, ratio / fit.full.scale, held_out, outside[held_out], fit.cosine_permuted
    )
    return figures, alignment
