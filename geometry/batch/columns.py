"""The columns of a batch's Parquet files, and rows put into them: the same rows give the same bytes."""

import json
from collections.abc import Iterable, Mapping
from io import BytesIO
from typing import Any

import geometry
from geometry.head import Head
from geometry.landing import Landing
from geometry.why import Why

KEY = b"geometry"
FORMAT = 1

Row = Mapping[str, Any]

_WHOSE = {"head": "string", "spec": "string", "fingerprint": "string"}
_WHENCE = _WHOSE | {"expression": "string", "index": "int64", "space": "string", "metric": "string"}
_WHAT = {"rank": "int32", "id": "int64", "text": "string", "bytes": "string", "kind": "string", "score": "float64"}
_HOW = {"seed": "int64", "version": "string"}

_REPORT = _WHOSE | {"space": "string", "report": "string"} | _HOW

COLUMNS: Mapping[str, Mapping[str, str]] = {
    "landings": _WHENCE | _WHAT | {"probability": "float64", "is_input": "bool", "is_variant": "bool"} | _HOW,
    "why": _WHENCE
    | {"winner": "int64", "winner_text": "string"}
    | _WHAT
    | {
        "margin": "float64", "by_term": "string", "by_bias": "float64", "by_mean": "float64", "by_norm": "float64",
        "by_angle": "float64", "flip_angle": "float64", "win_angle": "float64",
    }
    | _HOW,
    "census": _REPORT,
    "phantoms": _REPORT,
    "audit": _REPORT,
    "errors": _WHENCE | {"record": "string", "error": "string", "message": "string", "version": "string"},
}  # fmt: skip
"""Every record's columns and their types.

``head`` is what a head is called, ``spec`` what the plan calls it: a sweep's folders often share a last name. ``index``
counts the plan's expressions from 0, ``report`` is JSON.
"""


def schema(record: str, facts: Mapping[str, Any] | None = None) -> Any:
    """Return a record's Arrow schema; its metadata say what wrote it, and ``facts`` that hold for all of its rows."""
    import pyarrow as pa

    told = {"record": record, "format": FORMAT, "version": geometry.__version__, **(facts or {})}
    kinds = [(name, getattr(pa, "bool_" if kind == "bool" else kind)()) for name, kind in COLUMNS[record].items()]
    written = json.dumps(told, ensure_ascii=False, sort_keys=True).encode()
    return pa.schema(kinds, metadata={KEY: written})


def table(record: str, rows: Iterable[Row]) -> Any:
    """Put rows into an Arrow table."""
    import pyarrow as pa

    return pa.Table.from_pylist(list(rows), schema=schema(record))


def encode(tables: list[Any], record: str, facts: Mapping[str, Any]) -> bytes:
    """Return tables of one record as the bytes of a Parquet file.

    Args:
        facts: What holds for all of its rows, for the file's metadata under the key ``geometry``.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    written = BytesIO()
    whole = pa.concat_tables(tables) if tables else schema(record).empty_table()
    pq.write_table(whole.cast(schema(record, facts)), written, compression="zstd")
    return written.getvalue()


def landing_rows(landing: Landing, spec: str, index: int) -> Iterable[Row]:
    """Yield a row a ranked token."""
    whence = _whence(landing.head, spec, landing.expression, index, landing.options.metric)
    names = (*_WHAT, "probability", "is_input", "is_variant")
    for one in landing.landings:
        yield whence | {name: getattr(one, name) for name in names} | _how(landing.options.seed)


def why_rows(why: Why, spec: str, index: int) -> Iterable[Row]:
    """Yield a row a rival of the winner; ``rank`` 1 is the best of them, ``by_term`` a JSON object."""
    whence = _whence(why.head, spec, why.expression, index, "logit")
    whence |= {"winner": why.winner.id, "winner_text": why.winner.text}
    names = set(COLUMNS["why"]) - set(whence) - {"rank", "by_term", "seed", "version"}
    for rank, rival in enumerate(why.rivals, start=1):
        told = {name: getattr(rival, name) for name in names}
        by_term = json.dumps(rival.by_term, ensure_ascii=False)
        yield whence | told | {"rank": rank, "by_term": by_term} | _how(why.options.seed)


def report_row(head: Head, spec: str, space: str, report: Mapping[str, Any], seed: int) -> Row:
    """Return the row of a report on a whole head; the report is a JSON object."""
    return (
        _whose(head, spec)
        | {"space": space, "report": json.dumps(report, ensure_ascii=False, allow_nan=False)}
        | _how(seed)
    )


def error_row(error: BaseException, record: str | None = None, **whence: Any) -> Row:
    """Return the row that says what went wrong; columns of ``whence`` that are not known stay empty."""
    message = " ".join(str(error).split()) or "no message"
    known = {"error": type(error).__name__, "message": message, "record": record, "version": geometry.__version__}
    return dict.fromkeys(COLUMNS["errors"]) | whence | known


def _whose(head: Head, spec: str) -> dict[str, Any]:
    return {"head": head.name, "spec": spec, "fingerprint": head.fingerprint}


def _whence(head: Head, spec: str, expression: str, index: int, metric: str) -> dict[str, Any]:
    return _whose(head, spec) | {"expression": expression, "index": index, "space": head.space.name, "metric": metric}


def _how(seed: int) -> dict[str, Any]:
    return {"seed": seed, "version": geometry.__version__}
