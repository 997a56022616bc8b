"""Residuals from a running model: a prompt, and the tokens it goes on with, at the positions asked for."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import geometry
from geometry.errors import OptionError
from geometry.live.running import Running
from geometry.residuals import Residuals
from geometry.tables import Column, Table, Tabled
from geometry.tokens.printable import dotted

if TYPE_CHECKING:
    import pandas

_PLACES = re.compile(r"-?\d{1,9}(,-?\d{1,9})*")


@dataclass(frozen=True, eq=False, repr=False)
class Captured(Tabled):
    """What was read from a running model.

    Attributes:
        running: The model.
        prompt, chat, prefix: What it read.
        ids: The prompt's tokens and those that it went on with.
        steps: How many of them are its own.
        places: Which of them the residuals are of, from 0.
        residuals: Their states.
        error: How far the logits that the head reads from the last states are from the model's own, at most.
        other_error: The same with the final norm's place taken the other way; None where that cannot be tried.
    """

    running: Running
    prompt: str
    chat: bool
    prefix: str
    ids: tuple[int, ...]
    steps: int
    places: tuple[int, ...]
    residuals: Residuals
    error: float
    other_error: float | None

    def note(self) -> str:
        """Say in one line what the states are, and how well they reproduce the logits."""
        layers, positions, dim = self.residuals.shape
        normed = "already normed" if self.residuals.last_is_normed else "not normed yet"
        other = "" if self.other_error is None else f" (taken the other way: {self.other_error:.2g})"
        return (
            f"{layers} states × {positions} positions × {dim} computed in {self.running.dtype}; the last is {normed}: "
            f"read so it gives the model's logits to within {self.error:.2g}{other}"
        )

    def to_dict(self) -> dict[str, Any]:
        """The command line's JSON object: everything but the numbers, which the file holds."""
        layers, positions, dim = self.residuals.shape
        return {
            "head": self.running.head.to_dict(),
            "prompt": self.prompt,
            "chat": self.chat,
            "prefix": self.prefix,
            "token_ids": list(self.ids),
            "steps": self.steps,
            "positions": list(self.places),
            "shape": [layers, positions, dim],
            "dtype": self.running.dtype,
            "last_is_normed": self.residuals.last_is_normed,
            "logits_error": self.error,
            "logits_error_other": self.other_error,
            "version": geometry.__version__,
        }

    def to_frame(self) -> "pandas.DataFrame":
        """One row a position."""
        import pandas as pd

        return pd.DataFrame(self._rows(), columns=["position", "source", "id", "token"]).assign(
            head=self.running.head.name, fingerprint=self.running.head.fingerprint, dtype=self.running.dtype,
            version=geometry.__version__,
        )  # fmt: skip

    def table(self) -> Table:
        """The positions, and which token was read at each."""
        head = self.running.head
        title = (
            f"after {self.prompt!r}{f' and {self.prefix!r}' if self.prefix else ''}",
            f"head {head.name} ({head.fingerprint}) · {self.running.dtype} · geometry {geometry.__version__}",
        )
        columns = (Column("position"), Column("from", "left"), Column("id"), Column("token", "left"))
        rows = tuple((str(place), source, str(one), dotted(text)) for place, source, one, text in self._rows())
        return Table(title, columns, rows, (self.note(),))

    def tables(self) -> tuple[Table, ...]:
        """Return the one table it is shown as."""
        return (self.table(),)

    def _rows(self) -> list[tuple[int, str, int, str]]:
        own, tokens = len(self.ids) - self.steps, self.running.head.tokens
        return [
            (
                place,
                "prompt" if place < own else f"step {place - own + 1}",
                self.ids[place],
                f"#{self.ids[place]}" if tokens is None else tokens.text_of(self.ids[place]),
            )
            for place in self.places
        ]


def capture(
    running: Running, prompt: str, *, chat: bool = False, prefix: str = "", steps: int = 0, positions: str = "all"
) -> Captured:
    """Run a prompt and return the hidden states of all layers.

    Args:
        running: The model.
        prompt: What it reads.
        chat: By its chat template.
        prefix: How its answer begins.
        steps: How many of its own likeliest tokens, one by one, are appended first; it may end before.
        positions: ``all``; ``last``, where the prompt ends, and every step after it; or numbers from 0 such as
            ``3,4``, negative ones from the end.

    Raises:
        OptionError: a prompt that is empty or too long, or a position that is not there.
        ReadoutError: states that are not finite, or that the head does not turn into the model's logits.
    """
    if steps < 0:
        raise OptionError(f"--steps {steps} arrived; expected 0 or more tokens to append")
    start = running.encode(prompt, chat=chat, prefix=prefix)
    check_room(running, start, steps)
    ids = greedy(running, start, steps)
    places = find_places(positions, len(ids), len(start))
    found = running.read(ids)
    everywhere = found.residuals(running)
    about = {**everywhere.about, "prompt": prompt, "positions": ",".join(map(str, places))}
    if prefix:
        about["prefix"] = prefix
    residuals = replace(
        everywhere, states=everywhere.states[:, list(places)], token_ids=tuple(ids[place] for place in places),
        about=about,
    )  # fmt: skip
    return Captured(
        running, prompt, chat, prefix, ids, len(ids) - len(start), places, residuals, found.error, found.other_error
    )  # fmt: skip


def check_room(running: Running, ids: Sequence[int], steps: int) -> None:
    """Refuse steps that the model has no room for, before any is taken.

    Raises:
        OptionError: prompt and steps are longer than the context.
    """
    if len(ids) + steps > running.context:
        raise OptionError(
            f"{len(ids):,} tokens and --steps {steps:,} arrived; {running.name} reads {running.context:,} at most; "
            f"ask for at most {running.context - len(ids):,} steps"
        )


def greedy(running: Running, ids: Sequence[int], steps: int) -> tuple[int, ...]:
    """Return the ids with up to ``steps`` of the model's likeliest tokens after them; it stops at an end token."""
    found, ends = tuple(ids), end_tokens(running)
    for _ in range(steps):
        found = (*found, int(running.logits([found])[0].argmax()))
        if found[-1] in ends:
            break
    return found


def end_tokens(running: Running) -> frozenset[int]:
    """Return the ids with which the model says that it has ended."""
    given = getattr(running.model.generation_config, "eos_token_id", None)
    named = [*given] if isinstance(given, list | tuple) else [given]
    return frozenset(one for one in (*named, running.tokenizer.eos_token_id) if isinstance(one, int))


def find_places(positions: str, count: int, prompt: int) -> tuple[int, ...]:
    """Return which of ``count`` positions are meant, of which the first ``prompt`` are the prompt's.

    Raises:
        OptionError: it says nothing, or a position that is not there.
    """
    if positions == "all":
        return tuple(range(count))
    if positions == "last":
        return tuple(range(prompt - 1, count))
    if not _PLACES.fullmatch(positions):
        raise OptionError(f"--positions {positions!r} arrived; expected all, last, or numbers such as 3,4 or -1")
    given = [int(one) for one in positions.split(",")]
    if beyond := [one for one in given if not -count <= one < count]:
        raise OptionError(
            f"position {beyond[0]} arrived; there are {count}: 0 to {count - 1}, or -{count} to -1 from the end"
        )
    return tuple(dict.fromkeys(one % count for one in given))
