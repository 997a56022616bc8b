"""The rows that compete for the first place: every finite row of the head, equal ones as one."""

from dataclasses import dataclass
from functools import cached_property
from hashlib import blake2b

import numpy as np
from jaxtyping import Bool, Float64, Int64

from geometry.head import Head
from geometry.moments import blocks
from geometry.products import row_biases

FURTHEST = 1_000
"""With a bias and residuals of any length: how many times √d they are followed."""


@dataclass(frozen=True, eq=False)
class Rivals:
    """What a token has to beat, over all residuals that the head can be given.

    Attributes:
        view: The head in ``raw`` or ``folded``; a mean taken from every row changes nothing here.
        lowest: For every row the lowest id whose row and bias are bit for bit the same, itself mostly. To that the
            argmax goes.
        competing: Rows that are finite and the lowest of their equals. Padding and masked rows are among them, as they
            are when the model runs.
        bias: b of every row, 0 where it is not finite; None where all are the same, and in ``raw``.
        radius: The length of residuals: √d behind a norm; 1 in ``raw``, whose scores have no unit.
        free: Residuals may have any length: no norm is known, or the space is ``raw``.
    """

    view: Head
    lowest: Int64[np.ndarray, " vocab"]
    competing: Bool[np.ndarray, " vocab"]
    bias: Float64[np.ndarray, " vocab"] | None
    radius: float
    free: bool

    def rows(self, ids: Int64[np.ndarray, " k"]) -> Float64[np.ndarray, "k dim"]:
        """Return rows in the space."""
        return self.view.space.apply(self.view.opened.matrix.rows(ids))

    def biases(self, ids: Int64[np.ndarray, " k"]) -> Float64[np.ndarray, " k"]:
        """Return what these rows' logits have beside their products; zeros where there is no bias."""
        return np.zeros(len(ids)) if self.bias is None else np.asarray(self.bias[ids])

    @property
    def furthest(self) -> float:
        """How long residuals can be: the radius, or with a bias and any length a thousand times as much."""
        return self.radius * (FURTHEST if self.free and self.bias is not None else 1.0)

    @cached_property
    def reach(self) -> Float64[np.ndarray, " vocab"]:
        """The most that each row's logit can be at this radius; −∞ where it does not compete."""
        reach = self.radius * self.view.norms * (1 + 1e-9) + (0.0 if self.bias is None else self.bias)
        return np.where(self.competing, reach, -np.inf)

    @cached_property
    def rounding(self) -> Float64[np.ndarray, " vocab"]:
        """A bound on what float64 gets wrong in each row's logit for the longest residual (Higham 2002, §3.1)."""
        size = self.furthest * self.view.norms
        if self.bias is not None:
            beta = self.view.readout.beta
            shift = 0.0 if beta is None else abs(self.view.readout.prescale) * float(np.linalg.norm(beta))
            size = size + np.abs(self.bias) + shift * np.where(self.competing, self.view.opened.raw_norms, 0.0)
        return np.asarray((self.view.dim + 8) * np.finfo(np.float64).eps * size)


def find_rivals(head: Head) -> Rivals:
    """Set up the competition of a head's rows in its space; ``centered`` is taken as ``folded``."""
    view = head.in_space("folded") if head.space.name == "centered" else head
    raw, finite, bias = view.space.name == "raw", view.opened.finite, row_biases(view)
    if bias is not None:
        bias = None if finite.any() and np.ptp(bias[finite]) == 0 else np.where(finite, bias, 0.0)
    lowest = _lowest_equals(view)
    return Rivals(
        view=view,
        lowest=lowest,
        competing=finite & (lowest == np.arange(view.vocab)),
        bias=bias,
        radius=1.0 if raw else float(np.sqrt(view.dim)),
        free=raw or not view.readout.normalizes,
    )


def _lowest_equals(view: Head) -> Int64[np.ndarray, " vocab"]:
    """For every row the lowest id with the same digest of its numbers in the space and of its bias."""
    readout, finite = view.readout, view.opened.finite
    biased = view.space.name != "raw"
    lowest, seen = np.arange(view.vocab), dict[bytes, int]()
    with np.errstate(invalid="ignore", over="ignore"):
        for start, block in blocks(view.opened.matrix, "equal rows"):
            size = len(block)
            # sums along each row, not a matrix product, whose rounding depends on where in the block a row stands
            beside = np.zeros((size, 2))
            if biased and readout.beta is not None:
                beside[:, 0] = (block * readout.beta.astype(np.float64)).sum(axis=1)
            if biased and readout.bias is not None:
                beside[:, 1] = readout.bias[start : start + size]
            numbers = np.hstack([view.space.apply(block), beside]) + 0.0  # one zero, not two
            for place in np.flatnonzero(finite[start : start + size]).tolist():
                digest = blake2b(numbers[place].data, digest_size=16).digest()
                lowest[start + place] = seen.setdefault(digest, start + place)
    return lowest
