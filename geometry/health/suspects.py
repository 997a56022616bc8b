"""The rows that nothing seems to have trained: which, by which signs, and how well those signs can be trusted."""

from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from jaxtyping import Int64

from geometry.head import Head
from geometry.health.indicators import RULE, Found, HiddenHalf, Indicator, hide_half, indicators, overlap
from geometry.landing.record import text_of
from geometry.plain import finite_or_none
from geometry.tables import Column, Table
from geometry.tokens.printable import dotted

SHOWN = 12
"""Rows that the table lists; JSON and the frame have all of them."""


@dataclass(frozen=True, slots=True)
class Suspect:
    """A row that at least one sign flags.

    Attributes:
        id, text, kind: The token.
        reference: Whether it is one of the rows known to be unused.
        masked: Whether the rule masks it.
        votes: Signs that flag it.
        scores: What each sign gives it, by name, as in `Indicator`.
    """

    id: int
    text: str
    kind: str
    reference: bool
    masked: bool
    votes: int
    scores: dict[str, float]


@dataclass(frozen=True, eq=False)
class Suspects:
    """What the head alone says of rows that nothing trained.

    Attributes:
        ids: The rows that the rule masks, here and everywhere else.
        reason: The rule's own sentence.
        references: Rows known to be unused.
        signs: Every sign; none where the rule has no references.
        suspects: Rows that any of them flags, those with most votes and the highest score of the rule first.
        hidden: The signs tested on half of the references; None where there are too few.
    """

    ids: Int64[np.ndarray, " masked"]
    reason: str
    references: Int64[np.ndarray, " references"]
    signs: tuple[Indicator, ...]
    suspects: tuple[Suspect, ...]
    hidden: HiddenHalf | None

    @property
    def decided(self) -> bool:
        """Whether the rule could tell at all: without references, or where these lie apart, no count means anything."""
        return bool(self.signs) and self.signs[0].threshold is not None

    def agreement(self, sign: Indicator) -> float | None:
        """Return how far a sign flags the rows that the rule masks: |∩| / |∪|."""
        return overlap(sign.ids, self.ids)

    def votes(self) -> dict[int, int]:
        """Return how many rows have how many votes."""
        counts = np.bincount([one.votes for one in self.suspects], minlength=len(self.signs) + 1)
        return {votes: int(counts[votes]) for votes in range(1, len(self.signs) + 1)}

    def to_dict(self) -> dict[str, Any]:
        """Return everything but the scores of rows that no sign flags."""
        return {
            "ids": self.ids.tolist(),
            "reason": self.reason,
            "references": self.references.tolist(),
            "indicators": [
                {
                    "name": one.name,
                    "threshold": None if one.threshold is None else one.told(one.threshold),
                    "letters_reach": finite_or_none(one.told(one.highest_anchor)),
                    "flagged_if": "lower" if one.falls else "higher",
                    "flagged": len(one.ids),
                    "agreement": self.agreement(one),
                }
                for one in self.signs
            ],
            "votes": {str(votes): count for votes, count in self.votes().items()},
            "rows": [
                {
                    **asdict(one),
                    "scores": {sign.name: finite_or_none(sign.told(one.scores[sign.name])) for sign in self.signs},
                }
                for one in self.suspects
            ],
            "hidden_half": None if self.hidden is None else _hidden(self.hidden),
        }

    def tables(self) -> tuple[Table, ...]:
        """Return the signs and the rows as tables."""
        if not self.signs:
            return (Table(("Rows that nothing seems to have trained", self.reason), (), ()),)
        return self._sign_table(), self._row_table()

    def _sign_table(self) -> Table:
        hidden, truth = self.hidden, None if self.hidden is None else self.hidden.truth
        columns = [Column("sign", "left"), *map(Column, ("flags from", "letters", "flags", "as rule"))]
        columns += [Column("hidden found")] * (hidden is not None)
        columns += [Column("precision"), Column("recall")] * (truth is not None)
        rows = []
        for one in self.signs:
            cells = [
                one.name, _threshold(one), f"{one.told(one.highest_anchor):.3f}",
                f"{len(one.ids):,}", _share(self.agreement(one)),
            ]  # fmt: skip
            if hidden is not None:
                cells.append(spread(found.recall for found in hidden.references[one.name]))
            if truth is not None:
                draws = truth[one.name]
                cells += [spread(found.precision for found in draws), spread(found.recall for found in draws)]
            rows.append(tuple(cells))
        told = ", ".join(f"{count:,} by {votes}" for votes, count in self.votes().items())
        return Table(
            ("Rows that nothing seems to have trained", self.reason),
            tuple(columns),
            tuple(rows),
            (f"flagged {told} of {len(self.signs)} signs", *self._sign_notes()),
        )

    def _sign_notes(self) -> list[str]:
        notes = [
            f"{RULE}: cosine similarity to the unused rows' mean, less the mean row and the first principal component, "
            "the rule that masks; cosine: as stored; distance: to their mean; length: of the row. letters: the "
            "nearest that one comes; as rule: rows flagged by both, of those flagged by either"
        ]
        if self.hidden is None:
            return [*notes, f"{len(self.references)} known references are too few to hide half of them for a test"]
        draws = len(self.hidden.references[RULE])
        notes.append(
            f"hidden found: shown {self.hidden.shown} of the references, how many of the other {self.hidden.hidden} a "
            f"sign finds; {_halves(draws)}"
        )
        if self.hidden.truth is not None:
            rule = self.hidden.truth[RULE]
            notes.append(
                f"precision, recall: the same draws against the truth given, {rule[0].truth:,} rows that were not "
                f"shown, of which the rule finds {_counts([one.hits for one in rule])}"
            )
        return notes

    def _row_table(self) -> Table:
        new = [one for one in self.suspects if not one.reference]
        rows = [
            (
                str(one.votes), *(f"{sign.told(one.scores[sign.name]):.3f}" for sign in self.signs),
                "yes" if one.masked else "no", one.kind, str(one.id), dotted(one.text),
            )
            for one in new[:SHOWN]
        ]  # fmt: skip
        columns = [Column("votes"), *(Column(sign.name) for sign in self.signs)]
        columns += [Column("masked", "left"), Column("kind", "left"), Column("id"), Column("token", "left")]
        more = f"; {len(new) - SHOWN:,} more in the JSON" if len(new) > SHOWN else ""
        title = f"{len(new):,} flagged rows that are not among the {len(self.references)} references{more}"
        return Table((title,), tuple(columns), tuple(rows))


def find_suspects(head: Head, truth: Sequence[int] | None = None, *, seed: int = 0) -> Suspects:
    """Ask every sign about a head's rows, and test them with half of the references hidden.

    Args:
        truth: Ids of rows known to be unused, to count precision and recall against.
        seed: Of the half that is hidden.
    """
    rule, signs = head.undertrained, indicators(head)
    tokens, masked, references = head.tokens, set(head.undertrained.ids.tolist()), set(rule.references.tolist())
    votes: dict[int, int] = {}
    for sign in signs:
        for token in sign.ids.tolist():
            votes[token] = votes.get(token, 0) + 1
    suspects = [
        Suspect(
            token, text_of(head, token), "" if tokens is None else tokens.kind(token), token in references,
            token in masked, count, {sign.name: float(sign.scores[token]) for sign in signs},
        )
        for token, count in votes.items()
    ]  # fmt: skip
    suspects.sort(key=lambda one: (-one.votes, -one.scores[RULE], one.id))
    return Suspects(rule.ids, rule.reason, rule.references, signs, tuple(suspects), hide_half(head, truth, seed))


def _hidden(one: HiddenHalf) -> dict[str, Any]:
    told: dict[str, Any] = {
        "shown": one.shown,
        "hidden": one.hidden,
        "references": {
            name: [{"truth": draw.truth, "hits": draw.hits, "recall": draw.recall} for draw in draws]
            for name, draws in one.references.items()
        },
    }
    truth = None if one.truth is None else {name: list(map(_found, draws)) for name, draws in one.truth.items()}
    return {**told, "truth": truth}


def _found(one: Found) -> dict[str, Any]:
    return {**asdict(one), "precision": one.precision, "recall": one.recall}


def _halves(draws: int) -> str:
    return "one half drawn" if draws == 1 else f"median of {draws} halves drawn, and the least and the most"


def _counts(hits: Sequence[int]) -> str:
    return f"{hits[0]:,}" if len(set(hits)) == 1 else f"{min(hits):,} to {max(hits):,}"


def spread(values: Iterable[float | None]) -> str:
    """Return the median of some shares and, where they differ, the least and the most: ``.91 (.73–1.0)``."""
    known = [value for value in values if value is not None]
    if not known:
        return "–"
    low, middle, high = (_narrow(float(value)) for value in (min(known), np.median(known), max(known)))
    return middle if low == high else f"{middle} ({low}–{high})"


def _narrow(value: float) -> str:
    return "1.0" if value >= 0.995 else f"{value:.2f}".removeprefix("0")


def _threshold(one: Indicator) -> str:
    return "–" if one.threshold is None else f"{'≤' if one.falls else '≥'} {one.told(one.threshold):.3f}"


def _share(value: float | None) -> str:
    return "–" if value is None else f"{value:.3f}"
