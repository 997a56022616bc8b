"""The rows of the speed table about hubness: every row asks every other, to be counted, for r(w), and in an audit.

    python benchmarks/hubness.py

The limit is the bare float32 product of the same shape, made a block at a time so that it is never held whole.
"""

import time
from collections.abc import Callable
from pathlib import Path

from heads import write_head
from standalone import print_table

import geometry as geo
from geometry.health.hubs import find_hubs
from geometry.hubness import local_means, occurrence

ROWS, DIM = 16_384, 768

ASKING = 2_048
"""Rows of one block of the bare product."""


def hubness_rows(folder: Path, vocab: int = ROWS, dim: int = DIM) -> list[tuple[str, ...]]:
    """N_k and r of every row of a bf16 head made by seed, and all that an audit counts, beside the bare product."""
    write_head(folder, vocab, dim)
    head, again, audited = (geo.open_head(folder).folded() for _ in range(3))  # what one has found, it keeps
    for one in (head, again, audited):
        one.candidates()
    occurrence(geo.open_head(folder).folded(), "cosine", k=1)  # libraries are loaded, pages are there
    rows = head.rows(range(vocab))
    product = _seconds(lambda: [rows[at : at + ASKING] @ rows.T for at in range(0, vocab, ASKING)])
    counted, means = _seconds(lambda: occurrence(head, "euclidean")), _seconds(lambda: local_means(again))
    every = _seconds(lambda: find_hubs(audited))
    name = f"{vocab:,} × {dim:,} bf16"
    return [
        (f"{name}: N of all rows, exact 10 nearest", f"{counted:.2f} s", "1", ""),
        ("    against bare fp32 product", f"{product:.2f} s", f"{counted / product:.2f}", "ours ÷ it"),
        (f"{name}: r of all rows, exact", f"{means:.2f} s", "1", ""),
        ("    against bare fp32 product", f"{product:.2f} s", f"{means / product:.2f}", "ours ÷ it"),
        (f"{name}: hubs by four metrics, beside chance", f"{every:.2f} s", "1", ""),
        ("    against bare fp32 product", f"{product:.2f} s", f"{every / product:.2f}", "ours ÷ it"),
    ]


def _seconds(action: Callable[[], object]) -> float:
    start = time.perf_counter()
    action()
    return time.perf_counter() - start


if __name__ == "__main__":
    print_table("hubness", hubness_rows, ROWS, DIM)
