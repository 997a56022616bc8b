"""Who asks for nearest rows, who may answer, and what float arithmetic can get wrong between them."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Float64, Int64

Rows = Float64[np.ndarray, "rows dim"]


@dataclass(frozen=True, eq=False)
class Askers:
    """Vectors x that ask for what is nearest to them.

    Attributes:
        part: Makes the vectors from one place to another (exclusive).
        lengths: ‖x‖.
        own: Where among the answers each stands itself, which it must not be given; −1 for nowhere.
    """

    part: Callable[[int, int], Rows]
    lengths: Float64[np.ndarray, " queries"]
    own: Int64[np.ndarray, " queries"]


@dataclass(frozen=True, eq=False)
class Answers:
    """Rows y that may be nearest, each with its t.

    Attributes:
        dim: Their length.
        part: Makes the rows from one place to another (exclusive).
        pick: Makes the rows at some places.
        lengths, shift: ‖y‖ and t.
        pair: The score of pairs (x, y, t) of one row each, in float64, summed along each row, so that equal rows score
            equally wherever they stand; in the order of x·y + t.
    """

    dim: int
    part: Callable[[int, int], Rows]
    pick: Callable[[Int64[np.ndarray, " picked"]], Rows]
    lengths: Float64[np.ndarray, " answers"]
    shift: Float64[np.ndarray, " answers"]
    pair: Callable[[Rows, Rows, Float64[np.ndarray, " rows"]], Float64[np.ndarray, " rows"]]


@dataclass(frozen=True, eq=False)
class Nearest:
    """Places of the k best answers to each asker, and their scores; higher is better."""

    places: Int64[np.ndarray, "queries k"]
    scores: Float64[np.ndarray, "queries k"]


def error_bound(
    askers: Float64[np.ndarray, " queries"], answers: Answers, kind: type[np.floating[Any]]
) -> Float64[np.ndarray, " queries"]:
    """Bound, for askers of these lengths, what x·y + t can be off by in the arithmetic of ``kind``.

    Rounding the inputs and the sum costs at most (dim + 8)·u·(‖x‖‖y‖ + |t|), u half the spacing of floats at 1, and
    products too small for the format as many of its smallest number as there are.
    """
    info = np.finfo(kind)
    size = askers * answers.lengths.max(initial=0.0) + np.abs(answers.shift).max(initial=0.0)
    return np.asarray((answers.dim + 8) * float(info.eps) * (0.505 * size) + 2 * answers.dim * float(info.tiny))
