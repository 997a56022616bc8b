"""A map as a figure: which tokens are named on it, and what the column beside it tells."""

from typing import TYPE_CHECKING

import numpy as np

from geometry.figures.emojimap import SIDE_WIDTH, LegendLine, MapPanel, SumLines, SumMark, emoji_map
from geometry.figures.page import MARGIN
from geometry.figures.text import picture
from geometry.maps.groups import color_of, is_kind, name_of
from geometry.maps.tables import METHOD_WORDS, percent, trust_words

if TYPE_CHECKING:
    import matplotlib.figure

    import geometry.maps.record

LISTED_SUMS = 3
"""Sums that the column beside the map has room for."""

NAMED = 28
"""Tokens that are named besides those of the sums, where there is room."""

NEAR = 8

MANY, SMALL, LARGE = 600, 10.6, 12.6
"""From so many points on the figure is large, and its width in inches."""


def _height(found: "geometry.maps.record.EmojiMap", width: float) -> float:
    """A figure's height in inches, so that the map fills it."""
    every = np.vstack([found.points, *(one.point[None] for one in found.composites)])
    across, up = np.ptp(every, axis=0)
    free = width - SIDE_WIDTH - 2 * MARGIN - 0.25
    return float(free * min(max(up / max(across, 1e-12), 0.7), 1.05) + 1.5)


def draw_map(found: "geometry.maps.record.EmojiMap") -> "matplotlib.figure.Figure":
    """Draw a map with its groups and its sums."""
    panel = MapPanel(
        title=found.headline(),
        emoji=found.texts,
        points=found.points,
        colors=tuple(map(color_of, found.groups)),
        names=tuple((place, found.names[place]) for place in _named(found) if found.names[place]),
        sums=tuple(_mark(one) for one in found.composites),
        legend=tuple(_legend(found)),
        lines=tuple(_lines(found, one) for one in found.composites[:LISTED_SUMS]),
        legend_title=_legend_title(found),
        notes=_notes(found),
        axes_names=("principal component 1", "principal component 2") if found.method == "pca" else ("", ""),
        equal=True,
    )
    width = LARGE if len(found.ids) > MANY else SMALL
    method = METHOD_WORDS[found.method]
    return emoji_map(
        panel,
        caption=f"{method}: {trust_words(found)} · {found.provenance()}",
        width=width,
        height=_height(found, width),
    )


def _mark(one: "geometry.maps.record.Placed") -> SumMark:
    x, y = one.point.tolist()
    return SumMark(one.expression, (x, y), one.winner, one.terms, tuple(one.nearest.tolist()))


def _lines(found: "geometry.maps.record.EmojiMap", one: "geometry.maps.record.Placed") -> SumLines:
    near = tuple(
        (found.texts[place], found.names[place], f"{score:.2f}")
        for place, score in zip(one.nearest.tolist(), one.similarities.tolist(), strict=True)
        if place not in one.terms
    )[:NEAR]
    kept = round(one.beside * found.k)
    ringed = "ringed: " if any(picture(found.texts[place]) for place in one.nearest.tolist()) else ""
    lands = f"lands by {one.metric}; " if one.winner_text else ""
    nearest = f"its {len(one.nearest)} nearest by cosine similarity in full dimension"
    note = f"{lands}{ringed}{nearest}, {kept} of them nearest here too"
    return SumLines(f"{one.expression} → {one.winner_text.strip() or 'nothing'}", note, near)


def _legend(found: "geometry.maps.record.EmojiMap") -> list[LegendLine]:
    entries: list[LegendLine] = []
    if len(found.shares) == 2:
        return entries
    for share in found.shares[:-1]:
        places = np.flatnonzero(np.array(found.groups) == share.group)
        middle = np.median(found.points[places], axis=0)
        token = places[((found.points[places] - middle) ** 2).sum(axis=1).argmin()]
        note = f"{share.n:,} · {share.own:.0%}, by chance {share.chance:.0%}"
        shape, group = is_kind(share.group), share.group
        entries.append(LegendLine(color_of(group), found.texts[int(token)], name_of(group), note, square=shape))
    return entries


def _legend_title(found: "geometry.maps.record.EmojiMap") -> str:
    if len(found.shares) == 2:
        return ""
    return f"share of their {found.k} nearest in the same group"


def _named(found: "geometry.maps.record.EmojiMap") -> list[int]:
    """Places in the order in which they are named: of sums, of each group's middle, then what is far from all those."""
    order: list[int] = []
    for one in found.composites:
        order += [*([] if one.winner is None else [one.winner]), *one.terms, *one.nearest[:NEAR].tolist()]
    groups = np.array(found.groups)
    for share in found.shares[:-1]:
        places = np.flatnonzero(groups == share.group)
        middle = np.median(found.points[places], axis=0)
        order.append(int(places[((found.points[places] - middle) ** 2).sum(axis=1).argmin()]))
    order = list(dict.fromkeys(order))
    away = np.full(len(found.ids), np.inf)
    for place in order:
        away = np.minimum(away, ((found.points - found.points[place]) ** 2).sum(axis=1))
    for _ in range(min(NAMED, len(found.ids) - len(order))):
        place = int(away.argmax())
        order.append(place)
        away = np.minimum(away, ((found.points - found.points[place]) ** 2).sum(axis=1))
    return order


def _notes(found: "geometry.maps.record.EmojiMap") -> tuple[str, ...]:
    return (
        f"near here is not always near in the head: of each token's {found.k} nearest in full dimension "
        f"{found.overlap:.0%} are among its {found.k} nearest here, by chance {percent(found.overlap_by_chance)}",
    )
