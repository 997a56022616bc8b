"""An explanation in tables: the margins, where the winner changes, the cascade, the vacancy."""

from collections.abc import Iterator
from math import degrees
from typing import TYPE_CHECKING

from geometry.tables import Column, Table
from geometry.tokens.printable import dotted
from geometry.why.steps import CANNOT_TELL, step_line

if TYPE_CHECKING:
    import geometry.why.record
    from geometry.why.phase import Line, Phase

MOST_TERMS = 3
"""Terms that have a column of their own; of more, those that matter least share one."""

MOST_REGIONS = 8

MOST_STRETCHES = 9
"""Stretches of a weight that are told, those around the sum's own."""


def why_tables(why: "geometry.why.record.Why") -> Iterator[Table]:
    """Yield the tables, the margins first."""
    yield _margins(why)
    if why.lines:
        yield _breakpoints(why)
    yield _elsewhere(why)
    if why.vacancy is not None:
        yield why.vacancy.table()


def _margins(why: "geometry.why.record.Why") -> Table:
    ranked = sorted(why.labels, key=lambda label: -max((abs(r.by_term[label]) for r in why.rivals), default=0.0))
    own = [label for label in why.labels if label in ranked[:MOST_TERMS]]
    others = [label for label in why.labels if label not in own]
    has_bias = why.winner.by_bias != 0 or any(rival.by_bias for rival in why.rivals)
    columns = [Column("margin"), *map(Column, own), *[Column("others")] * bool(others)]
    columns += [*[Column("bias")] * has_bias, Column("mean"), Column("norm"), Column("angle"), Column("flip")]
    columns += [Column("win"), Column("over", "left")]
    rows = []
    for rival in why.rivals:
        cells = [f"{rival.margin:.3g}", *(f"{rival.by_term[label]:+.2f}" for label in own)]
        cells += [f"{sum(rival.by_term[label] for label in others):+.2f}"] * bool(others)
        cells += [f"{rival.by_bias:+.2f}"] * has_bias
        cells += [f"{value:+.2f}" for value in (rival.by_mean, rival.by_norm, rival.by_angle)]
        cells += [_angle(rival.flip_angle), _angle(rival.win_angle), dotted(rival.text)]
        rows.append(tuple(cells))
    parts = [f"{label} {value:+.2f}" for label, value in why.winner.by_term.items()]
    parts += [f"bias {why.winner.by_bias:+.2f}"] * has_bias
    title = (
        f"{why.expression}  →  {why.winner.text.strip() or repr(why.winner.text)}",
        why.provenance(),
        f"score {why.winner.score:.4g} = {' '.join(parts)}",
    )
    notes = (
        "margin = the terms and bias = mean, norm, angle and bias; flip, win: how far the residual has to turn until "
        "that one is level with the winner, or wins over all",
    )
    return Table(title, tuple(columns), tuple(rows), notes)


def _breakpoints(why: "geometry.why.record.Why") -> Table:
    rows = tuple((line.term, f"{line.weight:g}", _stretches(line)) for line in why.lines)
    numerical = any(line.numerical for line in why.lines)
    low, high = why.lines[0].window
    how = f"found numerically from {low:g} to {high:g}" if numerical else "in closed form over all weights"
    columns = (Column("term", "left"), Column("weight"), Column("who wins up to which weight", "left"))
    return Table((f"Where the winner changes as one weight moves, {how}",), columns, rows)


def _stretches(line: "Line") -> str:
    """Say who wins where, as `🐠 0.31 🐴 1.2 🎠`: the numbers are where one gives way to the next."""
    here = next(
        (i for i, one in enumerate(line.stretches) if one.stop is None or line.weight <= one.stop),
        len(line.stretches) - 1,
    )
    first = max(0, min(here - MOST_STRETCHES // 2, len(line.stretches) - MOST_STRETCHES))
    told = line.stretches[first : first + MOST_STRETCHES]
    pieces = ["…"] * (first > 0)
    for one in told:
        pieces.append(dotted(one.text.strip() or one.text))
        if one.stop is not None:
            pieces.append(f"{one.stop:.2f}")
    return " ".join([*pieces, *["…"] * (first + len(told) < len(line.stretches))])


def _elsewhere(why: "geometry.why.record.Why") -> Table:
    """What else would win: as winners go, as weights move, token by token."""
    rows = []
    if why.cascade:
        names = "  ".join(dotted(step.text.strip() or step.text) for step in why.cascade)
        rows.append(("cascade: each winner's family deleted before the next", names))
    if why.phase is not None:
        rows.append((_phase_title(why.phase), _phase_shares(why.phase)))
    for step in why.spelling:
        rows.append(
            (
                f"step {step.step}: {step.written or 'nothing'} is written, so many tokens can follow: {step.of:,}",
                step_line(step),
            )
        )
    notes = (CANNOT_TELL,) if why.spelling else ()
    return Table((), (Column("what else", "left"), Column("wins", "left")), tuple(rows), (*notes, *why.notes))


def _phase_title(phase: "Phase") -> str:
    over = "proportions" if phase.shape == "ternary" else f"weights {phase.window[0]:g} to {phase.window[1]:g}"
    how = "" if phase.grid is None else ", numerical"
    strips = f" ({phase.degenerate}: its regions are strips)" if phase.degenerate else ""
    return f"phase diagram, all {over} of {', '.join(phase.terms)}{how}{strips}"


def _phase_shares(phase: "Phase") -> str:
    told = list(zip(phase.texts, phase.shares, strict=True))[:MOST_REGIONS]
    more = f" and {len(phase.ids) - len(told)} more" if len(phase.ids) > len(told) else ""
    return ", ".join(f"{dotted(text.strip() or text)} {share:.0%}" for text, share in told) + more


def _angle(value: float | None) -> str:
    return "–" if value is None else f"{degrees(value):.1f}°"
