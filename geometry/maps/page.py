"""The map as a page: one file that loads nothing, and the same data for a server to send."""

from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from geometry import pages
from geometry.maps.groups import color_of, in_order, is_kind, name_of
from geometry.maps.tables import percent
from geometry.pages.atlas import make_atlas
from geometry.plain import finite_or_none
from geometry.tokens.printable import OPENING, printable

if TYPE_CHECKING:
    import geometry.maps.record


def map_page(emoji_map: "geometry.maps.record.EmojiMap") -> str:
    """Return the whole page; it loads nothing from elsewhere."""
    atlas = make_atlas(emoji_map.texts)
    data = scatter_data(emoji_map)
    body = "\n".join(
        [
            f'<p class="grey">{pages.text(_seen(_subtitle(emoji_map)))}</p>',
            _SHELL.replace("READING", pages.text(_reading(emoji_map))).replace("NOTES", pages.notes(emoji_map.notes)),
            pages.embedded("map-data", data),
            f'<img id="atlas" alt="" hidden src="{atlas.url()}">' if atlas.count else "",
        ]
    )
    style, script = pages.asset("scatter.css") + _asset("page.css"), pages.scatter_script() + _asset("page.js")
    title, footer = _seen(emoji_map.headline()), _seen(emoji_map.provenance())
    return pages.page(title, body, style=style, script=script, footer=footer)


def scatter_data(emoji_map: "geometry.maps.record.EmojiMap") -> dict[str, Any]:
    """Return what ``scatter.js`` draws, ready to be written as JSON.

    Points are named by their position throughout, from 0: in ``nearest`` (most alike first, by cosine similarity in
    full dimension), in ``winner`` and in ``terms``. ``sprite`` says which picture of the atlas a point has, -1: none.
    Texts are printed ones: what would not be seen stands as its code point or its bytes.
    """
    atlas = make_atlas(emoji_map.texts)
    names = in_order(emoji_map.groups)
    place = {name: index for index, name in enumerate(names)}
    x, y = np.round(emoji_map.points, 4).T.tolist()
    return {
        "head": _plain(emoji_map.head_facts),
        "space": str(emoji_map.space),
        "metric": str(emoji_map.metric),
        "method": str(emoji_map.method),
        "seed": emoji_map.seed,
        "version": emoji_map.version,
        "trust": _number(emoji_map.trust),
        "overlap": _number(emoji_map.overlap),
        "overlap_by_chance": _number(emoji_map.overlap_by_chance),
        "variance": _number(emoji_map.variance),
        "caption": _seen(emoji_map.provenance()),
        "notes": list(emoji_map.notes),
        "atlas": atlas.to_dict(),
        "groups": [{"name": _seen(name_of(name)), "color": color_of(name), "square": is_kind(name)} for name in names],
        "points": {
            "x": x,
            "y": y,
            "id": emoji_map.ids.tolist(),
            "text": [_seen(text) for text in emoji_map.texts],
            "name": [_seen(name) for name in emoji_map.names],
            "bytes": list(emoji_map.bytes_hex),
            "norm": [_number(norm) for norm in emoji_map.norms.tolist()],
            "group": [place[group] for group in emoji_map.groups],
            "sprite": [atlas.index(text) for text in emoji_map.texts],
            "nearest": emoji_map.nearest.tolist(),
            "similarity": np.round(emoji_map.similarities, 3).tolist(),
        },
        "composites": [_placed(one) for one in emoji_map.composites],
    }


def _placed(one: "geometry.maps.record.Placed") -> dict[str, Any]:
    return {
        "expression": _seen(one.expression),
        "x": round(float(one.point[0]), 4),
        "y": round(float(one.point[1]), 4),
        "winner": None if one.winner is None else int(one.winner),
        "winner_text": _seen(one.winner_text),
        "terms": [int(term) for term in one.terms],
        "nearest": [int(position) for position in one.nearest],
        "similarity": [round(float(value), 3) for value in one.similarities],
    }


def _subtitle(emoji_map: "geometry.maps.record.EmojiMap") -> str:
    method = {"umap": "UMAP", "pca": "first two principal components"}.get(str(emoji_map.method), emoji_map.method)
    parts = [f"{len(emoji_map.ids):,} tokens of {emoji_map.head_facts['name']}", f"{method}, space {emoji_map.space}"]
    if emoji_map.trust is not None:
        parts.append(f"trustworthiness {emoji_map.trust:.3f}")
    if emoji_map.overlap is not None:
        parts.append(f"neighbour overlap {emoji_map.overlap:.0%} (by chance {percent(emoji_map.overlap_by_chance)})")
    if emoji_map.variance is not None:
        parts.append(f"{emoji_map.variance:.0%} of the variance")
    return " · ".join(parts)


def _reading(emoji_map: "geometry.maps.record.EmojiMap") -> str:
    """What the plane may be trusted for."""
    dim = f"all {emoji_map.head_facts['dim']:,} dimensions"
    said = [f"Lists of the nearest, their bars and the lines are computed in {dim}; the plane is only for looking."]
    if emoji_map.overlap is not None:
        said.append(f"Of a token's nearest there, {emoji_map.overlap:.0%} are among its nearest on the plane.")
    if emoji_map.placed_overlap is not None:
        said.append(
            f"Where a sum lies is to be believed as far as this: of points left out and put back, "
            f"{emoji_map.placed_overlap:.0%} of the nearest lie nearest."
        )
    if str(emoji_map.method) == "umap":
        said.append("Distances between groups, their sizes and how tight they are mean nothing in a UMAP.")
    elif emoji_map.variance is not None:
        said.append(
            f"The plane holds {emoji_map.variance:.0%} of the variance: what lies apart here differs, what lies "
            "together may differ all the same."
        )
    return " ".join(said)


def _plain(facts: dict[str, Any]) -> dict[str, Any]:
    return {key: _seen(value) if isinstance(value, str) else value for key, value in facts.items()}


def _seen(text: str) -> str:
    """Printed text; one that was printed already stays as it is, brackets and all."""
    return OPENING.join(printable(part.encode("utf-8", "surrogatepass")) for part in text.split(OPENING))


def _number(value: float | None) -> float | None:
    return finite_or_none(value, digits=5)


@cache
def _asset(name: str) -> str:
    return Path(__file__).with_name(name).read_text(encoding="utf-8")


_SHELL = """
<div class="map">
<section class="side" aria-label="Search, details and groups">
<div class="search"><label class="unseen" for="find">Find</label>
<input id="find" type="text" role="combobox" aria-expanded="false" aria-controls="found" aria-autocomplete="list"
autocomplete="off" spellcheck="false" placeholder="name, token, #id or bytes">
<ul id="found" role="listbox" aria-label="Matches" hidden></ul>
<p id="count" class="small grey" role="status"></p></div>
<p id="said" class="unseen" role="status"></p>
<article id="card" aria-label="The chosen token"></article>
<section id="sums" hidden><h2>Sums</h2><ul class="rows"></ul></section>
<fieldset id="groups"><legend>Groups</legend>
<div class="buttons"><button type="button" data-all="1">all</button>
<button type="button" data-all="0">none</button></div>
<div class="rows"></div></fieldset>
</section>
<section class="stage" aria-label="Map">
<canvas class="scatter" id="map" tabindex="0" role="application" aria-label="Map of tokens"
aria-describedby="keys"></canvas>
<div class="buttons over"><button type="button" data-act="in" aria-label="Zoom in" title="zoom in (+)">+</button>
<button type="button" data-act="out" aria-label="Zoom out" title="zoom out (−)">−</button>
<button type="button" data-act="fit" aria-label="Show everything" title="show everything (0)">fit</button></div>
<p id="keys" class="small grey">Drag, wheel or pinch to move; click to pick. On the keyboard: arrows move, + and − zoom,
0 shows all, n and p step through the nearest, Enter picks, Escape lets go.</p>
</section>
</div>
<p class="reading">READING</p>
NOTES
""".strip()
