"""The loop as tables of text: what was said, the arms, the layers, the margins."""

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

import numpy as np

from geometry.live.record import shown
from geometry.retry.arms import Arm
from geometry.tables import Column, Table
from geometry.tokens.printable import dotted

if TYPE_CHECKING:
    from geometry.retry.reading import Layer, Snap
    from geometry.retry.record import ArmSummary, Attempt, Retry

MOST_LAYERS = 9
"""Layers of which a terminal shows what they read as; the record has them all."""

MOST_RIVALS = 3
MOST_TERMS = 5
SHOWN_TEXT = 60
"""Characters of an attempt that are shown; what is left out is its beginning."""

ARM_WORDS = {
    Arm.OWN: "what it said itself",
    Arm.OTHER: "the same with another emoji of the said one's subgroup",
    Arm.FRESH: "nothing, so that every try is a new sample",
}


def retry_tables(retry: "Retry") -> Iterator[Table]:
    """Yield the tables of a record, the transcript first."""
    yield _transcript(retry)
    if len(retry.arms) > 1 or retry.arms[0].runs > 1:
        yield _arms(retry)
    if retry.of(Arm.OWN)[0].layers:
        yield _layers(retry)
    yield _margins(retry)


def wrote(attempt: "Attempt", most: int = SHOWN_TEXT) -> str:
    """Return what an attempt wrote, its beginning left out where it is long."""
    text = "".join(attempt.text)
    if not text:
        return "(nothing)"
    return dotted(text if len(text) <= most else f"…{text[-most:]}")


def _transcript(retry: "Retry") -> Table:
    columns = (*map(Column, ("try", "tokens", "P", "moved", "|x−x′|")), Column("end", "left"), Column("wrote", "left"))
    rows = []
    for one in retry.of(Arm.OWN):
        far = one.moved
        rows.append(
            (
                str(one.step),
                str(len(one.ids)),
                shown(one.probability),
                "–" if far is None else f"{far.degrees:.1f}°",
                "–" if far is None else f"{far.distance:.2f}",
                "" if one.end is None else one.end.value + (f": {one.phrase}" if one.phrase else ""),
                wrote(one),
            )
        )
    runs = next(arm.runs for arm in retry.arms if arm.arm is Arm.OWN)
    of = f"; run 1 of {runs}" if runs > 1 else ""
    notes = (
        "P: of the emoji as it was spelt; without one, of the token that stopped the text, or else of the first; "
        "moved: angle between the residuals that said its first token, after the final norm, this try's and the last "
        f"one's{of}",
    )
    return Table((retry.headline(), retry.provenance()), columns, tuple(rows), notes)


def _arms(retry: "Retry") -> Table:
    columns = (
        Column("arm", "left"),
        *map(Column, ("T", "runs", "said", "kinds", "2nd", "again", "kept", "moved")),
        Column("ends", "left"),
        Column("run 1", "left"),
    )
    arms = "; ".join(f"{one.arm.value}: {ARM_WORDS[one.arm]}" for one in retry.arms)
    notes = (
        f"before the next try stands, {arms}",
        "said: emoji a run; kinds: different ones over all runs; 2nd: runs with a second emoji; again, kept: of "
        "those, with the first one again, and with one of its subgroup; moved: mean angle from the first try's "
        "residual to the second's",
        *retry.notes,
    )
    return Table(("What is fed back, compared",), columns, tuple(_arm(retry, one) for one in retry.arms), notes)


def _arm(retry: "Retry", one: "ArmSummary") -> tuple[str, ...]:
    return (
        one.arm.value,
        f"{one.temperature:g}",
        str(one.runs),
        f"{one.said:.1f}",
        str(one.distinct),
        str(one.second),
        str(one.again),
        str(one.kept),
        "–" if one.degrees is None else f"{one.degrees:.1f}°",
        ends_of(one),
        " ".join(attempt.emoji.text for attempt in retry.of(one.arm) if attempt.emoji is not None),
    )


def ends_of(arm: "ArmSummary") -> str:
    """Return how often each end came, the commonest first."""
    order = sorted(arm.ends.items(), key=lambda item: (-item[1], item[0].name))
    return ", ".join(f"{end.value} ×{count}" for end, count in order)


def _layers(retry: "Retry") -> Table:
    columns = (Column("try"), Column("layer"), Column("reads as, where its first token was said", "left"))
    rows = []
    for one in retry.of(Arm.OWN):
        told = shown_layers(len(one.layers))
        for place, number in enumerate(told):
            rows.append((str(one.step) if place == 0 else "", str(number), _reads(one.layers[number])))
        if one.layers_last:
            rows.append(("", "last", f"at its last token: {_reads(one.layers_last[-1])}"))
    return Table(("The logit lens, each layer normed by its own scale",), columns, tuple(rows))


def shown_layers(layers: int, most: int = MOST_LAYERS) -> list[int]:
    """Return which layers are shown: the first, the last, and some between at equal steps."""
    return sorted({round(float(at)) for at in np.linspace(0, layers - 1, min(layers, most))})


def _reads(layer: "Layer") -> str:
    return "  ".join(f"{dotted(top.text)} {top.probability:.2f}" for top in layer.top)


def _margins(retry: "Retry") -> Table:
    own = retry.of(Arm.OWN)
    labels = list(own[0].snap.weights)[:MOST_TERMS]
    others = len(own[0].snap.weights) > MOST_TERMS
    biased = any(rival.by_bias for one in own for rival in one.snap.rivals)
    concept = retry.options.concept
    names = [*labels, *["others"] * others, *["rest"] * bool(concept), *["bias"] * biased, *["sum"] * bool(concept)]
    columns = (Column("try"), Column("margin"), *map(Column, names), Column("said, over", "left"))
    rows = []
    told = [(step, snap) for one in own for step, snap in ((str(one.step), one.snap), ("last", one.snap_last)) if snap]
    for step, snap in told:
        for place, rival in enumerate(snap.rivals[:MOST_RIVALS]):
            cells = [f"{rival.by_term[label]:+.2f}" for label in labels]
            cells += [f"{sum(v for k, v in rival.by_term.items() if k not in labels):+.2f}"] * others
            cells += [f"{rival.rest:+.2f}"] * bool(concept)
            cells += [f"{rival.by_bias:+.2f}"] * biased
            cells += ["–" if rival.composite is None else f"{rival.composite['margin']:+.2f}"] * bool(concept)
            pair = f"{dotted(snap.text)} over {dotted(rival.text)}"
            rows.append((step if place == 0 else "", f"{rival.margin:+.2f}", *cells, pair))
    title = "Why it was said: how far ahead of the likeliest others"
    return Table((f"{title}, by term" if concept else title,), columns, tuple(rows), tuple(_margin_notes(retry)))


def _shares(snaps: "Iterable[Snap | None]") -> str:
    return " ".join(f"{snap.share:.2f}" for snap in snaps if snap is not None and snap.share is not None)


def _margin_notes(retry: "Retry") -> Iterator[str]:
    yield "margin: logits before the head's scale and cap" + ("" if retry.options.concept is None else (
        " = the terms' parts of the residual (least squares), the rest of it and the bias; sum: the margin that "
        f"{retry.options.concept} has by itself, – where a token is one of its inputs"
    ))  # fmt: skip
    if retry.options.concept is not None:
        own = retry.of(Arm.OWN)
        first, last = _shares(one.snap for one in own), _shares(one.snap_last for one in own)
        where = f" where the first token was said, {last} where the last was" if last else ""
        yield (
            f"share of the residual in the span of the terms, try by try: {first}{where}; by itself the sum lands "
            f"on {dotted(retry.concept_winner or '')}"
        )
    if len(retry.arms) == 1 and retry.arms[0].runs == 1:
        yield from retry.notes
