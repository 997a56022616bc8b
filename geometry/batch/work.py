"""What a worker does: opens a head from its spec, and turns a part into the bytes of its files."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, TypeVar

import geometry
from geometry.batch.columns import Row, encode, error_row, landing_rows, report_row, table, why_rows
from geometry.batch.keys import OF_HEADS
from geometry.batch.parts import Part, Place
from geometry.batch.shelf import in_use, look_at
from geometry.concepts import Concept, check_direction, evaluate
from geometry.errors import GeometryError, WorkerError
from geometry.head import Head
from geometry.health import audit
from geometry.landing import LandingOptions
from geometry.landing.scans import LandingScan
from geometry.phantoms import find_phantoms
from geometry.recall import census
from geometry.why import WhyOptions, explain

T = TypeVar("T")

BLOCK_BYTES = 128 * 2**20
"""Memory that the sums landed in one scan may take."""

MOST_AT_ONCE = 1024
VECTORS_A_SUM = 8
"""Vectors of dim float64 that one sum takes while it is landed: itself, its terms, and what is scored."""

BAD_HEAD = (GeometryError, OSError, MemoryError)
"""What a head can do wrong without the batch being at fault."""


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


def describe(spec: str, planned: str) -> HeadFacts:
    """Open a head and say what it is; nothing is raised.

    Args:
        spec: what opens it.
        planned: the same as the plan has it.
    """
    try:
        head = look_at(spec)
        return HeadFacts(head.to_dict(), head.opened.matrix.nbytes)
    except BAD_HEAD as error:
        whose = {"head": planned, "spec": planned}
        row = error_row(error, **whose)
        return HeadFacts(None, 0, encode([table("errors", [row])], "errors", whose), row["message"])


def run_part(part: Part) -> Done:
    """Do a part; a bad expression or a bad head becomes rows of errors.

    Raises:
        WorkerError: this worker has another version than the batch, and its rows might differ.
    """
    if part.version != geometry.__version__:
        raise WorkerError(
            f"a worker has geometry {geometry.__version__}, the batch is of {part.version}; expected the same; "
            "install that version where the workers run, and run the same command again"
        )
    place, errors = part.place, list[Row]()
    facts = _whence(place) | {"seed": part.seed}
    try:
        with in_use(place.target) as head:
            rows = encode(list(_tables(head.in_space(place.space), part, errors)), place.record, facts)
    except BAD_HEAD as error:
        # a part that failed as a whole has no rows, so it is tried again when the batch is
        rows, errors = None, [error_row(error, place.record, **_whence(place))]
    return Done(rows, encode([table("errors", errors)], "errors", facts) if errors else None)


def block_size(dim: int, k: int) -> int:
    """How many sums are landed in one scan: as many as their memory allows, however many there are."""
    return max(1, min(MOST_AT_ONCE, BLOCK_BYTES // (8 * dim * VECTORS_A_SUM + 1_000 * (k + 32))))


def _tables(head: Head, part: Part, errors: list[Row]) -> Iterator[Any]:
    record, planned = part.place.record, part.place.target.planned
    if record in OF_HEADS:
        yield table(record, [report_row(head, planned, part.place.space, _report(head, part), part.seed)])
        return
    size = block_size(head.dim, part.k)
    make = _landed if record == "landings" else _explained
    for start in range(0, len(part.expressions), size):
        numbered = list(enumerate(part.expressions[start : start + size], start=part.first + start))
        yield table(record, make(head, part, numbered, errors))


def _report(head: Head, part: Part) -> dict[str, Any]:
    asked = {"space": part.place.space, "seed": part.seed}
    make = {"census": census, "phantoms": find_phantoms, "audit": audit}[part.place.record]
    report: dict[str, Any] = make(head, **asked).to_dict()  # type: ignore[operator]
    return report


def _landed(head: Head, part: Part, numbered: Sequence[tuple[int, str]], errors: list[Row]) -> Iterable[Row]:
    assert part.place.metric is not None
    options = LandingOptions(
        k=part.k, metric=part.place.metric, among=part.among, exclude_inputs=part.exclude_inputs, seed=part.seed
    )
    good: list[tuple[int, str, Concept]] = []
    for index, expression in numbered:
        concept = _tried(partial(_concept, head, expression), part.place, index, expression, errors)
        if concept is not None:
            good.append((index, expression, concept))
    if not good:
        return
    scans = LandingScan(head, [concept for _, _, concept in good], options)
    scans.run()
    for query, (index, expression, _) in enumerate(good):
        yield from landing_rows(scans.landing(query, expression), part.place.target.planned, index)


def _explained(head: Head, part: Part, numbered: Sequence[tuple[int, str]], errors: list[Row]) -> Iterable[Row]:
    options = WhyOptions(k=part.k, among=part.among, cascade=0, vacancy=False, seed=part.seed)
    for index, expression in numbered:
        asked = partial(explain, head, expression, options, space=part.place.space)
        why = _tried(asked, part.place, index, expression, errors)
        if why is not None:
            yield from why_rows(why, part.place.target.planned, index)


def _concept(head: Head, expression: str) -> Concept:
    concept = evaluate(head, expression)
    check_direction(concept)
    return concept


def _tried(make: Callable[[], T], place: Place, index: int, expression: str, errors: list[Row]) -> T | None:
    try:
        return make()
    except GeometryError as error:
        errors.append(error_row(error, place.record, index=index, expression=expression, **_whence(place)))
        return None


def _whence(place: Place) -> dict[str, Any]:
    target = place.target
    whose = {"head": target.name, "spec": target.planned, "fingerprint": target.fingerprint}
    return whose | {"space": place.space, "metric": place.metric}
