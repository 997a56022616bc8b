"""A census as a record: its figures beside their baselines, by group, and every answer."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from typing import TYPE_CHECKING, Any, Literal

import geometry
from geometry.head import Head
from geometry.intervals import Figure
from geometry.recall.measures import MEASURES, GroupRecall, Recall
from geometry.tables import Column, Table, Tabled

if TYPE_CHECKING:
    import matplotlib.figure
    import pandas


@dataclass(frozen=True, slots=True)
class Answer:
    """What came of one item.

    Attributes:
        item, asked_with, group: The emoji or compound, the words it was asked with, its group or kind.
        rank: Where its own row came.
        first, first_text: Who came first.
    """

    item: str
    asked_with: str
    group: str
    rank: int
    first: int
    first_text: str


@dataclass(frozen=True, eq=False, repr=False)
class Census(Tabled):
    """The census of one head in one space.

    Attributes:
        head: In the space that was asked in.
        among: What was asked for: ``emoji`` by their names, or ``words`` (compounds) by their parts.
        n, families: How many items, and how many families they make.
        seed: Of halves, permuted names and resampled families.
        own: The full question's figures.
        baselines: Those of ways of asking that should do worse, by name.
        by_group: Recall@1 by Unicode group, or by kind of compound.
        answers: Every item's own.
        notes: What a reader should know.
    """

    head: Head
    among: Literal["emoji", "words"]
    n: int
    families: int
    seed: int
    own: Recall
    baselines: Mapping[str, Recall]
    by_group: tuple[GroupRecall, ...]
    answers: tuple[Answer, ...]
    notes: tuple[str, ...]

    @property
    def space(self) -> str:
        """Where rows were taken."""
        return self.head.space.name

    @property
    def metric(self) -> str:
        """What rows were ranked by."""
        return "cosine" if self.space == "whitened" else "logit"

    def to_dict(self) -> dict[str, Any]:
        """Return the command line's JSON: the full question's figures, and ``baselines`` of the same shape."""
        return {
            "head": self.head.to_dict(),
            "among": self.among,
            "space": self.space,
            "metric": self.metric,
            "n": self.n,
            "families": self.families,
            **asdict(self.own),
            "baselines": {name: asdict(one) for name, one in self.baselines.items()},
            "by_group": [asdict(one) for one in self.by_group],
            "notes": list(self.notes),
            "seed": self.seed,
            "version": geometry.__version__,
        }

    def to_frame(self) -> "pandas.DataFrame":
        """One row an item, with the rank of its own row and who came first."""
        import pandas as pd

        columns = [field.name for field in fields(Answer)]
        frame = pd.DataFrame([[getattr(one, name) for name in columns] for one in self.answers], columns=columns)
        return frame.assign(
            among=self.among, space=self.space, metric=self.metric, head=self.head.name,
            fingerprint=self.head.fingerprint, seed=self.seed, version=geometry.__version__,
        )  # fmt: skip

    def tables(self) -> tuple[Table, Table]:
        """The figures beside their baselines, and recall by group."""
        return self._figures(), self._groups()

    def figure(self) -> "matplotlib.figure.Figure":
        """Draw the figures beside their baselines, with intervals."""
        from geometry.recall.drawing import draw_census

        return draw_census(self)

    def provenance(self) -> str:
        """Which head, space, metric, seed and version this is of, in one line."""
        parts = [f"head {self.head.name} ({self.head.fingerprint})", f"space {self.space}", f"metric {self.metric}"]
        return " · ".join([*parts, f"seed {self.seed}", f"geometry {geometry.__version__}"])

    def headline(self) -> str:
        """The finding in one line."""
        best = max(self.baselines.values(), key=lambda one: one.recall_at_1.value)
        name = next(name for name, one in self.baselines.items() if one is best)
        what = "emoji by their names" if self.among == "emoji" else "compounds by their parts"
        return (
            f"{self.n:,} {what}: recall@1 {self.own.recall_at_1.value:.3f}, "
            f"best baseline {best.recall_at_1.value:.3f} ({name})"
        )

    def _figures(self) -> Table:
        full = "name + emoji" if self.among == "emoji" else "its parts"
        shown = {key: title for key, title in MEASURES.items() if getattr(self.own, key) is not None}
        rows = [
            (way.removeprefix("names "), *(_figure(getattr(one, key)) for key in shown))
            for way, one in ((full, self.own), *self.baselines.items())
        ]
        columns = (Column("asked with", "left"), *(Column(title, "left") for title in shown.values()))
        behind = ", ".join(f"{way} {_figure(one.loss)}" for way, one in self.baselines.items())
        paired = f"recall@1 lost against the full question, paired item by item: {behind}"
        return Table((self.headline(), self.provenance()), columns, tuple(rows), (paired, *self.notes))

    def _groups(self) -> Table:
        rows = [
            (
                one.group,
                str(one.n),
                _figure(one.recall_at_1),
                f"{one.hits}",
                f"{one.chance:.1f}",
                _p(one.p),
                _p(one.q),
            )
            for one in self.by_group
        ]
        columns = [Column("group", "left"), *map(Column, ("n", "recall@1", "hits", "by chance", "p", "q"))]
        note = (
            f"brackets: 95% over {self.families:,} families resampled. chance, p: names dealt out again within the "
            "group over the landings that came, exact; q: false discovery rate over the groups (Benjamini–Hochberg)"
        )
        return Table((), tuple(columns), tuple(rows), (note,))


def _figure(one: Figure | None) -> str:
    """A figure as narrow as it gets: .51 [.47 .55]."""
    if one is None:
        return "–"
    value, low, high = (_narrow(part) for part in (one.value, one.low, one.high))
    return f"{value} [{low} {high}]"


def _narrow(value: float) -> str:
    return "1.0" if value >= 0.995 else f"{value:.2f}".replace("0.", ".", 1)


def _p(value: float) -> str:
    return f"{value:.3f}" if value >= 0.001 else f"{value:.0e}"
