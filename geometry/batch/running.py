"""A batch, run: parts that are not there yet are handed out, and what comes back is written."""

from collections.abc import Iterator
from concurrent.futures import FIRST_COMPLETED, BrokenExecutor, Future, wait
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import geometry
from geometry.batch.folder import check_same, held, put, read_manifest, write_manifest
from geometry.batch.parts import Part, files_a_head, head_error_file, parts, slugs, steps_a_head
from geometry.batch.plan import Plan
from geometry.batch.sources import Tally, tally
from geometry.batch.work import HeadFacts, describe, run_part
from geometry.batch.workers import Crew, Serial
from geometry.errors import GeometryError, PlanError
from geometry.progress import counting

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
        return f"{self.computed:,} parts computed, {self.kept:,} kept · rows: {rows}"

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
    """
    folder, crew = Path(folder), crew or Crew(Serial(), 1)
    counted = tally(plan.expressions)
    if plan.asks_sums and not counted.count:
        raise PlanError("the plan's expressions are none; expected at least one: give some, or another file")
    earlier = read_manifest(folder)
    try:
        facts = describe_heads(plan, crew)
        manifest = manifest_of(plan, counted, facts)
        if earlier is not None:
            check_same(folder, earlier, manifest)
        with held(folder):
            write_manifest(folder, manifest)
            for head, slug in slugs(plan).items():
                put(folder, head_error_file(slug), facts[head].errors)
            usable = {head: slug for head, slug in slugs(plan).items() if facts[head].facts is not None}
            computed, kept = _run(plan, usable, folder, crew, counted)
            missing = sum(not (folder / part.file).exists() for part in parts(plan, usable))
            manifest |= {"complete": not missing, "rows": count_rows(plan, folder)}
            write_manifest(folder, manifest)
    except BrokenExecutor as error:
        raise GeometryError(
            f"a worker process ended by itself ({error}); what is done is kept: run the same command again, with "
            "fewer --workers if memory ran out"
        ) from error
    return Outcome(folder, manifest, computed, kept)


def describe_heads(plan: Plan, crew: Crew) -> dict[str, HeadFacts]:
    """Have every head opened where the parts will be done."""
    waiting = {head: crew.executor.submit(describe, plan.spec(head)) for head in plan.heads}
    return {head: future.result() for head, future in waiting.items()}


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
        "parts_a_head": files_a_head(plan, counted.count),
        "version": geometry.__version__,
        "complete": False,
    }


def count_rows(plan: Plan, folder: Path) -> dict[str, int]:
    """Count the rows of every record in the folder, from the files' own footers."""
    import pyarrow.parquet as pq

    records = (*plan.record, "errors")
    files = {record: (folder / record).rglob("*.parquet") for record in records}
    return {record: sum(pq.read_metadata(file).num_rows for file in files[record]) for record in records}


def _run(plan: Plan, heads: dict[str, str], folder: Path, crew: Crew, counted: Tally) -> tuple[int, int]:
    computed, kept = 0, 0
    pending: dict[Future[Any], Part] = {}
    stream = parts(plan, heads)
    with counting("batch", total=len(heads) * steps_a_head(plan, counted.count)) as advance:
        for part in stream:
            if (folder / part.file).exists():
                kept += 1
                advance(max(1, len(part.expressions)))
                continue
            pending[crew.executor.submit(run_part, part)] = part
            least = 0 if isinstance(crew.executor, Serial) else crew.size * AHEAD
            for done in _written(pending, folder, least):
                computed += 1
                advance(max(1, len(done.expressions)))
        for done in _written(pending, folder, 0):
            computed += 1
            advance(max(1, len(done.expressions)))
    if computed + kept != len(heads) * files_a_head(plan, counted.count):
        raise PlanError("the expressions changed while they were gone through; restore their files and run it again")
    return computed, kept


def _written(pending: dict[Future[Any], Part], folder: Path, least: int) -> Iterator[Part]:
    """Write what is done, waiting until at most ``least`` parts are still out."""
    while len(pending) > least:
        for future in wait(pending, return_when=FIRST_COMPLETED).done:
            part, done = pending.pop(future), future.result()
            # the rows last: where they are, the part is complete
            put(folder, part.error_file, done.errors)
            if done.rows is not None:
                put(folder, part.file, done.rows)
            yield part
