"""The survey of a head: for every token whether it can ever come first, by what, and with what proof."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, get_args

import numpy as np
from jaxtyping import Bool, Int64, Shaped

import geometry
from geometry.head import Head
from geometry.intervals import percentile_among
from geometry.landing.record import text_of
from geometry.plain import finite_or_none
from geometry.reachability.evidence import Evidence, Status, Step
from geometry.reachability.sampling import Sampled
from geometry.tables import Table, Tabled

if TYPE_CHECKING:
    import pandas

STATUSES: tuple[Status, ...] = get_args(Status)
STEPS: tuple[Step, ...] = get_args(Step)

MEMBERS = 5
"""Rows of a token's hull that are told."""


@dataclass(frozen=True, slots=True)
class Count:
    """How many targets of one sort came out how: by the step that settled them, or by kind of token.

    ``masked`` says whether the under-trained rule masks them; None where both are counted.
    """

    name: str
    masked: bool | None
    n: int
    reachable: int
    never: int
    undecided: int
    tied: int


@dataclass(frozen=True, eq=False, repr=False)
class Survey(Tabled):
    """Which tokens can ever be the argmax of a head's logits.

    Attributes:
        head: In the space that was asked in.
        ids: The targets, ascending.
        status: Of each: ``reachable`` (a residual that puts it strictly first was verified), ``never`` (a proof that
            none does), ``undecided``, or ``tied`` (its row is that of a lower id, which takes the argmax).
        step: Of each, what settled it: ``equal`` rows; the direction of its ``self``, of its ``centered`` or
            ``whitened`` row; the ``hull`` of the others; the logits' shape on the ``sphere``, with a bias.
        lowest: Of each, the lowest id with the same row: itself, unless it is tied.
        masked: Of each, whether the under-trained rule masks it.
        evidence: By token, of those that no direction of their own put first.
        competing: Rows that a target has to beat, equal ones counted once: all finite rows, masked and padding too.
        radius: Length of the residuals, √d; 1 in ``raw``.
        biased: Rows differ in bias.
        free: Residuals may have any length.
        sampled: λ of tokens that exist and of random rows, if asked for.
        seed: Of the search for far points, and of what is sampled.
        notes: What a reader should know.
    """

    head: Head
    ids: Int64[np.ndarray, " targets"]
    status: Shaped[np.ndarray, " targets"]
    step: Shaped[np.ndarray, " targets"]
    lowest: Int64[np.ndarray, " targets"]
    masked: Bool[np.ndarray, " targets"]
    evidence: Mapping[int, Evidence]
    competing: int
    radius: float
    biased: bool
    free: bool
    sampled: Sampled | None
    seed: int
    notes: tuple[str, ...]

    @property
    def space(self) -> str:
        """Where rows were taken."""
        return self.head.space.name

    def having(self, status: Status) -> Int64[np.ndarray, " found"]:
        """Return the targets of one status, ascending."""
        return np.asarray(self.ids[self.status == status])

    @property
    def never(self) -> Int64[np.ndarray, " found"]:
        """Tokens that are never the argmax, by a proof each."""
        return self.having("never")

    @property
    def undecided(self) -> Int64[np.ndarray, " found"]:
        """Tokens of which neither a residual that puts them first nor a proof that none does was found."""
        return self.having("undecided")

    def by_step(self) -> tuple[Count, ...]:
        """Count what each step settled."""
        return tuple(self._count(step, None, self.step == step) for step in STEPS if (self.step == step).any())

    def by_kind(self) -> tuple[Count, ...]:
        """Count by kind of token, masked rows apart; one kind, ``row``, on a head without a vocabulary."""
        kinds = self.kinds()
        return tuple(
            self._count(kind, masked, (kinds == kind) & (self.masked == masked))
            for kind in dict.fromkeys(kinds.tolist())
            for masked in (False, True)
            if ((kinds == kind) & (self.masked == masked)).any()
        )

    def kinds(self) -> Shaped[np.ndarray, " targets"]:
        """Return the kind of each target."""
        tokens = self.head.tokens
        return np.full(len(self.ids), "row") if tokens is None else np.asarray(tokens.kinds[self.ids])

    def to_dict(self) -> dict[str, Any]:
        """Return the counts, and every token that no direction of its own put first, with its proof."""
        return {
            "head": self.head.to_dict(),
            "space": self.space,
            "metric": "logit",
            "n": len(self.ids),
            "competing": self.competing,
            "radius": self.radius,
            "biased": self.biased,
            "free": self.free,
            **{status: int((self.status == status).sum()) for status in STATUSES},
            "by_step": [asdict(one) for one in self.by_step()],
            "by_kind": [asdict(one) for one in self.by_kind()],
            "tokens": [self._told(token, one) for token, one in self.evidence.items()],
            "ties": [
                {"id": int(token), "first": int(first)}
                for token, first in zip(self.ids, self.lowest, strict=True)
                if token != first
            ],
            "sampled": None if self.sampled is None else asdict(self.sampled),
            "notes": list(self.notes),
            "seed": self.seed,
            "version": geometry.__version__,
        }

    def to_frame(self) -> "pandas.DataFrame":
        """One row a target: its status, what settled it, and λ, gap, lead and bound where they were needed."""
        import pandas as pd

        known = [self.evidence.get(token) for token in self.ids.tolist()]
        figures = {
            name: [float("nan") if one is None else getattr(one, name) for one in known]
            for name in ("distance", "gap", "lead", "bound")
        }
        columns = {
            "id": self.ids, "text": [text_of(self.head, token) for token in self.ids.tolist()], "kind": self.kinds(),
            "masked": self.masked, "status": self.status, "step": self.step, "first": self.lowest, **figures,
        }  # fmt: skip
        return pd.DataFrame(columns).assign(
            space=self.space, metric="logit", head=self.head.name, fingerprint=self.head.fingerprint, seed=self.seed,
            version=geometry.__version__,
        )  # fmt: skip

    def tables(self) -> tuple[Table, ...]:
        """What each step settled; by kind; and the tokens that never come first or are undecided, if any."""
        from geometry.reachability.tables import survey_tables

        return survey_tables(self)

    def provenance(self) -> str:
        """Which head, space, metric, seed and version this is of, in one line."""
        parts = [f"head {self.head.name} ({self.head.fingerprint})", f"space {self.space}", "metric logit"]
        return " · ".join([*parts, f"seed {self.seed}", f"geometry {geometry.__version__}"])

    def headline(self) -> str:
        """The finding in one line."""
        counts = {status: int((self.status == status).sum()) for status in STATUSES}
        parts = [f"{counts['never']:,} can never come first"]
        parts += [f"{counts[name]:,} {told}" for name, told in _RARE.items() if counts[name]]
        return f"{counts['reachable']:,} of {len(self.ids):,} tokens can come first; " + ", ".join(parts)

    def _count(self, name: str, masked: bool | None, chosen: Bool[np.ndarray, " targets"]) -> Count:
        part = self.status[chosen]
        return Count(name, masked, int(chosen.sum()), *(int((part == status).sum()) for status in STATUSES))

    def _told(self, token: int, one: Evidence) -> dict[str, Any]:
        place = int(np.searchsorted(self.ids, token))
        return {
            "id": token,
            "text": text_of(self.head, token),
            "masked": bool(self.masked[place]),
            "status": one.status,
            "step": one.step,
            **{name: finite_or_none(getattr(one, name)) for name in ("distance", "gap", "lead", "bound")},
            **self._percentiles(one),
            "rounds": one.rounds,
            "members": len(one.ids),
            "nearest": [
                {"id": int(member), "text": text_of(self.head, int(member)), "weight": float(weight)}
                for member, weight in zip(one.ids[:MEMBERS], one.weights[:MEMBERS], strict=True)
            ],
        }

    def _percentiles(self, one: Evidence) -> dict[str, float]:
        """Where a token's λ stands among those sampled, as percentages; nothing without a sample."""
        if self.sampled is None:
            return {}
        return {
            "percentile_sampled": percentile_among(one.distance, self.sampled.tokens),
            "percentile_random": percentile_among(one.distance, self.sampled.random),
        }


_RARE: dict[Status, str] = {"undecided": "undecided", "tied": "tied with a lower id"}
