"""What a batch would read, compute and write, said before it does."""

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from geometry.batch.folder import check_free, check_same, read_manifest
from geometry.batch.keys import OF_SUMS
from geometry.batch.parts import places, rounds
from geometry.batch.plan import Plan
from geometry.batch.running import describe_heads, manifest_of, targets_of
from geometry.batch.sources import tally
from geometry.batch.work import HeadFacts, block_size
from geometry.batch.workers import Crew
from geometry.tables import Column, Table, many

BYTES_A_ROW = 27
"""What a row of landings takes in Parquet, by measurement on the bundled head with k = 10."""

BYTES_A_FILE = 10_000
"""What a file takes besides, for its schema and footer."""


@dataclass(frozen=True)
class HeadForecast:
    """One head of a batch to come.

    Attributes:
        head: as the plan names it.
        vocab, dim: its size; 0 if it cannot be opened.
        nbytes: of its rows, read once a scan.
        scans: passes over them for sums, at least.
        rows: to be written, at most.
        error: why it cannot be used, or None.
    """

    head: str
    vocab: int
    dim: int
    nbytes: int
    scans: int
    rows: int
    error: str | None


@dataclass(frozen=True)
class Forecast:
    """What a batch would do.

    Attributes:
        heads: one by one.
        expressions: how many.
        parts: files to be written, and of these there already.
        rows, nbytes: to be written, at most and about.
        left_out: spaces and metrics that make no sense together, and why.
    """

    heads: tuple[HeadForecast, ...]
    expressions: int
    parts: int
    kept: int
    rows: int
    nbytes: int
    left_out: tuple[str, ...]

    def to_dict(self) -> dict[str, Any]:
        """The command line's JSON object."""
        return asdict(self)

    def table(self) -> Table:
        """The forecast as a table of text."""
        columns = (
            Column("rows × dim", "right"), Column("to read"), Column("scans"), Column("to write"),
            Column("head", "left"),
        )  # fmt: skip
        rows = [
            (f"{one.vocab:,} × {one.dim:,}", size_text(one.nbytes), f"{one.scans:,}", f"{one.rows:,}", one.head)
            if one.error is None
            else ("–", "–", "–", "–", one.head)
            for one in self.heads
        ]
        return Table(
            title=(
                f"{many(self.expressions, 'expression')} on {many(len(self.heads), 'head')}",
                f"{many(self.parts, 'part')}, {self.kept:,} there already · at most {many(self.rows, 'row')}, "
                f"about {size_text(self.nbytes)} · nothing is written",
            ),
            columns=columns,
            rows=tuple(rows),
            notes=(
                *(f"left out: {one}" for one in self.left_out),
                *(f"{one.head}: {one.error}" for one in self.heads if one.error is not None),
            ),
        )


def forecast(plan: Plan, folder: str | Path, crew: Crew) -> Forecast:
    """Open every head, count the expressions, and say what a run would do.

    Raises:
        OptionError: The folder is of something else.
        PlanError: The folder is of another plan, or expressions cannot be read.
    """
    folder, counted = Path(folder), tally(plan.expressions)
    facts = describe_heads(plan, crew)
    earlier = read_manifest(folder)
    if earlier is None:
        check_free(folder)
    else:
        check_same(folder, earlier, manifest_of(plan, counted, facts))
    heads = tuple(_ahead(plan, head, facts[head], counted.count) for head in plan.heads)
    there = [(folder / place.file).exists() for place in places(plan, targets_of(plan, facts), counted.count)]
    rows = sum(one.rows for one in heads)
    nbytes = rows * BYTES_A_ROW + len(there) * BYTES_A_FILE
    left_out = tuple(f"{metric} in {space}: {why}" for (space, metric), why in plan.left_out.items())
    return Forecast(heads, counted.count, len(there), sum(there), rows, nbytes, left_out)


def _ahead(plan: Plan, head: str, facts: HeadFacts, expressions: int) -> HeadForecast:
    if facts.facts is None:
        return HeadForecast(head, 0, 0, 0, 0, 0, facts.message)
    vocab, dim = facts.facts["vocab"], facts.facts["dim"]
    of_sums = [record for record, _, _ in rounds(plan) if record in OF_SUMS]
    size = min(plan.part, block_size(dim, plan.k))
    # an explanation passes over the head once for each expression
    scans = sum(-(-expressions // (size if record == "landings" else 1)) for record in of_sums)
    rows = len(of_sums) * expressions * min(plan.k, vocab) + len(rounds(plan)) - len(of_sums)
    return HeadForecast(head, vocab, dim, facts.nbytes, scans, rows, None)


def size_text(nbytes: int) -> str:
    """Return bytes as a person reads them, in powers of 1,000."""
    value, unit = float(nbytes), "B"
    for unit in ("B", "kB", "MB", "GB", "TB"):
        if value < 1000 or unit == "TB":
            break
        value /= 1000
    return f"{value:.0f} {unit}" if unit == "B" or value >= 100 else f"{value:.3g} {unit}"
