"""Search against the machine's limits and other libraries: medians of ratios over interleaved rounds, in one run.

    python benchmarks/rivals.py [--vocab 128256 --dim 4096] [--write docs/performance.md]

In every round each contender answers once, so that what else the machine does falls on all of them alike; a ratio is
ours ÷ theirs within a round, and the table tells its median and its quartiles. All answer on rows in memory; FAISS,
scikit-learn and torch in float32 hold a second copy of them. Libraries that are not installed are left out, and said.
"""

import argparse
import os
import platform
import statistics
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

import faiss
import numpy as np
import torch
from heads import write_head

import geometry as geo
from geometry.atomic import replace_file
from geometry.search import neighbors
from geometry.tables import Column, Table

OURS = "geometry, exact"
K = 10
TARGETS: Mapping[tuple[int, str], float] = {
    (1, "one pass over the bytes"): 1.25,
    (1_000, "bare bf16 product"): 1.1,
    (1_000, "faiss.knn, fp32"): 0.5,
}
"""Largest ratios allowed, by queries and rival."""

SHAPES = ((32_000, 2_048), (128_256, 4_096))


@dataclass(frozen=True)
class Timing:
    """Seconds of one contender, round by round."""

    name: str
    seconds: tuple[float, ...]

    def ratios(self, ours: "Timing") -> list[float]:
        """Ours ÷ theirs within each round."""
        return [mine / theirs for mine, theirs in zip(ours.seconds, self.seconds, strict=True)]


def interleave(contenders: Mapping[str, Callable[[], object]], rounds: int) -> list[Timing]:
    """Run every contender once a round, after one round that is not counted."""
    seconds: dict[str, list[float]] = {name: [] for name in contenders}
    for number in range(rounds + 1):
        for name, action in contenders.items():
            start = time.perf_counter()
            action()
            if number:
                seconds[name].append(time.perf_counter() - start)
    return [Timing(name, tuple(spent)) for name, spent in seconds.items()]


def contenders(head: geo.Head, queries: int) -> dict[str, Callable[[], object]]:
    """What is measured for so many queries: ours first, the limits, then those that are installed."""
    stored = head.opened.matrix.raw_block(0, head.vocab)
    narrow = torch.from_numpy(stored.view(np.int16).copy()).view(torch.bfloat16)
    rows = head.rows(range(head.vocab))
    asked = np.random.default_rng(0).normal(size=(queries, head.dim)).astype(np.float32)
    asked_narrow = torch.from_numpy(asked).bfloat16()
    flat = faiss.IndexFlatIP(head.dim)
    flat.add(rows)
    found: dict[str, Callable[[], object]] = {
        OURS: lambda: neighbors(head, asked, K, metric="logit"),
        "one pass over the bytes": lambda: int(stored.reshape(-1).view(np.uint64).sum()),
        "bare bf16 product": lambda: asked_narrow @ narrow.T,
        "torch, bf16, topk": lambda: (asked_narrow @ narrow.T).topk(K),
        "faiss.knn, fp32": lambda: faiss.knn(asked, rows, K, metric=faiss.METRIC_INNER_PRODUCT),
        "faiss IndexFlatIP, fp32": lambda: flat.search(asked, K),
    }
    if find_spec("sklearn"):
        from sklearn.neighbors import NearestNeighbors

        nearest = NearestNeighbors(n_neighbors=K, algorithm="brute", metric="cosine").fit(rows)
        found["scikit-learn, cosine, fp32"] = lambda: nearest.kneighbors(asked)
    return found


def rival_rows(folder: Path, vocab: int, dim: int, *, rounds: int, batches: Sequence[int]) -> list[tuple[str, ...]]:
    """Rows of the table for one head made by seed."""
    write_head(folder, vocab, dim)
    head = geo.open_head(folder)
    head.candidates()
    table = []
    for queries in batches:
        ours, *others = interleave(contenders(head, queries), rounds)
        label = f"{vocab:,} × {dim:,} bf16, {queries:,} quer{'y' if queries == 1 else 'ies'}"
        table.append((label, _milliseconds(ours), "1", "", ""))
        for other in others:
            table.append((f"    {other.name}", _milliseconds(other), *_compared(other, ours, queries)))
    return table


def _milliseconds(timing: Timing) -> str:
    return f"{statistics.median(timing.seconds) * 1e3:,.1f} ms"


def _compared(other: Timing, ours: Timing, queries: int) -> tuple[str, str, str]:
    """Median and quartiles of ours ÷ theirs, and whether it is as small as it should be."""
    low, middle, high = np.quantile(other.ratios(ours), [0.25, 0.5, 0.75])
    most = TARGETS.get((queries, other.name))
    target = "" if most is None else f"≤ {most}: {'met' if middle <= most else 'MISSED'}"
    return f"{middle:.2f}", f"{low:.2f}–{high:.2f}", target


def machine() -> str:
    """What was measured on, in one line."""
    load = os.getloadavg()[0]
    return (
        f"geometry {geo.__version__}, torch {torch.__version__}, faiss {faiss.__version__}, {platform.machine()}, "
        f"{torch.get_num_threads()} threads, load {load:.1f}"
    )


def rival_table(rows: Sequence[tuple[str, ...]]) -> Table:
    """The rows with their heading."""
    columns = (Column("what", "left"), Column("time"), Column("ratio"), Column("quartiles"), Column("target", "left"))
    return Table((machine(), "times are medians; ratio: ours ÷ theirs"), columns, tuple(rows))


def write_page(path: Path, table: Table) -> None:
    """Write the table as a page of the documentation."""
    text = (
        "# Speed\n\nWritten by `python benchmarks/rivals.py --write docs/performance.md`. Every contender answers once "
        "a round, in turn; ratios are\nours ÷ theirs within a round, so below 1 is faster than they are. `geometry` "
        "alone gives the ids and scores of a float64\nbrute force.\n\n```text\n" + table.text().rstrip() + "\n```\n"
    )
    replace_file(path, text.encode())


def main() -> None:
    """Measure and print the table."""
    parser = argparse.ArgumentParser(description="Measure search against limits and rivals.")
    parser.add_argument("--vocab", type=int)
    parser.add_argument("--dim", type=int, default=2_048)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--queries", type=int, nargs="+", default=[1, 1_000])
    parser.add_argument("--write", type=Path, help="a page to write the table to")
    asked = parser.parse_args()
    rows: list[tuple[str, ...]] = []
    for vocab, dim in SHAPES if asked.vocab is None else [(asked.vocab, asked.dim)]:
        with tempfile.TemporaryDirectory() as folder:
            rows += rival_rows(Path(folder), vocab, dim, rounds=asked.rounds, batches=asked.queries)
    table = rival_table(rows)
    print(table.text())
    if asked.write is not None:
        write_page(asked.write, table)


if __name__ == "__main__":
    main()
