"""Hubs of a head: which rows are near to more than their share, by every metric, beside what chance gives."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from math import isfinite
from typing import Any

import numpy as np
from jaxtyping import Int64

import geometry
from geometry.choices import METRICS, Metric, SpaceName, check_choice, check_seed
from geometry.errors import OptionError
from geometry.head import Head
from geometry.hubness import (
    MOST_WORK,
    NEIGHBORS,
    Occurrence,
    biases_of,
    gaussian_occurrence,
    gaussian_rows,
    occurrence,
)
from geometry.landing.record import text_of
from geometry.tables import Column, Table
from geometry.tokens.printable import dotted

TOP = 5
"""Hubs that are named."""


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


@dataclass(frozen=True, eq=False)
class Hubs:
    """Hubness of one head in one space.

    Attributes:
        head: In the space that was asked in.
        k: How many nearest rows were counted.
        seed: Of the random rows, and of the rows that ask where not all do.
        by_metric: What was found, in the order asked for.
        notes: What a reader should know.
    """

    head: Head
    k: int
    seed: int
    by_metric: Mapping[Metric, MetricHubs]
    notes: tuple[str, ...]

    @property
    def space(self) -> SpaceName:
        """Where rows were taken."""
        return self.head.space.name

    @property
    def counts(self) -> Mapping[Metric, Int64[np.ndarray, " rows"]]:
        """N_k of every candidate row by metric, for a figure."""
        return {metric: one.found.counts for metric, one in self.by_metric.items()}

    def to_dict(self) -> dict[str, Any]:
        """Return plain JSON values."""
        return {
            "head": self.head.to_dict(),
            "space": self.space,
            "k": self.k,
            "metrics": {metric: one.to_dict() for metric, one in self.by_metric.items()},
            "notes": list(self.notes),
            "seed": self.seed,
            "version": geometry.__version__,
        }

    def tables(self) -> tuple[Table, ...]:
        """Return the figures beside chance, which kinds are hubs, and the largest of them."""
        shown = [self._figures_table()]
        if not self.by_metric:
            return tuple(shown)
        if any(one.kinds for one in self.by_metric.values()):
            shown.append(self._kinds_table())
        return (*shown, self._top_table())

    def _figures_table(self) -> Table:
        rows = tuple(
            (metric, *(cell for key in ("skew", "antihub_share", "top_share", "largest") for cell in _beside(one, key)))
            for metric, one in self.by_metric.items()
        )
        names = ("skew", "chance", "antihubs", "chance", "top 1% hold", "chance", "largest", "chance")
        any_one = next(iter(self.by_metric.values()), None)
        count = "" if any_one is None else f"{len(any_one.found.counts):,} rows, "
        title = f"hubness: {count}N_k = how many others have a row among their k = {self.k} nearest, {self.space}"
        return Table((title,), (Column("metric", "left"), *map(Column, names)), rows, self.notes)

    def _kinds_table(self) -> Table:
        metrics = list(self.by_metric)
        kinds = self.by_metric[metrics[0]].kinds
        rows = []
        for index, kind in enumerate(kinds):
            cells = [self.by_metric[metric].kinds[index] for metric in metrics]
            rows.append(
                (kind.kind, f"{kind.n:,}", *(f"{one.mean:.2f}× ({_percent(one.antihub_share)})" for one in cells))
            )
        columns = (Column("kind", "left"), Column("n"), *map(Column, metrics))
        note = "N_k as a multiple of its mean over all rows, and in brackets the share of antihubs (N_k = 0)"
        return Table((), columns, tuple(rows), (note,))

    def _top_table(self) -> Table:
        rows = tuple(
            (metric, "  ".join(f"{one.count:,}× {dotted(one.text)}" for one in found.top))
            for metric, found in self.by_metric.items()
        )
        return Table((), (Column("metric", "left"), Column("largest hubs", "left")), rows)


def find_hubs(
    head: Head,
    *,
    metrics: Sequence[Metric] = ("logit", "cosine", "euclidean", "csls"),
    k: int = NEIGHBORS,
    seed: int = 0,
) -> Hubs:
    """Count how often each row is among the k nearest of the others, by every metric, beside random rows.

    Args:
        head: Asked in its space; a metric without a meaning there is left out, and a note says so.
        k: How many nearest rows are counted.
        seed: Of the random rows, and of the sample that asks where a head is too large for all its rows to.

    Raises:
        OptionError: There are not more than k rows, or all of them are the same.
    """
    check_seed(seed)
    for metric in metrics:
        check_choice("metric", metric, METRICS)
    _check_rows(head, k)
    ids = np.flatnonzero(head.candidates())
    chance, found, notes = gaussian_rows(head, seed=seed), dict[Metric, MetricHubs](), list[str]()
    for metric in metrics:
        why = _left_out(head, metric, len(ids))
        if why:
            notes.append(f"{metric} is left out: {why}")
            continue
        one = occurrence(head, metric, k=k, seed=seed)
        biases = biases_of(head, ids) if metric == "logit" else None
        null = gaussian_occurrence(chance, metric, biases=biases, k=k, n_queries=one.n_queries)
        found[metric] = MetricHubs(metric, one, null, _top(head, one), _by_kind(head, one))
    return Hubs(head, k, seed, found, (*_reading(found, seed), *notes))


def _check_rows(head: Head, k: int) -> None:
    count = int(head.candidates().sum())
    if not 1 <= k < count:
        raise OptionError(
            f"hubness over k={k} nearest of {count:,} rows was asked for; expected k of at least 1 and more rows than k"
        )
    moments = head.opened.full_moments
    assert moments.covariance is not None
    if np.trace(moments.covariance) <= 1e-24 * float(moments.mean @ moments.mean):
        raise OptionError(f"the {count:,} rows of {head.name} are all the same: none is nearer than another")


def _left_out(head: Head, metric: Metric, count: int) -> str:
    """Why a metric is not counted here; empty where it is."""
    if metric == "logit" and head.space.name == "whitened":
        return "logits have no meaning on whitened rows"
    if metric == "csls" and head.space.name in ("raw", "whitened"):
        return f"it is defined on folded and centered rows, not on {head.space.name} ones"
    if metric == "csls" and count * count * head.dim > MOST_WORK:
        return (
            f"r(w) of {count:,} rows takes {2 * count * count * head.dim:.0e} operations; snap --metric csls finds "
            "that of the rows it needs"
        )
    return ""


def _top(head: Head, found: Occurrence) -> tuple[Hub, ...]:
    order = np.lexsort((found.ids, -found.counts))[:TOP]
    return tuple(
        Hub(token, text_of(head, token), None if head.tokens is None else head.tokens.kind(token), count)
        for token, count in zip(found.ids[order].tolist(), found.counts[order].tolist(), strict=True)
    )


def _by_kind(head: Head, found: Occurrence) -> tuple[KindHubs, ...]:
    if head.tokens is None:
        return ()
    of_rows = head.tokens.kinds[: head.vocab][found.ids]
    names, sizes = np.unique(of_rows, return_counts=True)
    kinds = []
    for place in np.argsort(-sizes, kind="stable"):
        counts = found.counts[of_rows == names[place]]
        mean, antihubs = float(counts.mean() / found.counts.mean()), float((counts == 0).mean())
        kinds.append(KindHubs(str(names[place]), len(counts), mean, antihubs))
    return tuple(kinds)


def _reading(found: Mapping[Metric, MetricHubs], seed: int) -> list[str]:
    """How the figures are to be read."""
    if not found:
        return []
    notes = [
        "chance: Gaussian rows with the same number, mean and covariance, drawn once "
        f"(seed {seed}): what dimension and spread give by themselves"
    ]
    sampled = next((one.found for one in found.values() if one.found.n_queries < len(one.found.counts)), None)
    if sampled is not None:
        share = sampled.n_queries / len(sampled.counts)
        notes.append(
            f"a sample of {sampled.n_queries:,} rows ({share:.1%}, seed {seed}) was asked, of random rows as many: N_k "
            f"is {sampled.k * share:.2f} on average, and more rows are antihubs than if all were asked"
        )
    return notes


def _figures(one: Occurrence) -> dict[str, Any]:
    return {
        "skew": one.skew if isfinite(one.skew) else None,
        "antihubs": one.antihubs,
        "antihub_share": one.antihub_share,
        "top_share": one.top_share,
        "largest": one.largest,
    }


def _beside(one: MetricHubs, key: str) -> tuple[str, str]:
    """A figure and its chance value as cells."""
    write = {"skew": lambda value: f"{value:.2f}" if isfinite(value) else "–", "largest": lambda value: f"{value:,}"}
    cell = write.get(key, _percent)
    return cell(getattr(one.found, key)), cell(getattr(one.null, key))


def _percent(value: float) -> str:
    return f"{value:.1%}"
