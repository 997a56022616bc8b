"""What a map says in words, tables, JSON and columns."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from geometry.maps.groups import name_of
from geometry.tables import Column, Table
from geometry.tokens.printable import dotted

if TYPE_CHECKING:
    import pandas

    import geometry.maps.record

METHOD_WORDS = {"umap": "UMAP", "pca": "the first two principal components"}
_NOUNS = {"emoji": "emoji", "words": "words", "all": "tokens"}

TOLD = 5
"""Nearest points that a table names."""

LONGEST = 130
"""Characters of a headline's sums."""


def what(found: "geometry.maps.record.EmojiMap") -> str:
    """Return what lies on a map, such as ``1,328 emoji``."""
    mixed = found.settings["around"] is not None and len(set(found.kinds)) > 1
    return f"{len(found.ids):,} {'tokens' if mixed else _NOUNS[found.settings['among']]}"


def headline(found: "geometry.maps.record.EmojiMap") -> str:
    """Return the finding in one line."""
    if len(found.composites) > 1:
        return f"{_landings(found)}, among {what(found)}"
    if found.composites:
        (one,) = found.composites
        others_near = [place for place in one.nearest.tolist() if place not in one.terms]
        near = " ".join(shown(found, place) for place in others_near[:3])
        return f"{landing(one)}; nearest among {what(found)}: {near}"
    share = found.shares[-1]
    if len(found.shares) == 2:
        return f"{what(found)}: the picture keeps {found.overlap:.0%} of each one's nearest in full dimension"
    noun = "Unicode group" if found.settings["among"] == "emoji" else "kind"
    return (
        f"{what(found)}: {share.own:.0%} of each one's {found.k} nearest share its {noun}, by chance {share.chance:.0%}"
    )


def landing(one: "geometry.maps.record.Placed") -> str:
    """Return a sum and what it lands on, such as ``sea + horse + emoji  →  🐴``."""
    return f"{one.expression}  →  {one.winner_text.strip() or 'nothing'}"


def _landings(found: "geometry.maps.record.EmojiMap") -> str:
    """As many sums as two lines of a figure have room for, and how many more there are."""
    said = [landing(one) for one in found.composites]
    fits = 1
    while fits < len(said) and len(" · ".join(said[: fits + 1])) <= LONGEST:
        fits += 1
    more = len(said) - fits
    return " · ".join(said[:fits]) + (f" and {more:,} more" if more else "")


def shown(found: "geometry.maps.record.EmojiMap", place: int) -> str:
    """Return a point's token as a table shows it."""
    return dotted(found.texts[place])


def percent(share: float) -> str:
    """Return a share in per cent, one below 1% not as none.

    >>> percent(0.45), percent(0.0013), percent(0.0)
    ('45%', '0.1%', '0%')
    """
    return f"{share:.1%}" if 0 < share < 0.01 else f"{share:.0%}"


def trust_words(found: "geometry.maps.record.EmojiMap") -> str:
    """Return how far the picture holds, in one line."""
    kept = f"{found.overlap:.0%} of the {found.k} nearest kept (by chance {percent(found.overlap_by_chance)})"
    parts = [f"trustworthiness {found.trust:.3f}", kept]
    if found.variance is not None:
        parts.append(f"{found.variance:.0%} of the variance")
    if found.placed_overlap is not None:
        parts.append(f"{found.placed_overlap:.0%} for points put on it anew")
    return ", ".join(parts)


def provenance(found: "geometry.maps.record.EmojiMap") -> str:
    """Return which head, space, metric, seed and version a map is of."""
    head = found.head_facts
    parts = [f"head {head['name']} ({head['fingerprint']})", f"space {found.space}", f"metric {found.metric}"]
    return " · ".join([*parts, f"seed {found.seed}", f"geometry {found.version}"])


def tables(found: "geometry.maps.record.EmojiMap") -> tuple[Table, ...]:
    """Return the groups, and one table for each sum."""
    groups = _groups(found)
    title = (headline(found), provenance(found))
    return (Table(title, groups.columns, groups.rows, groups.notes), *(_sum(found, one) for one in found.composites))


def _sum(found: "geometry.maps.record.EmojiMap", one: "geometry.maps.record.Placed") -> Table:
    kept, k = round(one.beside * found.k), found.k
    winner = one.winner_text.strip() or "nothing but its own inputs"
    x, y = one.point.tolist()
    title = (
        f"{one.expression}  →  {winner}",
        f"by {one.metric} among {_NOUNS[found.settings['among']]}; drawn at {x:.2f}, {y:.2f}, where {kept} "
        f"of its {k} nearest lie nearest too",
    )
    rows = tuple(
        (
            str(rank), f"{score:.3f}", found.names[place] or name_of(found.groups[place]),
            "term" if place in one.terms else "", str(found.ids[place]), shown(found, place),
        )
        for rank, (place, score) in enumerate(zip(one.nearest.tolist(), one.similarities.tolist(), strict=True), 1)
    )  # fmt: skip
    columns = (
        Column("rank"), Column("cosine similarity"), Column("name or kind", "left"), Column("", "left"), Column("id"),
        Column("token", "left"),
    )  # fmt: skip
    return Table(title, columns, rows[:TOLD])


def _groups(found: "geometry.maps.record.EmojiMap") -> Table:
    drawn = f"drawn by {METHOD_WORDS[found.method]}: {trust_words(found)}"
    if len(found.shares) == 2:  # one group and all: nothing to share
        return Table((), (), (), (drawn, *found.notes))
    rows = [(name_of(one.group), f"{one.n:,}", f"{one.own:.2f}", f"{one.chance:.2f}") for one in found.shares]
    columns = (Column("group", "left"), Column("n"), Column("own group"), Column("by chance"))
    meant = (
        f"own group: share of the {found.k} nearest in full dimension that are of the group; by chance: "
        "the mean over all permutations of the groups"
    )
    return Table((), columns, tuple(rows), (meant, drawn, *found.notes))


def as_dict(found: "geometry.maps.record.EmojiMap", *, points: bool = False) -> dict[str, Any]:
    """Return a map as the command line's JSON."""
    record = {
        "head": dict(found.head_facts),
        "space": found.space,
        "metric": found.metric,
        "method": found.method,
        "seed": found.seed,
        "settings": dict(found.settings),
        "n": len(found.ids),
        "trust": found.trust,
        "overlap": found.overlap,
        "overlap_by_chance": found.overlap_by_chance,
        "placed_overlap": found.placed_overlap,
        "variance": found.variance,
        "groups": [{"group": one.group, "n": one.n, "own": one.own, "chance": one.chance} for one in found.shares],
        "composites": [_composite(found, one) for one in found.composites],
        "notes": list(found.notes),
        "version": found.version,
    }
    return {**record, "points": _points(found)} if points else record


def _composite(found: "geometry.maps.record.EmojiMap", one: "geometry.maps.record.Placed") -> dict[str, Any]:
    winner = None if one.winner is None else int(found.ids[one.winner])
    return {
        "expression": one.expression,
        "x": float(one.point[0]),
        "y": float(one.point[1]),
        "metric": one.metric,
        "winner": {"id": winner, "text": one.winner_text} if one.winner_text else None,
        "terms": found.ids[list(one.terms)].tolist(),
        "nearest": _near(found, one.nearest.tolist(), one.similarities.tolist()),
        "beside": one.beside,
    }


def _near(
    found: "geometry.maps.record.EmojiMap", places: Sequence[int], scores: Sequence[float]
) -> list[dict[str, Any]]:
    return [
        {"id": int(found.ids[place]), "text": found.texts[place], "similarity": score}
        for place, score in zip(places, scores, strict=True)
    ]


def _points(found: "geometry.maps.record.EmojiMap") -> list[dict[str, Any]]:
    return [
        {
            "id": token, "text": text, "bytes": data, "kind": kind, "name": name, "group": group, "norm": norm, "x": x,
            "y": y, "nearest": found.ids[near].tolist(), "similarities": scores.tolist(),
        }
        for token, text, data, kind, name, group, norm, (x, y), near, scores in zip(
            found.ids.tolist(), found.texts, found.bytes_hex, found.kinds, found.names, found.groups,
            found.norms.tolist(), found.points.tolist(), found.nearest, found.similarities, strict=True,
        )
    ]  # fmt: skip


def columns(found: "geometry.maps.record.EmojiMap") -> dict[str, list[Any]]:
    """Return a map as columns: one entry a point, then one a sum, whose id, bytes, kind, group and norm are empty."""
    ids, sums = found.ids, found.composites
    nothing: list[Any] = [None] * len(sums)
    at = np.array([one.point for one in sums]).reshape(-1, 2)
    winners = [None if one.winner is None else int(ids[one.winner]) for one in sums]
    return {
        "x": [*found.points[:, 0].tolist(), *at[:, 0].tolist()],
        "y": [*found.points[:, 1].tolist(), *at[:, 1].tolist()],
        "text": [*found.texts, *(one.expression for one in sums)],
        "id": [*ids.tolist(), *nothing],
        "bytes": [*found.bytes_hex, *nothing],
        "name": [*found.names, *[""] * len(sums)],
        "kind": [*found.kinds, *nothing],
        "group": [*found.groups, *["sum"] * len(sums)],
        "norm": [*found.norms.tolist(), *nothing],
        "nearest": [ids[near].tolist() for near in (*found.nearest, *(one.nearest for one in sums))],
        "similarities": [one.tolist() for one in (*found.similarities, *(one.similarities for one in sums))],
        "is_composite": [*[False] * len(ids), *[True] * len(sums)],
        "winner": [*[None] * len(ids), *winners],
        "winner_text": [*[None] * len(ids), *(one.winner_text for one in sums)],
        "terms": [*[None] * len(ids), *(ids[list(one.terms)].tolist() for one in sums)],
        "beside": [*[None] * len(ids), *(one.beside for one in sums)],
    }


def frame(found: "geometry.maps.record.EmojiMap") -> "pandas.DataFrame":
    """Return the columns as a frame, with whence they are."""
    import pandas as pd

    return pd.DataFrame(columns(found)).astype({"id": "Int64", "winner": "Int64"}).assign(
        head=found.head_facts["name"], fingerprint=found.head_facts["fingerprint"], space=found.space,
        metric=found.metric, method=found.method, seed=found.seed, version=found.version,
    )  # fmt: skip
