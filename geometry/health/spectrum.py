"""How many directions a head's rows really use, what the strongest of them say, and what whitening would do to them."""

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from jaxtyping import Float64, Int64

from geometry.errors import OptionError
from geometry.head import Head
from geometry.intervals import rank_correlation
from geometry.landing.record import text_of
from geometry.matching import merge_ranks
from geometry.plain import finite_or_none
from geometry.products import row_products
from geometry.tables import Column, Table
from geometry.tokens.printable import dotted

DIRECTIONS, ENDS = 5, 5
"""Principal directions that are told of, and tokens at either end of one."""

SAME = 1e-24
"""Rows whose variance is not above this share of their mean's square differ by rounding alone."""


@dataclass(frozen=True, slots=True)
class Direction:
    """A principal direction of the centred real rows; its largest entry is positive.

    Attributes:
        share: Of the variance, from 0 to 1.
        high, low: The tokens furthest along it either way, as (id, text), the furthest first.
        with_length, with_rank: Spearman's ρ of the rows' places along it with their length and merge rank, −1 to 1.
    """

    share: float
    high: tuple[tuple[int, str], ...]
    low: tuple[tuple[int, str], ...]
    with_length: float
    with_rank: float


@dataclass(frozen=True, slots=True)
class Whitening:
    """What Cov^−½ would do here.

    Attributes:
        kept: Directions with variance above rounding.
        largest, floor: The largest and the smallest eigenvalue of those kept.
        condition: Their ratio: noise along the weakest direction is blown up by its root against the strongest.
        shrinkage: Ledoit and Wolf's share of the identity, from 0 (none) to 1: how far the sample covariance is to be
            trusted less (Ledoit & Wolf 2004, "A well-conditioned estimator for large-dimensional covariance matrices").
        shrunk_condition: The condition number of those kept after that shrinkage.
    """

    kept: int
    largest: float
    floor: float
    condition: float
    shrinkage: float
    shrunk_condition: float


@dataclass(frozen=True, eq=False)
class Spectrum:
    """The eigenvalues of the real rows' covariance in the folded space, and what is read off them.

    Attributes:
        values: The eigenvalues, falling.
        n: Real rows.
        participation: PR = (Σλ)²/Σλ², from 1 (one direction) to dim (all alike).
        expected: About what Gaussian rows without any preferred direction would give: dim/(1 + (dim + 1)/n).
        isoscore: (PR − 1)/(dim − 1), from 0 to 1 (Rudman et al. 2022, "IsoScore").
        half, most: Directions that hold 50% and 90% of the variance.
        directions: The strongest ones, as far as they have variance above rounding.
        whitening: What whitening would do.
    """

    values: Float64[np.ndarray, " dim"]
    n: int
    participation: float
    expected: float
    isoscore: float
    half: int
    most: int
    directions: tuple[Direction, ...]
    whitening: Whitening

    def to_dict(self) -> dict[str, Any]:
        """Return the figures, eigenvalues included."""
        return {
            "n": self.n,
            "participation_ratio": self.participation,
            "participation_ratio_isotropic": self.expected,
            "isoscore": self.isoscore,
            "directions_for_half": self.half,
            "directions_for_90": self.most,
            "directions": [_direction(one) for one in self.directions],
            "eigenvalues": self.values.tolist(),
            "whitening": asdict(self.whitening),
        }

    def tables(self) -> tuple[Table, Table]:
        """Return the directions and the whitening as tables."""
        dim, white = len(self.values), self.whitening
        rows = []
        for place, one in enumerate(self.directions, 1):
            told = (str(place), f"{one.share:.1%}", f"{one.with_length:.2f}", f"{one.with_rank:.2f}")
            rows.append((*told, "+", "  ".join(dotted(text) for _, text in one.high)))
            rows.append(("", "", "", "", "−", "  ".join(dotted(text) for _, text in one.low)))
        line = (
            f"participation ratio {self.participation:.1f} of {dim} (isotropic rows: {self.expected:.0f}), IsoScore "
            f"{self.isoscore:.3f}; half of the variance lies in {self.half} of {dim} directions, 90% in {self.most}"
        )
        names = ("variance", "ρ length", "ρ rank")
        figures = (
            ("directions kept", f"{white.kept} of {dim}"),
            ("largest eigenvalue", f"{white.largest:.3g}"),
            ("smallest kept (the floor)", f"{white.floor:.3g}"),
            ("condition number", f"{white.condition:.3g}"),
            ("Ledoit–Wolf shrinkage", f"{white.shrinkage:.4f}"),
            ("condition number after it", f"{white.shrunk_condition:.3g}"),
        )
        return (
            Table(
                ("Principal directions of the real rows, folded and centred", line),
                (Column(""), *map(Column, names), Column("", "left"), Column("tokens at either end", "left")),
                tuple(rows),
            ),
            Table(
                ("Whitening",),
                (Column("what", "left"), Column("value")),
                figures,
                (
                    "whitening divides each direction by its spread: the weakest ones, which say least about tokens, "
                    "weigh as much as the strongest then",
                ),
            ),
        )


def measure_spectrum(head: Head) -> Spectrum:
    """Measure the spectrum of a head's real rows, folded and centred.

    Raises:
        OptionError: There are fewer than two real rows, or all of them are the same, as stored or behind the norm.
    """
    opened = head.opened
    n = int(opened.real.sum())
    if n < 2:
        found = "one row" if n else "no row"
        raise OptionError(
            f"{head.name} has {found} to examine (NaN, infinity, too large numbers, padding and masked rows left out); "
            "expected two that differ, or more"
        )
    view = head.in_space("centered")
    scatter = opened.full_moments.covariance
    assert scatter is not None
    covariance = view.space.apply_linear(view.space.apply_linear(scatter).T)
    if not np.trace(scatter) > SAME * float(opened.full_moments.mean @ opened.full_moments.mean):
        raise OptionError(f"the {n:,} rows of {head.name} are all the same; expected two that differ, or more")
    if not np.trace(covariance) > 0:
        raise OptionError(f"the {n:,} rows of {head.name} are all the same behind its norm; expected two that differ")
    values, vectors = np.linalg.eigh(covariance)
    values, vectors = np.maximum(values[::-1], 0.0), vectors[:, ::-1]
    share, dim = values / values.sum(), head.dim
    participation = float(1 / (share @ share))
    reached, white = np.cumsum(share), _whitening(values, _fourth(view), n)
    return Spectrum(
        values=values,
        n=n,
        participation=participation,
        expected=dim / (1 + (dim + 1) / n),
        isoscore=(participation - 1) / (dim - 1) if dim > 1 else 1.0,
        half=int(np.searchsorted(reached, 0.5) + 1),
        most=int(np.searchsorted(reached, 0.9 - 1e-12) + 1),
        directions=_directions(view, vectors[:, : min(DIRECTIONS, white.kept)], share),
        whitening=white,
    )


def _directions(
    head: Head, vectors: Float64[np.ndarray, "dim k"], share: Float64[np.ndarray, " dim"]
) -> tuple[Direction, ...]:
    signs = np.sign(vectors[np.abs(vectors).argmax(axis=0), np.arange(vectors.shape[1])])
    places = row_products(head, np.ascontiguousarray((vectors * signs).T), label="principal directions")
    real = np.flatnonzero(head.opened.real)
    lengths, rank = head.opened.raw_norms, merge_ranks(head)
    found = []
    for place in range(vectors.shape[1]):
        along = places[real, place]
        order = real[np.argsort(-along, kind="stable")]
        high, low = _named(head, order[:ENDS]), _named(head, order[::-1][:ENDS])
        with_length, with_rank = (rank_correlation(along, measure[real]) for measure in (lengths, rank))
        found.append(Direction(float(share[place]), high, low, with_length, with_rank))
    return tuple(found)


def _named(head: Head, ids: Int64[np.ndarray, " ends"]) -> tuple[tuple[int, str], ...]:
    return tuple((token, text_of(head, token)) for token in map(int, ids))


def _fourth(head: Head) -> float:
    """Mean of ‖x‖⁴ over the real rows of a centred head."""
    return float((head.norms[head.opened.real] ** 4).mean())


def _whitening(values: Float64[np.ndarray, " dim"], fourth: float, n: int) -> Whitening:
    kept = values > np.finfo(np.float64).eps * len(values) * values[0]
    shrinkage = ledoit_wolf(values, fourth, n)
    shrunk = (1 - shrinkage) * values + shrinkage * values.mean()
    return Whitening(
        kept=int(kept.sum()),
        largest=float(values[0]),
        floor=float(values[kept][-1]),
        condition=float(values[0] / values[kept][-1]),
        shrinkage=shrinkage,
        shrunk_condition=float(shrunk[0] / shrunk[kept][-1]),
    )


def ledoit_wolf(values: Float64[np.ndarray, " dim"], fourth: float, n: int) -> float:
    """Return Ledoit and Wolf's shrinkage from what one pass over the rows gives: no copy of them is needed.

    β = (mean ‖x‖⁴ − Σλ²)/(n·dim), δ = (Σλ² − (Σλ)²/dim)/dim; shrinkage min(β, δ)/δ, 0 where δ is 0.

    Args:
        values: Eigenvalues of the centred rows' covariance (divided by n).
        fourth: Mean of ‖x‖⁴ over them.
        n: How many rows.
    """
    squares, dim = float(values @ values), len(values)
    beta = (fourth - squares) / (n * dim)
    delta = (squares - values.sum() ** 2 / dim) / dim
    return float(min(beta, delta) / delta) if delta > 0 else 0.0


def _direction(one: Direction) -> dict[str, Any]:
    told = asdict(one)
    for end in ("high", "low"):
        told[end] = [{"id": token, "text": text} for token, text in told[end]]
    return {key: finite_or_none(value) if isinstance(value, float) else value for key, value in told.items()}
