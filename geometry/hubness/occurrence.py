"""How often each row is among the nearest of others: N_k, whose skew is what hubness means.

Radovanović, Nanopoulos & Ivanović (2010), "Hubs in Space: Popular Nearest Neighbors in High-Dimensional Data".
"""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float64, Int64

from geometry.choices import Metric
from geometry.errors import OptionError
from geometry.head import Head
from geometry.hubness.forms import NEIGHBORS, biases_of, check_metric, form_of, head_answers, head_askers
from geometry.hubness.gaussian import GaussianRows
from geometry.hubness.means import local_means, means_of
from geometry.hubness.nearest import nearest, rough_scores

MOST_WORK = 4e12
"""Multiply-adds that one metric's rows may take; of a larger head, a sample of the rows asks."""


@dataclass(frozen=True, eq=False)
class Occurrence:
    """N_k of every candidate row.

    Attributes:
        ids: The rows, ascending.
        counts: How many of those asked have each among their k nearest.
        k: How many nearest were counted.
        n_queries: How many rows were asked: all of them, or a sample. The mean of ``counts`` is k·n_queries/rows.
    """

    ids: Int64[np.ndarray, " rows"]
    counts: Int64[np.ndarray, " rows"]
    k: int
    n_queries: int

    @property
    def skew(self) -> float:
        """Third standardised moment of N_k: 0 where it is symmetric; NaN where all are the same."""
        away = self.counts - self.counts.mean()
        variance = float((away**2).mean())
        return float((away**3).mean()) / variance**1.5 if variance else float("nan")

    @property
    def antihubs(self) -> int:
        """Rows that are among nobody's k nearest."""
        return int((self.counts == 0).sum())

    @property
    def antihub_share(self) -> float:
        """Their share of all rows."""
        return self.antihubs / len(self.counts)

    @property
    def largest(self) -> int:
        """N_k of the largest hub."""
        return int(self.counts.max())

    @property
    def top_share(self) -> float:
        """Share of all places among the k nearest that the hundredth of rows with most of them holds."""
        most = np.sort(self.counts)[::-1][: max(1, len(self.counts) // 100)]
        return float(most.sum() / self.counts.sum())


def asked(count: int, dim: int, seed: int) -> Int64[np.ndarray, " queries"]:
    """Return the places of the rows that ask: all, or as many as the work allows, drawn by seed."""
    allowed = int(MOST_WORK / (count * dim))
    if allowed >= count:
        return np.arange(count)
    return np.sort(np.random.default_rng(seed).permutation(count)[: max(allowed, 1)])


def occurrence(head: Head, metric: Metric, *, k: int = 10, seed: int = 0) -> Occurrence:
    """Count how often each candidate row is among the k nearest of the others, in the head's space, exactly.

    Args:
        metric: By ``logit``, what the residual √d·w̃/‖w̃‖ of each row ranks, bias included; in ``raw`` w·w. Each row is
            left out of its own nearest, by its id; ties by id.
        seed: Of the sample, where the head is so large that only a sample asks.

    Raises:
        OptionError: There are not more than k rows, or the metric has no meaning in the space.
    """
    check_metric(metric, head.space.name)
    ids = np.flatnonzero(head.candidates()).astype(np.int64)
    if not 1 <= k < len(ids):
        raise OptionError(f"k={k} arrived for {len(ids):,} rows; expected at least 1 and fewer than there are rows")
    norms, who = head.norms[ids], asked(len(ids), head.dim, seed)
    form = form_of(
        metric,
        norms,
        dim=head.dim,
        raw=head.space.name == "raw",
        biases=biases_of(head, ids) if metric == "logit" else None,
        means=local_means(head)[ids] if metric == "csls" else None,
    )
    askers = head_askers(head, ids[who], form.at(who), who)
    # by cosine similarity the ten nearest are those that r is a mean over: one pass serves both
    serves_csls = metric == "cosine" and k == NEIGHBORS and head.space.name in ("folded", "centered")
    found = nearest(askers, head_answers(head, ids, form), k, label=f"nearest rows ({metric})", ordered=serves_csls)
    if serves_csls:
        means_of(head).take(ids[who], found.scores)
    return Occurrence(ids, np.bincount(found.places.ravel(), minlength=len(ids)), k, len(who))


def gaussian_occurrence(
    rows: GaussianRows,
    metric: Metric,
    *,
    biases: Float64[np.ndarray, " rows"] | None = None,
    k: int = 10,
    n_queries: int,
) -> Occurrence:
    """Count the same among Gaussian rows: what so many dimensions and so much spread give by themselves.

    Args:
        biases: b of these rows, for ``logit``: :func:`geometry.hubness.gaussian_biases`.
        n_queries: How many of the rows ask, as many as of the head's.
    """
    if metric == "cosine":
        found = rows.nearest_by_cosine(k, n_queries)
    else:
        means = rows.means(min(NEIGHBORS, rows.count - 1)) if metric == "csls" else None
        form = form_of(metric, rows.lengths, dim=rows.dim, raw=rows.raw, biases=biases, means=means)
        askers = rows.askers(form, n_queries)
        found = rough_scores(askers, rows.answers(form), k, label=f"nearest random rows ({metric})")
    counts = np.bincount(found.places.ravel(), minlength=rows.count)
    return Occurrence(np.arange(rows.count), counts, k, n_queries)
