"""Exact nearest rows: one pass over the stored rows serves any number of questions at once.

Candidates are found by a product at the precision that the rows are stored in (``narrow``) or in float32 (``wide``),
and every one that the rounding of that product leaves in doubt is scored again in float64, so that ids and scores are
those of a float64 brute force. Which way is taken depends on the head, never on the answer.
"""

from geometry.search.pairs import Neighbors
from geometry.search.passes import Logits, Partition, Reader, block_logits, scan
from geometry.search.rows import Backend, BestRows, neighbors

__all__ = [
    "Backend",
    "BestRows",
    "Logits",
    "Neighbors",
    "Partition",
    "Reader",
    "block_logits",
    "neighbors",
    "scan",
]
