"""Tokens on a plane, and over them what is no token: a sum, a path through the layers."""

from typing import TYPE_CHECKING, Any

import numpy as np
from jaxtyping import Bool, Float64

from geometry.figures.apart import Room, push_apart, quick_width, write_beside
from geometry.figures.colors import GREY, INK, series_color
from geometry.figures.maplabels import DIAMOND, Label, discs, place_labels
from geometry.figures.mappanel import LegendLine, MapPanel, SumLines, SumMark, Trail
from geometry.figures.mapside import draw_side
from geometry.figures.page import BODY, SMALL, TINY, Page, house_style, open_page
from geometry.figures.pictures import sprite_box
from geometry.figures.text import picture, run_width, runs, shown, token_text, width_of

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["LegendLine", "MapPanel", "SumLines", "SumMark", "Trail", "emoji_map"]

LARGEST, FILLED, LARGER = 0.3, 0.72, 2.6
"""Inches along an emoji's picture at most, the share of its part of the map's side that it takes, and how much larger
one is that something is said of."""

SIDE_WIDTH = 2.75
"""Inches of the column that tells what is seen."""

_HALO = 1.32  # of an emoji's side: neighbours of one group grow together
_LINE = 1.25  # of a text's size: the height it needs
_COVERED = 0.06  # of a name's own place: what it may hide of pictures; where it would hide more it is left out


def emoji_map(panel: MapPanel, *, caption: str = "", width: float = 9.0, height: float = 7.2) -> "Figure":
    """Draw it. Pictures that would lie upon each other are pushed apart, and the figure says how far.

    Args:
        panel: What to draw.
        caption: Head, fingerprint, space, trust figures and version, for the corner.
        width, height: Of the whole figure, in inches.
    """
    with house_style():
        page = open_page(panel.title, caption, width=width, height=height)
        side = SIDE_WIDTH if panel.legend or panel.lines or panel.notes else 0.0
        drawn = _Map(page, panel, page.width - 0.25 - side, page.height - 0.42)
        drawn.draw()
        if side:
            notes = (*panel.notes, *drawn.notes())
            draw_side(
                page, panel.legend, panel.lines, notes, SIDE_WIDTH - 0.25, legend_title=panel.legend_title
            )  # fmt: skip
    return page.figure


class _Map:
    """One map being drawn: everything in inches from the lower left corner of its axes."""

    def __init__(self, page: Page, panel: MapPanel, width: float, height: float) -> None:
        self.panel, self.width, self.height = panel, width, height
        framed = any(panel.axes_names) or not panel.equal
        self.axes = page.axes(0.25 if framed else 0.0, 0.3, width, height)
        self.axes.set_xlim(0, width)
        self.axes.set_ylim(0, height)
        self.axes.set_xticks([])
        self.axes.set_yticks([])
        self.axes.set_xlabel(panel.axes_names[0], fontsize=SMALL, color=GREY)
        self.axes.set_ylabel(panel.axes_names[1], fontsize=SMALL, color=GREY)
        if not framed:
            self.axes.set_axis_off()
        self._scale()
        self.pictures = [picture(text) for text in panel.emoji]
        self.is_picture: Bool[np.ndarray, " points"] = np.array([one is not None for one in self.pictures], np.bool_)
        self.room, self.dots, self.texts = Room(width, height), 0, int((~self.is_picture).sum())
        self.side = min(LARGEST, FILLED * float(np.sqrt(width * height / max(len(panel.emoji), 1))))
        winners = {mark.winner for mark in panel.sums}
        self.larger = np.array([text in panel.said or i in winners for i, text in enumerate(panel.emoji)], np.bool_)
        self.sides = np.where(self.larger, min(LARGER * self.side, 0.5), self.side)
        meant = (place for mark in panel.sums for place in (mark.winner, *mark.terms) if place is not None)
        self.first = [index for index in dict.fromkeys(meant) if not self.is_picture[index]]
        self.labels = self._labels()
        self.at = self._apart()

    def _scale(self) -> None:
        panel = self.panel
        every = [panel.points, *(trail.points for trail in panel.trails)]
        every += [np.array([at]) for _, at in panel.marks] + [np.array([one.point]) for one in panel.sums]
        low, high = np.concatenate(every).min(axis=0), np.concatenate(every).max(axis=0)
        extent = np.maximum(high - low, 1e-12) * (1.12 if panel.equal else 1.1)
        inches = np.array([self.width, self.height]) / extent
        self.inches = np.full(2, inches.min()) if panel.equal else inches
        self.low = (low + high) / 2 - np.array([self.width, self.height]) / self.inches / 2

    def place(self, points: Float64[np.ndarray, "some 2"]) -> Float64[np.ndarray, "some 2"]:
        """Where points of the panel lie on the axes."""
        return np.asarray((points - self.low) * self.inches)

    def _labels(self) -> list[Label]:
        """What stands in any case: sums, where they land, their terms. Placed before pictures are pushed from it."""
        panel, points = self.panel, self.place(self.panel.points)
        for index in np.flatnonzero(self.is_picture).tolist():
            here = (*points[index].tolist(), float(self.sides[index]), float(self.sides[index]))
            self.room.cover(here)
            if self.larger[index]:
                self.room.take(here)
        named = [*panel.marks, *((mark.name, mark.point) for mark in panel.sums)]
        marks = [(name, tuple(self.place(np.array([at]))[0].tolist())) for name, at in named]
        terms = [(token_text(panel.emoji[index]), tuple(points[index].tolist())) for index in self.first]
        found = place_labels(self.room, marks, terms, size=BODY + bool(panel.sums), bold=bool(panel.sums))
        self.room.covered[:] = False  # the pictures are not there yet
        return found

    def _apart(self) -> Float64[np.ndarray, "points 2"]:
        """Push pictures apart, and from the diamonds and the texts that stand in any case, which stay."""
        found = self.place(self.panel.points)
        own = np.flatnonzero(self.is_picture)
        held, wide = discs(self.labels)
        self.moves = np.zeros(len(found))
        if len(own):
            sides = np.concatenate([self.sides[own], wide])
            stays = np.arange(len(sides)) >= len(own)
            moved = push_apart(np.vstack([found[own], held]), sides, stays)[: len(own)]
            self.moves[own] = np.linalg.norm(moved - found[own], axis=1)
            found[own] = moved
        return found

    def draw(self) -> None:
        """Draw everything, from below to above."""
        panel = self.panel
        self._draw_halos()
        behind = bool(panel.trails or panel.marks)
        for index in np.flatnonzero(self.is_picture).tolist():
            self._draw_picture(index, behind=behind)
        for mark in panel.sums:
            self._draw_links(mark)
        for index, trail in enumerate(panel.trails):
            self._draw_trail(trail, series_color(index + 5))
        for label in self.labels:
            self._draw_label(label)
        self._write_names()
        self._write_tokens()
        if not (panel.legend or panel.lines or panel.notes):
            self.axes.text(
                0.0, 1.005, "; ".join(self.notes()), fontsize=TINY, color=GREY, transform=self.axes.transAxes,
                va="bottom",
            )  # fmt: skip

    def notes(self) -> list[str]:
        """What was done so that things can be seen."""
        found = []
        moved = self.moves[self.is_picture & (self.moves > 0.02 * self.side)]
        if len(moved):
            usual, most = np.median(moved) / self.side, moved.max() / self.side
            found.append(
                f"{len(moved):,} of {int(self.is_picture.sum()):,} emoji pushed apart where they would overlap, by "
                f"{usual:.1f} of their width in the median, {most:.1f} at most"
            )
        if self.dots:
            found.append(f"{self.dots:,} of {self.texts:,} tokens are dots: there is no room to write them")
        return found

    def _draw_halos(self) -> None:
        if not self.panel.colors:
            return
        own = np.flatnonzero(self.is_picture)
        discs = (self.sides[own] * _HALO * 72) ** 2
        tints = [_tinted(self.panel.colors[index]) for index in own.tolist()]
        self.axes.scatter(self.at[own, 0], self.at[own, 1], s=discs, clip_on=False, c=tints, linewidths=0, zorder=2)

    def _draw_picture(self, index: int, *, behind: bool) -> None:
        found, larger = self.pictures[index], bool(self.larger[index])
        assert found is not None
        box = sprite_box(found, (float(self.at[index][0]), float(self.at[index][1])), float(self.sides[index]))
        box.set_zorder(7 if larger else 4)
        here = (*self.at[index].tolist(), float(self.sides[index]), float(self.sides[index]))
        if larger:
            self.room.take(here)
        self.room.cover(here)
        if behind and not larger:
            box.get_children()[0].get_children()[0].set_alpha(0.45)
        self.axes.add_artist(box)

    def _draw_links(self, mark: SumMark) -> None:
        (start,) = self.place(np.array([mark.point]))
        ringed = [index for index in mark.near if self.is_picture[index] and not self.larger[index]]
        rings = (self.sides[ringed] * _HALO * 72) ** 2
        self.axes.scatter(
            self.at[ringed, 0], self.at[ringed, 1], s=rings, facecolors="none", edgecolors=INK, linewidths=1.0, zorder=5
        )
        for index in mark.terms:
            self.axes.plot(*zip(start, self.at[index], strict=True), color="white", linewidth=2.2, zorder=7.4)
            self.axes.plot(*zip(start, self.at[index], strict=True), color=GREY, linewidth=0.9, zorder=7.5)
        if mark.winner is not None:
            self.axes.plot(*zip(start, self.at[mark.winner], strict=True), color="white", linewidth=4.2, zorder=6.4)
            self.axes.plot(*zip(start, self.at[mark.winner], strict=True), color=INK, linewidth=2.0, zorder=6.5)

    def _draw_label(self, label: Label) -> None:
        """A diamond or a dot where something lies that has no picture, and what it is called."""
        if label.marker:
            self.axes.plot(
                *label.at, marker=label.marker, markersize=8 if label.marker == DIAMOND else 4, color=INK,
                markeredgecolor="white", markeredgewidth=1.2, zorder=9,
            )  # fmt: skip
        left = label.middle[0] - label.width / 2
        for run in runs(label.text):
            wide = run_width(run, label.size, bold=label.bold)
            if isinstance(run, str):
                self._write(run, (left + wide / 2, label.middle[1]), label.size, INK, bold=label.bold)
            else:
                box = sprite_box(run, (left + wide / 2, label.middle[1] + 0.01), 0.9 * wide)
                box.set_zorder(9.5)
                self.axes.add_artist(box)
            left += wide

    def _draw_trail(self, trail: Trail, color: str) -> None:
        points = self.place(trail.points)
        x, y = points.T
        self.axes.plot(x, y, color="white", linewidth=3.6, zorder=7.5, solid_joinstyle="round")
        self.axes.plot(x, y, color=color, linewidth=1.6, zorder=8, solid_joinstyle="round")
        self.axes.plot(
            x, y, linestyle="none", marker="o", markersize=4.5, color=color, markeredgecolor="white", zorder=8.1
        )  # fmt: skip
        for label, at in zip(reversed(trail.labels), points[::-1].tolist(), strict=True):
            text = shown(label)  # the last layers first served; one that would lie on another is left out
            if label:
                found = write_beside(self.room, (at[0], at[1]), width_of(text, SMALL) + 0.04, SMALL * _LINE / 72, 0.05)
                if found is not None:
                    self._write(text, found, SMALL, color)

    def _write_names(self) -> None:
        """Write names beside their tokens where they hide next to nothing, the first ones first."""
        for index, name in self.panel.names:
            x, y = self.at[index].tolist()
            text, size = shown(name), SMALL + 1 if self.larger[index] else SMALL
            away = float(self.sides[index]) / 2 + 0.02
            found = write_beside(
                self.room, (x, y), width_of(text, size) + 0.08, size * _LINE / 72, away, covering=_COVERED
            )  # fmt: skip
            if found is not None:
                self._write(text, found, size, INK)

    def _write_tokens(self) -> None:
        """Write tokens that have no picture where they lie while there is room, sums' nearest first; dot the rest."""
        dots = []
        near = [index for mark in self.panel.sums for index in mark.near if not self.is_picture[index]]
        for index in dict.fromkeys([*near, *np.flatnonzero(~self.is_picture).tolist()]):
            if index in self.first:
                continue
            x, y = self.at[index].tolist()
            text = token_text(self.panel.emoji[index])
            box = (x, y, quick_width(text, TINY) + 0.03, TINY * 1.1 / 72)
            if self.room.is_free(box) and not self.room.covers(box):
                self.room.take(box)
                self._write(text, (x, y), TINY, _darker(self.panel.colors[index]) if self.panel.colors else GREY)
            else:
                dots.append(index)
        self.dots = len(dots)
        if dots:
            colors: Any = [self.panel.colors[index] for index in dots] if self.panel.colors else GREY
            self.axes.scatter(
                self.at[dots, 0], self.at[dots, 1], s=3.0, c=colors, marker="s", linewidths=0, zorder=3, alpha=0.8
            )  # fmt: skip

    def _write(self, text: str, at: tuple[float, float], size: float, color: str, *, bold: bool = False) -> None:
        from matplotlib.patheffects import withStroke

        self.axes.text(
            *at, text, fontsize=size, color=color, ha="center", va="center", zorder=9.5,
            fontweight="bold" if bold else "normal", path_effects=[withStroke(linewidth=2.4, foreground="white")],
            clip_on=False,
        )  # fmt: skip


def _tinted(color: str, strength: float = 0.36) -> tuple[float, float, float]:
    red, green, blue = (int(color[start : start + 2], 16) / 255 for start in (1, 3, 5))
    return 1 - strength * (1 - red), 1 - strength * (1 - green), 1 - strength * (1 - blue)


def _darker(color: str) -> str:
    """A group's colour dark enough to be read as text."""
    parts = [int(color[start : start + 2], 16) for start in (1, 3, 5)]
    light = (0.299 * parts[0] + 0.587 * parts[1] + 0.114 * parts[2]) / 255
    return "#" + "".join(f"{int(part * min(1.0, 0.45 / max(light, 1e-9))):02x}" for part in parts)
