"""What a stranger's file says of a map, checked before a map is made of it."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from geometry.choices import AMONG, SPACES
from geometry.errors import GeometryError
from geometry.maps.neighbors import NEIGHBORS, compared
from geometry.maps.record import METHODS, EmojiMap, Placed
from geometry.maps.rows import FEWEST_POINTS, MOST_POINTS

MOST_NOTES = 5_000
LONGEST = 20_000
"""Characters of a token, a name, a sum or a note."""

FARTHEST = 1e9
"""No point lies farther out, on either axis."""

ROUNDING = 1e-6


class DamagedError(GeometryError):
    """What is wrong with a file, before it is said whose."""


def map_of(table: Mapping[str, Sequence[Any]], facts: Mapping[str, Any]) -> EmojiMap:
    """Make a map of a file's columns, of the right types already, and of what it says of itself.

    Raises:
        DamagedError: one of them is not what a map has.
        KeyError, TypeError: something is missing or refers to what is not there.
    """
    is_sum = table["is_composite"]
    points = [row for row, one in enumerate(is_sum) if one is False]
    sums = [row for row, one in enumerate(is_sum) if one is True]
    _expect(len(points) + len(sums) == len(is_sum), "a row does not say whether it is a sum")
    _expect(FEWEST_POINTS <= len(points) <= MOST_POINTS, f"it has {len(points):,} points")
    ids = _numbers([table["id"][row] for row in points], "id")
    _expect(bool((np.diff(ids) > 0).all() and ids[0] >= 0), "its ids are not in ascending order")
    told, k = _facts(facts), min(NEIGHBORS, len(points) - 1)
    _expect(int(ids[-1]) < told["head_facts"]["vocab"], f"its id {ids[-1]} is none of its head's")
    place_of = {int(token): place for place, token in enumerate(ids.tolist())}
    _expect(told["settings"]["k"] == compared(len(points)), f"its k is {told['settings']['k']}")
    at = np.array(
        [[_number_in(table[axis][row], axis, -FARTHEST, FARTHEST) for axis in "xy"] for row in (*points, *sums)]
    )
    places, scores = _neighbours(table, (*points, *sums), place_of, k)
    strings: dict[str, Any] = {
        name: tuple(_text(table[column][row], column) for row in points)
        for name, column in (
            ("texts", "text"), ("bytes_hex", "bytes"), ("kinds", "kind"), ("names", "name"), ("groups", "group")
        )
    }  # fmt: skip
    composites = []
    for index, row in enumerate(sums, start=len(points)):
        winner = table["winner"][row]
        composites.append(
            Placed(
                expression=_text(table["text"][row], "text"),
                point=at[index],
                winner=None if winner is None else place_of[winner],
                winner_text=_text(table["winner_text"][row], "winner_text"),
                terms=tuple(dict.fromkeys(place_of[token] for token in table["terms"][row])),
                nearest=places[index],
                similarities=scores[index],
                beside=_share(table["beside"][row], "beside"),
                metric=_text(facts["sum_metric"], "sum_metric"),
            )
        )
    count = len(points)
    return EmojiMap(
        ids=ids, points=at[:count], nearest=places[:count], similarities=scores[:count], composites=tuple(composites),
        norms=np.array([_number_in(table["norm"][row], "norm", 0.0, math.inf) for row in points]), **strings, **told,
    )  # fmt: skip


def _neighbours(
    table: Mapping[str, Sequence[Any]], rows: Sequence[int], place_of: Mapping[int, int], k: int
) -> tuple[Any, Any]:
    """Return the nearest of each row as places, and their similarities."""
    for row in rows:
        near, scores = table["nearest"][row], table["similarities"][row]
        _expect(near is not None and scores is not None and len(near) == len(scores) == k, f"a row has not {k} nearest")
    places = np.array([[place_of[token] for token in table["nearest"][row]] for row in rows], dtype=np.int64)
    least, most = -1 - ROUNDING, 1 + ROUNDING
    scores = np.array(
        [[_number_in(one, "similarities", least, most) for one in table["similarities"][row]] for row in rows]
    )
    return places, scores


def _facts(facts: Mapping[str, Any]) -> dict[str, Any]:
    """Return what a file says of itself, each checked for its type."""
    head, notes, method = facts["head"], facts["notes"], facts["method"]
    _expect(facts["space"] in SPACES and method in METHODS, "its space or method is none")
    _expect(isinstance(head, dict), "its head is no object")
    _expect(isinstance(notes, list) and len(notes) <= MOST_NOTES, f"its notes are no list of at most {MOST_NOTES:,}")
    optional = {
        name: None if facts[name] is None else _share(facts[name], name) for name in ("variance", "placed_overlap")
    }
    return {
        "head_facts": {
            **{name: _text(head[name], name) for name in ("name", "fingerprint")},
            **{name: _whole(head[name], name) for name in ("vocab", "dim")},
        },
        "head": None, "space": facts["space"], "method": method, "seed": _whole(facts["seed"], "seed"),
        "settings": _settings(facts["settings"], method), "version": _text(facts["version"], "version"),
        "trust": _share(facts["trust"], "trust"), "overlap": _share(facts["overlap"], "overlap"), **optional,
        "notes": tuple(_text(note, "notes") for note in notes),
    }  # fmt: skip


def _settings(given: Any, method: str) -> dict[str, Any]:
    """Return what was asked of a map, each checked; what no map has is left out."""
    known = isinstance(given, dict) and given["among"] in AMONG and "around" in given
    _expect(known, "its settings do not say what was mapped")
    around = given["around"]
    found: dict[str, Any] = {
        "among": given["among"], "around": None if around is None else _whole(around, "around"),
        "keep_undertrained": bool(given["keep_undertrained"]), "k": _whole(given["k"], "k"),
    }  # fmt: skip
    if method == "umap":
        found["neighbors"] = _whole(given["neighbors"], "neighbors")
        _expect(found["neighbors"] >= 2, f"its neighbors is {found['neighbors']}")
        found |= {name: _number_in(given[name], name, 0.0, FARTHEST) for name in ("min_dist", "spread", "a", "b")}
    return found


def _expect(holds: bool, what: str) -> None:
    if not holds:
        raise DamagedError(what)


def _numbers(values: Sequence[Any], name: str) -> Any:
    _expect(all(value is not None for value in values), f"a point has no {name}")
    return np.array(values, dtype=np.int64)


def _number_in(value: Any, name: str, least: float, most: float) -> float:
    _expect(type(value) in (int, float) and math.isfinite(value), f"{name} is {value!r} instead of a number")
    _expect(least <= value <= most, f"{name} is {value!r}, not {least:g} to {most:g}")
    return float(value)


def _share(value: Any, name: str) -> float:
    return _number_in(value, name, -ROUNDING, 1 + ROUNDING)


def _whole(value: Any, name: str) -> int:
    _expect(type(value) is int and value >= 0, f"its {name} is {value!r}")
    return int(value)


def _text(value: Any, name: str) -> str:
    _expect(isinstance(value, str), f"{name} is {value!r} instead of text")
    _expect(len(value) <= LONGEST, f"{name} has {len(value):,} characters, more than {LONGEST:,}")
    return str(value)
