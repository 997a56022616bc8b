"""What every metric makes of a head's rows, so that x·y + t ranks as it does.

| metric | x of who asks | y of who answers | t | score |
|---|---|---|---|---|
| ``logit`` | √d·w̃/‖w̃‖, in ``raw`` w | w̃ | b | x·y + t |
| ``cosine`` | w̃/‖w̃‖ | w̃/‖w̃‖ | 0 | x·y |
| ``euclidean`` | w̃ | w̃ | −‖w̃‖²/2 | −‖x − y‖ |
| ``csls`` | 2w̃/‖w̃‖ | w̃/‖w̃‖ | −r(w) | x·y + t − r of who asks |
"""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float64, Int64

from geometry.choices import METRICS, Metric, SpaceName, check_choice
from geometry.errors import OptionError, ReadoutError
from geometry.head import Head
from geometry.hubness.question import Answers, Askers, Rows
from geometry.products import row_biases

NEIGHBORS = 10
"""How many nearest rows hubness and r(w) are counted over."""


def check_metric(metric: str, space: SpaceName) -> None:
    """Refuse a metric that has no meaning in a space.

    Raises:
        OptionError: No such metric, or ``csls`` in ``raw`` or ``whitened``.
        ReadoutError: ``logit`` in ``whitened``.
    """
    check_choice("metric", metric, METRICS)
    if metric == "logit" and space == "whitened":
        raise ReadoutError(
            "metric logit has no meaning on whitened rows; use --metric cosine or euclidean, or another space"
        )
    if metric == "csls" and space in ("raw", "whitened"):
        raise OptionError(
            f"metric csls arrived in space {space}; expected folded or centered: use --space folded, or --metric cosine"
        )


@dataclass(frozen=True, eq=False)
class Form:
    """A metric on rows that are made a part at a time: factors that x and y are scaled by, and t.

    Attributes:
        asks, answers: Factors of the rows, for those who ask and those who answer.
        shift: t.
        distance: Pairs are scored by −‖x − y‖ instead of x·y + t.
    """

    asks: Float64[np.ndarray, " rows"]
    answers: Float64[np.ndarray, " rows"]
    shift: Float64[np.ndarray, " rows"]
    distance: bool = False

    def at(self, places: Int64[np.ndarray, " some"]) -> "Form":
        """Return the same for some of the rows."""
        return Form(self.asks[places], self.answers[places], self.shift[places], self.distance)


def form_of(
    metric: Metric,
    norms: Float64[np.ndarray, " rows"],
    *,
    dim: int,
    raw: bool = False,
    biases: Float64[np.ndarray, " rows"] | None = None,
    means: Float64[np.ndarray, " rows"] | None = None,
) -> Form:
    """Return the table's line for rows of these lengths.

    Args:
        biases: b of every row, for ``logit``.
        means: r(w) of every row, for ``csls``.
    """
    one, zero = np.ones(len(norms)), np.zeros(len(norms))
    units = np.divide(1.0, norms, out=np.zeros_like(norms), where=norms > 0)
    if metric == "logit":
        return Form(one if raw else np.sqrt(dim) * units, one, zero if biases is None else biases)
    if metric == "euclidean":
        return Form(one, one, -0.5 * norms**2, distance=True)
    if metric == "cosine":
        return Form(units, units, zero)
    assert means is not None
    return Form(2.0 * units, units, -means)


def dot_pairs(x: Rows, y: Rows, shift: Float64[np.ndarray, " rows"]) -> Float64[np.ndarray, " rows"]:
    """Return x·y + t of each pair."""
    return np.asarray((x * y).sum(axis=1) + shift)


def distance_pairs(x: Rows, y: Rows, shift: Float64[np.ndarray, " rows"]) -> Float64[np.ndarray, " rows"]:
    """Return −‖x − y‖ of each pair."""
    return -np.asarray(np.sqrt(((x - y) ** 2).sum(axis=1)))


def head_answers(head: Head, ids: Int64[np.ndarray, " answers"], form: Form) -> Answers:
    """Let these rows of a head answer, as the form has them; the form is that of these rows."""

    def pick(places: Int64[np.ndarray, " picked"]) -> Rows:
        return np.asarray(head.space.apply(head.opened.matrix.rows(ids[places])) * form.answers[places, None])

    return Answers(
        dim=head.dim,
        part=lambda start, stop: pick(np.arange(start, stop)),
        pick=pick,
        lengths=head.norms[ids] * form.answers,
        shift=form.shift,
        pair=distance_pairs if form.distance else dot_pairs,
    )


def head_askers(
    head: Head, ids: Int64[np.ndarray, " queries"], form: Form, own: Int64[np.ndarray, " queries"]
) -> Askers:
    """Let these rows of a head ask, as the form has them; the form is that of these rows."""

    def part(start: int, stop: int) -> Rows:
        return np.asarray(head.space.apply(head.opened.matrix.rows(ids[start:stop])) * form.asks[start:stop, None])

    return Askers(part, head.norms[ids] * form.asks, own)


def places_among(ids: Int64[np.ndarray, " some"], answers: Int64[np.ndarray, " answers"]) -> Int64[np.ndarray, " some"]:
    """Where each id stands among the answers' ascending ids; −1 where it does not."""
    if not len(answers):
        return np.full(len(ids), -1, dtype=np.int64)
    at = np.minimum(np.searchsorted(answers, ids), len(answers) - 1)
    return np.where(answers[at] == ids, at, -1)


def biases_of(head: Head, ids: Int64[np.ndarray, " rows"]) -> Float64[np.ndarray, " rows"] | None:
    """Return b of these rows; None where the head has none, or the space leaves it out."""
    biases = row_biases(head)
    return None if biases is None else biases[ids]
