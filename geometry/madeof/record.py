"""What a token is made of, as a record: the words, how much they explain, and what others are explained by."""

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from jaxtyping import Float64

import geometry
from geometry.choices import SpaceName
from geometry.concepts import Concept
from geometry.head import Head
from geometry.tables import Column, Table, Tabled
from geometry.tokens.printable import dotted

if TYPE_CHECKING:
    import pandas
    from matplotlib.figure import Figure


@dataclass(frozen=True, slots=True)
class Ingredient:
    """One word of a sum.

    Attributes:
        id, text: the word.
        weight: its factor, for a row and a target of unit length; above 0.
    """

    id: int
    text: str
    weight: float


@dataclass(frozen=True, slots=True)
class Spread:
    """R² of other fits with as many words.

    Attributes:
        n: how many fits.
        median: half of them are below.
        low, high: their 5th and 95th percentile.
    """

    n: int
    median: float
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class ControlSpread(Spread):
    """R² of matched tokens, each by the same procedure.

    Attributes:
        p: (1 + how many reach the target's R²) / (1 + n).
        kind: what they are.
    """

    p: float
    kind: str


@dataclass(frozen=True, slots=True)
class TargetToken:
    """What is explained.

    Attributes:
        id: the token; None where the target is made of several.
        ids: its tokens; none for a direction.
        text: the token's text, of several what was asked for.
        bytes: lower-case hex; None for a sum.
        kind: what it is; None for a sum.
    """

    id: int | None
    ids: tuple[int, ...]
    text: str
    bytes: str | None
    kind: str | None


@dataclass(frozen=True, eq=False, repr=False)
class MadeOf(Tabled):
    """A sparse non-negative sum of word rows that comes near a token's row, and how near others come.

    Attributes:
        head: in the space of the fit.
        concept: the target.
        label: the target as it was asked for.
        token: the target's tokens.
        terms: the words in the order in which they enter, those without weight dropped.
        r2: 1 − ‖t − fit‖²/‖t‖², from 0 to 1, higher is better.
        r2_path: the same for the first word, the first two, … each time refitted.
        controls: the same of matched tokens; None where none were asked for or there are none.
        random_words: the same of words drawn at random.
        expression: the sum as `geometry snap` reads it, weights to three digits.
        seed: of the controls and the random words.
        notes: what a reader should know of this answer.
    """

    head: Head
    concept: Concept
    label: str
    token: TargetToken
    terms: tuple[Ingredient, ...]
    r2: float
    r2_path: tuple[float, ...]
    controls: ControlSpread | None
    random_words: Spread
    expression: str
    seed: int
    notes: tuple[str, ...] = ()

    @property
    def space(self) -> SpaceName:
        """The space of the fit."""
        return self.head.space.name

    def to_dict(self) -> dict[str, Any]:
        """The command line's JSON object."""
        return {
            "head": self.head.to_dict(),
            "label": self.label,
            "token": asdict(self.token) | {"ids": list(self.token.ids)},
            "space": self.space,
            "r2": self.r2,
            "r2_path": list(self.r2_path),
            "terms": [asdict(term) for term in self.terms],
            "expression": self.expression,
            "controls": None if self.controls is None else asdict(self.controls),
            "random_words": asdict(self.random_words),
            "seed": self.seed,
            "steps": list(self.head.space.steps),
            "notes": list(self.notes),
            "version": geometry.__version__,
        }

    def to_frame(self) -> "pandas.DataFrame":
        """One row a word; the target, of which head, by which version, are columns too."""
        import pandas as pd

        rows = [[term.id, term.text, term.weight, r2] for term, r2 in zip(self.terms, self.r2_path, strict=True)]
        frame = pd.DataFrame(rows, columns=["id", "text", "weight", "r2"])
        return frame.assign(
            label=self.label,
            head=self.head.name,
            fingerprint=self.head.fingerprint,
            space=self.space,
            p=None if self.controls is None else self.controls.p,
            seed=self.seed,
            version=geometry.__version__,
        )

    def table(self) -> Table:
        """The sum as a table of text."""
        about = f"head {self.head.name} ({self.head.fingerprint}) · space {self.space} · R² {self.r2:.3f}"
        return Table(
            title=(
                f"{self.expression or 'no word'}  ≈  {self.label}",
                f"{about} · seed {self.seed} · geometry {geometry.__version__}",
            ),
            columns=(Column("term"), Column("weight"), Column("R² so far"), Column("id"), Column("token", "left")),
            rows=tuple(
                (str(place), f"{term.weight:.3f}", f"{r2:.3f}", str(term.id), dotted(term.text))
                for place, (term, r2) in enumerate(zip(self.terms, self.r2_path, strict=True), 1)
            ),
            notes=(*self._comparisons(), *self.notes),
        )

    def tables(self) -> tuple[Table, ...]:
        """Return the one table it is shown as."""
        return (self.table(),)

    def figure(self) -> "Figure":
        """Draw R² as words enter, beside what other tokens and any words reach."""
        from geometry.madeof.drawing import draw_made_of

        return draw_made_of(self)

    def _comparisons(self) -> list[str]:
        lines = ["weights are those of the whole sum; R² so far is of the words down to there, refitted"]
        if self.controls is not None:
            others = f"{self.controls.n} {self.controls.kind}, matched on row length and merge rank"
            lines.append(f"controls: {_shown(self.controls)} of {others}; p = {self.controls.p:.2g}")
        return [*lines, f"any words: {_shown(self.random_words)} of {self.random_words.n} draws of as many words"]


def spread(values: Float64[np.ndarray, " fits"]) -> Spread:
    """Median, 5th and 95th percentile."""
    low, median, high = np.percentile(values, [5, 50, 95]).tolist()
    return Spread(len(values), median, low, high)


def _shown(spread: Spread) -> str:
    return f"R² {spread.median:.3f} ({spread.low:.3f} to {spread.high:.3f}, 5th to 95th percentile)"
