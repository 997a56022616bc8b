"""Passes over a head: every block is read once and shown to all who want to see it, decoded only for those who ask."""

from collections.abc import Sequence
from typing import Protocol, runtime_checkable

import numpy as np
from jaxtyping import Float32, Float64, Shaped

from geometry.head import Head
from geometry.linalg import log_sum_exp
from geometry.moments import block_rows
from geometry.progress import track
from geometry.scoring import Scoring

QUERIES_AT_ONCE = 128
"""Queries whose logits over one block of rows are held at a time."""

STORED_BYTES = 256 * 2**20
"""Bytes of a block that nobody wants decoded: a view of the file, so that it may be larger than a decoded one."""

EVEN_ROWS = 1024
"""A block of more rows is a multiple of these, so that what is left over is multiplied as fast."""


@runtime_checkable
class Reader(Protocol):
    """Something that looks at every block of a head as it goes by."""

    def see(self, start: int, block: Float32[np.ndarray, "tokens dim"]) -> None:
        """Take in the rows from ``start`` on."""


@runtime_checkable
class StoredReader(Protocol):
    """A reader that can do without decoded rows; it says for each head whether it does."""

    takes_stored: bool

    def see_stored(self, start: int, raw: Shaped[np.ndarray, "tokens width"]) -> None:
        """Take in the rows from ``start`` on, as they lie in the file."""


def scan(head: Head, readers: Sequence[Reader]) -> None:
    """Pass over the head once and show every block to each reader, decoded where one of them wants it so."""
    matrix = head.opened.matrix
    stored = [reader for reader in readers if isinstance(reader, StoredReader) and reader.takes_stored]
    decoded = [reader for reader in readers if not any(reader is one for one in stored)]
    size = block_rows(matrix) if decoded else _stored_rows(head)
    steps = track(matrix.raw_blocks(size), "scan", total=-(-matrix.shape[0] // size), nbytes=matrix.nbytes)
    for start, raw in steps:
        for one in stored:
            one.see_stored(start, raw)
        if decoded:
            block = matrix.decoded(raw, start)
            for reader in decoded:
                reader.see(start, block)


def _stored_rows(head: Head) -> int:
    matrix = head.opened.matrix
    budget = STORED_BYTES if matrix.max_resident is None else min(STORED_BYTES, matrix.max_resident // 8)
    rows = max(64, budget * matrix.shape[0] // matrix.nbytes)
    return rows if rows < EVEN_ROWS else rows // EVEN_ROWS * EVEN_ROWS


def block_logits(
    scoring: Scoring, start: int, block: Float32[np.ndarray, "tokens dim"], part: slice = slice(None)
) -> Float64[np.ndarray, "queries tokens"]:
    """The head's own logits, scaled and capped, for one block of rows; −inf where a row is not finite.

    Args:
        part: which queries; all by default.
    """
    stop = start + len(block)
    with np.errstate(invalid="ignore", over="ignore"):
        scores = scoring.x[part].astype(np.float32) @ block.T
        if scoring.shift is not None:
            scores += scoring.shift[start:stop].astype(np.float32)
        logits = scoring.head.readout.finish(scores).astype(np.float64)
    logits[:, ~scoring.head.opened.finite[start:stop]] = -np.inf
    return logits


class Partition:
    """Reader: log Σ exp(logit / T) over every finite row, for the probabilities of a batch of residuals."""

    def __init__(self, scoring: Scoring, temperature: float) -> None:
        self.scoring, self.temperature = scoring, temperature
        self.total = np.full(len(scoring.x), -np.inf)

    def see(self, start: int, block: Float32[np.ndarray, "tokens dim"]) -> None:
        # some queries at a time: with all of a thousand, the float64 copies would be larger than the block
        for first in range(0, len(self.total), QUERIES_AT_ONCE):
            part = slice(first, first + QUERIES_AT_ONCE)
            logits = block_logits(self.scoring, start, block, part)
            self.total[part] = np.logaddexp(self.total[part], log_sum_exp(logits / self.temperature))


class Logits:
    """Reader: every finite row's logit for one query of a scoring (−inf elsewhere), for sampling."""

    def __init__(self, scoring: Scoring, query: int) -> None:
        self.scoring = scoring.only(query)
        self.values = np.full(scoring.head.vocab, -np.inf)

    def see(self, start: int, block: Float32[np.ndarray, "tokens dim"]) -> None:
        self.values[start : start + len(block)] = block_logits(self.scoring, start, block)[0]
