"""Exact search on a GPU beside the same on the processor and beside the GPU's bare product; ids and scores compared.

    python benchmarks/gpu.py [--vocab 128256 --dim 4096] [--queries 1 1000] [--rounds 9]

The rows are on the GPU already, from the round that is not counted. The queries come from the processor and the answers
go back to it.
"""

import argparse
import tempfile
from pathlib import Path

import numpy as np
import torch
from heads import write_head
from timing import Contender, Timing, interleave

import geometry as geo
from geometry.search import neighbors
from geometry.tables import Column, Table

K = 10


def gpu_rows(head: geo.Head, queries: int, rounds: int) -> list[tuple[str, ...]]:
    """Rows of the table for so many queries."""
    asked = np.random.default_rng(0).normal(size=(queries, head.dim)).astype(np.float32)
    stored = torch.from_numpy(head.opened.matrix.raw_block(0, head.vocab).view(np.int16).copy())
    rows = stored.cuda().view(torch.bfloat16)
    there = torch.from_numpy(asked).bfloat16().cuda()

    def product() -> None:
        there @ rows.T
        torch.cuda.synchronize()

    def best() -> object:
        return [part.cpu() for part in (there @ rows.T).topk(K)]

    found = {device: neighbors(head, asked, K, metric="logit", device=device) for device in ("cuda", "cpu")}
    same = all(
        np.array_equal(one.ids, other.ids) and np.array_equal(one.scores, other.scores)
        for one, other in zip(*found.values(), strict=True)
    )
    ours, *others = interleave(
        {
            "GPU": Contender(lambda: neighbors(head, asked, K, metric="logit", device="cuda")),
            "the same on the processor": Contender(lambda: neighbors(head, asked, K, metric="logit", device="cpu")),
            "bare bf16 product on the GPU": Contender(product),
            "torch, bf16, topk on the GPU": Contender(best),
        },
        rounds,
    )
    label = f"{head.vocab:,} × {head.dim:,} bf16, {queries:,} quer{'y' if queries == 1 else 'ies'}"
    told = "ids and scores as on the processor" if same else "ids or scores DIFFER"
    return [
        (label, _time(ours), "1", told),
        *((f"    {one.name}", _time(one), f"{one.ratios(ours)[1]:.2f}", "ours ÷ it") for one in others),
    ]


def _time(timing: Timing) -> str:
    return f"{timing.median * 1e3:,.2f} ms"


def main() -> None:
    """Measure and print the table."""
    parser = argparse.ArgumentParser(description="Measure search on a GPU.")
    parser.add_argument("--vocab", type=int, default=128_256)
    parser.add_argument("--dim", type=int, default=4_096)
    parser.add_argument("--queries", type=int, nargs="+", default=[1, 32, 1_000])
    parser.add_argument("--rounds", type=int, default=9)
    asked = parser.parse_args()
    if not torch.cuda.is_available():
        raise SystemExit("torch finds no GPU on this machine")
    with tempfile.TemporaryDirectory() as folder:
        write_head(Path(folder), asked.vocab, asked.dim)
        head = geo.open_head(folder)
        head.candidates()
        rows = [row for queries in asked.queries for row in gpu_rows(head, queries, asked.rounds)]
    columns = (Column("what", "left"), Column("time"), Column("ratio"), Column("told", "left"))
    title = f"{torch.cuda.get_device_name()}, torch {torch.__version__}, {torch.get_num_threads()} threads beside it"
    print(Table((title,), columns, tuple(rows)).text())


if __name__ == "__main__":
    main()
