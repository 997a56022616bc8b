"""The speed table: every figure as a ratio, in one run, with the machine's own limit beside it.

    make bench

Cold starts are new processes on a warm disk cache, the median of nine; the limit is an interpreter that does nothing.
Searches run on a head made by seed, prepared (mask, mean and lengths computed once), in space ``raw``; the limits are
one pass over the head's bytes and the bare product in float32, the rival is ``faiss.knn`` on a float32 copy. Names and
explanations: ``benchmarks/phantoms.py``. Hubness: ``benchmarks/hubness.py``. Reachability, which takes minutes:
``benchmarks/reachability.py``. Memory, on a head of 2.1 GB in a sparse file: ``benchmarks/memory.py``, left out with
``--no-memory``.
"""

import argparse
import platform
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import faiss
import numpy as np
import torch
from heads import write_head
from hubness import hubness_rows
from memory import memory_table
from phantoms import phantom_rows
from reachability import reachability_rows
from timing import fewest

import geometry as geo
from geometry.scoring import score_with
from geometry.search import BestRows, scan
from geometry.tables import Column, Table


def cold(*arguments: str, times: int = 9) -> float:
    """Median seconds of a new interpreter with these arguments."""
    seconds = []
    for _ in range(times):
        start = time.perf_counter()
        subprocess.run([sys.executable, *arguments], check=True, capture_output=True)
        seconds.append(time.perf_counter() - start)
    return statistics.median(seconds)


def cold_rows() -> list[tuple[str, ...]]:
    """The command line's cold starts, against an interpreter that does nothing."""
    limit = cold("-c", "pass")
    rows = [("python -c pass", f"{limit:.2f} s", "1", "the machine")]
    for label, allowed, arguments in (
        ("geometry --help", 0.3, ["--help"]),
        ('geometry snap "sea + horse + emoji"', 1.5, ["snap", "sea + horse + emoji"]),
        ("geometry snap … --null", None, ["snap", "sea + horse + emoji", "--null"]),
        ("geometry info", None, ["info"]),
    ):
        seconds = cold("-m", "geometry", *arguments)
        met = "" if allowed is None else f"≤ {allowed} s: {'met' if seconds <= allowed else 'MISSED'}"
        rows.append((label, f"{seconds:.2f} s", f"{seconds / limit:.1f}", met))
    return rows


def search_rows(vocab: int, dim: int, folder: Path) -> list[tuple[str, ...]]:
    """One query and a thousand on a bf16 head made by seed."""
    write_head(folder, vocab, dim)
    head = geo.open_head(folder)
    start = time.perf_counter()
    allowed = head.candidates()
    prepared = time.perf_counter() - start
    stored = head.opened.matrix.raw_block(0, vocab)
    rows = head.rows(range(vocab))
    generator = np.random.default_rng(0)
    name = f"{vocab:,} × {dim:,} bf16"
    table = [(f"{name}: preparing it", f"{prepared * 1e3:.0f} ms", "–", "once a head")]
    for queries in (1, 1000):
        q = generator.normal(size=(queries, dim)).astype(np.float32)

        def search(q: np.ndarray = q) -> object:
            reader = BestRows(score_with(head, q, "logit"), allowed, 10)
            scan(head, [reader])
            return reader.result()

        bytes_pass = fewest(lambda: int(stored.reshape(-1).view(np.uint64).sum()))
        product = fewest(lambda q=q: q @ rows.T, times=3)
        rival = fewest(lambda q=q: faiss.knn(q, rows, 10, metric=faiss.METRIC_INNER_PRODUCT), times=3)
        ours = fewest(search, times=3)
        label = f"{name}: {queries:,} quer{'y' if queries == 1 else 'ies'}, exact top 10"
        table.append((label, f"{ours * 1e3:.0f} ms", "1", ""))
        for rival_name, seconds in (
            ("one pass over the bytes", bytes_pass), ("bare fp32 product", product), ("faiss.knn, fp32", rival)
        ):  # fmt: skip
            table.append((f"    against {rival_name}", f"{seconds * 1e3:.0f} ms", f"{ours / seconds:.2f}", "ours ÷ it"))
    return table


def main() -> None:
    """Measure and print the table."""
    parser = argparse.ArgumentParser(description="Print the speed table.")
    parser.add_argument("--vocab", type=int, default=32_000)
    parser.add_argument("--dim", type=int, default=1024)
    parser.add_argument("--cold-only", action="store_true")
    parser.add_argument("--no-memory", action="store_true", help="leave the 2.1 GB head out: it takes minutes")
    asked = parser.parse_args()
    rows = cold_rows()
    if not asked.cold_only:
        with tempfile.TemporaryDirectory() as folder:
            rows += search_rows(asked.vocab, asked.dim, Path(folder))
        with tempfile.TemporaryDirectory() as folder:
            rows += phantom_rows(asked.vocab, asked.dim, Path(folder))
        with tempfile.TemporaryDirectory() as folder:
            rows += hubness_rows(Path(folder))
        with tempfile.TemporaryDirectory() as folder:
            rows += reachability_rows(Path(folder))
    columns = (Column("what", "left"), Column("time"), Column("ratio"), Column("target", "left"))
    title = (f"geometry {geo.__version__} on {platform.machine()}, {torch.get_num_threads()} threads",)
    print(Table(title, columns, tuple(rows)).text())
    if not asked.cold_only and not asked.no_memory:
        print(memory_table(128_256, 8_192).text())


if __name__ == "__main__":
    main()
