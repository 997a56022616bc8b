"""Nearest points in full dimension by cosine similarity: a map's neighbours are never read off the picture."""

from collections.abc import Iterator
from contextlib import contextmanager
from threading import RLock

import numpy as np
from jaxtyping import Float64, Int64

from geometry.hubness.nearest import nearest
from geometry.hubness.question import Answers, Askers, Nearest

NEIGHBORS = 10
"""Nearest points that are told of each point."""


def compared(count: int) -> int:
    """Return how many nearest figures are of: fewer than half of the others, or whoever is near would say little."""
    return min(NEIGHBORS, (count - 1) // 2)


_LOCK = RLock()  # the numbers of threads belong to the whole process


@contextmanager
def one_thread() -> Iterator[None]:
    """Compute with one thread of FAISS and BLAS, whose last digits depend on how many there are; then as before."""
    import faiss
    from threadpoolctl import threadpool_limits

    with _LOCK, threadpool_limits(1):
        before = faiss.omp_get_max_threads()
        faiss.omp_set_num_threads(1)
        try:
            yield
        finally:
            faiss.omp_set_num_threads(before)


def nearest_points(rows: Answers, k: int) -> Nearest:
    """Find the k points nearest to each, exactly: itself left out by its place, ties by place.

    Candidates come from FAISS in float32 and are settled in float64 (:mod:`geometry.hubness.nearest`).

    Args:
        rows: at unit length, so that products are cosine similarities.
        k: fewer than there are rows.
    """
    own = np.arange(len(rows.lengths), dtype=np.int64)
    return nearest(Askers(rows.part, rows.lengths, own), rows, k, label="nearest points")


def nearest_to(
    vectors: Float64[np.ndarray, "queries dim"],
    rows: Answers,
    k: int,
    own: Int64[np.ndarray, " queries"] | None = None,
) -> Nearest:
    """Find the k points nearest to each of some vectors of unit length, exactly, ties by place.

    Args:
        own: the place that each must not be given; by default none.
    """
    lengths = np.linalg.norm(vectors, axis=1)
    left_out = np.full(len(vectors), -1, dtype=np.int64) if own is None else own
    return nearest(Askers(lambda a, b: vectors[a:b], lengths, left_out), rows, k, label="nearest points")
