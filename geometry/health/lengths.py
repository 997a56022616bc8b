"""How long rows are, by kind of token and by merge rank, and how far all of them point the same way."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from jaxtyping import Bool, Float64

from geometry.choices import SpaceName
from geometry.head import Head
from geometry.intervals import rank_correlation
from geometry.matching import merge_ranks
from geometry.moments import blocks
from geometry.plain import finite_or_none
from geometry.tables import Column, Table
from geometry.tokens.kinds import KINDS

TENTHS = 10

ROUNDING = 1e-9
"""A mean row that is shorter than this share of a row's length is shown as 0."""


@dataclass(frozen=True, slots=True)
class Lengths:
    """Lengths of some rows as stored.

    Attributes:
        of: Which rows.
        n: How many.
        low, median, high: Percentiles 5, 50 and 95 of ‖w‖.
    """

    of: str
    n: int
    low: float
    median: float
    high: float


@dataclass(frozen=True, slots=True)
class Cone:
    """How far the real rows of a space point the same way.

    Attributes:
        space: The space.
        mean: Length of the mean row.
        typical: Root of the mean squared length of a row.
        cosine: Mean cosine similarity of two different rows, from −1 to 1: 0 where directions balance.
    """

    space: SpaceName
    mean: float
    typical: float
    cosine: float

    @property
    def told(self) -> str:
        """The mean cosine similarity, with no minus before a zero."""
        return f"{self.cosine:.3f}".replace("-0.000", "0.000")


@dataclass(frozen=True, eq=False)
class Sizes:
    """Lengths of rows and the cone that they make.

    Attributes:
        by_kind: Rows as stored by kind of token, masked rows apart.
        by_rank: Real rows by tenths of merge rank, the most frequent tokens first.
        correlation: Spearman's ρ between length and merge rank over the real rows, from −1 to 1.
        cones: By space.
        samples: The lengths behind ``by_kind``, by name.
    """

    by_kind: tuple[Lengths, ...]
    by_rank: tuple[Lengths, ...]
    correlation: float
    cones: tuple[Cone, ...]
    samples: Mapping[str, Float64[np.ndarray, " tokens"]]

    def to_dict(self) -> dict[str, Any]:
        """Return the figures without the samples."""
        return {
            "by_kind": [asdict(one) for one in self.by_kind],
            "by_rank": [asdict(one) for one in self.by_rank],
            "rank_correlation": finite_or_none(self.correlation),
            "cones": [asdict(one) for one in self.cones],
        }

    def tables(self) -> tuple[Table, Table]:
        """Return lengths and cones as tables."""
        lengths = [(one.of, f"{one.n:,}", *map(_number, (one.low, one.median, one.high))) for one in self.by_kind]
        ranked = [(one.of, f"{one.n:,}", *map(_number, (one.low, one.median, one.high))) for one in self.by_rank]
        cones = [
            (one.space, _number(one.mean if one.mean > ROUNDING * one.typical else 0.0), _number(one.typical), one.told)
            for one in self.cones
        ]
        return (
            Table(
                ("Lengths of rows as stored, by kind, and of real rows by merge rank",),
                (Column("rows", "left"), Column("n"), *map(Column, ("5%", "median", "95%"))),
                (*lengths, *ranked),
                (
                    f"merge rank stands for how often text holds a token; Spearman's ρ of length and rank "
                    f"{self.correlation:.2f} over the real rows: finite, unmasked ones that stand for a token",
                ),
            ),
            Table(
                ("How far the real rows point the same way",),
                (Column("space", "left"), Column("mean row"), Column("a row"), Column("mean cosine similarity")),
                tuple(cones),
                (
                    "mean row: its length; a row: root mean square length; mean cosine similarity of two different "
                    "rows: 0 where directions balance, and by no means 0 where all rows share a large mean",
                ),
            ),
        )


def measure_sizes(head: Head) -> Sizes:
    """Measure lengths as stored and cones in ``raw``, ``folded`` and ``centered``.

    Without a vocabulary all rows are of one kind, ``row``, and their ids stand for merge ranks.
    """
    opened, tokens = head.opened, head.tokens
    lengths, rank = opened.raw_norms, merge_ranks(head)
    kinds = np.full(head.vocab, "row") if tokens is None else tokens.kinds[: head.vocab]
    masked = np.zeros(head.vocab, dtype=np.bool_)
    masked[opened.undertrained.ids] = True
    sets: dict[str, Bool[np.ndarray, " vocab"]] = {
        kind: opened.finite & ~masked & (kinds == kind) for kind in (*KINDS, "row")
    }
    sets["masked"] = masked & opened.finite
    samples = {name: lengths[rows] for name, rows in sets.items() if rows.any()}
    real = np.flatnonzero(opened.real)
    ordered = real[np.argsort(rank[real], kind="stable")]
    tenths = [part for part in np.array_split(ordered, TENTHS) if len(part)]
    return Sizes(
        tuple(_lengths(name, values) for name, values in samples.items()),
        tuple(_lengths(f"rank, tenth {place}", lengths[part]) for place, part in enumerate(tenths, 1)),
        rank_correlation(lengths[real], rank[real]),
        tuple(_cone(head.in_space(space), opened.real) for space in ("raw", "folded", "centered")),
        samples,
    )


def _lengths(of: str, values: Float64[np.ndarray, " tokens"]) -> Lengths:
    low, median, high = np.percentile(values, [5, 50, 95])
    return Lengths(of, len(values), float(low), float(median), float(high))


def _cone(head: Head, real: Bool[np.ndarray, " vocab"]) -> Cone:
    """Of unit rows x the mean cosine of two different ones is (‖Σx‖² − Σ‖x‖²) / n(n − 1)."""
    lengths = head.norms
    total, directions = np.zeros(head.dim), np.zeros(head.dim)
    for start, block in blocks(head.opened.matrix, f"mean direction ({head.space.name})"):
        inside = np.flatnonzero(real[start : start + len(block)])
        rows = head.space.apply(block[inside])
        size = lengths[start + inside]
        total += rows.sum(axis=0)
        directions += (rows / np.where(size > 0, size, 1.0)[:, None]).sum(axis=0)
    n, some = int(real.sum()), int((lengths[real] > 0).sum())
    cosine = (directions @ directions - some) / (n * (n - 1)) if n > 1 else float("nan")
    typical = float(np.sqrt((lengths[real] ** 2).mean()))
    return Cone(head.space.name, float(np.linalg.norm(total)) / n, typical, float(cosine))


def _number(value: float) -> str:
    """Three digits, zeros among them, so that a column's points stand below each other."""
    if abs(value) >= 1e3 or 0 < abs(value) < 1e-3:
        return f"{value:.2e}"
    return f"{value:#.3g}".removesuffix(".") if value else "0"
