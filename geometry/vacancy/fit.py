"""From names to rows: ŵ(n) = a·x(n) + B_g, fitted with every family left out of its own prediction.

x is the sum of a name's unit rows, a one number for all, B_g an intercept a Unicode group, shrunk towards the mean of
all. With so few parameters a missing row cannot be learnt by heart; a ridge over all of x's coordinates can, and gives
rows a fraction of their length.
"""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float64, Int64

SHRINKAGES = (0.0, 1.0, 3.0, 10.0, 30.0, 100.0, 300.0)
"""κ: a group of n rows counts n/(n + κ) of its own mean."""

FOLDS = 5
BLOCK_BYTES = 32 * 2**20
"""Memory that the sums by group take for the families left out at once."""


@dataclass(frozen=True, eq=False)
class NamedRows:
    """Rows with what their names and groups say of them.

    Attributes:
        x: Sums of the names' unit rows.
        rows: The rows themselves, in the same space.
        group: The number of each one's Unicode group, from 0.
        family: The number of its family; families are left out whole.
        groups: How many groups there are.
    """

    x: Float64[np.ndarray, "emoji dim"]
    rows: Float64[np.ndarray, "emoji width"]
    group: Int64[np.ndarray, " emoji"]
    family: Int64[np.ndarray, " emoji"]
    groups: int

    def named(self, order: Int64[np.ndarray, " emoji"]) -> "NamedRows":
        """The same rows with the names dealt out in another order."""
        return NamedRows(self.x[order], self.rows, self.group, self.family, self.groups)


@dataclass(frozen=True, eq=False)
class Fit:
    """One fit of names to rows.

    Attributes:
        slope: a.
        overall: The mean of w − a·x over all rows.
        counts: How many rows are in each group.
        means: Their mean of w − a·x in each group; zero for an empty one.
    """

    slope: float
    overall: Float64[np.ndarray, " width"]
    counts: Float64[np.ndarray, " groups"]
    means: Float64[np.ndarray, "groups width"]

    def predict(
        self, x: Float64[np.ndarray, "names dim"], group: Int64[np.ndarray, " names"], shrinkage: float
    ) -> Float64[np.ndarray, "names width"]:
        """Return ŵ = a·x + B_g."""
        overall = np.broadcast_to(self.overall, (len(x), len(self.overall)))
        slope, kappa = np.full(len(x), self.slope), np.full(len(x), shrinkage)
        return _predict(x, slope, self.means[group], overall, self.counts[group], kappa)


def fit(named: NamedRows) -> Fit:
    """Fit names to rows, nothing left out.

    a is the slope within groups, Σ(x − x̄_g)·(w − w̄_g) / Σ‖x − x̄_g‖², taken over the coordinates that x has; zero
    where names do not differ.
    """
    sums = _Sums(named)
    slope, means, overall = sums.solve(sums.counts[None], sums.x[None], sums.rows[None], np.zeros(1), np.zeros(1))
    return Fit(float(slope[0]), overall[0], sums.counts, means[0])


@dataclass(frozen=True, eq=False)
class HeldOut:
    """What each row is predicted to be by a fit that knows nothing of its family.

    Attributes:
        predicted: ŵ, (emoji, width).
        baseline: The mean of all rows outside the family.
        shrinkage: κ by which each was predicted, chosen without the fold it is in.
    """

    predicted: Float64[np.ndarray, "emoji width"]
    baseline: Float64[np.ndarray, "emoji width"]
    shrinkage: Float64[np.ndarray, " emoji"]

    def errors(self, named: NamedRows) -> Float64[np.ndarray, "emoji 2"]:
        """Squared distances of each row to its prediction and to the baseline, over x's coordinates."""
        dim = named.x.shape[1]
        pair = [((named.rows - guess)[:, :dim] ** 2).sum(axis=1) for guess in (self.predicted, self.baseline)]
        return np.column_stack(pair)


def hold_out(named: NamedRows, *, seed: int, group: Int64[np.ndarray, " emoji"] | None = None) -> HeldOut:
    """Predict every row without its family.

    Args:
        named: The rows.
        seed: Of the folds in which the shrinkage is chosen.
        group: Predict as if these were the rows' groups, which the fits do not see; their own by default.
    """
    families, place = np.unique(named.family, return_inverse=True)
    slope, means, overall, counts = _leave_out(named, place, named.group)
    fold = np.random.default_rng(seed).permutation(len(families))[place] % FOLDS
    losses = np.empty((len(place), len(SHRINKAGES)))
    for i, kappa in enumerate(SHRINKAGES):
        guess = _predict(named.x, slope, means, overall, counts, np.full(len(place), kappa))
        losses[:, i] = ((named.rows - guess) ** 2).sum(axis=1)
    shrinkage = np.empty(len(place))
    for number in range(FOLDS):
        shrinkage[fold == number] = SHRINKAGES[int(losses[fold != number].sum(axis=0).argmin())]
    if group is not None:
        slope, means, overall, counts = _leave_out(named, place, group)
    predicted = _predict(named.x, slope, means, overall, counts, shrinkage)
    sums = np.zeros((len(families), named.rows.shape[1]))
    np.add.at(sums, place, named.rows)
    left = np.maximum(len(place) - np.bincount(place), 1)
    baseline = ((named.rows.sum(axis=0) - sums) / left[:, None])[place]
    return HeldOut(predicted, baseline, shrinkage)


def r_squared(errors: Float64[np.ndarray, "emoji 2"]) -> float:
    """Return 1 − Σ‖w − ŵ‖² / Σ‖w − w̄‖², w̄ the mean without the family: 1 at best, below 0 where ŵ is worse."""
    total = float(errors[:, 1].sum())
    return 1.0 - float(errors[:, 0].sum()) / total if total > 0 else 0.0


class _Sums:
    """What a fit needs of the rows: their counts and sums by group, so that a family is left out by subtraction."""

    def __init__(self, named: NamedRows) -> None:
        dim, onehot = named.x.shape[1], np.eye(named.groups)[named.group]
        self.counts: Float64[np.ndarray, " groups"] = onehot.sum(axis=0)
        self.x, self.rows = onehot.T @ named.x, onehot.T @ named.rows
        self.cross = np.einsum("ij,ij->i", named.x, named.rows[:, :dim])
        self.square = np.einsum("ij,ij->i", named.x, named.x)

    def solve(
        self,
        counts: Float64[np.ndarray, "fits groups"],
        x: Float64[np.ndarray, "fits groups dim"],
        rows: Float64[np.ndarray, "fits groups width"],
        cross_gone: Float64[np.ndarray, " fits"],
        square_gone: Float64[np.ndarray, " fits"],
    ) -> tuple[
        Float64[np.ndarray, " fits"], Float64[np.ndarray, "fits groups width"], Float64[np.ndarray, "fits width"]
    ]:
        """Return slopes, groups' means and overall means of w − a·x for fits given by their sums."""
        dim, each = x.shape[2], np.maximum(counts, 1.0)
        within = self.cross.sum() - cross_gone - (np.einsum("fgd,fgd->fg", x, rows[:, :, :dim]) / each).sum(axis=1)
        spread = self.square.sum() - square_gone - (np.einsum("fgd,fgd->fg", x, x) / each).sum(axis=1)
        told = spread > 1e-9 * max(float(self.square.sum()), 1e-300)
        slope = np.divide(within, spread, out=np.zeros_like(within), where=told)
        rest = rows.copy()
        rest[:, :, :dim] -= slope[:, None, None] * x
        overall = rest.sum(axis=1) / np.maximum(counts.sum(axis=1), 1.0)[:, None]
        return slope, rest / each[:, :, None], overall


def _leave_out(
    named: NamedRows, place: Int64[np.ndarray, " emoji"], group: Int64[np.ndarray, " emoji"]
) -> tuple[
    Float64[np.ndarray, " emoji"],
    Float64[np.ndarray, "emoji width"],
    Float64[np.ndarray, "emoji width"],
    Float64[np.ndarray, " emoji"],
]:
    """For every row, of the fit without its family: the slope, a group's mean, the overall mean, the group's count."""
    sums, width = _Sums(named), named.rows.shape[1]
    n, families = len(place), int(place.max()) + 1
    slope, counts = np.empty(n), np.empty(n)
    means, overall = np.empty((n, width)), np.empty((n, width))
    size = max(1, BLOCK_BYTES // (8 * named.groups * width))
    for start in range(0, families, size):
        here = np.flatnonzero((place >= start) & (place < start + size))
        count = min(size, families - start)
        at = (place[here] - start) * named.groups + named.group[here]
        gone = np.bincount(at, minlength=count * named.groups).astype(np.float64)
        x, rows = np.zeros((count * named.groups, named.x.shape[1])), np.zeros((count * named.groups, width))
        np.add.at(x, at, named.x[here])
        np.add.at(rows, at, named.rows[here])
        left = sums.counts - gone.reshape(count, -1)
        found = sums.solve(
            left,
            sums.x - x.reshape(count, named.groups, -1),
            sums.rows - rows.reshape(count, named.groups, -1),
            np.bincount(place[here] - start, weights=sums.cross[here], minlength=count),
            np.bincount(place[here] - start, weights=sums.square[here], minlength=count),
        )
        own = place[here] - start
        slope[here], overall[here] = found[0][own], found[2][own]
        means[here], counts[here] = found[1][own, group[here]], left[own, group[here]]
    return slope, means, overall, counts


def _predict(
    x: Float64[np.ndarray, "n dim"],
    slope: Float64[np.ndarray, " n"],
    means: Float64[np.ndarray, "n width"],
    overall: Float64[np.ndarray, "n width"],
    counts: Float64[np.ndarray, " n"],
    shrinkage: Float64[np.ndarray, " n"],
) -> Float64[np.ndarray, "n width"]:
    """Return ŵ = a·x + B_g, B_g being n_g/(n_g + κ) of the group's own mean and the rest of everybody's."""
    own = np.divide(counts, counts + shrinkage, out=np.zeros_like(counts), where=counts > 0)[:, None]
    found: Float64[np.ndarray, "n width"] = own * means + (1 - own) * overall
    found[:, : x.shape[1]] += slope[:, None] * x
    return found
