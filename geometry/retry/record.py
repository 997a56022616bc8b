"""The loop as a record: every attempt of every arm, and what the arms are compared by."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from typing import TYPE_CHECKING, Any

import numpy as np

import geometry
from geometry.choices import DEFAULT_SPACE
from geometry.head import Head
from geometry.retry.arms import Arm
from geometry.retry.options import RetryOptions
from geometry.retry.reading import Layer, Moved, Snap
from geometry.retry.tables import retry_tables
from geometry.retry.writing import End
from geometry.tables import Table, Tabled
from geometry.tokens.emoji import Emoji

if TYPE_CHECKING:
    import pandas


@dataclass(frozen=True)
class Attempt:
    """One try of one run.

    Attributes:
        arm, run, step: Which; runs and steps count from 1.
        ids: What was written, as produced.
        text: The same as text: before the emoji, the emoji, behind it.
        emoji: What was said, or None.
        fed_ids, fed_emoji: What stood for it before the next try.
        end: Why there is no next try.
        phrase: By which phrase it says that there is none.
        first, last: Places of the tokens with the emoji's first and last byte, counted in the whole text from 0.
        snap: Why its first token was said; where none was written, why the text ended so.
        snap_last: Why its last token was said, where it has several: there one emoji is told from another.
        probability: Of the emoji's tokens one after the other, as it was spelt, at T = 1; without an emoji, of the
            one token that ``snap`` is of.
        layers: What the layers read as where the emoji's first token was said.
        layers_last: The same for its last token, where that is another.
        moved: How far the residual there is from that of the try before.
    """

    arm: Arm
    run: int
    step: int
    ids: tuple[int, ...]
    text: tuple[str, str, str]
    emoji: Emoji | None
    fed_ids: tuple[int, ...]
    fed_emoji: Emoji | None
    end: End | None
    phrase: str | None
    first: int
    last: int
    snap: Snap
    snap_last: Snap | None
    probability: float
    layers: tuple[Layer, ...] = field(repr=False)
    layers_last: tuple[Layer, ...] = field(repr=False)
    moved: Moved | None

    def to_dict(self) -> dict[str, Any]:
        """Return one attempt's part of its JSON object."""
        return {
            "arm": self.arm.value,
            "run": self.run,
            "step": self.step,
            "text": "".join(self.text),
            "ids": list(self.ids),
            "emoji": _emoji(self.emoji),
            "fed": {"ids": list(self.fed_ids), "emoji": _emoji(self.fed_emoji)} if self.fed_ids else None,
            "end": None if self.end is None else self.end.name.lower(),
            "end_text": None if self.end is None else self.end.value,
            "phrase": self.phrase,
            "first_position": self.first,
            "last_position": self.last,
            "moved": None if self.moved is None else asdict(self.moved),
            "probability": self.probability,
            "said": asdict(self.snap),
            "said_last": None if self.snap_last is None else asdict(self.snap_last),
            "layers": [asdict(layer) for layer in self.layers],
            "layers_last": [asdict(layer) for layer in self.layers_last],
        }


@dataclass(frozen=True)
class ArmSummary:
    """One arm in figures.

    Attributes:
        arm: Which.
        temperature: That it was drawn at; 0 is greedy.
        runs: How many.
        said: Mean number of emoji a run.
        distinct: Different emoji over all runs.
        first, second: Runs with a first and with a second emoji.
        again: Of those with a second, runs whose second emoji is the first again.
        kept: Of those with a second, runs whose second emoji is of the first one's subgroup, itself included.
        degrees: Mean angle between the residuals of the first and the second try, over runs with a second.
        ends: How often each end came.
    """

    arm: Arm
    temperature: float
    runs: int
    said: float
    distinct: int
    first: int
    second: int
    again: int
    kept: int
    degrees: float | None
    ends: Mapping[End, int]

    def to_dict(self) -> dict[str, Any]:
        """Return the fields by name."""
        found = {one.name: getattr(self, one.name) for one in fields(self)}
        ends = {end.name.lower(): count for end, count in self.ends.items()}
        return {**found, "arm": self.arm.value, "ends": ends}


@dataclass(frozen=True, eq=False, repr=False)
class Retry(Tabled):
    """A model asked for an emoji, and again, and again.

    Attributes:
        head: The model's head, as opened.
        dtype: What the model was computed in.
        prompt: What it went on from.
        prompt_ids: The same as ids.
        options: What was asked besides.
        attempts: Every try of every run of every arm.
        concept_winner: Where the concept itself lands, or None.
        notes: What a reader should know of this answer.
    """

    head: Head
    dtype: str
    prompt: str
    prompt_ids: tuple[int, ...]
    options: RetryOptions
    attempts: tuple[Attempt, ...]
    concept_winner: str | None
    notes: tuple[str, ...]

    def of(self, arm: Arm, run: int = 1) -> tuple[Attempt, ...]:
        """Return the tries of one run."""
        return tuple(one for one in self.attempts if one.arm is arm and one.run == run)

    @property
    def arms(self) -> tuple[ArmSummary, ...]:
        """The arms there are, in figures."""
        return tuple(self._summary(arm) for arm in Arm if self.of(arm))

    def _summary(self, arm: Arm) -> ArmSummary:
        runs = [self.of(arm, run) for run in sorted({one.run for one in self.attempts if one.arm is arm})]
        said = [[one for one in run if one.emoji is not None] for run in runs]
        pairs = [(run[0].emoji, run[1].emoji) for run in said if len(run) > 1]
        angles = [run[1].moved.degrees for run in said if len(run) > 1 and run[1].moved is not None]
        options = self.options
        return ArmSummary(
            arm=arm,
            temperature=options.fresh_temperature if arm is Arm.FRESH else options.temperature,
            runs=len(runs),
            said=float(np.mean([len(run) for run in said])),
            distinct=len({one.emoji.text for run in said for one in run if one.emoji is not None}),
            first=sum(bool(run) for run in said),
            second=len(pairs),
            again=sum(one == other for one, other in pairs),
            kept=sum(one is not None and other is not None and one.subgroup == other.subgroup for one, other in pairs),
            degrees=float(np.mean(angles)) if angles else None,
            ends=Counter(run[-1].end for run in runs if run[-1].end is not None),
        )

    def rows(self) -> list[dict[str, Any]]:
        """Return one JSON object an attempt, each saying whence it came."""
        whence = self._whence()
        return [{**one.to_dict(), **whence} for one in self.attempts]

    def _whence(self) -> dict[str, Any]:
        options = self.options
        return {
            "prompt": self.prompt,
            "prompt_ids": list(self.prompt_ids),
            "concept": options.concept,
            "head": self.head.to_dict(),
            "space": DEFAULT_SPACE if options.concept else None,
            "metric": "logit",
            "dtype": self.dtype,
            "options": {one.name: getattr(options, one.name) for one in fields(options)},
            "seed": options.seed,
            "version": geometry.__version__,
        }

    def to_dict(self) -> dict[str, Any]:
        """Return the whole record as one object."""
        return {
            **self._whence(),
            "attempts": [one.to_dict() for one in self.attempts],
            "arms": [one.to_dict() for one in self.arms],
            "concept_winner": self.concept_winner,
            "notes": list(self.notes),
        }

    def to_frame(self) -> "pandas.DataFrame":
        """One row an attempt, without its layers."""
        import pandas as pd

        kept = [{k: v for k, v in row.items() if k not in ("layers", "layers_last", "options")} for row in self.rows()]
        return pd.json_normalize(kept)

    def provenance(self) -> str:
        """Which model, options and version this is of, in one line."""
        options = self.options
        how = "greedy" if options.temperature == 0 else f"temperature {options.temperature:g}"
        return (
            f"model {self.head.name} ({self.head.fingerprint}) · {self.dtype} · {how} · seed {options.seed} · "
            f"geometry {geometry.__version__}"
        )

    def headline(self) -> str:
        """The emoji said one after the other, and the end."""
        own = self.of(Arm.OWN)
        said = " ".join(one.emoji.text for one in own if one.emoji is not None)
        end = own[-1].end
        return f"{self.prompt.strip()}  →  {said}{' · ' * bool(said)}{end.value if end else ''}"

    def tables(self) -> tuple[Table, ...]:
        """Return the tables it is shown as."""
        return tuple(retry_tables(self))

    def page(self) -> str:
        """Return it as a page of its own, without a request to anywhere."""
        from geometry.retry.page import retry_page

        return retry_page(self)


def _emoji(emoji: Emoji | None) -> dict[str, Any] | None:
    if emoji is None:
        return None
    return {"text": emoji.text, "name": emoji.name, "group": emoji.group, "subgroup": emoji.subgroup}
