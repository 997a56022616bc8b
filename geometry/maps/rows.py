"""Which tokens a map shows, and their rows at unit length."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float64, Int64

from geometry.choices import Among, Metric
from geometry.concepts import Concept, residual
from geometry.errors import OptionError
from geometry.head import Head
from geometry.hubness.forms import dot_pairs, form_of, head_answers
from geometry.hubness.question import Answers
from geometry.linalg import unit
from geometry.search import neighbors

MOST_POINTS = 50_000
MOST_SUMS = 1_000
FEWEST_POINTS = 4
"""A plane through three points shows nothing: all three are each other's nearest."""

HELD_NUMBERS = 2**25
"""Rows of so many numbers in all (256 MiB) are kept in memory; of more, each part is made when it is needed."""


@dataclass(frozen=True, eq=False)
class Chosen:
    """The tokens of a map.

    Attributes:
        ids: ascending.
        place_of: where each id stands among them; an emoji's other spellings stand where the shown one does.
        notes: what a reader should know of the choice.
    """

    ids: Int64[np.ndarray, " points"]
    place_of: dict[int, int]
    notes: tuple[str, ...]


def metric_in(head: Head) -> Metric:
    """Return what sums are ranked by in the head's space: ``logit``, in ``whitened`` cosine similarity."""
    return "cosine" if head.space.name == "whitened" else "logit"


def choose(
    head: Head, concepts: Sequence[Concept], *, among: Among, around: int | None, keep_undertrained: bool
) -> Chosen:
    """Choose the tokens: all candidates, or those that rank first for any of the concepts and the terms themselves.

    Args:
        head: in the space wanted.
        concepts: what the neighbourhood is of.
        among: candidates; of ``emoji`` one for each, the one that an expression would mean.
        around: how many for each concept, by the metric of :func:`metric_in`; None for all candidates.
        keep_undertrained: masked rows too.

    Raises:
        OptionError: there are too few or too many, or ``around`` came without a concept.
    """
    allowed = head.candidates(among, keep_undertrained=keep_undertrained)
    shown_for: dict[int, int] = {}
    if among == "emoji":
        shown_for = _one_an_emoji(head, np.flatnonzero(allowed).tolist())
        allowed[:] = False
        allowed[list(set(shown_for.values()))] = True
    notes: list[str] = []
    if around is None:
        ids = np.flatnonzero(allowed).astype(np.int64)
    else:
        ids, notes = _around(head, concepts, allowed, around)
    _check_count(head, len(ids), among, around)
    places = {int(token): place for place, token in enumerate(ids.tolist())}
    for token, shown in shown_for.items():
        if shown in places:
            places.setdefault(token, places[shown])
    return Chosen(ids, places, tuple(notes))


def _one_an_emoji(head: Head, ids: list[int]) -> dict[int, int]:
    """Return for every whole-emoji row the row that is shown: the one that an expression with the emoji means."""
    tokens = head.words()
    spelt: dict[str, list[int]] = {}
    for token in ids:
        spelt.setdefault(tokens.emoji[token].text, []).append(token)
    shown = {}
    for text, same in spelt.items():
        meant = tokens.emoji_ids(text) if len(same) > 1 else ()
        first = meant[0] if len(meant) == 1 and meant[0] in same else same[0]
        shown.update(dict.fromkeys(same, first))
    return shown


def _around(
    head: Head, concepts: Sequence[Concept], allowed: Bool[np.ndarray, " vocab"], around: int
) -> tuple[Int64[np.ndarray, " points"], list[str]]:
    """The rows that rank first for each concept, and the terms' own."""
    if isinstance(around, bool) or not isinstance(around, int) or not 1 <= around <= MOST_POINTS:
        raise OptionError(f"around={around!r} arrived; expected 1 to {MOST_POINTS:,} nearest tokens for each sum")
    if not concepts:
        raise OptionError(f"around={around} arrived without an expression; say what it is to be around")
    metric = metric_in(head)
    asked = [residual(head, one) if metric == "logit" and head.space.name != "raw" else one.vector for one in concepts]
    found = neighbors(head, np.stack(asked), around, metric=metric, allowed=allowed)
    terms = [term for one in concepts for term in one.terms]
    own = {term.ids[0] for term in terms if len(term.ids) == 1}
    ids = np.unique(np.concatenate([*(one.ids for one in found), np.array(sorted(own), dtype=np.int64)]))
    extra = len(own - {int(token) for one in found for token in one.ids})
    notes = [f"shown are the {around:,} candidates that rank first by {metric} for each sum, and the terms' own rows"]
    if extra:
        notes[0] += f" ({extra} of them {'was' if extra == 1 else 'were'} no such candidate)"
    pieced = list(dict.fromkeys(term.label for term in terms if len(term.ids) > 1))
    if pieced:
        notes.append(f"no single token, hence no point of its own: {', '.join(pieced)}")
    return ids.astype(np.int64), notes


def _check_count(head: Head, count: int, among: Among, around: int | None) -> None:
    what = {"emoji": "whole emoji", "words": "words", "all": "tokens"}[among]
    if count < FEWEST_POINTS:
        where = f"{head.name} has {count} {what} to map" if around is None else f"around={around} gives {count} points"
        raise OptionError(
            f"{where}; expected at least {FEWEST_POINTS}: take another --among, a larger --around or a head that has "
            "more of them"
        )
    if count > MOST_POINTS:
        raise OptionError(
            f"{count:,} {what} of {head.name} arrived; a map shows at most {MOST_POINTS:,}: take --among emoji, or "
            "--around N with an expression"
        )


def unit_rows(head: Head, ids: Int64[np.ndarray, " points"]) -> Answers:
    """Return these rows of the head's space at unit length, as what may be nearest; a zero row stays zero."""
    if len(ids) * head.dim > HELD_NUMBERS:
        return head_answers(head, ids, form_of("cosine", head.norms[ids], dim=head.dim))
    rows = unit(head.space.apply(head.opened.matrix.rows(ids)))
    return answers_of(rows)


def answers_of(rows: Float64[np.ndarray, "points dim"]) -> Answers:
    """Return rows that are held in memory as what may be nearest, by their products."""
    return Answers(
        dim=rows.shape[1],
        part=lambda start, stop: rows[start:stop],
        pick=lambda places: rows[places],
        lengths=np.linalg.norm(rows, axis=1),
        shift=np.zeros(len(rows)),
        pair=dot_pairs,
    )
