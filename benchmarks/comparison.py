"""What comparing two heads takes that are too large to be in memory together: seconds by step, and the peak.

    python benchmarks/comparison.py

A head of rows drawn by seed, and the same with its numbers moved a little, are written to a temporary folder (2.1 GB by
default) and compared in a new process. Its memory is the peak of its resident set (``VmHWM``, mapped pages included)
less what it had after the imports; beside it stand one head, one block of rows and the sums of dim × dim numbers. It is
no part of ``make bench``: it takes a quarter of an hour.
"""

import argparse
import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
from memory import MB, resident, write_sparse_head

from geometry import __version__
from geometry.tables import Column, Table

CHUNK = 4_096
"""Rows that are moved at once."""

SUMS = 4
"""Arrays of dim × dim float64 that one pass adds up: both Gram matrices, two cross products."""


def write_moved_head(source: Path, folder: Path, vocab: int, dim: int, *, share: float = 0.1) -> None:
    """Write another head's rows, each moved at random by a share of its length."""
    for name in ("config.json", "tokenizer.json", "model.safetensors"):
        (folder / name).write_bytes((source / name).read_bytes())
    path = folder / "model.safetensors"
    offset = path.stat().st_size - 2 * vocab * dim
    stored = np.memmap(path, dtype="<u2", mode="r+", offset=offset, shape=(vocab, dim))
    generator = np.random.default_rng(1)
    for start in range(0, vocab, CHUNK):
        rows = (stored[start : start + CHUNK].astype(np.uint32) << 16).view(np.float32)
        sizes = np.linalg.norm(rows, axis=1, keepdims=True) * share / np.sqrt(dim)
        moved = rows + sizes * generator.normal(size=rows.shape).astype(np.float32)
        stored[start : start + CHUNK] = (moved.astype("<f4").view("<u4") >> 16).astype("<u2")
    stored.flush()


def measure(folders: list[str], *, most: int | None = None) -> dict[str, Any]:
    """Compare two heads in a new process; return its seconds, its peak and what it found."""
    asked = json.dumps({"folders": folders, "most": most})
    done = subprocess.run([sys.executable, __file__, "--child", asked], check=True, stdout=subprocess.PIPE, text=True)
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def _child(folders: list[str], most: int | None) -> dict[str, Any]:
    """What that process does: everything is imported, then the clock and the peak begin."""
    import faiss  # noqa: F401
    import scipy.linalg  # noqa: F401
    import tokenizers  # noqa: F401

    import geometry as geo
    from geometry import comparison
    from geometry.phantoms import find_phantoms  # noqa: F401

    steps: dict[str, float] = {}
    names = ("match_tokens", "centre", "sum_up", "fit_maps", "compare_rows", "compare_neighbours", "compare_sets",
             "compare_landings", "_landed")  # fmt: skip
    for name in names:
        setattr(comparison, name, _timed(name, getattr(comparison, name), steps))
    Path("/proc/self/clear_refs").write_text("5", encoding="ascii")
    before, start = resident("VmRSS"), time.perf_counter()
    found = comparison.compare(*(geo.open_head(folder, max_memory=most) for folder in folders))
    seconds = time.perf_counter() - start
    record = found.to_dict()
    told = {key: record[key] for key in ("cka", "cka_chance")} | {"jaccard": record["neighbours"]["jaccard"]["value"]}
    return {"seconds": seconds, "steps": steps, "peak": resident("VmHWM") - before, "found": told}


def _timed(name: str, step: Any, steps: dict[str, float]) -> Any:
    def timed(*arguments: Any, **options: Any) -> Any:
        start = time.perf_counter()
        try:
            return step(*arguments, **options)
        finally:
            steps[name] = time.perf_counter() - start
            sys.stderr.write(f"{name}: peak {resident('VmHWM') / MB:,.0f} MB\n")

    return timed


def comparison_table(vocab: int, dim: int) -> Table:
    """Measure on two heads made in a temporary folder."""
    with tempfile.TemporaryDirectory() as place:
        folders = [Path(place) / "a", Path(place) / "b"]
        for folder in folders:
            folder.mkdir()
        nbytes = write_sparse_head(folders[0], vocab, dim, drawn=vocab)
        write_moved_head(folders[0], folders[1], vocab, dim)
        found = measure([str(folder) for folder in folders])
    sums = SUMS * 8 * dim * dim
    allowed = nbytes + 16 * 2**20 + sums
    met = "met" if found["peak"] <= allowed else "MISSED"
    rows = [
        (f"two heads of {vocab:,} × {dim:,} bf16", f"{found['seconds']:.0f} s", f"{found['peak'] / MB:,.0f} MB",
         f"≤ {allowed / MB:,.0f} MB: {met}"),
        (f"    one head {nbytes / MB:,.0f} MB, a block, {SUMS} sums {sums / MB:,.0f} MB", "", "", "the target"),
        *((f"    {name.strip('_').replace('_', ' ')}", f"{seconds:.0f} s", "", "")
          for name, seconds in found["steps"].items()),
    ]  # fmt: skip
    columns = (Column("what", "left"), Column("time"), Column("peak"), Column("target", "left"))
    told = ", ".join(f"{name} {value:.4f}" for name, value in found["found"].items())
    return Table((f"geometry {__version__}: memory above the imports ({told})",), columns, tuple(rows))


def main() -> None:
    """Print the table, or be its process."""
    parser = argparse.ArgumentParser(description="Print the table of a comparison.")
    parser.add_argument("--vocab", type=int, default=128_256)
    parser.add_argument("--dim", type=int, default=4_096)
    parser.add_argument("--child", help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.child is not None:
        print(json.dumps(_child(**json.loads(asked.child))))
        return
    print(comparison_table(asked.vocab, asked.dim).text())


if __name__ == "__main__":
    main()
