"""A map as a Parquet file: anyone's tools open it, and it gives the same picture again."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from io import BytesIO
from pathlib import Path
from typing import Any

from geometry.atomic import check_place, put_file
from geometry.errors import MapError
from geometry.head import Head
from geometry.maps.checks import DamagedError, map_of
from geometry.maps.record import EmojiMap
from geometry.maps.rows import MOST_POINTS, MOST_SUMS
from geometry.maps.tables import columns

KEY = b"geometry"
FORMAT = 1


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
    put_file(place, written.getvalue(), "a .parquet file in a folder that can be written to")


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
        found = map_of(table, facts)
    except (KeyError, TypeError, ValueError, IndexError, OverflowError, AttributeError) as error:
        raise _no_map(path, f"it is damaged ({type(error).__name__}: {error})") from error
    except DamagedError as error:
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
