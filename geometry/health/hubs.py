"""Hubs of a head: which rows are near to more than their share, by every metric, beside what chance gives."""

from collections.abc import Sequence

import numpy as np

from geometry.choices import METRICS, Metric, check_choice, check_seed
from geometry.errors import OptionError
from geometry.head import Head
from geometry.health.hub_record import Hub, Hubs, KindHubs, MetricHubs
from geometry.hubness import (
    MOST_WORK,
    NEIGHBORS,
    Occurrence,
    gaussian_biases,
    gaussian_occurrence,
    gaussian_rows,
    occurrence,
)
from geometry.landing.record import text_of

__all__ = ["Hubs", "find_hubs"]

TOP = 5
"""Hubs that are named."""


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
    chance, found, notes = gaussian_rows(head, seed=seed), list[MetricHubs](), list[str]()
    for metric in metrics:
        why = _left_out(head, metric, len(ids))
        if why:
            notes.append(f"{metric} is left out: {why}")
            continue
        one = occurrence(head, metric, k=k, seed=seed)
        biases = gaussian_biases(head, chance) if metric == "logit" else None
        null = gaussian_occurrence(chance, metric, biases=biases, k=k, n_queries=one.n_queries)
        found.append(MetricHubs(metric, one, null, _top(head, one), _by_kind(head, one)))
    return Hubs(head, k, seed, tuple(found), (*_reading(found, seed), *notes))


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


def _reading(found: Sequence[MetricHubs], seed: int) -> list[str]:
    """How the figures are to be read."""
    if not found:
        return []
    notes = [
        "chance: Gaussian rows with the same number, mean and covariance, drawn once "
        f"(seed {seed}): what dimension and spread give by themselves; skew and the largest hub of another draw may be "
        "twice as large, or half"
    ]
    sampled = next((one.found for one in found if one.found.n_queries < len(one.found.counts)), None)
    if sampled is not None:
        share = sampled.n_queries / len(sampled.counts)
        notes.append(
            f"a sample of {sampled.n_queries:,} rows ({share:.1%}, seed {seed}) was asked, of random rows as many: N_k "
            f"is {sampled.k * share:.2g} on average, and more rows are antihubs than if all were asked"
        )
    return notes
