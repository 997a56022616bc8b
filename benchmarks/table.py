"""The speed table: every figure as a ratio, in one run, with the machine's own limit beside it.

    make bench

Each part is a command of its own in this folder. Cold starts are new processes on a warm disk cache. Searches run on
prepared heads (mask, mean and lengths computed once); their limits are one pass over the head's bytes and the bare
product of the numbers as they are stored. Names and explanations, hubness and reachability stand beside the bare
float32 product of the same shape. Memory is measured on a head of 2.1 GB in a sparse file.
"""

import argparse
import sys
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from coldstarts import cold_table
from growth import growth_figure, growth_table, growths
from hubness import hubness_rows
from machine import facts
from memory import memory_table
from phantoms import phantom_rows
from reachability import reachability_rows
from rivals import SHAPES, made_head, rival_tables
from timing import watched

from geometry.atomic import replace_file
from geometry.figures import save
from geometry.tables import Column, Table

PARTS = ("cold", "search", "growth", "memory", "questions")
PREPARING = (128_256, 4_096)


@dataclass(frozen=True)
class Part:
    """Tables under one heading of the page, with what is said before them."""

    heading: str
    words: str
    tables: tuple[Table, ...]


def cold_part(rounds: int, figures: Path) -> Part:
    """New processes."""
    return Part("Cold starts", "New processes on a warm disk cache, in turn.", (cold_table(rounds),))


def search_part(rounds: int, figures: Path) -> Part:
    """One query and a thousand, on bundled heads and on made ones."""
    words = (
        "Every contender answers once a round, in turn, and 0.2 s pass between two of them; ratios are ours ÷ theirs "
        "within a round, so that below 1 `geometry` is the faster. It alone gives ids and scores of a float64 brute "
        "force, and keeps no copy of the rows. Single queries are asked twice a turn, and the second is timed. Those "
        "who take queries one by one (FAISS's `QT_bf16`, gensim) are asked 32 of the thousand, and their time is told "
        "for all.\n\nA head is prepared once, before all this: which rows count, their mean, their lengths."
    )
    tables = (*rival_tables(SHAPES, rounds=rounds, batches=(1, 1_000)), _preparing())
    return Part("Search", words, tables)


def _preparing() -> Table:
    vocab, dim = PREPARING
    with made_head(vocab, dim) as head:
        _, seconds, _ = watched(head.candidates)
        centered = head.in_space("centered")
        _, more, _ = watched(lambda: centered.norms)
    rows = (
        (f"{vocab:,} × {dim:,} bf16: its rows looked at", f"{seconds:.1f} s"),
        ("    mean and lengths in the default space", f"{more:.1f} s"),
    )
    return Table(("Preparing a head, once",), (Column("what", "left"), Column("time")), rows)


def growth_part(rounds: int, figures: Path) -> Part:
    """How time grows, with its figure."""
    found = list(growths(rounds))
    save(growth_figure(found), figures / "growth.png")
    words = (
        "![Seconds of exact search over vocab, dim and queries](figures/growth.png)\n\nA slope below 1 means that what "
        "does not grow weighs in the small sizes: making ready, and settling the rows in doubt in float64."
    )
    return Part("Growth", words, (growth_table(found),))


def memory_part(rounds: int, figures: Path) -> Part:
    """What opening and asking a large head takes."""
    words = "A head in a sparse file; every row is a new process, and its peak is counted above its imports."
    return Part("Memory", words, (memory_table(128_256, 8_192),))


def question_part(rounds: int, figures: Path) -> Part:
    """Questions that ask all rows of all rows, or thousands of names."""
    measures: tuple[Callable[[Path], list[tuple[str, ...]]], ...] = (
        lambda folder: phantom_rows(32_000, 1_024, folder), hubness_rows, reachability_rows
    )  # fmt: skip
    rows: list[tuple[str, ...]] = []
    for measure in measures:
        with tempfile.TemporaryDirectory() as folder:
            rows += measure(Path(folder))
    columns = (Column("what", "left"), Column("time"), Column("ratio"), Column("target", "left"))
    words = "Names, explanations, hubness and reachability, beside bare products of the same shape."
    return Part("Larger questions", words, (Table((), columns, tuple(rows)),))


def measured(wanted: list[str], rounds: int, figures: Path) -> Iterator[Part]:
    """The parts that are wanted, in their order, each told of on the error stream when it begins."""
    makers = dict(zip(PARTS, (cold_part, search_part, growth_part, memory_part, question_part), strict=True))
    for name in PARTS:
        if name in wanted:
            sys.stderr.write(f"measuring: {name}\n")
            yield makers[name](rounds, figures)


def page(machine: tuple[str, ...], parts: list[Part]) -> str:
    """The page of the documentation."""
    facts_told = "\n".join(f"- {line}" for line in machine)
    texts = [
        "# Speed\n\nWritten by `make bench`, in one run; times are this machine's, ratios are what counts:\n\n"
        + facts_told
    ]
    for part in parts:
        tables = "\n\n".join("```text\n" + table.text().strip("\n") + "\n```" for table in part.tables)
        texts.append(f"## {part.heading}\n\n{part.words}\n\n{tables}")
    return "\n\n".join(texts) + "\n"


def main() -> None:
    """Measure, print the tables, write the page."""
    parser = argparse.ArgumentParser(description="Print the speed table.")
    parser.add_argument("--only", nargs="+", choices=PARTS, default=list(PARTS))
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--write", type=Path, help="a page to write; its figure goes to figures/ beside it")
    asked = parser.parse_args()
    machine = facts()
    print("\n".join(machine), end="\n\n")
    parts = []
    with tempfile.TemporaryDirectory() as scrap:
        figures = Path(scrap) if asked.write is None else asked.write.parent / "figures"
        for part in measured(asked.only, asked.rounds, figures):
            parts.append(part)
            print("\n".join(table.text() for table in part.tables), flush=True)
    if asked.write is not None:
        replace_file(asked.write, page(machine, parts).encode())


if __name__ == "__main__":
    main()
