"""The landing as a record: ranked tokens, with all that is needed to find them again."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields, replace
from typing import TYPE_CHECKING, Any

import geometry
from geometry.choices import SpaceName
from geometry.concepts import Concept, Term
from geometry.head import Head
from geometry.landing.options import LandingOptions
from geometry.tables import Column, Table, Tabled
from geometry.tokens.printable import dotted

if TYPE_CHECKING:
    import pandas

    import geometry.why


@dataclass(frozen=True)
class LandedToken:
    """One line of a landing.

    Attributes:
        rank: 1 is the winner.
        id, text: the token.
        bytes, kind: its bytes in lower-case hex, and what it is; None on a head without a vocabulary.
        score: by the landing's metric; higher is better.
        probability: softmax over every finite row of the head at the landing's temperature; None in space ``raw`` and
            where the readout is unknown.
        is_input: it is one of the terms' tokens.
        is_variant: it differs from one of them in case, leading space or plural only.
        null_share: share of random sums that land on this token; None where no null was asked for.
        null_group_share: the same for its Unicode group, if it is an emoji.
        folded: variants that share this line.
        undertrained: the under-trained rule masks it by default.
    """

    rank: int
    id: int
    text: str
    bytes: str | None
    kind: str | None
    score: float
    probability: float | None
    is_input: bool
    is_variant: bool
    null_share: float | None = None
    null_group_share: float | None = None
    folded: tuple[int, ...] = ()
    undertrained: bool = False


@dataclass(frozen=True, eq=False, repr=False)
class Landing(Tabled):
    """The ranked tokens that a sum lands on, with all that is needed to find them again.

    Attributes:
        head: the head, in the landing's space.
        concept: the sum.
        expression: as it was given.
        options: what was asked besides.
        landings: the ranked tokens, as many as were asked for.
        winner: the first token that is neither input nor variant, however few were asked for; None if there is none.
        samples: token ids drawn from the candidates' probabilities.
        notes: what a reader should know of this answer.
    """

    head: Head
    concept: Concept
    expression: str
    options: LandingOptions
    landings: tuple[LandedToken, ...]
    winner: int | None = None
    samples: tuple[int, ...] = ()
    notes: tuple[str, ...] = ()

    @property
    def space(self) -> SpaceName:
        """The space the terms were added up in."""
        return self.head.space.name

    @property
    def terms(self) -> tuple[Term, ...]:
        """The concept's terms."""
        return self.concept.terms

    def to_dict(self) -> dict[str, Any]:
        """The command line's JSON object."""
        return {
            "head": self.head.to_dict(),
            "expression": self.expression,
            "space": self.space,
            "metric": self.options.metric,
            "terms": self.concept.to_dict()["terms"],
            "landings": [
                {field.name: _plain(getattr(one, field.name)) for field in fields(one)} for one in self.landings
            ],
            "samples": [{"id": token, "text": text_of(self.head, token)} for token in self.samples],
            "options": {field.name: getattr(self.options, field.name) for field in fields(self.options)},
            "steps": list(self.head.space.steps),
            "notes": list(self.notes),
            "version": geometry.__version__,
        }

    def to_frame(self) -> "pandas.DataFrame":
        """One row a landed token; what was asked, of which head, by which version, are columns too."""
        import pandas as pd

        columns = [field.name for field in fields(LandedToken)]
        frame = pd.DataFrame([[getattr(one, name) for name in columns] for one in self.landings], columns=columns)
        asked = {field.name: getattr(self.options, field.name) for field in fields(self.options)}
        whence = {
            "head": self.head.name,
            "fingerprint": self.head.fingerprint,
            "space": self.space,
            "version": geometry.__version__,
        }
        return frame.assign(expression=self.expression, **whence, **asked)

    def table(self) -> Table:
        """The landing as a table of text."""
        options = self.options
        shown: list[tuple[Column, Callable[[LandedToken], str]]] = [
            (Column("rank"), lambda one: str(one.rank)),
            (Column(options.metric), lambda one: f"{one.score:.4g}"),
        ]
        if any(one.probability is not None for one in self.landings):
            shown.append((Column("probability"), lambda one: _share(one.probability)))
        if options.null:
            shown.append((Column("null"), lambda one: _share(one.null_share)))
            shown.append((Column("null group"), lambda one: _share(one.null_group_share)))
        shown += [
            (Column("kind", "left"), lambda one: one.kind or "–"),
            (Column("", "left"), _mark),
            (Column("id"), lambda one: str(one.id)),
            (Column("token", "left"), self._shown),
        ]
        return Table(
            title=(self._headline(), self._provenance()),
            columns=tuple(column for column, _ in shown),
            rows=tuple(tuple(cell(one) for _, cell in shown) for one in self.landings),
            notes=self.notes,
        )

    def why(
        self,
        *,
        k: int = 5,
        rivals: Sequence[str] = (),
        cascade: int = 12,
        vary: Sequence[str] = (),
        vacancy: bool = True,
        hull: bool | None = None,
    ) -> "geometry.why.Why":
        """Explain this landing by the head's logits: see :class:`geometry.why.WhyOptions` for the options.

        Candidates, lengths and seed are the landing's own. The winner told is that of ``logit``, whatever the metric.
        """
        from geometry.why import WhyOptions, explain

        asked = self.options
        options = WhyOptions(
            k=k, rivals=tuple(rivals), among=asked.among, keep_undertrained=asked.keep_undertrained,
            as_stored=asked.as_stored, cascade=cascade, vary=tuple(vary), vacancy=vacancy, hull=hull, seed=asked.seed,
        )  # fmt: skip
        found = explain(self.head, self.expression, options, space=self.space)
        if asked.metric == "logit":
            return found
        note = f"the landing ranked rows by {asked.metric}; what is explained here is the ranking by logit"
        return replace(found, notes=(note, *found.notes))

    def tables(self) -> tuple[Table, ...]:
        """Return the one table it is shown as."""
        return (self.table(),)

    def _headline(self) -> str:
        if self.winner is None:
            return f"{self.expression}  →  {'nothing but its own inputs' if self.landings else 'nothing'}"
        text = text_of(self.head, self.winner)
        return f"{self.expression}  →  {text.strip() or repr(text)}"

    def _provenance(self) -> str:
        options = self.options
        parts = [
            f"head {self.head.name} ({self.head.fingerprint})",
            f"space {self.space}",
            f"metric {options.metric}",
        ]
        if options.temperature != 1.0:
            parts.append(f"T = {options.temperature:g}")
        if options.null or options.sample:
            parts.append(f"seed {options.seed}")
        return " · ".join([*parts, f"geometry {geometry.__version__}"])

    def _shown(self, one: LandedToken) -> str:
        texts = [one.text, *(text_of(self.head, token) for token in one.folded)]
        return "  ".join(map(dotted, texts))


def text_of(head: Head, token: int) -> str:
    """A token's printable text, or its id where the head has no vocabulary."""
    tokens = head.tokens
    return f"#{token}" if tokens is None else tokens.text_of(token)


def _mark(one: LandedToken) -> str:
    marks = {"input": one.is_input, "variant": one.is_variant, "under-trained": one.undertrained}
    return ", ".join(mark for mark, holds in marks.items() if holds)


def _share(value: float | None) -> str:
    if value is None:
        return "–"
    return f"{value:.3f}" if value == 0 or value >= 0.0005 else f"{value:.0e}"


def _plain(value: Any) -> Any:
    return list(value) if isinstance(value, tuple) else value
