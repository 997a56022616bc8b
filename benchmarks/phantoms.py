"""The rows of the speed table about names: thousands asked of a head at once, and a sum explained.

Names are those of the bundled lexicon with their controls, asked of random rows under a tokenizer with words and whole
emoji. The limits are the bare product of the same shape in float32 and one pass over the head's bytes. Memory is what
the process takes of its own (``RssAnon``) beyond what it had before, so without the mapped head.
"""

import time
from pathlib import Path

import numpy as np
from heads import write_head
from timing import fewest, watched

import geometry as geo
from geometry.names import name_queries
from geometry.phantoms import find_phantoms
from geometry.why import WhyOptions, explain


def phantom_rows(vocab: int, dim: int, folder: Path) -> list[tuple[str, ...]]:
    """All names without an emoji in one scan, beside the bare product; its memory; one sum explained."""
    write_head(folder, vocab, dim, words=True)
    head = geo.open_head(folder).folded()
    head.candidates()
    name_queries(head, [])  # means and vocabulary: once a head
    found, seconds, megabytes = watched(lambda: find_phantoms(head))
    dealt = sum(map(len, found.null.values()))  # more than are told: p is counted over all
    queries = len(found.phantoms) + found.existing.n + dealt + found.controls[1].n
    stored = head.opened.matrix.raw_block(0, vocab)
    touched = fewest(lambda: int(stored.reshape(-1).view(np.uint64).sum()), times=3)
    product = _product(head, queries)
    why = fewest(lambda: explain(head, "sea + horse + emoji", WhyOptions(vacancy=False)), times=3)
    name = f"{vocab:,} × {dim:,} bf16"
    label = f"{name}: {len(found.phantoms):,} phantoms, with controls {queries:,} names"
    return [
        (label, f"{seconds:.1f} s", "1", ""),
        ("    against bare fp32 product", f"{product:.1f} s", f"{seconds / product:.2f}", "ours ÷ it"),
        ("    against one pass over the bytes", f"{touched * 1e3:.0f} ms", f"{seconds / touched:.0f}", "ours ÷ it"),
        ("    memory above the mapped head", f"{megabytes:.0f} MB", "–", "≤ 400 MB: " + _met(megabytes <= 400)),
        (f"{name}: why, without its vacancy", f"{why * 1e3:.0f} ms", "1", ""),
        ("    against one pass over the bytes", f"{touched * 1e3:.0f} ms", f"{why / touched:.1f}", "ours ÷ it"),
    ]


def _product(head: geo.Head, queries: int) -> float:
    """Seconds of the bare float32 product of all rows and so many vectors, the rows a block at a time in memory."""
    vectors = np.random.default_rng(0).normal(size=(queries, head.dim)).astype(np.float32)
    size, seconds = 4_096, 0.0
    for start in range(0, head.vocab, size):
        rows = head.opened.matrix.block(start, start + size)
        before = time.perf_counter()
        vectors @ rows.T
        seconds += time.perf_counter() - before
    return seconds


def _met(met: bool) -> str:
    return "met" if met else "MISSED"
