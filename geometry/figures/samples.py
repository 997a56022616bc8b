"""How several samples are spread over one scale, and where single things lie on it."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from jaxtyping import Float64

from geometry.figures.colors import INK, series_color
from geometry.figures.labels import LEGEND_LINE, Key, LineStyle, draw_legend, draw_nothing, legend_lines
from geometry.figures.page import AXIS, SMALL, house_style, open_page, size_of
from geometry.figures.pictures import draw_sprite
from geometry.figures.text import fit, picture, shown, token_text, width_of

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

LEFT, FOOT, BODY_HEIGHT = 0.6, 0.46, 3.2

MARKS = 0.42
"""Inches above the axes that the marks' labels take."""

_PICTURE, _WIDEST_MARK, _BETWEEN = 0.22, 2.0, 0.1
_DASHES: tuple[LineStyle, ...] = ("-", (0, (5.0, 1.5)), (0, (1.5, 1.2)), (0, (6.0, 1.5, 1.5, 1.5)))


@dataclass(frozen=True, eq=False)
class Sample:
    """A named sample; values that are not finite are left out and its name says how many remain."""

    name: str
    values: Float64[np.ndarray, " n"]


@dataclass(frozen=True)
class Mark:
    """One thing's place on the scale: an emoji's picture or a word."""

    label: str
    value: float


@dataclass(frozen=True, eq=False)
class Distributions:
    """Samples and marks over one scale.

    Attributes:
        title: the finding.
        samples: each drawn as its cumulative share.
        marks: single values, each a line with its label above.
        scale: what the values are, with their unit.
    """

    title: str
    samples: tuple[Sample, ...]
    marks: tuple[Mark, ...] = ()
    scale: str = "score"


def distributions(panel: Distributions, *, caption: str = "", width: float = 7.4) -> "Figure":
    """Draw each sample as the share of it at or below a value.

    Args:
        panel: what to draw.
        caption: head, fingerprint, space, seed and version, for the corner.
        width: of the figure in inches.
    """
    with house_style():
        room = width - 0.6 - LEFT
        keys = sample_keys(panel)
        above = MARKS if panel.marks else 0.0
        head = 0.16 + LEGEND_LINE * len(legend_lines(keys, room)) + above
        page = open_page(panel.title, caption, width=width, body=head + BODY_HEIGHT + FOOT)
        axes = page.axes(LEFT, FOOT, room, BODY_HEIGHT)
        draw_distributions(axes, panel)
        draw_legend(axes, keys, above=0.1 + above)
    return page.figure


def draw_distributions(axes: "Axes", panel: Distributions) -> None:
    """Draw on axes that have room for their scales, `LEFT` and `FOOT`, and above for the marks' labels."""
    if not any(np.isfinite(sample.values).any() for sample in panel.samples):
        draw_nothing(axes, "no values")
        return
    low, high = _window(panel)
    axes.set_xlim(low, high)
    axes.set_ylim(0.0, 1.0)
    axes.grid()
    for index, sample in enumerate(panel.samples):
        values = np.sort(sample.values[np.isfinite(sample.values)])
        if not len(values):
            continue
        x = np.concatenate([[low], values, [high]])
        y = np.concatenate([[0.0], np.arange(1, len(values) + 1) / len(values), [1.0]])
        axes.step(x, y, where="post", color=series_color(index), linestyle=_DASHES[index % 4], linewidth=1.8, zorder=3)
    axes.set_xlabel(fit(shown(panel.scale), size_of(axes)[0], AXIS))
    axes.set_ylabel("share at or below")
    widest = _widest_mark(panel, size_of(axes)[0])
    for mark, place in zip(panel.marks, _mark_places(panel, size_of(axes)[0], widest), strict=True):
        _draw_mark(axes, mark, place, widest)


def _window(panel: Distributions) -> tuple[float, float]:
    values = np.concatenate([*(sample.values for sample in panel.samples), [mark.value for mark in panel.marks]])
    values = values[np.isfinite(values)]
    if not len(values):
        return 0.0, 1.0
    low, high = float(values.min()), float(values.max())
    room = (high - low) * 0.04 or 1.0
    return low - room, high + room


def sample_keys(panel: Distributions) -> list[Key]:
    """Return the legend's entries: each sample with its count."""
    counts = [int(np.isfinite(sample.values).sum()) for sample in panel.samples]
    names = [f"{sample.name} ({count:,})" for sample, count in zip(panel.samples, counts, strict=True)]
    return [Key(name, series_color(index), line=_DASHES[index % 4]) for index, name in enumerate(names)]


def _widest_mark(panel: Distributions, width: float) -> float:
    """The inches that a mark's label may take, so that all have room beside each other."""
    return min(_WIDEST_MARK, width / max(len(panel.marks), 1) - _BETWEEN)


def _mark_width(mark: Mark, widest: float) -> float:
    text_width = width_of(fit(token_text(mark.label), widest, SMALL), SMALL)
    return min(_PICTURE if picture(mark.label) else text_width, widest)


def _mark_places(panel: Distributions, width: float, widest: float) -> list[float]:
    """Where the marks' labels stand, in inches from the left: near their marks, in their order, none on another.

    They are pushed apart to the right from the left end, then to the left from the right end, and the mean of both
    is free of overlaps as each of them is.
    """
    low, high = _window(panel)
    order = np.argsort([mark.value for mark in panel.marks], kind="stable")
    wanted = np.array([(panel.marks[place].value - low) / (high - low) * width for place in order])
    halves = np.array([_mark_width(panel.marks[place], widest) / 2 + _BETWEEN / 2 for place in order])
    rightwards, leftwards = wanted.copy(), wanted.copy()
    for places in (rightwards, leftwards):
        steps = (_push, _push_back) if places is rightwards else (_push_back, _push)
        for step in steps:
            step(places, halves, width)
    settled = np.empty(len(order))
    settled[order] = (rightwards + leftwards) / 2
    return [float(place) for place in settled]


def _push(places: Float64[np.ndarray, " marks"], halves: Float64[np.ndarray, " marks"], width: float) -> None:
    edge = 0.0
    for index, half in enumerate(halves):
        places[index] = max(places[index], edge + half)
        edge = places[index] + half


def _push_back(places: Float64[np.ndarray, " marks"], halves: Float64[np.ndarray, " marks"], width: float) -> None:
    places[::-1] *= -1
    places += width
    _push(places[::-1], halves[::-1], width)
    places *= -1
    places += width


def _draw_mark(axes: "Axes", mark: Mark, place: float, widest: float) -> None:
    """A line down to the scale, and a leader from its top to its label."""
    if not np.isfinite(mark.value):
        return
    width, height = size_of(axes)
    low, high = axes.get_xlim()
    x, y = low + place / width * (high - low), 1 + (MARKS - 0.12) / height
    axes.plot(
        [x, mark.value, mark.value], [y - 0.13 / height, 1 + 0.03 / height, 0], color=INK, linewidth=0.7,
        transform=axes.get_xaxis_transform(), clip_on=False, zorder=4, solid_joinstyle="round",
    )  # fmt: skip
    found = picture(mark.label)
    if found is not None:
        draw_sprite(axes, found, (x, y), min(_PICTURE, widest), coords=axes.get_xaxis_transform())
        return
    axes.text(
        x, y, fit(token_text(mark.label), widest, SMALL), fontsize=SMALL, ha="center", va="center_baseline",
        transform=axes.get_xaxis_transform(),
    )  # fmt: skip
