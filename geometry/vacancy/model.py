"""What a head's existing emoji teach of the rows that names have, fitted once for every name asked."""

from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from jaxtyping import Bool, Float64, Int64

from geometry.asking import Items, family_rows, items
from geometry.contest import Contest, contest
from geometry.errors import TokenError
from geometry.head import Head
from geometry.intervals import Figure, ratio_figure
from geometry.names import name_queries, name_sums, near_ids
from geometry.products import residual_view, residuals_of, row_biases
from geometry.progress import track
from geometry.vacancy.chance import Reliability, other_families, reliability, win_shares
from geometry.vacancy.fit import Fit, HeldOut, NamedRows, fit, hold_out, r_squared

SHUFFLES = 20
"""Times the names are dealt out anew for the control of R²."""


@dataclass(frozen=True, eq=False)
class VacancyModel:
    """Names → rows, fitted on a head's emoji, with what is known of how well.

    Attributes:
        head: In the space that sums are made in; rows are predicted in `view`.
        asked: The emoji it was fitted on.
        named: Their names' sums, rows (a bias in a last column, where the head has one) and groups.
        groups: The Unicode groups by number.
        held: Every emoji's row as predicted without its family, by its own group.
        candidates: Rows that may win.
        direction: The weight of the emoji direction in the sums that emoji are asked with.
        as_stored: Whether terms of sums keep their lengths; names are told by unit rows all the same.
        seed: Of folds, shuffles and resamples.
    """

    head: Head
    asked: Items
    named: NamedRows
    groups: tuple[str, ...]
    held: HeldOut
    candidates: Bool[np.ndarray, " vocab"]
    direction: float
    as_stored: bool
    seed: int

    @property
    def view(self) -> Head:
        """The head in the space that rows are predicted in."""
        return residual_view(self.head)

    @cached_property
    def whole(self) -> Fit:
        """The fit with nothing left out, by which new names are predicted."""
        return fit(self.named)

    @property
    def slope(self) -> float:
        """The fit's a."""
        return self.whole.slope

    @property
    def shrinkage(self) -> float:
        """κ by which new names are predicted: the median over folds."""
        return float(np.median(self.held.shrinkage))

    @cached_property
    def r2(self) -> Figure:
        """Family-held-out R², groups known."""
        errors = self.held.errors(self.named)
        lost = ratio_figure(errors[:, 0], errors[:, 1], self.asked.family, self.seed)
        return Figure(1 - lost.value, 1 - lost.high, 1 - lost.low)

    @cached_property
    def r2_groups_alone(self) -> float:
        """The same of a model that knows no names."""
        blank = replace(self.named, x=np.zeros_like(self.named.x))
        return r_squared(hold_out(blank, seed=self.seed).errors(blank))

    @cached_property
    def r2_shuffled(self) -> tuple[float, ...]:
        """The same with the names dealt out at random, `SHUFFLES` times."""
        rng, found = np.random.default_rng(self.seed), []
        for _ in track(
            range(SHUFFLES), "shuffled names", total=SHUFFLES, seconds=SHUFFLES * self.named.rows.size / 1e7
        ):
            shuffled = self.named.named(rng.permutation(len(self.asked)))
            found.append(r_squared(hold_out(shuffled, seed=self.seed).errors(shuffled)))
        return tuple(found)

    @cached_property
    def residuals(self) -> Float64[np.ndarray, "emoji dim"]:
        """What each emoji's own name asks with."""
        return residuals_of(
            self.head, name_queries(self.head, self.asked.names, self.direction, as_stored=self.as_stored)
        )

    @cached_property
    def vacated(self) -> Contest:
        """Who wins each emoji's own question once its family is gone."""
        left_out = [
            near_ids(self.head, name) | kin
            for name, kin in zip(self.asked.names, family_rows(self.head, self.asked), strict=True)
        ]
        return contest(self.view, self.residuals, left_out, candidates=self.candidates)

    @cached_property
    def inferred(self) -> Int64[np.ndarray, " emoji"]:
        """Each emoji's group as its family's absence leaves it to be guessed: that of the best emoji left."""
        return self.groups_of(self.vacated.emoji)

    @cached_property
    def errors(self) -> Float64[np.ndarray, "emoji width"]:
        """w − ŵ without the family, by the guessed group: what a new name's row may be off by."""
        return np.asarray(self.named.rows - hold_out(self.named, seed=self.seed, group=self.inferred).predicted)

    @cached_property
    def r2_inferred(self) -> float:
        """Family-held-out R² with the groups guessed."""
        dim = self.named.x.shape[1]
        baseline = ((self.named.rows - self.held.baseline)[:, :dim] ** 2).sum(axis=1)
        return r_squared(np.column_stack([(self.errors[:, :dim] ** 2).sum(axis=1), baseline]))

    @cached_property
    def win_shares(self) -> Float64[np.ndarray, " emoji"]:
        """P(win) of each emoji, as if it were missing."""
        rows = self.named.rows - self.errors
        return win_shares(self.residuals, rows, self.errors, self.vacated.best, other_families(self.asked.family))

    @cached_property
    def reliability(self) -> Reliability:
        """Those held against whether the emoji's own row wins."""
        dim = self.named.x.shape[1]
        own = np.einsum("ij,ij->i", self.residuals, self.named.rows[:, :dim])
        if self.named.rows.shape[1] > dim:
            own = own + self.named.rows[:, dim]
        return reliability(self.win_shares, own > self.vacated.best)

    def asked_with(self, direction: float) -> "VacancyModel":
        """Return the same fit for sums with another weight of the emoji direction; what does not hang on it is kept."""
        if direction == self.direction:
            return self
        found = replace(self, direction=direction)
        for name in ("whole", "r2", "r2_groups_alone", "r2_shuffled"):
            if name in self.__dict__:
                found.__dict__[name] = self.__dict__[name]
        return found

    def groups_of(self, tokens: Int64[np.ndarray, " n"]) -> Int64[np.ndarray, " n"]:
        """The groups' numbers of some emoji tokens; of one of another group, or of none, the commonest."""
        emoji = self.head.words().emoji
        number = {group: i for i, group in enumerate(self.groups)}
        commonest = int(np.bincount(self.named.group).argmax())
        found = [
            number.get(emoji[token].group, commonest) if token in emoji else commonest for token in tokens.tolist()
        ]
        return np.array(found, dtype=np.int64)

    def rows_of(
        self, x: Float64[np.ndarray, "names dim"], group: Int64[np.ndarray, " names"]
    ) -> Float64[np.ndarray, "names width"]:
        """Predict the rows of new names, from the sums of their words' unit rows in `view`."""
        return self.whole.predict(x, group, self.shrinkage)


def fit_vacancies(
    head: Head,
    *,
    candidates: Bool[np.ndarray, " vocab"] | None = None,
    direction: float = 1.0,
    as_stored: bool = False,
    seed: int = 0,
) -> VacancyModel:
    """Fit names to rows on the emoji of a head whose names are in its words.

    Args:
        head: In the space wanted; of ``whitened`` the rows are predicted in ``centered``.
        candidates: Rows that may win; by default every finite, unmasked one.
        direction: Weight of the emoji direction in the sums that emoji are asked with, beside their words.
        as_stored: Let the terms of those sums keep their lengths.
        seed: Of folds, shuffles and resamples.

    Raises:
        TokenError: The head has too few emoji for a fit, or their rows are all alike.
    """
    asked, view = items(head), residual_view(head)
    rows = view.rows(asked.ids).astype(np.float64)
    biases = row_biases(view)
    if biases is not None:
        rows = np.column_stack([rows, biases[asked.ids]])
    if not np.ptp(rows, axis=0).any():
        raise TokenError(f"{head.name}'s emoji rows are all alike, so that names cannot be told by them")
    groups = tuple(dict.fromkeys(entry.group for entry in asked.emoji))
    named = NamedRows(
        x=name_sums(view, asked.names, as_stored=False),
        rows=rows,
        group=np.array([groups.index(entry.group) for entry in asked.emoji], dtype=np.int64),
        family=asked.family,
        groups=len(groups),
    )
    allowed = head.candidates() if candidates is None else candidates
    return VacancyModel(head, asked, named, groups, hold_out(named, seed=seed), allowed, direction, as_stored, seed)
