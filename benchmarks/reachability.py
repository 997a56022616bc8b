"""The rows of the speed table about reachability: every token's own direction against all rows, and single hulls.

    python benchmarks/reachability.py

The limit of the first is the bare float32 product of the same shape, rows × rows, a block at a time. The bf16 head is
made by seed, under a norm; one row is put inside the hull of a thousand others. Memory is what the process takes of its
own (``RssAnon``) beyond what it had before, so without the mapped head.
"""

import time
from pathlib import Path

import numpy as np
from heads import write_head
from standalone import print_table
from timing import watched

import geometry as geo
from geometry.linalg import unit
from geometry.reachability import hull_distances
from geometry.reachability.firsts import come_first
from geometry.reachability.rivals import find_rivals

VOCAB, DIM = 50_257, 768
"""GPT-2's head."""

HULLS = 8
MIXED = 1_000

TILE = 4_096
"""Rows of one tile of the bare product."""


def reachability_rows(folder: Path, vocab: int = VOCAB, dim: int = DIM) -> list[tuple[str, ...]]:
    """All pairs in float32 with proven rounding; the point of least norm for corners, and for a point inside."""
    write_head(folder, vocab, dim, words=True)
    head = geo.open_head(folder).folded()
    head.candidates()
    rivals, setting_up, _ = watched(lambda: find_rivals(head))
    every = np.flatnonzero(rivals.competing)
    rivals.reach.sum()  # the lengths of rows: once a head
    won, seconds, megabytes = watched(
        lambda: come_first(rivals, every, lambda ids: rivals.radius * unit(rivals.rows(ids)), label="own directions")
    )
    product = _bare_product(head)
    generator = np.random.default_rng(0)
    ids = np.sort(generator.choice(every, HULLS, replace=False))
    left_out = [frozenset({token}) for token in ids.tolist()]
    corners, outside, _ = watched(lambda: hull_distances(head, rivals.rows(ids), left_out, allowed=rivals.competing))
    mixed = rivals.rows(np.sort(generator.choice(every, MIXED, replace=False)))
    middle = generator.dirichlet(np.ones(MIXED)) @ mixed
    (found,), inside, grown = watched(
        lambda: hull_distances(head, middle[None, :], [frozenset()], allowed=rivals.competing)
    )
    assert found.value == 0
    assert all(one.value > 0 for one in corners)
    name = f"{vocab:,} × {dim:,} bf16"
    least = max(one.gap for one in corners)
    return [
        (f"{name}: rows that compete, equal ones as one", f"{setting_up:.1f} s", "–", "once a head"),
        (f"{name}: {won.sum():,} tokens first by their own direction", f"{seconds:.1f} s", "1", ""),
        ("    against bare fp32 product", f"{product:.1f} s", f"{seconds / product:.2f}", "ours ÷ it"),
        ("    memory above the mapped head", f"{megabytes:.0f} MB", "–", _met(megabytes)),
        (f"{name}: λ of a corner, gap ≤ {least:.0e}", f"{outside / HULLS:.2f} s", "–", "a token"),
        (f"{name}: λ = 0 inside {MIXED:,} rows, within {found.gap:.0e}", f"{inside:.1f} s", "–", "a token"),
        ("    memory above the mapped head", f"{grown:.0f} MB", "–", _met(grown)),
    ]


def _bare_product(head: geo.Head) -> float:
    """Seconds of the float32 products of all rows with all rows, a tile at a time, reading and decoding left out."""
    seconds = 0.0
    for start in range(0, head.vocab, TILE):
        rows = head.opened.matrix.block(start, start + TILE)
        for first in range(0, head.vocab, TILE):
            others = head.opened.matrix.block(first, first + TILE)
            before = time.perf_counter()
            rows @ others.T
            seconds += time.perf_counter() - before
    return seconds


def _met(megabytes: float) -> str:
    return f"≤ 400 MB: {'met' if megabytes <= 400 else 'MISSED'}"


if __name__ == "__main__":
    print_table("reachability", reachability_rows, VOCAB, DIM)
