"""The same sums in two heads: where each lands, and what became of the other's winner."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from geometry.choices import SpaceName
from geometry.comparison.pairs import Pairs
from geometry.concepts import check_direction, evaluate
from geometry.errors import ExpressionError, GeometryError, OptionError
from geometry.expressions import parse
from geometry.head import Head
from geometry.landing import Landing, LandingOptions, land_many
from geometry.landing.scans import variants_of
from geometry.standings import scores_of, standings

DEFAULT_EXPRESSIONS = (
    "sea + horse",
    "king - man + woman",
    "sea + horse + emoji",
    "fire + fly",
    "rain + bow",
    "sun + flower",
)
"""Sums that most heads can read; what one lacks a token for is listed with the reason."""

FIRST = 10
"""Tokens of each landing that are held against the other's."""

MOST_EXPRESSIONS, LONGEST_FILE = 1_000, 2**20


@dataclass(frozen=True, slots=True)
class Winner:
    """Who comes first in one head, inputs and their variants left out, and where the other head has it.

    Attributes:
        id, text: The token in its own head; None where there is none.
        lead: Its score less the second's, in the landing's metric.
        rank: Its place in the other head among all candidates; None where that head has no such token.
    """

    id: int | None
    text: str | None
    lead: float | None
    rank: int | None


@dataclass(frozen=True, slots=True)
class Side:
    """One expression in two heads.

    Attributes:
        expression: As it was given.
        in_a, in_b: The winners; None where it could not be evaluated.
        flipped: Whether they are different tokens.
        shared: How many of the first ten are the same tokens; of ``of``, where a head has no ten.
        reason: Why it could not be evaluated, and by which head.
    """

    expression: str
    in_a: Winner | None = None
    in_b: Winner | None = None
    flipped: bool | None = None
    shared: int | None = None
    of: int | None = None
    reason: str | None = None


@dataclass(frozen=True, eq=False)
class Sides:
    """All expressions, with the space they were evaluated in."""

    space: SpaceName
    metric: str
    each: tuple[Side, ...] = field(default=())

    @property
    def answered(self) -> list[Side]:
        """Those that both heads could evaluate."""
        return [one for one in self.each if one.reason is None]

    @property
    def flipped(self) -> int:
        """How many of them have another winner."""
        return sum(bool(one.flipped) for one in self.answered)

    def to_dict(self) -> dict[str, Any]:
        """Return the landings as one object."""
        return {
            "space": self.space,
            "metric": self.metric,
            "n": len(self.answered),
            "flipped": self.flipped,
            "each": [
                {
                    "expression": one.expression, "a": _winner(one.in_a), "b": _winner(one.in_b),
                    "flipped": one.flipped, "shared": one.shared, "of": one.of, "reason": one.reason,
                }
                for one in self.each
            ],
        }  # fmt: skip


def _winner(one: Winner | None) -> dict[str, Any] | None:
    return None if one is None else {"id": one.id, "text": one.text, "lead": one.lead, "rank_in_other": one.rank}


def check_expressions(expressions: Sequence[str]) -> tuple[str, ...]:
    """Return expressions without repetitions.

    Raises:
        OptionError: They are one text, or too many.
        ExpressionError: One of them is none.
    """
    if isinstance(expressions, str):
        raise OptionError(f"the text {expressions!r} arrived; expected a list of expressions")
    asked = tuple(dict.fromkeys(expressions))
    if len(asked) > MOST_EXPRESSIONS:
        raise OptionError(f"{len(asked):,} expressions arrived; expected at most {MOST_EXPRESSIONS:,}: split them")
    for one in asked:
        _check(one)
    return asked


def _check(expression: str) -> None:
    try:
        parse(expression)
    except ExpressionError as error:
        if repr(expression) in str(error):
            raise
        raise ExpressionError(f"in {expression!r}: {error}") from error


def read_expressions(path: str | Path) -> tuple[str, ...]:
    """Return the expressions of a UTF-8 file, one a line; empty lines and those that start with ``//`` are passed over.

    Raises:
        OptionError: There is no such file, it is too large, no text, or holds no expression.
        ExpressionError: A line is none; the error says which.
    """
    path = Path(path)
    if not path.is_file():
        what = "is a folder" if path.is_dir() else "is not there"
        raise OptionError(f"the expressions {path} {what}; expected a text file with one expression a line")
    try:
        if path.stat().st_size > LONGEST_FILE:
            raise OptionError(f"the expressions {path} take more than {LONGEST_FILE:,} bytes; split the file")
        lines = [line.strip() for line in path.read_text(encoding="utf-8-sig").splitlines()]
    except UnicodeDecodeError as error:
        raise OptionError(f"the expressions {path} are not UTF-8 text ({error.reason}); save them as UTF-8") from None
    except OSError as error:
        raise OptionError(f"the expressions {path} cannot be read: {error.strerror}; expected a text file") from None
    found = [(number, line) for number, line in enumerate(lines, 1) if line and not line.startswith("//")]
    if not found:
        raise OptionError(f"the expressions {path} hold none; expected one a line, such as sea + horse")
    for number, line in found[:MOST_EXPRESSIONS]:
        try:
            _check(line)
        except ExpressionError as error:
            raise ExpressionError(f"line {number:,} of {path}: {error}") from None
    return tuple(line for _, line in found)


def compare_landings(a: Head, b: Head, pairs: Pairs, expressions: Sequence[str], *, space: SpaceName) -> Sides:
    """Land every expression in both heads.

    Args:
        a, b: The heads.
        pairs: Which tokens of them are the same.
        expressions: What to evaluate; by `check_expressions`.
        space: Where rows are added; scores are logits, in ``whitened`` cosines.
    """
    a, b = a.in_space(space), b.in_space(space)
    reasons = {one: reason for one in expressions if (reason := _reason(a, one) or _reason(b, one))}
    asked = [one for one in expressions if one not in reasons]
    options = LandingOptions(k=FIRST, metric="cosine" if space == "whitened" else "logit", exclude_inputs=True)
    to_b = pairs.in_b()
    to_a = {token: one for one, token in to_b.items()}
    there, back = (land_many(head, asked, options, space=space) for head in (a, b))
    ranks_in_b = _ranks(b, there, back, to_b)
    ranks_in_a = _ranks(a, back, there, to_a)
    found = {
        one: _side(one, *landings, to_b, ranks)
        for one, landings, ranks in zip(
            asked, zip(there, back, strict=True), zip(ranks_in_b, ranks_in_a, strict=True), strict=True
        )
    }
    each = tuple(found[one] if one in found else Side(one, reason=reasons[one]) for one in expressions)
    return Sides(space, options.metric, each)


def _reason(head: Head, expression: str) -> str | None:
    """Why a head cannot evaluate an expression; None where it can."""
    try:
        check_direction(evaluate(head, expression))
    except GeometryError as error:
        return f"{head.name}: {error}"
    return None


def _side(
    expression: str, in_a: Landing, in_b: Landing, to_b: Mapping[int, int], ranks: tuple[int | None, int | None]
) -> Side:
    first, second = (_first(land, rank) for land, rank in zip((in_a, in_b), ranks, strict=True))
    same = first.id is not None and second.id is not None and to_b.get(first.id) == second.id
    mine = {to_b.get(one.id) for one in in_a.landings}
    shared = sum(one.id in mine for one in in_b.landings)
    return Side(
        expression, first, second, flipped=not same, shared=shared,
        of=max(len(in_a.landings), len(in_b.landings)),
    )  # fmt: skip


def _first(landing: Landing, rank: int | None) -> Winner:
    lines = landing.landings
    if not lines:
        return Winner(None, None, None, None)
    lead = lines[0].score - lines[1].score if len(lines) > 1 else None
    return Winner(lines[0].id, lines[0].text, lead, rank)


def _ranks(
    head: Head, others: Sequence[Landing], own: Sequence[Landing], to_own: Mapping[int, int]
) -> list[int | None]:
    """The place in this head of the other head's winners, by the same sums; None for what it has no row for."""
    ids = [to_own.get(other.landings[0].id, -1) if other.landings else -1 for other in others]
    asked = [i for i, token in enumerate(ids) if token >= 0]
    ranks: list[int | None] = [None] * len(ids)
    if not asked:
        return ranks
    tokens, sums = np.array([ids[i] for i in asked]), np.stack([own[i].concept.vector for i in asked])
    left_out = [own[i].concept.input_ids | variants_of(head, own[i].concept.input_ids) for i in asked]
    scores = np.array([scores_of(head, q[None, :], token[None])[0, 0] for q, token in zip(sums, tokens, strict=True)])
    found = standings(head, sums, tokens, scores, left_out, head.candidates())
    for i, above in zip(asked, found.above.tolist(), strict=True):
        ranks[i] = above + 1
    return ranks
