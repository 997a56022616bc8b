"""Emoji on a plane, and over them what is no row: a path through the layers, a sum."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from jaxtyping import Float64

from geometry.figures.colors import GREY, INK, series_color
from geometry.figures.page import BODY, SMALL, TINY, house_style, open_page
from geometry.figures.pictures import sprite_box
from geometry.figures.text import picture, shown

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

LARGEST, FILLED = 0.3, 0.62
"""Inches along an emoji's picture at most, and the share of its part of the page's side that it takes."""

_PASSES = 120


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
class MapPanel:
    """Emoji and what is drawn over them.

    Attributes:
        title: The finding.
        emoji: Each one's text, and its place.
        points: (emoji, 2).
        trails: Paths.
        marks: Single points by name, such as a sum.
        said: Emoji that are drawn larger: those that a path ends at or a sum lands on.
        axes_names: What the two axes are, with their shares of variance.
    """

    title: str
    emoji: tuple[str, ...]
    points: Float64[np.ndarray, "emoji 2"]
    trails: tuple[Trail, ...] = ()
    marks: tuple[tuple[str, tuple[float, float]], ...] = ()
    said: tuple[str, ...] = ()
    axes_names: tuple[str, str] = ("", "")


def emoji_map(panel: MapPanel, *, caption: str = "", width: float = 9.0, height: float = 7.2) -> "Figure":
    """Draw it. Emoji that would lie upon each other are pushed apart, and the picture says so; nothing else is moved.

    Args:
        panel: What to draw.
        caption: Head, fingerprint, space, trust figures and version, for the corner.
        width, height: Of the whole figure, in inches.
    """
    with house_style():
        page = open_page(panel.title, caption, width=width, height=height)
        free = page.width - 0.25, page.height - 0.42
        axes = page.axes(0.25, 0.3, *free)
        every = [panel.points, *(trail.points for trail in panel.trails), *(np.array([at]) for _, at in panel.marks)]
        low, high = np.concatenate(every).min(axis=0), np.concatenate(every).max(axis=0)
        room = np.maximum(high - low, 1e-12) * 0.05
        axes.set_xlim(low[0] - room[0], high[0] + room[0])
        axes.set_ylim(low[1] - room[1], high[1] + room[1])
        axes.set_xticks([])
        axes.set_yticks([])
        axes.set_xlabel(panel.axes_names[0], fontsize=SMALL, color=GREY)
        axes.set_ylabel(panel.axes_names[1], fontsize=SMALL, color=GREY)
        inches = np.array(free) / (high - low + 2 * room)
        side = min(LARGEST, FILLED * float(np.sqrt(free[0] * free[1] / max(len(panel.emoji), 1))))
        moved = push_apart(panel.points * inches, side) / inches
        for text, at in zip(panel.emoji, moved.tolist(), strict=True):
            _draw_emoji(axes, text, at, side, larger=text in panel.said, behind=bool(panel.trails or panel.marks))
        for index, trail in enumerate(panel.trails):
            _draw_trail(axes, trail, series_color(index + 5))
        for name, at in panel.marks:
            axes.plot(*at, marker="D", markersize=8, color=INK, markeredgecolor="white", markeredgewidth=1.2, zorder=9)
            _write(axes, name, at, (9.0, 0.0), BODY, INK)
        axes.text(
            0.0, 1.005, "emoji pushed apart where they would overlap", fontsize=TINY, color=GREY,
            transform=axes.transAxes, va="bottom",
        )  # fmt: skip
    return page.figure


def push_apart(points: Float64[np.ndarray, "points 2"], side: float) -> Float64[np.ndarray, "points 2"]:
    """Return points moved, in as small steps as do, until few pairs are nearer than ``side``; the same each time."""
    from scipy.spatial import cKDTree

    found = points + 1e-6 * np.random.default_rng(0).normal(size=points.shape)
    for _ in range(_PASSES):
        pairs = cKDTree(found).query_pairs(side, output_type="ndarray")
        if not len(pairs):
            break
        apart = found[pairs[:, 0]] - found[pairs[:, 1]]
        length = np.maximum(np.linalg.norm(apart, axis=1, keepdims=True), 1e-9)
        step = apart / length * (side - length) * 0.5
        np.add.at(found, pairs[:, 0], step * 0.6)
        np.add.at(found, pairs[:, 1], -step * 0.6)
    return np.asarray(found)


def _draw_emoji(axes: "Axes", text: str, at: list[float], side: float, *, larger: bool, behind: bool) -> None:
    found = picture(text)
    if found is None:
        axes.plot(*at, marker=".", markersize=3, color=GREY, zorder=3)
        return
    box = sprite_box(found, (at[0], at[1]), 2.6 * side if larger else side)
    box.set_zorder(7 if larger else 4)
    if behind and not larger:
        box.get_children()[0].get_children()[0].set_alpha(0.45)
    axes.add_artist(box)


def _draw_trail(axes: "Axes", trail: Trail, color: str) -> None:
    x, y = trail.points.T
    axes.plot(x, y, color="white", linewidth=3.6, zorder=7.5, solid_joinstyle="round")
    axes.plot(x, y, color=color, linewidth=1.6, zorder=8, solid_joinstyle="round")
    axes.plot(x, y, linestyle="none", marker="o", markersize=4.5, color=color, markeredgecolor="white", zorder=8.1)
    placed: list[np.ndarray] = []
    scale = np.array([axes.bbox.width, axes.bbox.height]) / np.array([np.ptp(axes.get_xlim()), np.ptp(axes.get_ylim())])
    for label, point in zip(reversed(trail.labels), trail.points[::-1], strict=True):
        where = point * scale / axes.figure.dpi
        # a label that would lie on another is left out, the last layers first served
        if label and all(np.abs(where - other)[1] > 0.13 or np.abs(where - other)[0] > 1.1 for other in placed):
            placed.append(where)
            _write(axes, label, (float(point[0]), float(point[1])), (6.0, 5.0), SMALL, color)


def _write(
    axes: "Axes", text: str, at: tuple[float, float], shift: tuple[float, float], size: float, color: str
) -> None:
    from matplotlib.patheffects import withStroke

    axes.annotate(
        shown(text), at, xytext=shift, textcoords="offset points", fontsize=size, color=color, va="center_baseline",
        zorder=9.5, path_effects=[withStroke(linewidth=2.4, foreground="white")], annotation_clip=False,
    )  # fmt: skip
