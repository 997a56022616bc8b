"""An explanation as a figure: bars by term, strips along each weight, the phase diagram."""

from typing import TYPE_CHECKING

import numpy as np

from geometry.figures import (
    Cells,
    MarginBars,
    PhaseDiagram,
    Polygons,
    Stretch,
    Strip,
    Strips,
    why_figure,
)

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    import geometry.why.record
    from geometry.why.phase import Phase


MOST_STRIPS = 6
"""Weights that a figure has room for; the table has them all."""


def draw_why(why: "geometry.why.record.Why") -> "Figure":
    """Draw what each term gave the winner and its rivals, and where the winner changes."""
    name = why.winner.text.strip() or repr(why.winner.text)
    margin = f", {why.rivals[0].margin:.2g} ahead of {why.rivals[0].text.strip()}" if why.rivals else ""
    return why_figure(
        _bars(why),
        None if why.phase is None else _diagram(why.phase),
        _strips(why) if why.lines else None,
        title=f"{why.expression} lands on {name}{margin}",
        caption=why.provenance(),
    )


def _bars(why: "geometry.why.record.Why") -> MarginBars:
    ids = (why.winner.id, *(rival.id for rival in why.rivals))
    emoji = None if why.head.tokens is None else why.head.tokens.emoji
    scores = why.scores_by_part()
    return MarginBars(
        title="What each term gave",
        labels=(why.winner.text, *(rival.text for rival in why.rivals)),
        names=tuple("" if emoji is None or token not in emoji else emoji[token].name for token in ids),
        terms=(*why.labels, "bias"),
        values=scores,
        totals=scores.sum(axis=1),
        unit="q·w" if why.space == "raw" else "logit",
    )


def _strips(why: "geometry.why.record.Why") -> Strips:
    low = min(line.window[0] for line in why.lines)
    high = max(line.window[1] for line in why.lines)
    strips = []
    for line in why.lines[:MOST_STRIPS]:
        stretches = tuple(
            Stretch(-np.inf if one.start is None else one.start, np.inf if one.stop is None else one.stop, one.text)
            for one in line.stretches
        )
        strips.append(Strip(line.term, stretches, line.weight))
    more = f" (the first {MOST_STRIPS} of {len(why.lines)})" if len(why.lines) > MOST_STRIPS else ""
    return Strips(f"Who wins as one weight moves{more}", tuple(strips), (low, high))


def _diagram(phase: "Phase") -> PhaseDiagram:
    cover: Polygons | Cells
    if phase.grid is None:
        cover = Polygons(phase.polygons, phase.planes)
    else:
        cover = Cells(phase.grid, (phase.window[1] - phase.window[0]) / (len(phase.grid) - 1), phase.leads)
    over = "proportions" if phase.shape == "ternary" else "weights"
    return PhaseDiagram(
        title=f"Who wins at which {over}",
        terms=phase.terms,
        labels=phase.texts,
        cover=cover,
        window=(*phase.window, *phase.window),
        point=None if phase.at is None else np.array(phase.at),
        point_label="this sum",
    )
