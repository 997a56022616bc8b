"""From names to rows: ŵ(n) = a·x(n) + B_g, fitted with every family left out of its own prediction.

x is the sum of a name's unit rows, a one number for all, B_g an intercept a Unicode group, shrunk towards the mean of
all. With so few parameters a missing row cannot be learnt by heart; a ridge over all of x's coordinates can, and gives
rows a fraction of their length.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float64, Int64

SHRINKAGES = (0.0, 1.0, 3.0, 10.0, 30.0, 100.0, 300.0)
"""κ: a group of n rows counts n/(n + κ) of its own mean."""

FOLDS = 5
BLOCK_BYTES = 128 * 2**20


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
class Fits:
    """One fit for each family left out, and last the one with none left out.

    Attributes:
        slope: a.
        overall: The mean of w − a·x over all rows left.
        counts: How many rows are left in each group.
        means: Their mean of w − a·x in each group; zero for an empty one.
    """

    slope: Float64[np.ndarray, " fits"]
    overall: Float64[np.ndarray, "fits width"]
    counts: Float64[np.ndarray, "fits groups"]
    means: Float64[np.ndarray, "fits groups width"]

    def intercepts(
        self, fits: Int64[np.ndarray, " n"], groups: Int64[np.ndarray, " n"], shrinkage: Float64[np.ndarray, " n"]
    ) -> Float64[np.ndarray, "n width"]:
        """Return B_g of some fits: n_g/(n_g + κ) of the group's own mean, the rest of everybody's."""
        counts = self.counts[fits, groups]
        own = np.divide(counts, counts + shrinkage, out=np.zeros_like(counts), where=counts > 0)[:, None]
        mixed: Float64[np.ndarray, "n width"] = own * self.means[fits, groups] + (1 - own) * self.overall[fits]
        return mixed


def fit_without(named: NamedRows, left_out: Sequence[Bool[np.ndarray, " emoji"]]) -> Fits:
    """Fit once for each set of rows left out.

    a is the slope within groups, Σ(x − x̄_g)·(w − w̄_g) / Σ‖x − x̄_g‖², taken over the coordinates that x has; zero
    where names do not differ.
    """
    width, dim = named.rows.shape[1], named.x.shape[1]
    core = named.rows[:, :dim]
    onehot = np.eye(named.groups)[named.group]
    totals = (onehot.sum(axis=0), onehot.T @ named.x, onehot.T @ named.rows)
    cross, square = float(np.einsum("ij,ij->", named.x, core)), float(np.einsum("ij,ij->", named.x, named.x))
    slopes, overall = np.zeros(len(left_out)), np.zeros((len(left_out), width))
    counts, means = np.zeros((len(left_out), named.groups)), np.zeros((len(left_out), named.groups, width))
    for i, gone in enumerate(left_out):
        away = onehot[gone]
        n = totals[0] - away.sum(axis=0)
        x = totals[1] - away.T @ named.x[gone]
        w = totals[2] - away.T @ named.rows[gone]
        each = np.maximum(n, 1.0)
        within = cross - float(np.einsum("ij,ij->", named.x[gone], core[gone]))
        spread = square - float(np.einsum("ij,ij->", named.x[gone], named.x[gone]))
        within -= float((np.einsum("ij,ij->i", x, w[:, :dim]) / each).sum())
        spread -= float((np.einsum("ij,ij->i", x, x) / each).sum())
        slopes[i] = within / spread if spread > 1e-9 * max(square, 1e-300) else 0.0
        rest = w.copy()
        rest[:, :dim] -= slopes[i] * x
        counts[i], means[i] = n, rest / each[:, None]
        overall[i] = rest.sum(axis=0) / max(n.sum(), 1.0)
    return Fits(slopes, overall, counts, means)


@dataclass(frozen=True, eq=False)
class HeldOut:
    """What each row is predicted to be by a fit that knows nothing of its family.

    Attributes:
        predicted: ŵ, (emoji, width).
        baseline: The mean of all rows outside the family.
        shrinkage: κ by which each was predicted, chosen without the fold it is in.
        fits: The fits, one a family in the order of `np.unique`, and the one with nothing left out.
        place: Which fit predicted each row.
    """

    predicted: Float64[np.ndarray, "emoji width"]
    baseline: Float64[np.ndarray, "emoji width"]
    shrinkage: Float64[np.ndarray, " emoji"]
    fits: Fits
    place: Int64[np.ndarray, " emoji"]

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
    gone = [place == i for i in range(len(families))]
    fits = fit_without(named, [*gone, np.zeros(len(place), dtype=np.bool_)])
    fold = np.random.default_rng(seed).permutation(len(families))[place] % FOLDS
    shrinkage = np.zeros(len(place))
    for number in range(FOLDS):
        shrinkage[fold == number] = _best_shrinkage(named, fits, place, fold != number)
    target = named.group if group is None else group
    predicted = predict(fits, place, named.x, target, shrinkage)
    total, count = named.rows.sum(axis=0), len(place)
    sums = np.zeros((len(families), named.rows.shape[1]))
    np.add.at(sums, place, named.rows)
    sizes = np.bincount(place)
    baseline = ((total - sums) / np.maximum(count - sizes, 1)[:, None])[place]
    return HeldOut(predicted, baseline, shrinkage, fits, place)


def predict(
    fits: Fits,
    place: Int64[np.ndarray, " n"],
    x: Float64[np.ndarray, "n dim"],
    group: Int64[np.ndarray, " n"],
    shrinkage: Float64[np.ndarray, " n"],
) -> Float64[np.ndarray, "n width"]:
    """Return ŵ = a·x + B_g by the given fits."""
    found = fits.intercepts(place, group, shrinkage)
    found[:, : x.shape[1]] += fits.slope[place][:, None] * x
    return found


def r_squared(errors: Float64[np.ndarray, "emoji 2"]) -> float:
    """Return 1 − Σ‖w − ŵ‖² / Σ‖w − w̄‖², w̄ the mean without the family: 1 at best, below 0 where ŵ is worse."""
    total = float(errors[:, 1].sum())
    return 1.0 - float(errors[:, 0].sum()) / total if total > 0 else 0.0


def _best_shrinkage(
    named: NamedRows, fits: Fits, place: Int64[np.ndarray, " emoji"], train: Bool[np.ndarray, " emoji"]
) -> float:
    """The shrinkage with the least error on rows outside a fold, each predicted without its family."""
    losses = []
    for shrinkage in SHRINKAGES:
        every = np.full(int(train.sum()), shrinkage)
        guess = predict(fits, place[train], named.x[train], named.group[train], every)
        losses.append(float(((named.rows[train] - guess) ** 2).sum()))
    return SHRINKAGES[int(np.argmin(losses))]
