"""UMAP on neighbours that are known already (McInnes, Healy & Melville 2018, arXiv:1802.03426).

The graph, its weights and the layout are umap-learn's own; the neighbours are exact, and the layout starts from the
principal components (Kobak & Linderman 2021, doi:10.1038/s41587-020-00809-z), so that nothing is drawn by chance but
the layout's own samples, and maps by either method face the same way.
"""

import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Float64

from geometry.errors import OptionError
from geometry.hubness.question import Nearest
from geometry.progress import waiting

SHOWN_FROM_POINTS = 1_000
"""Fewer points are laid out before a bar could be read."""

REACH = 10.0
"""Half the width that the layout starts with, as umap-learn has it."""


@dataclass(frozen=True)
class Curve:
    """How strongly points hold on to each other at distance d of the picture: 1 / (1 + a·d^(2b)).

    Attributes:
        a, b: fitted to ``min_dist`` and ``spread``.
    """

    a: float
    b: float


@dataclass(frozen=True, eq=False)
class Layout:
    """Where points lie, and the curve they were laid out by."""

    points: Float64[np.ndarray, "points 2"]
    curve: Curve


def check_layout(neighbors: int, min_dist: float, spread: float) -> None:
    """Refuse settings that UMAP cannot use, before anything is computed.

    Raises:
        OptionError: says which.
    """
    if isinstance(neighbors, bool) or not isinstance(neighbors, int) or not 2 <= neighbors <= 1_000:
        raise OptionError(f"neighbors={neighbors!r} arrived; expected 2 to 1,000 nearest points, itself counted")
    if not 0 < spread <= 100:
        raise OptionError(f"spread={spread} arrived; expected more than 0, to 100")
    if not 0 <= min_dist <= spread:
        raise OptionError(f"min_dist={min_dist} arrived; expected 0 to spread, {spread:g}")


def lay_out(
    near: Nearest,
    start: Float64[np.ndarray, "points 2"],
    *,
    neighbors: int,
    min_dist: float,
    spread: float,
    seed: int,
) -> Layout:
    """Lay points out by UMAP, in one thread: the same seed gives the same layout.

    Args:
        near: at least ``neighbors`` − 1 nearest points of each, itself not among them, by cosine similarity.
        start: where points lie at first, in any scale.
        neighbors: nearest points that are held on to, itself counted, as umap-learn counts.
        min_dist, spread: how near points may come, and how far the picture spreads, in its own unit.
        seed: of the noise at the start and the layout's samples.
    """
    count = len(start)
    own, places = np.arange(count)[:, None], near.places[:, : neighbors - 1]
    far = np.maximum(1.0 - near.scores[:, : neighbors - 1], 0.0)
    draws = np.random.RandomState(np.random.MT19937(np.random.SeedSequence(seed)))
    begun = start / max(float(np.abs(start).max()), 1e-12) * REACH
    begun = begun + draws.normal(scale=1e-4, size=begun.shape)
    with _umap() as umap:
        a, b = umap.find_ab_params(spread, min_dist)
        graph, _, _ = umap.fuzzy_simplicial_set(
            start, neighbors, draws, "cosine",
            knn_indices=np.hstack([own, places]).astype(np.int32),
            knn_dists=np.hstack([np.zeros_like(far[:, :1]), far]).astype(np.float32),
        )  # fmt: skip
        points, _ = umap.simplicial_set_embedding(
            data=start, graph=graph, n_components=2, initial_alpha=1.0, a=a, b=b, gamma=1.0, negative_sample_rate=5,
            n_epochs=None, init=begun, random_state=draws, metric="cosine", metric_kwds={}, densmap=False,
            densmap_kwds={}, output_dens=False, parallel=False, tqdm_kwds=_bar(count),
        )  # fmt: skip
    return Layout(np.asarray(points, dtype=np.float64), Curve(float(a), float(b)))


@contextmanager
def _umap() -> Iterator[Any]:
    """Load umap-learn, which takes seconds the first time, without its warnings, and keep it to one thread."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        with waiting("loading umap-learn"):
            import numba
            from umap import umap_

        before = numba.get_num_threads()
        numba.set_num_threads(1)
        try:
            yield umap_
        finally:
            numba.set_num_threads(before)


def _bar(count: int) -> dict[str, Any]:
    hidden = count < SHOWN_FROM_POINTS or not sys.stderr.isatty()
    return {"disable": hidden, "desc": "UMAP", "leave": False, "unit": "epoch"}
