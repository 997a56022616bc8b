"""The lens as a page: every cell with its first tokens on hover, coloured by whatever is asked for."""

import html
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from jaxtyping import Float64

from geometry import pages
from geometry.landing.record import text_of
from geometry.plain import finite_or_none
from geometry.readings.tables import headline
from geometry.readings.words import said

if TYPE_CHECKING:
    import geometry.readings.record

RAMP = (
    (255, 255, 217), (237, 248, 177), (199, 233, 180), (127, 205, 187), (65, 182, 196), (29, 145, 192), (34, 94, 168),
    (37, 52, 148), (8, 29, 88),
)  # fmt: skip
"""ColorBrewer's YlGnBu (Brewer 2003): from light to dark, also for readers who confuse colours."""


def lens_page(lens: "geometry.readings.record.Lens") -> str:
    """Return the whole page; it loads nothing from elsewhere."""
    body = lens_fragment(lens) + pages.notes(lens.notes)
    return pages.page(headline(lens), body, style=lens_style(), script=lens_script(), footer=lens.provenance())


def lens_fragment(lens: "geometry.readings.record.Lens", name: str = "lens") -> str:
    """Return the lens as a part of a page that has `lens_style` and `lens_script` once.

    Args:
        name: Tells several lenses on one page apart.
    """
    charts = '<div class="charts"></div>' if lens.standing is not None or lens.explained is not None else ""
    return "\n".join(
        [
            f'<section class="lens" id="{html.escape(name, quote=True)}">',
            '<div class="bar"><span>coloured by</span><span class="measures bar"></span>'
            '<span class="ends"><span class="low">0</span> <span class="scale"></span> '
            '<span class="high">1</span></span></div>',
            f'<div class="scroll">{_grid(lens)}</div>',
            '<p class="small grey">at the right: <span class="where"></span>; click a position to choose it, '
            "hover a cell for its first tokens</p>",
            charts,
            '<div class="tip" hidden></div>',
            pages.embedded(f"{name}-data", _data(lens)),
            "</section>",
        ]
    )


@cache
def lens_style() -> str:
    """Return the CSS of a lens."""
    return Path(__file__).with_name("lens.css").read_text(encoding="utf-8")


@cache
def lens_script() -> str:
    """Return the JavaScript of every lens on a page."""
    return Path(__file__).with_name("lens.js").read_text(encoding="utf-8")


def _grid(lens: "geometry.readings.record.Lens") -> str:
    strips = ["entropy", "KL", *(pages.text(one.label) for one in lens.tracked)]
    rows = []
    for layer in reversed(range(lens.layers)):
        cells = "".join(_cell(lens, layer, column) for column in range(len(lens.positions)))
        beside = '<td class="strip"></td>' * len(strips)
        rows.append(f'<tr data-l="{layer}"><th class="layer">{layer}</th>{cells}<td class="gap"></td>{beside}</tr>')
    feet = "".join(
        f'<th data-c="{column}">{pages.token(lens.text_at(position)) or "–"}<small>{position}</small></th>'
        for column, position in enumerate(lens.positions)
    )
    names = "".join(f"<th>{name}</th>" for name in strips)
    foot = f'<tfoot><tr><th class="layer">layer</th>{feet}<th class="gap"></th>{names}</tr></tfoot>'
    return f"<table><tbody>{''.join(rows)}</tbody>{foot}</table>"


def _cell(lens: "geometry.readings.record.Lens", layer: int, column: int) -> str:
    background, ink = _color(float(lens.reading.probabilities[layer, column, 0]))
    style = f"background:{background};color:{ink}"
    token = pages.text(said(lens, layer, column))
    return f'<td class="cell" data-l="{layer}" data-c="{column}" style="{style}">{token}</td>'


def _color(value: float) -> tuple[str, str]:
    """A cell's colour and its ink before the script runs, and without it."""
    if not np.isfinite(value):
        return "var(--soft)", "var(--ink)"
    x = min(max(value, 0.0), 1.0) * (len(RAMP) - 1)
    rgb = [round(float(np.interp(x, range(len(RAMP)), [stop[i] for stop in RAMP]))) for i in range(3)]
    dark = rgb[0] * 0.299 + rgb[1] * 0.587 + rgb[2] * 0.114 < 133
    return "#{:02x}{:02x}{:02x}".format(*rgb), "#fff" if dark else "#1f2328"


def _data(lens: "geometry.readings.record.Lens") -> dict[str, Any]:
    """What the script tells of each cell; tokens once each, escaped already."""
    numbers: dict[int, int] = {}
    cells = [
        [_told(lens, layer, column, numbers) for column in range(len(lens.positions))] for layer in range(lens.layers)
    ]
    standing, explained = lens.standing, lens.explained
    return {
        "ramp": RAMP,
        "vocab": lens.head.vocab,
        "positions": [{"n": position, "html": pages.token(lens.text_at(position))} for position in lens.positions],
        "tokens": [pages.token(text_of(lens.head, token)) for token in numbers],
        "tracked": [{"html": pages.text(one.label)} for one in lens.tracked],
        "standing": None if standing is None else pages.text(standing.concept.expression),
        "explained": None
        if explained is None
        else pages.text(", ".join(term.label for term in explained.concept.terms)),
        "cells": cells,
    }


def _told(lens: "geometry.readings.record.Lens", layer: int, column: int, numbers: dict[int, int]) -> dict[str, Any]:
    """One cell: t tokens, e entropy, d divergence, r ranks, s standing, x explained, w what survives, b bytes."""
    at, reading = (layer, column), lens.reading
    told: dict[str, Any] = {
        "t": [
            [numbers.setdefault(token, len(numbers)), _number(p)]
            for token, p in zip(reading.ids[at].tolist(), reading.probabilities[at].tolist(), strict=True)
        ],
        "e": _number(reading.entropy[at]),
        "d": _number(reading.divergence[at]),
        "r": [
            [rank, _number(p)] for rank, p in zip(reading.ranks[at].tolist(), reading.tracked[at].tolist(), strict=True)
        ],
    }
    spelt = lens.spelt[layer][column] if lens.spelt else None
    if spelt is not None:
        written = bytes.fromhex(spelt.bytes).hex(" ").upper()
        told["b"] = pages.text(f"{written} = {spelt.emoji}" if spelt.emoji is not None else f"{written} so far")
    if lens.standing is not None:
        one = lens.standing
        told["s"] = _banded(one.cosine, one.low, one.high, at)
    if lens.explained is not None and lens.positions[column] in lens.explained.positions:
        part = lens.explained
        there = (layer, part.positions.index(lens.positions[column]))
        told["x"] = _banded(part.share, part.low, part.high, there)
        left = (int(part.projected[there]), int(part.removed[there]))
        told["w"] = [None if token < 0 else numbers.setdefault(token, len(numbers)) for token in left]
    return told


def _banded(
    value: Float64[np.ndarray, "layers positions"],
    low: Float64[np.ndarray, "layers positions"] | None,
    high: Float64[np.ndarray, "layers positions"] | None,
    at: tuple[int, int],
) -> list[float | None]:
    return [_number(value[at]), *(None if one is None else _number(one[at]) for one in (low, high))]


def _number(value: float) -> float | None:
    return finite_or_none(value, digits=4)
