"""Phantoms as a record: names without an emoji, ranked, with what their ranking has to stand against."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any

import geometry
from geometry.errors import OptionError
from geometry.head import Head
from geometry.tables import Column, Table, Tabled
from geometry.tokens.printable import dotted

if TYPE_CHECKING:
    import matplotlib.figure
    import pandas

SHOWN = 20


@dataclass(frozen=True, slots=True)
class Phantom:
    """A name with no emoji, and what this head makes of it.

    Attributes:
        rank: 1 is the strongest.
        name, category: As the lexicon has them.
        tokens: How many the head spells it with.
        lead: E: the best emoji's score less the best other row's; above 0 an emoji wins.
        belief: Share of existing emoji whose E, their family deleted, is at most this.
        p, q: Share of shuffled names of as many tokens with at least this E, and its false discovery rate (Benjamini &
            Hochberg): the null is that the name is one of those.
        winner, winner_text: Where it snaps: the best row of all.
        emoji, emoji_text, subgroup: The best emoji.
        other, other_text: The best row that is none.
    """

    rank: int
    name: str
    category: str
    tokens: int
    lead: float
    belief: float
    p: float
    q: float
    winner: int
    winner_text: str
    emoji: int
    emoji_text: str
    subgroup: str
    other: int
    other_text: str


@dataclass(frozen=True, slots=True)
class Control:
    """Names asked for beside the phantoms.

    Attributes:
        name: What they are.
        n: How many.
        belief: Their mean belief; None where there are none.
        low, median, high: Percentiles 5, 50 and 95 of their E.
        leads: Every E.
    """

    name: str
    n: int
    belief: float | None
    low: float | None
    median: float | None
    high: float | None
    leads: tuple[float, ...] = field(repr=False)

    def to_dict(self) -> dict[str, Any]:
        """Return everything but the single values."""
        found = asdict(self)
        del found["leads"]
        return found


@dataclass(frozen=True, eq=False, repr=False)
class Phantoms(Tabled):
    """The names of a lexicon without an emoji, ranked by how strongly one head would believe in one.

    Attributes:
        head: In the space that was asked in.
        phantoms: The names, the strongest first.
        existing: Emoji that exist, which belief is measured against.
        controls: Names that no emoji should be believed of.
        null: E of the shuffled names that p is counted over, by their tokens (four and more together).
        seed: Of the shuffled names and the samples.
        given, with_emoji, unspelt: Names in the lexicon, those passed over for having an emoji, those that the head
            cannot spell.
    """

    head: Head
    phantoms: tuple[Phantom, ...]
    existing: Control
    controls: tuple[Control, ...]
    null: Mapping[int, tuple[float, ...]]
    seed: int
    given: int
    with_emoji: int
    unspelt: int

    def first(self, k: int | None, names: Sequence[str] = ()) -> list[Phantom]:
        """Return the first k phantoms, or all, and those of some names wherever they rank.

        Raises:
            OptionError: k is not positive, or a name was not asked for.
        """
        if k is not None and k < 1:
            raise OptionError(f"k={k} arrived; expected at least 1 name")
        known = {one.name for one in self.phantoms}
        lost = [name for name in names if name not in known]
        if lost:
            raise OptionError(
                f"{lost[0]!r} is none of the {len(known):,} names asked for: it is not in the lexicon, has an emoji, "
                "or cannot be spelt; give it in a lexicon of your own"
            )
        return [one for one in self.phantoms if k is None or one.rank <= k or one.name in names]

    def rows(self, k: int | None = None, names: Sequence[str] = ()) -> list[dict[str, Any]]:
        """Return one JSON object a name, each saying whence it came: the first k and some names besides."""
        whence = {
            "head": self.head.to_dict(),
            "space": self.head.space.name,
            "metric": "logit",
            "seed": self.seed,
            "version": geometry.__version__,
        }
        return [
            {
                "rank": one.rank,
                "name": one.name,
                "category": one.category,
                "tokens": one.tokens,
                "E": one.lead,
                "belief": one.belief,
                "p": one.p,
                "q": one.q,
                "snaps_to": {"id": one.winner, "text": one.winner_text},
                "emoji": {"id": one.emoji, "text": one.emoji_text, "subgroup": one.subgroup},
                "other": {"id": one.other, "text": one.other_text},
                **whence,
            }
            for one in self.first(k, names)
        ]

    def to_dict(self) -> dict[str, Any]:
        """Return the whole record as one object."""
        return {
            "phantoms": self.rows(),
            "existing": self.existing.to_dict(),
            "controls": [one.to_dict() for one in self.controls],
            "given": self.given,
            "with_emoji": self.with_emoji,
            "unspelt": self.unspelt,
        }

    def to_frame(self) -> "pandas.DataFrame":
        """One row a name."""
        import pandas as pd

        return pd.json_normalize(self.rows())

    def find(self, name: str) -> Phantom | None:
        """Return one name's phantom, or None where it was not asked for."""
        return next((one for one in self.phantoms if one.name == name), None)

    def provenance(self) -> str:
        """Which head, space, seed and version this is of, in one line."""
        return (
            f"head {self.head.name} ({self.head.fingerprint}) · space {self.head.space.name} · metric logit · "
            f"seed {self.seed} · geometry {geometry.__version__}"
        )

    def headline(self) -> str:
        """The finding in one line."""
        share = sum(one.lead > 0 for one in self.phantoms) / len(self.phantoms)
        beside = [f"{sum(lead > 0 for lead in one.leads) / one.n:.0%} of {one.name}" for one in self.controls if one.n]
        return f"{share:.0%} of {len(self.phantoms):,} names without an emoji snap to one; " + ", ".join(beside)

    def notes(self) -> tuple[str, ...]:
        """What the ranking has to stand against."""
        groups = "; ".join(
            f"{one.name} ({one.n:,}) {one.belief:.2f}, E {one.median:+.1f} [{one.low:+.1f} {one.high:+.1f}]"
            for one in (self.existing, *self.controls)
            if one.belief is not None and one.median is not None and one.low is not None and one.high is not None
        )
        counted = sum(one.q <= 0.05 for one in self.phantoms)
        return (
            f"{self.given:,} names: {self.with_emoji:,} have an emoji, {self.unspelt:,} cannot be spelt here. E: best "
            "emoji less best other row: a name snaps to the emoji where E > 0; belief: share of existing emoji, "
            "their family deleted, with no higher E",
            f"beside them, mean belief and median E [5% 95%]: {groups}",
            f"p against shuffled names of as many tokens; {counted:,} names at a false discovery rate of 0.05 "
            "(Benjamini–Hochberg). A static sum of a name's rows is what is asked, not a running model",
        )

    def table(self, k: int | None = None, names: Sequence[str] = ()) -> Table:
        """The first k names, 20 by default, and some names besides."""
        columns = [
            Column("rank"),
            Column("name", "left"),
            Column("category", "left"),
            *map(Column, ("E", "belief", "p")),
        ]
        columns += [Column("best other", "left"), Column("best emoji", "left")]
        rows = [
            (
                str(one.rank),
                one.name,
                one.category,
                f"{one.lead:+.2f}",
                f"{one.belief:.3f}",
                f"{one.p:.3f}",
                dotted(one.other_text),
                f"{dotted(one.emoji_text)} {one.subgroup}",
            )
            for one in self.first(SHOWN if k is None else k, names)
        ]
        return Table((self.headline(), self.provenance()), tuple(columns), tuple(rows), self.notes())

    def tables(self) -> tuple[Table, ...]:
        """Return the one table it is shown as."""
        return (self.table(),)

    def figure(self, names: Sequence[str] = ()) -> "matplotlib.figure.Figure":
        """Draw the E of phantoms beside their controls, some names marked."""
        from geometry.phantoms.drawing import draw_phantoms

        return draw_phantoms(self, names)
