"""Layers by positions: in each cell what is first read there, the cell coloured by how probable that is."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from jaxtyping import Float64

from geometry.figures.colors import GREY, INK
from geometry.figures.labels import draw_nothing
from geometry.figures.page import SMALL, TINY, house_style, open_page
from geometry.figures.pictures import draw_sprite
from geometry.figures.text import fit, largest_size, picture, shown, width_of

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

CELL, ROW, GAP = 0.8, 0.29, 0.025
"""Inches: a cell's width and height, and the white between cells."""

SIDE, FOOT, SCALE, STRIP = 0.42, 0.3, 0.42, 0.62
"""Inches for the layers' numbers, the tokens below, the colours' scale, and one column of a strip."""

_RAMP = "YlGnBu"


@dataclass(frozen=True, eq=False)
class HeatmapStrip:
    """A column beside the heatmap: one number a layer.

    Attributes:
        name: Above it.
        values: (layers,), coloured from the smallest to the largest; NaN has no colour.
        texts: What is written, a layer each.
    """

    name: str
    values: Float64[np.ndarray, " layers"]
    texts: tuple[str, ...]


@dataclass(frozen=True, eq=False)
class Heatmap:
    """What is read at every layer and position.

    Attributes:
        title: The finding.
        labels: The tokens, (layers, positions); layer 0 is drawn lowest.
        values: Their probabilities, from 0 to 1; NaN where unknown.
        columns: What stands below each position.
        strips: Columns of numbers, of one position.
        strips_title: Of which one.
    """

    title: str
    labels: tuple[tuple[str, ...], ...]
    values: Float64[np.ndarray, "layers positions"]
    columns: tuple[str, ...]
    strips: tuple[HeatmapStrip, ...] = ()
    strips_title: str = ""


def heatmap(panel: Heatmap, *, caption: str = "") -> "Figure":
    """Draw it; the figure's size follows from the numbers of layers, positions and strips.

    Args:
        panel: What to draw.
        caption: Head, fingerprint, norm, seed and version, for the corner.
    """
    layers, positions = len(panel.labels), len(panel.columns)
    strips = 0.25 + STRIP * len(panel.strips) if panel.strips else 0.0
    width = max(SIDE + CELL * positions + strips + 0.6, 4.6)
    height = ROW * max(layers, 1)
    with house_style():
        page = open_page(panel.title, caption, width=width, body=FOOT + height + SCALE + 0.12)
        if not layers or not positions:
            draw_nothing(page.axes(0.0, 0.0, page.width, page.height), "nothing was read")
            return page.figure
        axes = page.axes(SIDE, FOOT, CELL * positions, height)
        _draw_cells(axes, panel)
        _draw_scale(page.axes(SIDE, FOOT + height + 0.17, min(1.8, CELL * positions), 0.09))
        for index, strip in enumerate(panel.strips):
            left = SIDE + CELL * positions + 0.25 + STRIP * index
            _draw_strip(page.axes(left, FOOT, STRIP, height), strip)
        if panel.strips:
            left = SIDE + CELL * positions + 0.25
            room = page.width - left
            over = page.axes(
                left, FOOT + height + 0.02, room, 0.13
            )  # below the scale's own words, which may reach here
            over.set_axis_off()
            text = fit(shown(panel.strips_title), room, TINY)
            over.text(0.0, 0.5, text, fontsize=TINY, color=GREY, va="center", transform=over.transAxes)
    return page.figure


def _draw_cells(axes: "Axes", panel: Heatmap) -> None:
    layers, positions = panel.values.shape
    _plain(axes, CELL * positions, ROW * layers)
    for layer in range(layers):
        middle = ROW * (layer + 0.5)
        axes.text(-0.08, middle, str(layer), ha="right", va="center_baseline", fontsize=SMALL, color=GREY)
        for column in range(positions):
            value = float(panel.values[layer, column])
            ink = _box(axes, (CELL * column, ROW * layer), (CELL, ROW), value)
            _draw_label(axes, panel.labels[layer][column], (CELL * (column + 0.5), middle), ink)
    axes.text(-0.08, -0.14, "layer", ha="right", va="center_baseline", fontsize=TINY, color=GREY)
    for column, label in enumerate(panel.columns):
        at = (CELL * (column + 0.5), -0.14)
        _draw_label(axes, label, at, GREY)


def _draw_label(axes: "Axes", label: str, at: tuple[float, float], ink: str) -> None:
    """A picture where the label is an emoji, or ends in one; else text as large as the cell allows."""
    room, found = CELL - 0.1, picture(label)
    if found is not None:
        draw_sprite(axes, found, at, ROW - 0.08)
        return
    before, _, emoji = label.rpartition(" = ")
    spelt = picture(emoji) if before else None
    if spelt is not None:
        text = fit(shown(before), room - 0.3, TINY)
        axes.text(at[0] - 0.13, at[1], text, ha="center", va="center_baseline", fontsize=TINY, color=ink)
        draw_sprite(axes, spelt, (at[0] + width_of(text, TINY) / 2 + 0.02, at[1]), ROW - 0.1)
        return
    text = shown(label)
    size = largest_size(text, room, (SMALL + 0.5, SMALL, TINY))
    axes.text(*at, fit(text, room, size), ha="center", va="center_baseline", fontsize=size, color=ink)


def _draw_strip(axes: "Axes", strip: HeatmapStrip) -> None:
    layers = len(strip.texts)
    _plain(axes, STRIP, ROW * layers)
    known = strip.values[np.isfinite(strip.values)]
    low, high = (float(known.min()), float(known.max())) if len(known) else (0.0, 0.0)
    for layer, (value, text) in enumerate(zip(strip.values, strip.texts, strict=True)):
        scaled = (float(value) - low) / (high - low) if high > low else 0.0
        ink = _box(axes, (0.0, ROW * layer), (STRIP, ROW), 0.75 * scaled, ramp="Greys")
        axes.text(STRIP / 2, ROW * (layer + 0.5), text, ha="center", va="center_baseline", fontsize=TINY, color=ink)
    found = picture(strip.name)
    if found is not None:
        draw_sprite(axes, found, (STRIP / 2, -0.14), ROW - 0.1)
    else:
        name = fit(shown(strip.name), STRIP - 0.04, SMALL)
        axes.text(STRIP / 2, -0.14, name, ha="center", va="center_baseline", fontsize=SMALL, color=INK)


def _box(axes: "Axes", at: tuple[float, float], size: tuple[float, float], value: float, *, ramp: str = _RAMP) -> str:
    """Draw a coloured box and return the ink that can be read on it."""
    from matplotlib import colormaps
    from matplotlib.patches import FancyBboxPatch

    rgb = np.array(colormaps[ramp](value)[:3]) if np.isfinite(value) else np.full(3, 0.94)
    axes.add_patch(
        FancyBboxPatch(
            (at[0] + GAP, at[1] + GAP), size[0] - 2 * GAP, size[1] - 2 * GAP, boxstyle="round,pad=0,rounding_size=0.03",
            facecolor=tuple(rgb), edgecolor="none",
        )
    )  # fmt: skip
    return "white" if float(rgb @ [0.299, 0.587, 0.114]) < 0.52 else INK


def _draw_scale(axes: "Axes") -> None:
    """The colours from 0 to 1."""
    from matplotlib import colormaps

    axes.imshow(np.linspace(0, 1, 64)[None, :], aspect="auto", cmap=colormaps[_RAMP], extent=(0.0, 1.0, 0.0, 1.0))
    axes.set_yticks([])
    axes.set_xticks([0.0, 0.5, 1.0])
    axes.tick_params(labelsize=TINY, length=1.5, pad=1, top=True, labeltop=True, bottom=False, labelbottom=False)
    for spine in axes.spines.values():
        spine.set_visible(False)
    axes.annotate(
        "probability of the first token", (1, 0.5), xycoords="axes fraction", xytext=(6, 0),
        textcoords="offset points", fontsize=TINY, color=GREY, va="center", annotation_clip=False,
    )  # fmt: skip


def _plain(axes: "Axes", width: float, height: float) -> None:
    """Axes measured in inches, with nothing around them."""
    axes.set_xlim(0, width)
    axes.set_ylim(0, height)
    axes.set_axis_off()
