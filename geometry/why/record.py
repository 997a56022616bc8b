"""Why a sum lands where it does, as a record: JSON, tables of text and HTML, a frame, a figure."""

from dataclasses import asdict, dataclass, fields
from typing import TYPE_CHECKING, Any

import numpy as np
from jaxtyping import Float64

import geometry
from geometry.concepts import Concept
from geometry.head import Head
from geometry.tables import Table, Tabled
from geometry.vacancy import Vacancy
from geometry.why.cascade import Step
from geometry.why.options import WhyOptions
from geometry.why.phase import Line, Phase
from geometry.why.steps import ByteStep
from geometry.why.tables import why_tables

if TYPE_CHECKING:
    import pandas
    from matplotlib.figure import Figure


@dataclass(frozen=True, slots=True)
class Winner:
    """The first landing that is neither input nor variant."""

    id: int
    text: str
    bytes: str | None
    kind: str | None
    score: float
    by_term: dict[str, float]
    by_bias: float


@dataclass(frozen=True, slots=True)
class Rival:
    """Another candidate, and the winner's margin over it in two exact readings.

    Attributes:
        id, text, bytes, kind: The token.
        score: Its own; the winner's less ``margin``.
        margin: Σ by_term + by_bias = by_mean + by_norm + by_angle + by_bias, see `geometry.why.attribution.Margin`.
        flip_angle: How far the residual has to turn, in radians, until the two are level; None if no turn does it.
        win_angle: How far until this one wins over all; None if it does not within a right angle.
    """

    id: int
    text: str
    bytes: str | None
    kind: str | None
    score: float
    margin: float
    by_term: dict[str, float]
    by_bias: float
    by_mean: float
    by_norm: float
    by_angle: float
    flip_angle: float | None
    win_angle: float | None


@dataclass(frozen=True, eq=False, repr=False)
class Why(Tabled):
    """Why a sum lands where it does.

    Attributes:
        head: In the space the terms were added up in.
        concept: The sum.
        expression: As it was given.
        options: What was asked besides.
        winner: The first landing that is neither input nor variant.
        rivals: The next best, and those asked for, best first.
        cascade: Who comes as winners are deleted family by family.
        lines: Where the winner changes along each term's weight.
        phase: Who wins over two weights or three proportions; None for other numbers of terms.
        spelling: On a head that spells emoji in bytes, token by token; empty otherwise.
        vacancy: The row the name would have; None where it cannot be predicted, and a note says why.
        notes: What a reader should know of this answer.
    """

    head: Head
    concept: Concept
    expression: str
    options: WhyOptions
    winner: Winner
    rivals: tuple[Rival, ...]
    cascade: tuple[Step, ...]
    lines: tuple[Line, ...]
    phase: Phase | None
    spelling: tuple[ByteStep, ...]
    vacancy: Vacancy | None
    notes: tuple[str, ...]

    @property
    def space(self) -> str:
        """The space the terms were added up in."""
        return self.head.space.name

    @property
    def labels(self) -> tuple[str, ...]:
        """The terms, equal ones once."""
        return tuple(self.winner.by_term)

    def to_dict(self) -> dict[str, Any]:
        """The command line's JSON object."""
        return {
            "head": self.head.to_dict(),
            "expression": self.expression,
            "space": self.space,
            "metric": "logit",
            "terms": self.concept.to_dict()["terms"],
            "winner": asdict(self.winner),
            "rivals": [asdict(rival) for rival in self.rivals],
            "cascade": [asdict(step) for step in self.cascade],
            "breakpoints": [asdict(line) for line in self.lines],
            "phase": None if self.phase is None else _phase_dict(self.phase),
            "spelling": [asdict(step) for step in self.spelling],
            "vacancy": None if self.vacancy is None else self.vacancy.to_dict(),
            "angle_unit": "radian",
            "follows": follows(self.head),
            "options": {field.name: getattr(self.options, field.name) for field in fields(self.options)},
            "steps": list(self.head.space.steps),
            "notes": list(self.notes),
            "version": geometry.__version__,
        }

    def to_frame(self) -> "pandas.DataFrame":
        """One row a rival, terms as columns ``by_term.<label>``; what was asked, of which head, are columns too."""
        import pandas as pd

        frame = pd.json_normalize([asdict(rival) for rival in self.rivals])
        return frame.assign(
            winner=self.winner.id, winner_text=self.winner.text, expression=self.expression, space=self.space,
            head=self.head.name, fingerprint=self.head.fingerprint, seed=self.options.seed,
            version=geometry.__version__,
        )  # fmt: skip

    def tables(self) -> tuple[Table, ...]:
        """Return the tables it is shown as."""
        return tuple(why_tables(self))

    def figure(self) -> "Figure":
        """Draw what each term gave the winner and its rivals, and where the winner changes."""
        from geometry.why.drawing import draw_why

        return draw_why(self)

    def provenance(self) -> str:
        """Which head, space, seed and version this is of, in one line."""
        parts = [f"head {self.head.name} ({self.head.fingerprint})", f"space {self.space}", "metric logit"]
        return " · ".join([*parts, f"seed {self.options.seed}", f"geometry {geometry.__version__}"])

    def scores_by_part(self) -> Float64[np.ndarray, "candidates parts"]:
        """What each term, and last the bias, gave the winner and then each rival."""
        own = np.array([*self.winner.by_term.values(), self.winner.by_bias])
        less = [[*rival.by_term.values(), rival.by_bias] for rival in self.rivals]
        return np.vstack([own, *(own - np.array(one) for one in less)])


def follows(head: Head) -> list[str]:
    """Return what the head does to scores after the margins told: its scale and cap, in words."""
    readout = head.readout
    if head.space.name == "raw" or not readout.known:
        return []
    done = [] if readout.scale == 1.0 else [f"scale {readout.scale:g}"]
    return done if readout.cap is None else [*done, f"cap {readout.cap:g}·tanh(z/{readout.cap:g})"]


def _phase_dict(phase: Phase) -> dict[str, Any]:
    regions = [
        {"id": token, "text": text, "share": share, "polygon": None if phase.grid is not None else polygon.tolist()}
        for token, text, share, polygon in zip(
            phase.ids, phase.texts, phase.shares, phase.polygons or [np.zeros((0, 2))] * len(phase.ids), strict=True
        )
    ]
    return {
        "shape": phase.shape,
        "terms": list(phase.terms),
        "at": None if phase.at is None else list(phase.at),
        "window": list(phase.window),
        "exact": phase.grid is None,
        "grid_step": None if phase.grid is None else (phase.window[1] - phase.window[0]) / (len(phase.grid) - 1),
        "degenerate": phase.degenerate,
        "regions": regions,
    }
