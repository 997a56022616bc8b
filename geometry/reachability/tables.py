"""A survey as tables: what each step settled, by kind of token, and the tokens that never come first."""

from collections.abc import Sequence

import numpy as np

from geometry.landing.record import text_of
from geometry.reachability.evidence import Evidence
from geometry.reachability.record import Count, Survey
from geometry.reachability.sampling import Sampled
from geometry.tables import Column, Table
from geometry.tokens.printable import dotted

SHOWN = 20
"""Tokens listed in a terminal; JSON and frame have all."""

MEMBERS = 2

STEP_NAMES = {
    "equal": "equal rows",
    "self": "its own direction",
    "centered": "its own, centred",
    "whitened": "its own, whitened",
    "hull": "the others' hull",
    "sphere": "bias on the sphere",
}


def survey_tables(survey: Survey) -> tuple[Table, ...]:
    """Return the counts by step, the counts by kind and, where there are any, the tokens that matter."""
    told = [one for one in survey.evidence.items() if one[1].status in ("never", "undecided")]
    found = [_steps(survey), _kinds(survey)]
    if survey.sampled is not None:
        found.append(_sample(survey, survey.sampled))
    return (*found, _tokens(survey, told)) if told else tuple(found)


def _steps(survey: Survey) -> Table:
    columns = (Column("settled by", "left"), *_count_columns())
    rows = tuple((STEP_NAMES[one.name], *_counts(one)) for one in survey.by_step())
    return Table((survey.headline(), survey.provenance()), columns, rows, (_asked(survey), *survey.notes))


def _asked(survey: Survey) -> str:
    against = f"against {survey.competing:,} rows, equal ones counted once, masked and unused ones too, as in the model"
    if survey.free:
        return f"{against}; residuals of any length" + (", with the head's bias" if survey.biased else "")
    behind = " and the head's bias" if survey.biased else ", no bias"
    return f"{against}; residuals of length √{survey.head.dim}{behind}"


def _kinds(survey: Survey) -> Table:
    columns = (Column("kind", "left"), Column("", "left"), *_count_columns())
    marks = {True: "masked", False: ""}
    rows = [(one.name, marks[bool(one.masked)], *_counts(one)) for one in survey.by_kind()]
    return Table((), columns, tuple(rows), ("masked: by the under-trained rule",))


def _count_columns() -> list[Column]:
    return [Column(name) for name in ("tokens", "reachable", "never", "undecided", "tied")]


def _counts(one: Count) -> list[str]:
    return [f"{number:,}" if number else "–" for number in (one.n, one.reachable, one.never, one.undecided, one.tied)]


def _sample(survey: Survey, sampled: Sampled) -> Table:
    """λ of the tokens that needed the hull, beside that of tokens drawn by seed and of random rows."""
    told = [
        ("by their hull", [one.distance for one in survey.evidence.values()]),
        (f"{sampled.what} drawn", sampled.tokens),
        ("random rows", sampled.random),
    ]
    columns = (Column("λ of", "left"), *map(Column, ("n", "least", "median", "most")))
    rows = [
        (name, f"{len(values):,}", *(_short(float(one)) for one in np.percentile(values, [0, 50, 100])))
        for name, values in told
        if len(values)
    ]
    note = "random rows: directions drawn by seed, each as far from the mean row as one of the tokens drawn"
    return Table((), columns, tuple(rows), (note,))


def _tokens(survey: Survey, told: Sequence[tuple[int, Evidence]]) -> Table:
    names = ("id", "λ", "gap", "lead ≤")
    columns = (
        Column("status", "left"), *map(Column, names), Column("members"),
        Column("token, in the hull of", "left"),
    )  # fmt: skip
    rows = [
        (
            one.status,
            str(token),
            _short(one.distance),
            _short(one.gap),
            _short(one.bound),
            str(len(one.ids)),
            _hull(survey, token, one),
        )
        for token, one in told[:SHOWN]
    ]
    notes = [
        "λ: distance from the hull of the others; gap: how much smaller it can be; lead ≤: no residual puts it further "
        "ahead, in logits; members: rows of the hull that prove it, the largest shares shown"
    ]
    if len(told) > SHOWN:
        notes.append(f"{len(told) - SHOWN:,} more are in to_dict() and to_frame()")
    return Table((), columns, tuple(rows), tuple(notes))


def _hull(survey: Survey, token: int, one: Evidence) -> str:
    shares = zip(one.ids[:MEMBERS].tolist(), one.weights[:MEMBERS].tolist(), strict=True)
    members = [f"{share:.2f} {dotted(text_of(survey.head, member))}" for member, share in shares]
    return f"{dotted(text_of(survey.head, token))}  ←  {'  '.join(members)}"


def _short(value: float) -> str:
    return "0" if value == 0 else f"{value:.2g}"
