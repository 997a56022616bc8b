"""What a worker does: opens a head from its spec, keeps it open, and turns a part into the bytes of its files."""

from collections import OrderedDict
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from threading import Lock
from typing import Any, TypeVar

from geometry.batch.columns import Row, encode, error_row, landing_rows, report_row, table, why_rows
from geometry.batch.parts import Part
from geometry.batch.plan import OF_HEADS
from geometry.concepts import Concept, check_direction, evaluate
from geometry.errors import GeometryError
from geometry.head import Head, open_head
from geometry.health import audit
from geometry.landing import LandingOptions
from geometry.landing.scans import LandingScan
from geometry.phantoms import find_phantoms
from geometry.recall import census
from geometry.why import WhyOptions, explain

T = TypeVar("T")

KEPT_OPEN = 2
"""Heads that one process keeps open: parts come one head after the other."""

BLOCK_BYTES = 128 * 2**20
"""Memory that the sums landed in one scan may take."""

MOST_AT_ONCE = 1024
VECTORS_A_SUM = 8
"""Vectors of dim float64 that one sum takes while it is landed: itself, its terms, and what is scored."""

BAD_HEAD = (GeometryError, OSError, MemoryError)
"""What a head can do wrong without the batch being at fault."""

_open: "OrderedDict[str, Head]" = OrderedDict()
_lock = Lock()


@dataclass(frozen=True)
class HeadFacts:
    """What is to be known of a head before its parts are handed out, or why it cannot be used.

    Attributes:
        facts: name, fingerprint, vocab, dim; None for a bad head.
        nbytes: of its rows as stored, which one scan reads.
        errors: the file of errors of a bad head.
        message: the same in words.
    """

    facts: dict[str, Any] | None
    nbytes: int = 0
    errors: bytes | None = None
    message: str = ""


@dataclass(frozen=True)
class Done:
    """A part's files.

    Attributes:
        rows: Parquet; None if the part could not be done, and is to be tried again.
        errors: Parquet of what went wrong; None if nothing did.
    """

    rows: bytes | None
    errors: bytes | None


def describe(spec: str) -> HeadFacts:
    """Open a head and say what it is; nothing is raised."""
    try:
        head = opened(spec)
        return HeadFacts(head.to_dict(), head.opened.matrix.nbytes)
    except BAD_HEAD as error:
        row = error_row(error, head=spec)
        return HeadFacts(None, 0, encode([table("errors", [row])], "errors"), row["message"])


def run_part(part: Part) -> Done:
    """Do a part; a bad expression or a bad head becomes rows of errors."""
    errors: list[Row] = []
    try:
        tables = list(_tables(part, errors))
        rows = encode(tables, part.record)
    except BAD_HEAD as error:
        # a part that failed as a whole has no rows, so it is tried again when the batch is
        rows, errors = None, [error_row(error, part.record, head=part.slug, space=part.space, metric=part.metric)]
    return Done(rows, encode([table("errors", errors)], "errors") if errors else None)


def opened(spec: str) -> Head:
    """Return a head that this process has open, opening it if need be."""
    with _lock:
        if spec not in _open:
            while len(_open) >= KEPT_OPEN:
                _open.popitem(last=False)
            _open[spec] = open_head(spec)
        _open.move_to_end(spec)
        return _open[spec]


def block_size(dim: int, k: int) -> int:
    """How many sums are landed in one scan: as many as their memory allows, however many there are."""
    return max(1, min(MOST_AT_ONCE, BLOCK_BYTES // (8 * dim * VECTORS_A_SUM + 1_000 * (k + 32))))


def _tables(part: Part, errors: list[Row]) -> Iterator[Any]:
    head = opened(part.spec).in_space(part.space)
    if part.record in OF_HEADS:
        yield table(part.record, [report_row(head, part.space, _report(head, part), part.seed)])
        return
    size = block_size(head.dim, part.k)
    for start in range(0, len(part.expressions), size):
        numbered = list(enumerate(part.expressions[start : start + size], start=part.first + start))
        make = _landed if part.record == "landings" else _explained
        yield table(part.record, make(head, part, numbered, errors))


def _report(head: Head, part: Part) -> dict[str, Any]:
    asked = {"space": part.space, "seed": part.seed}
    make = {"census": census, "phantoms": find_phantoms, "audit": audit}[part.record]
    report: dict[str, Any] = make(head, **asked).to_dict()  # type: ignore[operator]
    return report


def _landed(head: Head, part: Part, numbered: Sequence[tuple[int, str]], errors: list[Row]) -> Iterable[Row]:
    assert part.metric is not None
    options = LandingOptions(
        k=part.k, metric=part.metric, among=part.among, exclude_inputs=part.exclude_inputs, seed=part.seed
    )
    good: list[tuple[int, str, Concept]] = []
    for index, expression in numbered:
        concept = _tried(partial(_concept, head, expression), head, part, index, expression, errors)
        if concept is not None:
            good.append((index, expression, concept))
    if not good:
        return
    scans = LandingScan(head, [concept for _, _, concept in good], options)
    scans.run()
    for place, (index, expression, _) in enumerate(good):
        yield from landing_rows(scans.landing(place, expression), index)


def _explained(head: Head, part: Part, numbered: Sequence[tuple[int, str]], errors: list[Row]) -> Iterable[Row]:
    options = WhyOptions(k=part.k, among=part.among, cascade=0, vacancy=False, seed=part.seed)
    for index, expression in numbered:
        why = _tried(
            partial(explain, head, expression, options, space=part.space),
            head, part, index, expression, errors,
        )  # fmt: skip
        if why is not None:
            yield from why_rows(why, index)


def _concept(head: Head, expression: str) -> Concept:
    concept = evaluate(head, expression)
    check_direction(concept)
    return concept


def _tried(make: Callable[[], T], head: Head, part: Part, index: int, expression: str, errors: list[Row]) -> T | None:
    try:
        return make()
    except GeometryError as error:
        whence = {"head": head.name, "fingerprint": head.fingerprint, "space": part.space, "metric": part.metric}
        errors.append(error_row(error, part.record, index=index, expression=expression, **whence))
        return None
