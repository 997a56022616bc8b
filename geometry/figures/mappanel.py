"""What a map draws: tokens on a plane, and over them what is no token."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float64

from geometry.figures.mapside import LegendLine, SumLines

__all__ = ["LegendLine", "MapPanel", "SumLines", "SumMark", "Trail"]


@dataclass(frozen=True, eq=False)
class Trail:
    """A path over the map: one point a step, in order.

    Attributes:
        name: What it is of.
        points: (steps, 2).
        labels: What stands at each step; an empty one is left out.
    """

    name: str
    points: Float64[np.ndarray, "steps 2"]
    labels: tuple[str, ...]


@dataclass(frozen=True, eq=False)
class SumMark:
    """A sum on the map: a diamond, linked to where it lands and to its terms.

    Attributes:
        name: What stands at it.
        point: Where it lies.
        winner: The place among the points that it lands on; None where that is not on the map.
        terms: The places of its terms.
        near: The places of what is nearest to it, which are ringed.
    """

    name: str
    point: tuple[float, float]
    winner: int | None = None
    terms: tuple[int, ...] = ()
    near: tuple[int, ...] = ()


@dataclass(frozen=True, eq=False)
class MapPanel:
    """Tokens and what is drawn over them.

    Attributes:
        title: The finding.
        emoji: Each token's text; what is no emoji is written where there is room, and else a dot.
        points: (emoji, 2).
        trails: Paths.
        marks: Single points by name, such as a sum.
        said: Emoji that are drawn larger: those that a path ends at or a sum lands on.
        axes_names: What the two axes are, with their shares of variance.
        colors: Of each token's group; by default none.
        names: Places and names that are written beside them while there is room, the most important first.
        sums: Sums, with their links.
        legend_title, legend, lines, notes: What the column beside the map tells of groups, of sums, and besides; where
            there is nothing to tell there is no column.
        equal: Both axes have one scale.
    """

    title: str
    emoji: tuple[str, ...]
    points: Float64[np.ndarray, "emoji 2"]
    trails: tuple[Trail, ...] = ()
    marks: tuple[tuple[str, tuple[float, float]], ...] = ()
    said: tuple[str, ...] = ()
    axes_names: tuple[str, str] = ("", "")
    colors: tuple[str, ...] = ()
    names: tuple[tuple[int, str], ...] = ()
    sums: tuple[SumMark, ...] = ()
    legend: tuple[LegendLine, ...] = ()
    legend_title: str = ""
    lines: tuple[SumLines, ...] = ()
    notes: tuple[str, ...] = ()
    equal: bool = False
