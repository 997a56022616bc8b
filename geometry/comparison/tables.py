"""A comparison as tables of 100 columns."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

from geometry.comparison.alignment import Spread, spread
from geometry.comparison.drift import MEASURES, OTHER_EMOJI
from geometry.comparison.sides import Side, Winner
from geometry.intervals import Figure
from geometry.landing.record import text_of
from geometry.tables import Column, Table
from geometry.tokens.printable import dotted

if TYPE_CHECKING:
    import geometry.comparison.record

FEW = 10
"""Fewer items than this have no interval worth printing."""


def comparison_tables(found: "geometry.comparison.record.Comparison") -> tuple[Table, ...]:
    """Return the tables of a comparison, the ones that are empty left out."""
    return tuple(
        table
        for table in (_likeness(found), _sets(found), _moved(found), _sides(found))
        if table.rows or table.title or table.notes
    )


def _likeness(found: "geometry.comparison.record.Comparison") -> Table:
    near, kernel = found.neighbours, found.kernel
    rows = [
        ("linear CKA of all rows", f"{kernel.cka:.4f}", f"{kernel.chance:.4f}", ""),
        (
            f"{near.k} nearest: |∩| / |∪|", f"{near.jaccard.value:.3f}", f"{near.chance:.4f}",
            _share(near.jaccard, near.n),
        ),
        *(
            (f"  {kind.replace('_', ' ')}", f"{one.jaccard.value:.3f}", "", _share(one.jaccard, one.n))
            for kind, one in near.by_kind.items()
            if len(near.by_kind) > 1
        ),
    ]  # fmt: skip
    if found.figures is not None:
        rows.append(("cosine similarity, as they are", *_spread(spread(found.figures.cosine_before))))
    if found.alignment is not None:
        one = found.alignment
        rows += [
            ("  aligned: AQ against B", *_spread(one.cosine, one.cosine_permuted)),
            (f"  fitted on {one.fitted:,}, the rest", *_spread(one.cosine_held_out)),
            ("left over: ‖sAQ − B‖² / ‖B‖²", _small(one.residual), _small(one.residual_permuted),
             f"the rest {_small(one.residual_held_out)}; s {one.scale:.4f}; turn {_small(one.turn)}"),
        ]  # fmt: skip
    columns = (Column("rows, centred", "left"), Column("value"), Column("permuted"), Column("spread", "left"))
    notes = (_matched(found), *_freedom(found), *found.notes)
    return Table((found.headline(), *found.provenance()), columns, tuple(rows), notes)


def _matched(found: "geometry.comparison.record.Comparison") -> str:
    pairs = found.pairs
    kinds = ", ".join(f"{count:,} {kind.replace('_', ' ')}" for kind, count in pairs.by_kind().items())
    only = ", ".join(
        f"{sum(one.values()):,} only in {side}" for side, one in (("A", pairs.only_a), ("B", pairs.only_b))
    )
    by = "equal bytes" if pairs.by_bytes else "equal ids"
    return f"matched by {by}: {len(pairs):,} ({kinds}); real rows without a partner: {only}"


def _freedom(found: "geometry.comparison.record.Comparison") -> tuple[str, ...]:
    if found.alignment is None:
        return ()
    free = found.alignment.freedom
    worth = "mind the rest and the permuted" if free > 0.1 * found.a.dim else "too few to fit just anything"
    return (
        f"Q, orthogonal, has {free:,.1f} free numbers a token, whose rows have {found.a.dim:,}: {worth}. permuted: the "
        "tokens of B dealt out again, a new Q fitted and judged on the same tokens; of CKA and neighbours the mean, "
        "exactly. s: what lengths are multiplied by; turn: ‖Q − I‖/2√d",
    )


def _sets(found: "geometry.comparison.record.Comparison") -> Table:
    rows = []
    for one in found.sets:
        names = iter((f"{one.name} ({one.n:,})", f"  against {one.against.replace(' and ', ', ')}"))
        rows += [
            (
                next(names, ""), measure, _thousandths(test.mean), _thousandths(test.controls),
                _interval(test.difference, one.n), _p(test.p), _p(test.q),
            )
            for measure, test in one.tests.items()
        ]  # fmt: skip
    columns = [Column("drift × 1,000", "left"), Column("measure", "left"), Column("mean"), Column("controls")]
    columns += [Column("difference", "left"), Column("p"), Column("q")]
    return Table((), tuple(columns) if rows else (), tuple(rows), tuple(_set_notes(found)))


def _set_notes(found: "geometry.comparison.record.Comparison") -> Iterator[str]:
    if not found.sets:
        return
    yield "; ".join(f"{name}: {what}" for name, what in MEASURES.items() if name in found.measures)
    apart = [
        f"{one.name} {one.each} a token, {one.gap[0]:.0%} and {one.gap[1]:.0%}"
        + (" (of other emoji)" if one.against == OTHER_EMOJI else "")
        + (f", {one.unmatched:,} without" if one.unmatched else "")
        for one in found.sets
    ]
    yield (
        "controls, and how many hundredths of all that could be one lie between item and control, in row length and "
        f"merge rank of A: {'; '.join(apart)}"
    )
    poor = [one.name for one in found.sets if not one.well_matched]
    if poor:
        yield (
            f"not matched as controls should be: {', '.join(dict.fromkeys(poor))}. Too few other tokens have rows as "
            "long, at such ranks, and a difference may be that of length and frequency"
        )
    yield (
        "p: each item changes places with one of its controls, at random; two-sided, tokens counted as independent; "
        "brackets resample families of emoji, of ten tokens and more; q: false discovery rate over this table "
        "(Benjamini–Hochberg)"
    )


def _moved(found: "geometry.comparison.record.Comparison") -> Table:
    drift, ratio = found.drift, found.ratio
    if drift is None or ratio is None:
        return Table((), (), ())
    rows = [
        (
            str(rank), _small(float(drift[place])), _small(float(found.measures["before"][place])),
            f"{float(ratio[place]):.4f}", str(found.pairs.kinds[place]).replace("_", " "),
            dotted(text_of(found.a, int(found.pairs.a[place]))),
        )
        for rank, place in enumerate(found.moved().tolist(), 1)
    ]  # fmt: skip
    if not rows:
        return Table((), (), (), ("no row moved by more than rounding makes",))
    columns = [Column("moved"), Column("drift"), Column("before"), Column("length B/A"), Column("kind", "left")]
    return Table((), (*columns, Column("token", "left")), tuple(rows))


def _sides(found: "geometry.comparison.record.Comparison") -> Table:
    sides = found.sides
    rows = tuple(_side(one) for one in sides.answered)
    columns = (
        Column("sum", "left"), Column("A's in B"), Column("B's in A"), Column("shared"), Column("A → B", "left"),
    )  # fmt: skip
    notes = []
    if rows:
        notes.append(
            f"landings in space {sides.space}, metric {sides.metric}, without inputs and their variants: "
            f"{sides.flipped} of {len(rows)} winners flipped; A's in B: the rank that A's winner has there; shared: of "
            "the first ten"
        )
    notes += [f"{one.expression}: {one.reason}" for one in sides.each if one.reason is not None]
    return Table((), columns if rows else (), rows, tuple(notes))


def _side(one: Side) -> tuple[str, ...]:
    assert one.in_a is not None
    assert one.in_b is not None
    texts = [dotted(side.text) if side.text is not None else "nothing" for side in (one.in_a, one.in_b)]
    return (
        one.expression, _rank(one.in_a), _rank(one.in_b), f"{one.shared} of {one.of}",
        " → ".join(texts) if one.flipped else f"= {texts[0]}",
    )  # fmt: skip


def _rank(one: Winner) -> str:
    return "–" if one.rank is None else f"{one.rank:,}"


def _spread(one: Spread, permuted: Spread | None = None) -> tuple[str, str, str]:
    chance = "" if permuted is None else f"{permuted.mean:.4f}"
    return f"{one.mean:.4f}", chance, f"5% {one.low:.4f}, median {one.median:.4f}, 95% {one.high:.4f}"


def _share(one: Figure, n: int) -> str:
    """The interval of a mean over n tokens."""
    return "one token" if n == 1 else f"95% [{one.low:.3f} {one.high:.3f}], {n:,} tokens"


def _small(value: float) -> str:
    """Three digits, whatever the size."""
    if value == 0:
        return "0"
    if abs(value) >= 999.5:
        return f"{value:,.0f}"
    return f"{value:.2e}" if abs(value) < 0.001 else f"{value:#.3g}".rstrip(".")


def _thousandths(value: float) -> str:
    return _small(1_000 * value)


def _brief(value: float) -> str:
    """Thousandths in two digits."""
    if abs(value) >= 0.0995:
        return f"{1_000 * value:.0f}"
    return f"{1_000 * value:#.2g}".rstrip(".") if abs(value) >= 1e-6 else "0"


def _interval(one: Figure, n: int) -> str:
    """A difference with its interval, in thousandths; with none of so few items that it would say nothing."""
    sign = "+" if one.value > 0 else ""
    inside = "" if n < FEW or one.low == one.high else f" [{_brief(one.low)} {_brief(one.high)}]"
    return f"{sign}{_thousandths(one.value)}{inside}"


def _p(value: float) -> str:
    return f"{value:.4f}"
