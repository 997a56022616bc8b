"""A census as a figure: every measure beside its baselines, with intervals."""

from typing import TYPE_CHECKING

import numpy as np

from geometry.figures import Intervals, Measure, intervals
from geometry.intervals import Figure
from geometry.recall.measures import MEASURES

if TYPE_CHECKING:
    import matplotlib.figure

    import geometry.recall.record


def draw_census(census: "geometry.recall.record.Census") -> "matplotlib.figure.Figure":
    """Draw the full question beside its baselines, and recall@1 by group below."""
    full = "name + emoji" if census.among == "emoji" else "its parts"
    ways = {full: census.own, **census.baselines}
    shown = [key for key in MEASURES if getattr(census.own, key) is not None]
    measures = []
    for key in shown:
        column = [getattr(one, key) for one in ways.values()]
        if key == "recall_at_1":
            column += [one.recall_at_1 for one in census.by_group]
        else:
            column += [None] * len(census.by_group)
        measures.append(_measure(MEASURES[key] if key != "same_subgroup" else "vacated: subgroup", column))
    groups = ["the question", *["baseline"] * len(census.baselines), *["by group"] * len(census.by_group)]
    labels = [*ways, *(f"{one.group} ({one.n})" for one in census.by_group)]
    return intervals(
        Intervals(census.headline(), tuple(labels), tuple(groups), tuple(measures)), caption=census.provenance(),
        width=3.2 + 2.0 * len(shown),
    )  # fmt: skip


def _measure(name: str, column: list[Figure | None]) -> Measure:
    known = [(np.nan,) * 3 if one is None else (one.value, one.low, one.high) for one in column]
    values, lows, highs = np.array(known, dtype=np.float64).T
    return Measure(name, values, lows, highs)
