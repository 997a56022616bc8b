"""The rows of the table about memory: what opening and asking a head too large to be copied takes, and how long.

    python benchmarks/memory.py

The head is a sparse file made here: a header, some thousands of rows drawn by seed, holes for the rest. Every row of
the table is a new process; its memory is the peak of its resident set (``VmHWM``, mapped pages included) less what it
had after the imports. The limit beside them is one pass over the head's bytes in a process that does nothing else.
"""

import argparse
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from heads import words_tokenizer

from geometry import __version__
from geometry.tables import Column, Table

MB = 1_000_000
DRAWN = 4_096
"""Rows of the sparse head that hold numbers: the tokenizer's own, words and emoji among them."""

QUESTION = "sea + horse + emoji"
CASES: tuple[tuple[str, dict[str, Any]], ...] = (
    ("one sum, space raw", {"expressions": ["#5 + #7"], "space": "raw"}),
    ("one sum, default space", {"expressions": [QUESTION]}),
    ("two sums, default space", {"expressions": [QUESTION, "sea - horse"]}),
    ("1,000 sums, default space", {"expressions": [f"#{n} + #{n + 1}" for n in range(1_000)]}),
)


def write_sparse_head(folder: Path, vocab: int, dim: int, *, drawn: int = DRAWN) -> int:
    """Write a bf16 head of which only some rows take room on disk, with a norm and a tokenizer; return its bytes."""
    nbytes = 2 * vocab * dim
    header = {
        "model.norm.weight": {"dtype": "BF16", "shape": [dim], "data_offsets": [0, 2 * dim]},
        "lm_head.weight": {"dtype": "BF16", "shape": [vocab, dim], "data_offsets": [2 * dim, 2 * dim + nbytes]},
    }
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    generator = np.random.default_rng(0)
    # some directions are stronger than others, as in every trained head
    spread = (1.0 + np.arange(dim)) ** -0.5
    with (folder / "model.safetensors").open("wb") as file:
        file.write(len(text).to_bytes(8, "little") + text)
        file.write(_bf16(generator.uniform(0.5, 1.5, size=dim)))
        for _ in range(0, drawn, 512):
            file.write(_bf16(generator.normal(size=(min(512, drawn), dim)) * spread))
        file.truncate(8 + len(text) + 2 * dim + nbytes)
    config = {"model_type": "llama", "tie_word_embeddings": False, "rms_norm_eps": 1e-5}
    (folder / "config.json").write_text(json.dumps(config), encoding="utf-8")
    (folder / "tokenizer.json").write_text(words_tokenizer(vocab), encoding="utf-8")
    return nbytes


def _bf16(values: np.ndarray) -> bytes:
    return (values.astype("<f4").view("<u4") >> 16).astype("<u2").tobytes()


def measure(folder: Path, expressions: Sequence[str], *, space: str | None = None, most: int | None = None) -> Any:
    """Open a head in a new process, land some sums, and return seconds, the peak and the answers."""
    asked = json.dumps({"folder": str(folder), "expressions": list(expressions), "space": space, "most": most})
    done = subprocess.run([sys.executable, __file__, "--child", asked], check=True, capture_output=True, text=True)
    return json.loads(done.stdout)


def _child(folder: str, expressions: list[str], space: str | None, most: int | None) -> dict[str, Any]:
    """What one process does: everything is imported, then the clock and the peak begin."""
    import faiss  # noqa: F401
    import tokenizers  # noqa: F401
    import torch  # noqa: F401

    import geometry as geo
    from geometry.landing import LandingOptions, land_many

    Path("/proc/self/clear_refs").write_text("5", encoding="ascii")
    before, start = resident("VmRSS"), time.perf_counter()
    head = geo.open_head(folder, max_memory=most)
    opened = time.perf_counter() - start
    start = time.perf_counter()
    found = land_many(head, expressions, LandingOptions(k=10), space=space)  # type: ignore[arg-type]
    str(found[0])  # printed, as a person sees it: the head's fingerprint is taken now
    asked = time.perf_counter() - start
    peak = resident("VmHWM") - before
    answers = [[token.id for token in one.landings] for one in found]
    return {"open": opened, "query": asked, "peak": peak, "before": before, "answers": answers}


def resident(field: str) -> int:
    """A figure of this process in bytes, as the system keeps it: ``VmRSS``, or ``VmHWM`` for the peak."""
    for line in Path("/proc/self/status").read_text(encoding="ascii").splitlines():
        if line.startswith(field + ":"):
            return int(line.split()[1]) * 1024
    return 0


def one_pass(folder: Path) -> float:
    """Seconds of one pass over the bytes of the weights, mapped, the second time."""
    mapped = np.memmap(folder / "model.safetensors", dtype=np.uint8, mode="r")
    words, seconds = mapped[: mapped.size // 8 * 8].view(np.uint64), 0.0
    for _ in range(2):
        start = time.perf_counter()
        sum(int(words[at : at + 2**21].sum()) for at in range(0, len(words), 2**21))
        seconds = time.perf_counter() - start
    return seconds


def memory_rows(folder: Path, vocab: int, dim: int) -> list[tuple[str, ...]]:
    """Every case with the whole head allowed to stay in memory, and with 600 MB."""
    nbytes = write_sparse_head(folder, vocab, dim)
    limit = one_pass(folder)
    rows = [
        (
            f"one pass over the {nbytes / MB:,.0f} MB of {vocab:,} × {dim:,} bf16",
            "",
            f"{limit:.1f} s",
            "",
            "the machine",
        )
    ]
    for most, allowed in ((None, nbytes + 400 * MB), (600 * MB, 600 * MB)):
        for label, question in CASES:
            found = measure(folder, **question, most=most)
            sys.stderr.write(f"{label}: {found['peak'] / MB:,.0f} MB\n")
            met = "met" if found["peak"] <= allowed and found["open"] < 1 else "MISSED"
            name = label if most is None else f"{label}, --max-memory 600MB"
            rows.append((
                name, f"{found['open']:.2f} s", f"{found['query']:.1f} s", f"{found['peak'] / MB:,.0f} MB",
                f"≤ {allowed / MB:,.0f} MB, < 1 s to open: {met}",
            ))  # fmt: skip
    return rows


def memory_table(vocab: int, dim: int) -> Table:
    """Measure on a head made in a temporary folder."""
    with tempfile.TemporaryDirectory() as folder:
        rows = memory_rows(Path(folder), vocab, dim)
    columns = (Column("what", "left"), Column("open"), Column("ask"), Column("peak"), Column("target", "left"))
    return Table((f"geometry {__version__}: memory above the imports",), columns, tuple(rows))


def main() -> None:
    """Print the table, or be one of its processes."""
    parser = argparse.ArgumentParser(description="Print the table of memory.")
    parser.add_argument("--vocab", type=int, default=128_256)
    parser.add_argument("--dim", type=int, default=8_192)
    parser.add_argument("--child", help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.child is not None:
        print(json.dumps(_child(**json.loads(asked.child))))
        return
    print(memory_table(asked.vocab, asked.dim).text())


if __name__ == "__main__":
    main()
