"""The row a missing emoji would have, as a record: predicted, controlled, and held against rows that exist."""

from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
from jaxtyping import Float64

from geometry.intervals import Figure
from geometry.tables import Column, Table, Tabled
from geometry.vacancy.chance import Reliability

if TYPE_CHECKING:
    import matplotlib.figure


@dataclass(frozen=True, slots=True)
class Near:
    """A row that the predicted one is near to today, by cosine similarity."""

    id: int
    text: str
    cosine_similarity: float
    is_input: bool


@dataclass(frozen=True, slots=True)
class HullDepth:
    """How far a row stands out of the hull of all others, λ, beside existing rows and random ones as far out.

    Attributes:
        value: λ of the predicted row; above 0 it can win for some residual, were there no bias.
        gap: How far λ may be off (primal less dual).
        percentile_emoji: Its percentile among the λ of emoji that exist, each without its own row.
        percentile_random: Its percentile among the λ of random rows as far from the mean row.
        emoji, random: How many of each.
    """

    value: float
    gap: float
    percentile_emoji: float
    percentile_random: float
    emoji: int
    random: int


@dataclass(frozen=True, slots=True)
class Nonsense:
    """P(win) of names that mean nothing: random words in place of the expression's.

    Attributes:
        n: How many.
        mean, low, high: Their mean P(win), and percentiles 2.5 and 97.5 of them.
        reach: Share of them whose P(win) is at least the name's own.
    """

    n: int
    mean: float
    low: float
    high: float
    reach: float


@dataclass(frozen=True, eq=False, repr=False)
class Vacancy(Tabled):
    """The row that a name without an emoji would have, ŵ = a·x + B_g.

    Attributes:
        name: The terms it was made from.
        about: The head, its fingerprint and the space, in one line.
        group: The Unicode group, guessed from the best emoji there is.
        space: Where the row was predicted.
        n, families: Emoji and families that the fit was made on.
        slope, shrinkage: a, and κ of the groups' intercepts.
        length, median_length: ‖ŵ‖, and the median length of the emoji's rows.
        r2: Family-held-out R², groups known.
        r2_group_guessed: The same with the groups guessed as this one's was.
        r2_groups_alone: The same without names.
        r2_shuffled: The same with names dealt out at random, (mean, highest).
        p_shuffled: (1 + shuffles that reach r2) / (1 + shuffles).
        p_win: Share of draws ŵ + r that beat every row there is, r the error of another row.
        reliability: Of P(win) for emoji that exist.
        nonsense: P(win) for names that mean nothing; None where no word could be replaced.
        nearest: What the row is nearest to today.
        hull: How far it stands out; None where that was not asked for.
        seed: Of folds, shuffles, draws and samples.
        row: ŵ itself, (dim,), without its bias.
        bias: The bias predicted for it, 0 on a head without one.
    """

    name: str
    about: str
    group: str
    space: str
    n: int
    families: int
    slope: float
    shrinkage: float
    length: float
    median_length: float
    r2: Figure
    r2_group_guessed: float
    r2_groups_alone: float
    r2_shuffled: tuple[float, float]
    p_shuffled: float
    p_win: float
    reliability: Reliability
    nonsense: Nonsense | None
    nearest: tuple[Near, ...]
    hull: HullDepth | None
    seed: int
    row: Float64[np.ndarray, " dim"] = field(repr=False)
    bias: float = 0.0

    def to_dict(self) -> dict[str, Any]:
        """Return everything but the row itself, as JSON has it."""
        found = asdict(self)
        del found["row"]
        found["r2_shuffled"] = dict(zip(("mean", "highest"), self.r2_shuffled, strict=True))
        return found

    def figure(self) -> "matplotlib.figure.Figure":
        """Draw how far P(win) can be trusted."""
        from geometry.vacancy.drawing import draw_reliability

        return draw_reliability(self)

    def table(self) -> Table:
        """Say it a line a question."""
        return Table(
            (f"The row that {self.name} would have, were there an emoji (guessed as {self.group})",),
            (Column("question", "left"), Column("answer", "left")),
            tuple(self._lines()),
            ("P(win) ranks nothing by itself: a row made from a name is likely to win that name's sum",),
        )

    def tables(self) -> tuple[Table, ...]:
        """Return the one table it is shown as."""
        return (self.table(),)

    def _lines(self) -> Iterator[tuple[str, str]]:
        yield (
            "made as",
            f"{self.slope:.2f} × the name's unit rows + the group's mean of the rest (κ {self.shrinkage:g})",
        )
        yield "length", f"{self.length:.2f}; median emoji {self.median_length:.2f}"
        mean, highest = self.r2_shuffled
        yield "R², family held out", f"{self.r2.value:.3f} [{self.r2.low:.3f} {self.r2.high:.3f}] over {self.n:,} emoji"
        yield "… group guessed too", f"{self.r2_group_guessed:.3f}"
        yield "… names shuffled", f"{mean:.3f}, at most {highest:.3f} (p {self.p_shuffled:.2g})"
        yield "… groups alone", f"{self.r2_groups_alone:.3f}"
        yield "P(win)", f"{self.p_win:.2f}"
        told = self.reliability
        better = "better" if told.brier < told.brier_base else "no better"
        yield "… of existing emoji", f"{told.predicted:.2f} on average, and {told.observed:.2f} of them win"
        yield (
            "… its error (Brier)",
            f"{told.brier:.3f}, {better} than always saying {told.observed:.2f} ({told.brier_base:.3f})",
        )
        if self.nonsense is not None:
            one = self.nonsense
            spread = f"{one.mean:.2f} [{one.low:.2f} {one.high:.2f}]; {one.reach:.0%} of {one.n} at least this name's"
            yield "… of nonsense names", spread
        if self.hull is not None:
            hull = self.hull
            proved = "" if hull.gap <= 1e-6 * max(hull.value, 1.0) else f", at most {hull.gap:.1g} too high"
            yield "λ, out of the hull", f"{hull.value:.3g}{proved}"
            yield (
                "… its percentile",
                (
                    f"{hull.percentile_emoji:.0f} among {hull.emoji} emoji, {hull.percentile_random:.0f} among "
                    f"{hull.random} random rows as far from the mean"
                ),
            )
        near = [f"{one.text.strip() or one.text!r} {one.cosine_similarity:.2f}" + " (input)" * one.is_input
                for one in self.nearest]  # fmt: skip
        yield "nearest today", ", ".join(near)
