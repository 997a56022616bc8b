"""A map as a Parquet file: anyone's tools open it, and it gives the same picture again."""

import json
import math
from collections.abc import Mapping, Sequence
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np

from geometry.atomic import check_place, replace_file
from geometry.choices import AMONG, SPACES
from geometry.errors import GeometryError, MapError, OptionError
from geometry.head import Head
from geometry.maps.neighbors import NEIGHBORS, compared
from geometry.maps.record import METHODS, EmojiMap, Placed
from geometry.maps.rows import FEWEST_POINTS, MOST_POINTS
from geometry.maps.tables import columns

KEY = b"geometry"
FORMAT = 1

MOST_SUMS = 1_000
LARGEST = 256 * 2**20
"""Bytes of a file, and of what it unpacks to."""


def write_map(found: EmojiMap, path: str | Path) -> None:
    """Write a map, whole or not at all.

    Raises:
        OptionError: another ending than ``.parquet``, or a place that cannot be written to.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    place = check_place(path, ".parquet")
    named = columns(found)
    kinds = _kinds()
    facts = {
        "format": FORMAT, "head": dict(found.head_facts), "space": found.space, "metric": found.metric,
        "method": found.method, "seed": found.seed, "settings": dict(found.settings), "trust": found.trust,
        "overlap": found.overlap, "placed_overlap": found.placed_overlap, "variance": found.variance,
        "sum_metric": found.composites[0].metric if found.composites else None, "notes": list(found.notes),
        "version": found.version,
    }  # fmt: skip
    schema = pa.schema(list(kinds.items()), metadata={KEY: json.dumps(facts, ensure_ascii=False).encode()})
    written = BytesIO()
    pq.write_table(pa.table([pa.array(named[name], kinds[name]) for name in kinds], schema=schema), written)
    try:
        replace_file(place, written.getvalue())
    except OSError as error:
        raise OptionError(
            f"{str(path)!r} cannot be written ({error.strerror or error}); expected a .parquet file in a folder that "
            "can be written to; choose another path"
        ) from error


def read_map(path: str | Path, head: Head | None = None) -> EmojiMap:
    """Read a map that :meth:`EmojiMap.write` wrote; a stranger's file is checked before anything is made of it.

    Args:
        path: the file.
        head: the head that the map is of, in any space: only what puts new vectors on the map needs it.

    Raises:
        MapError: it is no such file, a damaged one, too large, or of another head.
    """
    table, facts = _opened(Path(path))
    try:
        found = _read(table, facts)
    except (KeyError, TypeError, ValueError, IndexError, OverflowError, AttributeError) as error:
        raise _no_map(path, f"it is damaged ({type(error).__name__}: {error})") from error
    except _DamagedError as error:
        raise _no_map(path, str(error)) from error
    if head is None:
        return found
    for name in ("fingerprint", "vocab", "dim"):
        given, expected = head.to_dict()[name], found.head_facts[name]
        if given != expected:
            raise MapError(
                f"head {head.name} of {name} {given} arrived for a map of {found.head_facts['name']} of {expected}; "
                "give the map's own head, or none"
            )
    return _with(found, head)


class _DamagedError(GeometryError):
    """What is wrong with a file, before it is said whose."""


def _with(found: EmojiMap, head: Head) -> EmojiMap:
    from dataclasses import replace

    return replace(found, head=head.in_space(found.space))


def _no_map(path: str | Path, why: str) -> MapError:
    return MapError(f"{str(path)!r} cannot be read as a map: {why}; expected a file that `geometry map -o` wrote")


def _kinds() -> dict[str, Any]:
    import pyarrow as pa

    return {
        "x": pa.float64(), "y": pa.float64(), "text": pa.string(), "id": pa.int64(), "bytes": pa.string(),
        "name": pa.string(), "kind": pa.string(), "group": pa.string(), "norm": pa.float64(),
        "nearest": pa.list_(pa.int64()), "similarities": pa.list_(pa.float64()), "is_composite": pa.bool_(),
        "winner": pa.int64(), "winner_text": pa.string(), "terms": pa.list_(pa.int64()), "beside": pa.float64(),
    }  # fmt: skip


def _opened(path: Path) -> tuple[Mapping[str, Sequence[Any]], Mapping[str, Any]]:
    """Return a file's columns and what it says of itself, its sizes checked first."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        size = path.stat().st_size
        if not path.is_file() or size > LARGEST:
            raise _no_map(path, f"it is no file of at most {LARGEST // 2**20} MiB")
        with pq.ParquetFile(path, thrift_string_size_limit=LARGEST, thrift_container_size_limit=2**20) as file:
            described = file.metadata
            unpacked = sum(described.row_group(i).total_byte_size for i in range(described.num_row_groups))
            if described.num_rows > MOST_POINTS + MOST_SUMS or unpacked > LARGEST:
                raise _no_map(path, f"its {described.num_rows:,} rows take {unpacked:,} bytes, more than a map has")
            schema = file.schema_arrow
            for name, kind in _kinds().items():
                there = [field.type for field in schema if field.name == name]
                if there != [kind]:
                    got = ", ".join(map(str, there)) or "nothing"
                    raise _no_map(path, f"its column {name!r} is {got} instead of {kind}")
            facts = json.loads((schema.metadata or {}).get(KEY, b"null"))
            table = file.read(columns=[*_kinds()], use_threads=False)
    except FileNotFoundError as error:
        raise MapError(f"{str(path)!r} is not there; expected a .parquet file that `geometry map -o` wrote") from error
    except (OSError, pa.ArrowException, ValueError, RecursionError) as error:
        raise _no_map(path, f"{' '.join(str(error).split()) or type(error).__name__}") from error
    if not isinstance(facts, dict) or facts.get("format") != FORMAT:
        raise _no_map(path, "it does not say which head it is of")
    return {name: table.column(name).to_pylist() for name in table.column_names}, facts


def _read(table: Mapping[str, Sequence[Any]], facts: Mapping[str, Any]) -> EmojiMap:
    """Make a map of columns and facts that are of the right types, each checked for what it holds."""
    is_sum = table["is_composite"]
    points = [row for row, one in enumerate(is_sum) if one is False]
    sums = [row for row, one in enumerate(is_sum) if one is True]
    _expect(len(points) + len(sums) == len(is_sum), "a row does not say whether it is a sum")
    _expect(FEWEST_POINTS <= len(points) <= MOST_POINTS, f"it has {len(points):,} points")
    ids = _numbers([table["id"][row] for row in points], "id")
    _expect(bool((np.diff(ids) > 0).all() and ids[0] >= 0), "its ids are not in ascending order")
    place_of = {int(token): place for place, token in enumerate(ids.tolist())}
    told, k = _facts(facts), min(NEIGHBORS, len(points) - 1)
    _expect(told["settings"]["k"] == compared(len(points)), f"its k is {told['settings']['k']}")
    at = np.array([[_finite(table[axis][row], axis) for axis in "xy"] for row in (*points, *sums)])
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
                terms=tuple(place_of[token] for token in table["terms"][row]),
                nearest=places[index],
                similarities=scores[index],
                beside=_finite(table["beside"][row], "beside"),
                metric=_text(facts["sum_metric"], "sum_metric"),
            )
        )
    count = len(points)
    return EmojiMap(
        ids=ids, points=at[:count], nearest=places[:count], similarities=scores[:count], composites=tuple(composites),
        norms=np.array([_finite(table["norm"][row], "norm") for row in points]), **strings, **told,
    )  # fmt: skip


def _neighbours(
    table: Mapping[str, Sequence[Any]], rows: Sequence[int], place_of: Mapping[int, int], k: int
) -> tuple[Any, Any]:
    """Return the nearest of each row as places, and their similarities."""
    for row in rows:
        near, scores = table["nearest"][row], table["similarities"][row]
        _expect(near is not None and scores is not None and len(near) == len(scores) == k, f"a row has not {k} nearest")
    places = np.array([[place_of[token] for token in table["nearest"][row]] for row in rows], dtype=np.int64)
    scores = np.array([[_finite(one, "similarities") for one in table["similarities"][row]] for row in rows])
    return places, scores


def _facts(facts: Mapping[str, Any]) -> dict[str, Any]:
    """Return what a file says of itself, each checked for its type."""
    head, settings = facts["head"], facts["settings"]
    _expect(facts["space"] in SPACES and facts["method"] in METHODS, "its space or method is none")
    _expect(isinstance(head, dict) and isinstance(settings, dict), "its head and settings are no objects")
    _expect(settings["among"] in AMONG and "around" in settings, "its settings do not say what was mapped")
    whole = {"vocab": head["vocab"], "dim": head["dim"], "seed": facts["seed"], "k": settings["k"]}
    if facts["method"] == "umap":
        whole["neighbors"] = settings["neighbors"]
        _finite(settings["a"], "a"), _finite(settings["b"], "b")
    for name, value in whole.items():
        _expect(type(value) is int and value >= 0, f"its {name} is {value!r}")
    known = {name: _text(head[name], name) for name in ("name", "fingerprint")}
    optional = {
        name: None if facts[name] is None else _finite(facts[name], name) for name in ("variance", "placed_overlap")
    }
    return {
        "head_facts": {**known, "vocab": head["vocab"], "dim": head["dim"]}, "head": None, "space": facts["space"],
        "method": facts["method"], "seed": facts["seed"], "settings": settings,
        "version": _text(facts["version"], "version"), "trust": _finite(facts["trust"], "trust"),
        "overlap": _finite(facts["overlap"], "overlap"), **optional,
        "notes": tuple(_text(note, "notes") for note in facts["notes"]),
    }  # fmt: skip


def _expect(holds: bool, what: str) -> None:
    if not holds:
        raise _DamagedError(what)


def _numbers(values: Sequence[Any], name: str) -> Any:
    _expect(all(value is not None for value in values), f"a point has no {name}")
    return np.array(values, dtype=np.int64)


def _finite(value: Any, name: str) -> float:
    _expect(type(value) in (int, float) and math.isfinite(value), f"{name} is {value!r} instead of a number")
    return float(value)


def _text(value: Any, name: str) -> str:
    _expect(isinstance(value, str), f"{name} is {value!r} instead of text")
    return str(value)
