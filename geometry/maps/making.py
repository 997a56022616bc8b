"""A map made from a head, step by step."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from jaxtyping import Int64

import geometry
from geometry.choices import Among
from geometry.concepts import Concept
from geometry.head import Head
from geometry.hubness.question import Answers
from geometry.landing import Landing, LandingOptions, land_many
from geometry.landing.record import text_of
from geometry.linalg import unit
from geometry.maps.layout import lay_out
from geometry.maps.neighbors import NEIGHBORS, compared, nearest_points, nearest_to
from geometry.maps.planes import principal_plane
from geometry.maps.record import EmojiMap, MethodName, Placed
from geometry.maps.rows import Chosen, choose, metric_in, unit_rows
from geometry.maps.trust import beside, trust_of

TRIED = 100
"""Points that are put on a map again, to learn how far a sum's place can be believed."""


@dataclass(frozen=True, kw_only=True)
class MapOptions:
    """What may be asked of a map: see :func:`geometry.maps.emoji_map`."""

    method: MethodName
    among: Among
    around: int | None
    keep_undertrained: bool
    neighbors: int
    min_dist: float
    spread: float
    seed: int


def make_map(head: Head, expressions: Sequence[str], options: MapOptions) -> EmojiMap:
    """Make the map of a head in its space."""
    asked = LandingOptions(
        k=1, metric=metric_in(head), among=options.among, keep_undertrained=options.keep_undertrained
    )
    landings = land_many(head, expressions, asked, space=head.space.name)
    concepts = [one.concept for one in landings]
    chosen = choose(
        head, concepts, among=options.among, around=options.around, keep_undertrained=options.keep_undertrained
    )
    rows = unit_rows(head, chosen.ids)
    found = _drawn(head, chosen, rows, options, concepts)
    return _with_sums(found, rows, landings, chosen) if landings else found


def _drawn(head: Head, chosen: Chosen, rows: Answers, options: MapOptions, concepts: Sequence[Concept]) -> EmojiMap:
    """The points on their plane, with the trust figures."""
    count = len(chosen.ids)
    projection = principal_plane(rows)
    held, k = min(options.neighbors, count), compared(count)
    near = nearest_points(rows, min(max(NEIGHBORS, held - 1), count - 1))
    settings: dict[str, Any] = {
        "among": options.among, "around": options.around, "keep_undertrained": options.keep_undertrained, "k": k,
    }  # fmt: skip
    notes = [*chosen.notes, *dict.fromkeys(note for one in concepts for note in one.notes)]
    points = projection.points
    if options.method == "umap":
        layout = lay_out(
            near, points, neighbors=held, min_dist=options.min_dist, spread=options.spread, seed=options.seed
        )
        points = layout.points
        settings |= {"neighbors": held, "min_dist": options.min_dist, "spread": options.spread}
        settings |= {"a": layout.curve.a, "b": layout.curve.b}
        if held < options.neighbors:
            notes.append(f"UMAP held on to {held} nearest points, not to {options.neighbors}: there are no more")
    if k < NEIGHBORS:
        notes.append(f"with {count} points, all figures are of the {k} nearest")
    figures = trust_of(rows, near, points, k, seed=options.seed)
    if figures.asked < count:
        notes.append(f"trustworthiness and overlap are of {figures.asked:,} points drawn by seed {options.seed}")
    return EmojiMap(
        head_facts=head.to_dict(), head=head, space=head.space.name, method=options.method, seed=options.seed,
        settings=settings, version=geometry.__version__, ids=chosen.ids, norms=head.norms[chosen.ids], points=points,
        nearest=near.places[:, :NEIGHBORS], similarities=near.scores[:, :NEIGHBORS], trust=figures.trust,
        overlap=figures.overlap, variance=projection.variance if options.method == "pca" else None,
        notes=tuple(notes), **_tokens(head, chosen.ids),
    )  # fmt: skip


def _tokens(head: Head, ids: Int64[np.ndarray, " points"]) -> dict[str, Any]:
    """What the points' tokens are called; without a vocabulary they are their ids."""
    tokens, listed = head.tokens, ids.tolist()
    if tokens is None:
        nothing, kind = ("",) * len(listed), ("token",) * len(listed)
        texts = tuple(text_of(head, token) for token in listed)
        return {"texts": texts, "bytes_hex": nothing, "kinds": kind, "names": nothing, "groups": kind}
    emoji, kinds = tokens.emoji, tuple(str(kind) for kind in tokens.kinds[ids])
    return {
        "texts": tuple(emoji[token].text if token in emoji else tokens.text_of(token) for token in listed),
        "bytes_hex": tuple(tokens.bytes_of(token).hex() for token in listed),
        "kinds": kinds,
        "names": tuple(emoji[token].name if token in emoji else "" for token in listed),
        "groups": tuple(
            emoji[token].group if token in emoji else kind for token, kind in zip(listed, kinds, strict=True)
        ),
    }


def _with_sums(found: EmojiMap, rows: Answers, landings: Sequence[Landing], chosen: Chosen) -> EmojiMap:
    """The same with sums put on it."""
    vectors = np.stack([one.concept.vector for one in landings])
    at, near = found.place(vectors), nearest_to(unit(vectors), rows, found.nearest.shape[1])
    drawn = beside(found.points, at, found.k)
    placed = []
    for index, landing in enumerate(landings):
        winner = landing.winner
        terms = [chosen.place_of.get(term.ids[0]) for term in landing.terms if len(term.ids) == 1]
        placed.append(
            Placed(
                expression=landing.expression,
                point=at[index],
                winner=None if winner is None else chosen.place_of.get(winner),
                winner_text="" if winner is None else text_of(landing.head, winner),
                terms=tuple(dict.fromkeys(place for place in terms if place is not None)),
                nearest=near.places[index],
                similarities=near.scores[index],
                beside=float(np.isin(near.places[index, : found.k], drawn[index]).mean()),
                metric=landing.options.metric,
            )
        )
    return replace(found, composites=tuple(placed), placed_overlap=_placed_overlap(found, rows))


def _placed_overlap(found: EmojiMap, rows: Answers) -> float | None:
    """Put some of the points on the map again, and return the share of their nearest that then lie nearest."""
    if found.method == "pca":
        return None  # a projection puts every point where it was
    count, k = len(found.ids), found.k
    tried = np.sort(np.random.default_rng(found.seed).permutation(count)[:TRIED])
    again = found.placer(rows).place_again(tried)
    drawn = _others(beside(found.points, again, k + 1), tried)
    return float((drawn[:, :, None] == found.nearest[tried, None, :k]).any(axis=2).mean())


def _others(
    places: Int64[np.ndarray, "queries more"], own: Int64[np.ndarray, " queries"]
) -> Int64[np.ndarray, "queries k"]:
    """Leave oneself out of nearest first places, or the last where oneself is not among them."""
    mine = places == own[:, None]
    return np.take_along_axis(places, np.argsort(mine, axis=1, kind="stable"), axis=1)[:, :-1]
