"""A batch, run: parts that are not there yet are handed out, and what comes back is written."""

from collections.abc import Iterator, Mapping
from concurrent.futures import FIRST_COMPLETED, Future, wait
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import geometry
from geometry.batch.folder import check_same, damaged, held, put, read_manifest, with_fingerprints, write_manifest
from geometry.batch.parts import Part, Place, Target, files_a_head, head_error_file, parts, places, slugs, steps_of
from geometry.batch.plan import Plan
from geometry.batch.sources import Tally, tally
from geometry.batch.work import HeadFacts, describe, run_part
from geometry.batch.workers import Crew, Serial, losses, lost
from geometry.errors import PlanError
from geometry.progress import counting
from geometry.tables import many

AHEAD = 2
"""Parts handed out for every worker: one to do, and one that waits."""


@dataclass(frozen=True)
class Outcome:
    """What a batch has come to.

    Attributes:
        folder: where it lies.
        manifest: as written.
        computed, kept: parts done now, and before.
    """

    folder: Path
    manifest: dict[str, Any]
    computed: int
    kept: int

    @property
    def errors(self) -> int:
        """How many rows of errors there are."""
        return int(self.manifest["rows"]["errors"])

    def told(self) -> str:
        """The same in one line."""
        rows = ", ".join(f"{count:,} of {record}" for record, count in self.manifest["rows"].items())
        left_out = ", ".join(f"{one['metric']} in {one['space']}" for one in self.manifest["left_out"])
        told = f"{many(self.computed, 'part')} computed, {self.kept:,} kept · rows: {rows}"
        return f"{told} · left out, having no meaning: {left_out}" if left_out else told

    def to_dict(self) -> dict[str, Any]:
        """The command line's JSON object."""
        return {"folder": str(self.folder), "computed": self.computed, "kept": self.kept, **self.manifest}


def run_batch(plan: Plan, folder: str | Path, crew: Crew | None = None) -> Outcome:
    """Run a plan, or go on where it was left: a part whose file is there is not computed again.

    Args:
        plan: see :func:`geometry.batch.read_plan`.
        folder: where it is written; its own, new or of an earlier run of the same plan.
        crew: where parts are done; here, one after the other, by default.

    Raises:
        PlanError: the folder is of another plan, or expressions cannot be read.
        OptionError: the folder cannot be written to, or another run holds it.
        WorkerError: a worker went away; what was done before is kept.
    """
    folder, crew = Path(folder), crew or Crew(Serial(), 1)
    counted = tally(plan.expressions)
    if plan.asks_sums and not counted.count:
        raise PlanError("the plan's expressions are none; expected at least one: give some, or another file")
    earlier = read_manifest(folder)
    facts = describe_heads(plan, crew)
    manifest = manifest_of(plan, counted, facts)
    if earlier is not None:
        check_same(folder, earlier, manifest)
        manifest = with_fingerprints(manifest, earlier)
    with held(folder):
        write_manifest(folder, manifest)
        for head, slug in slugs(plan).items():
            put(folder, head_error_file(slug), facts[head].errors)
        targets = targets_of(plan, facts)
        computed, kept = _run(plan, targets, folder, crew, counted)
        if tally(plan.expressions) != counted:
            # what is there is of either, so that it must never be gone on with
            write_manifest(folder, manifest | {"expressions": {"count": counted.count, "digest": "changed"}})
            raise PlanError(
                "the expressions changed while they were gone through, so that rows may be of either version; "
                f"delete {str(folder)!r}, and run it again when nobody writes to them"
            )
        complete = all((folder / place.file).exists() for place in places(plan, targets, counted.count))
        manifest |= {"complete": complete, "rows": count_rows(plan, folder)}
        write_manifest(folder, manifest)
    return Outcome(folder, manifest, computed, kept)


def describe_heads(plan: Plan, crew: Crew) -> dict[str, HeadFacts]:
    """Have every head opened where the parts will be done.

    Raises:
        WorkerError: a worker went away over it.
    """
    try:
        waiting = {head: crew.executor.submit(describe, plan.spec(head), head) for head in plan.heads}
        return {head: future.result() for head, future in waiting.items()}
    except losses() as error:
        raise lost(error, "the opening of heads") from error


def targets_of(plan: Plan, facts: Mapping[str, HeadFacts]) -> list[Target]:
    """Return the heads that can be used, in order."""
    return [
        Target(plan.spec(head), slug, known["name"], known["fingerprint"], head)
        for head, slug in slugs(plan).items()
        if (known := facts[head].facts) is not None
    ]


def manifest_of(plan: Plan, counted: Tally, facts: dict[str, HeadFacts]) -> dict[str, Any]:
    """Return what is known before the first part is done."""
    named = slugs(plan)
    heads = [
        {"spec": head, "slug": named[head], **(facts[head].facts or {"error": facts[head].message})}
        for head in plan.heads
    ]
    return {
        "plan": plan.to_dict(),
        "expressions": {"count": counted.count, "digest": counted.digest},
        "heads": heads,
        "left_out": [{"space": space, "metric": metric, "why": why} for (space, metric), why in plan.left_out.items()],
        "parts_a_head": files_a_head(plan, counted.count),
        "version": geometry.__version__,
        "complete": False,
    }


def count_rows(plan: Plan, folder: Path) -> dict[str, int]:
    """Count the rows of every record in the folder, from the files' own footers.

    Raises:
        PlanError: A file is damaged.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    def rows(file: Path) -> int:
        try:
            return int(pq.read_metadata(file).num_rows)
        except (OSError, pa.ArrowException) as error:
            raise damaged(file, error) from error

    records = (*plan.record, "errors")
    return {record: sum(map(rows, (folder / record).rglob("*.parquet"))) for record in records}


def _run(plan: Plan, targets: list[Target], folder: Path, crew: Crew, counted: Tally) -> tuple[int, int]:
    """Do what is missing; return how many parts that was, and how many were there."""

    def missing(place: Place) -> bool:
        return not (folder / place.file).exists()

    kept, done, total = 0, 0, 0
    for place in places(plan, targets, counted.count):
        steps = steps_of(plan, place, counted.count)
        there = not missing(place)
        kept, done, total = kept + there, done + there * steps, total + steps
    computed, pending = 0, dict[Future[Any], Part]()
    least = 0 if isinstance(crew.executor, Serial) else crew.size * AHEAD
    with counting("batch", total=total, done=done) as advance:
        for part in parts(plan, targets, counted.count, missing):
            pending[_handed_out(part, crew)] = part
            for one in _written(pending, folder, least):
                computed += 1
                advance(max(1, len(one.expressions)))
        for one in _written(pending, folder, 0):
            computed += 1
            advance(max(1, len(one.expressions)))
    return computed, kept


def _handed_out(part: Part, crew: Crew) -> Future[Any]:
    try:
        return crew.executor.submit(run_part, part)
    except losses() as error:
        raise lost(error, part.place.file) from error


def _written(pending: dict[Future[Any], Part], folder: Path, least: int) -> Iterator[Part]:
    """Write what is done, waiting until at most ``least`` parts are still out."""
    while len(pending) > least:
        for future in wait(pending, return_when=FIRST_COMPLETED).done:
            part = pending[future]
            try:
                done = future.result()
            except losses() as error:
                raise lost(error, part.place.file, others=len(pending) - 1) from error
            del pending[future]
            # the rows last: where they are, the part is complete
            put(folder, part.place.error_file, done.errors)
            if done.rows is not None:
                put(folder, part.place.file, done.rows)
            yield part
