"""The best rows of a batch of queries: candidates by whichever way is quickest for the head, settled in float64."""

from collections.abc import Sequence
from typing import Literal

import numpy as np
from jaxtyping import Bool, Float, Float32, Int64, Shaped

from geometry.choices import Metric
from geometry.errors import OptionError
from geometry.head import Head
from geometry.scoring import Scoring, score_with
from geometry.search.narrow import NarrowRows, fits, pays
from geometry.search.pairs import Neighbors, settle
from geometry.search.passes import scan
from geometry.search.wide import FaissRows, ScanRows

Backend = Literal["auto", "narrow", "faiss", "scan"]
"""How candidates are found: products at the precision of the stored rows, or in float32. All give the same answers."""

ASKED_AT_ONCE = 1024
"""Queries that one pass serves: more would take more memory, and a pass costs next to nothing beside their products."""

DOUBTFUL_AT_ONCE = 16
"""Queries that a plain scan takes at a time: it keeps a bound for every row of each."""


class BestRows:
    """Reader: the k best rows of every query of a scoring, exactly.

    Args:
        backend: how candidates are found; ``auto`` takes the quickest, ``narrow`` is for heads in bf16, and for all on
            a GPU.
        device: where ``narrow`` multiplies, see :func:`geometry.search.device.choose_device`.

    Attributes:
        takes_stored: whether rows are wanted as they lie in the file.
    """

    def __init__(
        self,
        scoring: Scoring,
        allowed: Bool[np.ndarray, " vocab"],
        k: int,
        *,
        backend: Backend = "auto",
        device: str | None = None,
    ) -> None:
        self.scoring, self.allowed, self.k, self.backend = scoring, allowed, k, backend
        self._way = _way(scoring, allowed, k, backend, device)
        self.takes_stored = isinstance(self._way, NarrowRows) and self._way.takes_stored

    def see(self, start: int, block: Float32[np.ndarray, "tokens dim"]) -> None:
        """Take in the rows from ``start`` on."""
        self._way.see(start, block)

    def see_stored(self, start: int, raw: Shaped[np.ndarray, "tokens width"]) -> None:
        """Take in the rows from ``start`` on, as they lie in the file."""
        assert isinstance(self._way, NarrowRows)
        self._way.see_stored(start, raw)

    def result(self) -> list[Neighbors]:
        """The neighbours of each query, to be asked for after the scan."""
        pairs, doubtful = self._way.found()
        found = settle(self.scoring, pairs, self.k)
        for query, again in zip(doubtful, self._again(doubtful), strict=True):
            found[query] = again
        return found

    def rough_ids(self) -> Int64[np.ndarray, "queries found"]:
        """The best rows as float32 ranks them, unsettled: enough to count with. For backend ``faiss``."""
        assert isinstance(self._way, FaissRows)
        return self._way.rough_ids()

    def _again(self, doubtful: Sequence[int]) -> list[Neighbors]:
        """Those queries once more, by the next way that rules out more rows."""
        narrow = isinstance(self._way, NarrowRows)
        size = max(len(doubtful), 1) if narrow else DOUBTFUL_AT_ONCE
        found: list[Neighbors] = []
        for first in range(0, len(doubtful), size):
            part = self.scoring.some(doubtful[first : first + size])
            again = BestRows(part, self.allowed, self.k, backend="faiss" if narrow else "scan")
            scan(self.scoring.head, [again])
            found += again.result()
        return found


def _way(
    scoring: Scoring, allowed: Bool[np.ndarray, " vocab"], k: int, backend: Backend, device: str | None
) -> NarrowRows | FaissRows | ScanRows:
    if (backend == "narrow" and fits(scoring, allowed, device)) or (
        backend == "auto" and pays(scoring, allowed, device)
    ):
        return NarrowRows(scoring, allowed, k, device)
    return ScanRows(scoring, allowed, k) if backend == "scan" else FaissRows(scoring, allowed, k)


def neighbors(
    head: Head,
    vectors: Float[np.ndarray, "queries dim"],
    k: int,
    *,
    metric: Metric = "cosine",
    allowed: Bool[np.ndarray, " vocab"] | None = None,
    backend: Backend = "auto",
    device: str | None = None,
) -> list[Neighbors]:
    """The k best rows for every vector, exactly: ids and scores of a float64 brute force, ties by id.

    Args:
        vectors: as :func:`score_with` takes them.
        metric: see there; ``csls`` finds r of every row first, which is quadratic in vocab, once a head and space.
        allowed: rows that may be found; all finite, unmasked ones by default.
        backend: how candidates are found; changes no answer.
        device: ``cpu`` or ``cuda``; see :func:`geometry.search.device.choose_device`.

    Raises:
        OptionError: k is not positive, or there is no such device.
    """
    if k < 1:
        raise OptionError(f"k={k} arrived; expected at least 1")
    allowed = head.candidates() if allowed is None else allowed
    found: list[Neighbors] = []
    for start in range(0, len(vectors), ASKED_AT_ONCE):
        scoring = score_with(head, vectors[start : start + ASKED_AT_ONCE], metric)
        reader = BestRows(scoring, allowed, k, backend=backend, device=device)
        scan(head, [reader])
        found += reader.result()
    return found
