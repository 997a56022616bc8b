"""r(w): how near a row's nearest rows are, which CSLS takes off every score.

Conneau et al. (2018), "Word Translation Without Parallel Data", §2.3: csls(x, y) = 2cos(x, y) − r(x) − r(y), r the mean
cosine similarity of the 10 nearest. A hub is near to everything, has a high r, and so falls back.
"""

import numpy as np
from jaxtyping import Bool, Float, Float64, Int64

from geometry.head import Head
from geometry.hubness.forms import NEIGHBORS, check_metric, form_of, head_answers, head_askers, places_among
from geometry.hubness.nearest import nearest, rough_scores
from geometry.hubness.question import Answers, Askers, Rows, error_bound
from geometry.linalg import unit

SAMPLE = 2_048
"""Rows, drawn by seed, whose cosines give a bound below r of every row."""


class LocalMeans:
    """r of every row of a head in its space, as far as it is known: exact for some, a bound from below for the others.

    The 10 nearest are taken among all candidates of the head (finite, no padding, not masked), the row itself left out
    by its id.

    Attributes:
        values: r, or what r is at least, of every row; 0 for a row that is not finite.
        known: Where it is r itself.
    """

    def __init__(self, head: Head) -> None:
        self._head = head
        self._ids = np.flatnonzero(head.candidates()).astype(np.int64)
        self._k = min(NEIGHBORS, len(self._ids) - 1)
        self.values: Float64[np.ndarray, " vocab"] = np.zeros(head.vocab)
        self.known: Bool[np.ndarray, " vocab"] = ~head.opened.finite
        if self._k < 1:
            self.known[:] = True
        self._bounded = False

    @property
    def work(self) -> float:
        """Multiply-adds that r of every row takes."""
        return float(self._head.vocab) * len(self._ids) * self._head.dim

    def learn(self, ids: Int64[np.ndarray, " rows"]) -> None:
        """Find r of these rows."""
        new = np.unique(ids[~self.known[ids]])
        if len(new):
            found = nearest(self._askers(new), self._answers(self._ids), self._k, label="nearest rows (csls)")
            self.take(new, found.scores)

    def take(self, ids: Int64[np.ndarray, " rows"], scores: Float64[np.ndarray, "rows nearest"]) -> None:
        """Take r of these rows from the cosine similarities of the rows nearest to them."""
        self.values[ids] = np.clip(scores, -1.0, 1.0).mean(axis=1)
        self.known[ids] = True

    def learn_all(self) -> Float64[np.ndarray, " vocab"]:
        """Find r of every row that is not known yet, and return them all."""
        self.learn(np.arange(self._head.vocab))
        return self.values

    def bound(self) -> None:
        """Find, for every row that is not known yet, what its r is at least: the same mean over a sample of rows."""
        if self._bounded:
            return
        self._bounded = True
        drawn = np.random.default_rng(0).permutation(self._ids)[: max(SAMPLE, NEIGHBORS + 1)]
        answers, ids = self._answers(np.sort(drawn)), np.flatnonzero(~self.known)
        askers = self._askers(ids, np.sort(drawn))
        found = rough_scores(askers, answers, self._k, label="bounds (csls)")
        below = found.scores.mean(axis=1) - error_bound(askers.lengths, answers, np.float32)
        self.values[ids] = np.maximum(below, -1.0)

    def of_vectors(self, vectors: Float[np.ndarray, "queries dim"]) -> Float64[np.ndarray, " queries"]:
        """Return r of any vectors in the head's space: none of the candidates is left out."""
        if not len(vectors) or not len(self._ids):
            return np.zeros(len(vectors))
        units = unit(vectors)

        def part(start: int, stop: int) -> Rows:
            return units[start:stop]

        askers = Askers(part, np.linalg.norm(units, axis=1), np.full(len(units), -1, dtype=np.int64))
        k = min(NEIGHBORS, len(self._ids))
        found = nearest(askers, self._answers(self._ids), k, label="nearest rows of the sums (csls)")
        return np.asarray(np.clip(found.scores, -1.0, 1.0).mean(axis=1))

    def _answers(self, ids: Int64[np.ndarray, " answers"]) -> Answers:
        return head_answers(self._head, ids, form_of("cosine", self._head.norms[ids], dim=self._head.dim))

    def _askers(self, ids: Int64[np.ndarray, " queries"], among: Int64[np.ndarray, " answers"] | None = None) -> Askers:
        form = form_of("cosine", self._head.norms[ids], dim=self._head.dim)
        return head_askers(self._head, ids, form, places_among(ids, self._ids if among is None else among))


def means_of(head: Head) -> LocalMeans:
    """Return what is known of a head's r, kept for as long as the head is.

    Raises:
        OptionError: The head is in a space that CSLS has no meaning in.
    """
    check_metric("csls", head.space.name)
    kept = vars(head)  # as its cached properties are: a table of heads would keep alive what it is a table of
    if "local_means" not in kept:
        kept["local_means"] = LocalMeans(head)
    means: LocalMeans = kept["local_means"]
    return means


def local_means(head: Head) -> Float64[np.ndarray, " vocab"]:
    """Return r(w), the mean cosine similarity of the 10 nearest candidate rows, for every row of a head in its space.

    Quadratic in vocab, with a bar; found once a head and space. From −1 to 1, and 0 for a row that is not finite.

    Raises:
        OptionError: The head is in a space that CSLS has no meaning in.
    """
    return means_of(head).learn_all()
