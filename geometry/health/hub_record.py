"""Hubness as a record: the figures by every metric, beside what chance gives, and the rows behind them."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from itertools import chain
from math import isfinite
from typing import Any

import numpy as np
from jaxtyping import Int64

import geometry
from geometry.choices import Metric, SpaceName
from geometry.head import Head
from geometry.hubness import Occurrence
from geometry.plain import finite_or_none
from geometry.tables import Column, Table, Tabled
from geometry.tokens.printable import dotted


@dataclass(frozen=True, slots=True)
class Hub:
    """A row that is among the k nearest of ``count`` others."""

    id: int
    text: str
    kind: str | None
    count: int


@dataclass(frozen=True, slots=True)
class KindHubs:
    """Rows of one kind.

    Attributes:
        kind, n: The kind, and how many rows.
        mean: Their mean N_k as a multiple of what is expected, 1 where the kind has its share.
        antihub_share: Share of them that are among nobody's k nearest.
    """

    kind: str
    n: int
    mean: float
    antihub_share: float


@dataclass(frozen=True, eq=False)
class MetricHubs:
    """Hubness by one metric.

    Attributes:
        metric: What rows are near by.
        found: N_k of every row.
        null: The same among Gaussian rows, as many and with the same mean and covariance.
        top: The largest hubs.
        kinds: By kind of token, most rows first; empty on a head without a vocabulary.
    """

    metric: Metric
    found: Occurrence
    null: Occurrence
    top: tuple[Hub, ...]
    kinds: tuple[KindHubs, ...]

    @property
    def skew(self) -> float:
        """Skew of N_k."""
        return self.found.skew

    @property
    def largest(self) -> int:
        """N_k of the largest hub."""
        return self.found.largest

    def to_dict(self) -> dict[str, Any]:
        """Return the figures as JSON has them; what has no skew, all counts being equal, has null there."""
        return {
            "k": self.found.k,
            "n": len(self.found.counts),
            "n_queries": self.found.n_queries,
            **_figures(self.found),
            "null": _figures(self.null),
            "top": [asdict(one) for one in self.top],
            "kinds": [asdict(one) for one in self.kinds],
        }


@dataclass(frozen=True, eq=False, repr=False)
class Hubs(Tabled):
    """Hubness of one head in one space.

    Attributes:
        head: In the space that was asked in.
        k: How many nearest rows were counted.
        seed: Of the random rows, and of the rows that ask where not all do.
        metrics: What was found, in the order asked for.
        notes: What a reader should know.
    """

    BETWEEN = "\n\n\n"

    head: Head
    k: int
    seed: int
    metrics: tuple[MetricHubs, ...]
    notes: tuple[str, ...]

    @property
    def space(self) -> SpaceName:
        """Where rows were taken."""
        return self.head.space.name

    @property
    def counts(self) -> Mapping[Metric, Int64[np.ndarray, " vocab"]]:
        """N_k of every row of the head by metric; −1 for a row that is no candidate (masked, padding, not finite)."""
        counts = {one.metric: np.full(self.head.vocab, -1, dtype=np.int64) for one in self.metrics}
        for one in self.metrics:
            counts[one.metric][one.found.ids] = one.found.counts
        return counts

    def to_dict(self) -> dict[str, Any]:
        """Return plain JSON values."""
        return {
            "head": self.head.to_dict(),
            "space": self.space,
            "k": self.k,
            "metrics": {one.metric: one.to_dict() for one in self.metrics},
            "notes": list(self.notes),
            "seed": self.seed,
            "version": geometry.__version__,
        }

    def tables(self) -> tuple[Table, ...]:
        """Return the figures beside chance, which kinds are hubs, and the largest of them."""
        shown = [self._figures()]
        if any(one.kinds for one in self.metrics):
            shown.append(self._kinds())
        return (*shown, self._largest()) if self.metrics else tuple(shown)

    def _figures(self) -> Table:
        rows = tuple(
            (one.metric, *chain.from_iterable(zip(_cells(one.found), _cells(one.null), strict=True)))
            for one in self.metrics
        )
        names = [name for measure in ("skew", "antihubs", "top 1% hold", "largest") for name in (measure, "chance")]
        title = f"hubness: N = how many other rows have a row among their {self.k} nearest, space {self.space}"
        return Table((title,), (Column("metric", "left"), *map(Column, names)), rows, self.notes)

    def _kinds(self) -> Table:
        rows = tuple(
            (same[0].kind, f"{same[0].n:,}", *(f"{one.mean:.2f}× ({one.antihub_share:.1%})" for one in same))
            for same in zip(*(one.kinds for one in self.metrics), strict=True)
        )
        columns = (Column("kind", "left"), Column("n"), *(Column(one.metric) for one in self.metrics))
        note = "mean N as a multiple of that of all rows, and in brackets the share of antihubs, N = 0"
        return Table((), columns, rows, (note,))

    def _largest(self) -> Table:
        rows = tuple(
            (one.metric, "  ".join(f"{hub.count:,} {dotted(hub.text)}" for hub in one.top)) for one in self.metrics
        )
        return Table((), (Column("metric", "left"), Column("largest hubs, with their N", "left")), rows)


def _figures(one: Occurrence) -> dict[str, Any]:
    return {
        "skew": finite_or_none(one.skew),
        "antihubs": one.antihubs,
        "antihub_share": one.antihub_share,
        "top_share": one.top_share,
        "largest": one.largest,
    }


def _cells(one: Occurrence) -> tuple[str, str, str, str]:
    skew = f"{one.skew:.2f}" if isfinite(one.skew) else "–"
    return skew, f"{one.antihub_share:.1%}", f"{one.top_share:.1%}", f"{one.largest:,}"
