"""The first rows of a whole head to enter a vector's non-negative Lasso path, without a copy of the head.

The path of a screened pool is checked against every row in one pass over the head, rows that would have entered
earlier join the pool, and so on until none would. The residual is linear in λ between two knots of the path, so that
no row with ŵⱼ·r ≤ λ at the knots can have entered between them: the path found is that of all rows.
"""

from collections.abc import Sequence

import numpy as np
from jaxtyping import Bool, Float32, Float64, Int64

from geometry.head import Head
from geometry.linalg import unit
from geometry.madeof.lasso import TIE, LassoPath, lasso_path
from geometry.progress import track
from geometry.scoring import Scoring, score_with
from geometry.search import BestRows, scan

SCREEN = 256
"""Rows that a path is first looked for among, and that join the pool at most in one round."""

QUERIES = 512
"""Residuals that are compared with every row at once: what bounds the memory of a pass."""


class Above:
    """Reader: the rows whose cosine similarity to a query exceeds its bound, and by how much.

    Products in float32 find what may be above; float64 says what is.
    """

    def __init__(
        self, scoring: Scoring, allowed: Bool[np.ndarray, " vocab"], bounds: Float64[np.ndarray, " queries"]
    ) -> None:
        assert scoring.metric == "cosine"
        assert scoring.scale is not None
        self.scoring, self.allowed, self.bounds = scoring, allowed, bounds
        self._x, self._lengths, self._scale = scoring.x.astype(np.float32), _lengths(scoring.x), scoring.scale
        self._found: list[dict[int, float]] = [{} for _ in bounds]

    def see(self, start: int, block: Float32[np.ndarray, "tokens dim"]) -> None:
        inside = np.flatnonzero(self.allowed[start : start + len(block)])
        if not len(inside):
            return
        rows, ids = block[inside], inside + start
        may = self._rough(rows, ids) >= self.bounds[:, None].astype(np.float32)
        near = np.flatnonzero(may.any(axis=0))
        if not len(near):
            return
        mapped = unit(self.scoring.head.space.apply(rows[near]))
        above = unit(self.scoring.vectors) @ mapped.T - self.bounds[:, None]
        for query, place in zip(*np.nonzero(above > 0), strict=True):
            self._found[query][int(ids[near[place]])] = float(above[query, place])

    def found(self, query: int) -> dict[int, float]:
        """Token → excess over the bound, for one query, to be asked for after the scan."""
        return self._found[query]

    def _rough(
        self, rows: Float32[np.ndarray, "tokens dim"], ids: Int64[np.ndarray, " tokens"]
    ) -> Float32[np.ndarray, "queries tokens"]:
        """Cosine similarities in float32, as high as rounding may have made them low (see `Scoring.error`)."""
        scoring, scale = self.scoring, self._scale[ids]
        roundings = (self._x.shape[1] + 8) * np.finfo(np.float32).eps
        scores: Float32[np.ndarray, "queries tokens"] = self._x @ rows.T
        scores += scoring.offset.astype(np.float32)[:, None]
        scores *= scale.astype(np.float32)
        reach = (roundings * scale * scoring.head.opened.raw_norms[ids]).astype(np.float32)
        scores += self._lengths.astype(np.float32)[:, None] * reach
        scores += np.abs(scoring.offset).astype(np.float32)[:, None] * (roundings * scale).astype(np.float32)
        return scores


def first_rows(
    head: Head,
    targets: Float64[np.ndarray, "queries dim"],
    left_out: Sequence[frozenset[int]],
    allowed: Bool[np.ndarray, " vocab"],
    terms: int,
    *,
    screen: int = SCREEN,
) -> list[tuple[int, ...]]:
    """The first rows of a head to enter the non-negative Lasso path of each vector, in order of entry.

    Args:
        head: in the space wanted.
        targets: of unit length, in that space.
        left_out: tokens that each vector may not be made of.
        allowed: tokens that any may be made of; none of their rows is zero.
        terms: how many rows at most; fewer where the path ends before.
        screen: rows that each path is first looked for among, those with the highest cosine similarity.

    Returns:
        For each vector the ids that a path over all rows gives, whatever ``screen`` is.
    """
    size = max(1, QUERIES // (terms + 1))
    starts = range(0, len(targets), size)
    work = len(targets) * screen * head.dim * 8
    found = []
    for start in track(starts, "Lasso paths", total=len(starts), nbytes=work):
        some = slice(start, start + size)
        found += _first_rows(head, targets[some], left_out[some], allowed, terms, screen)
    return found


def _first_rows(
    head: Head,
    targets: Float64[np.ndarray, "queries dim"],
    left_out: Sequence[frozenset[int]],
    allowed: Bool[np.ndarray, " vocab"],
    terms: int,
    screen: int,
) -> list[tuple[int, ...]]:
    pools = _screened(head, targets, left_out, allowed, screen)
    paths: dict[int, LassoPath] = {}
    todo = [query for query, pool in enumerate(pools) if pool]
    while todo:
        for query in todo:
            ids = np.array(sorted(pools[query]), dtype=np.int64)
            paths[query] = lasso_path(targets[query], ids, unit_rows(head, ids), terms)
        missed = _missed(head, [paths[query] for query in todo], allowed)
        new = [
            _most({token: excess for token, excess in found.items() if token not in pools[query] | left_out[query]})
            for query, found in zip(todo, missed, strict=True)
        ]
        for query, tokens in zip(todo, new, strict=True):
            pools[query] |= tokens
        todo = [query for query, tokens in zip(todo, new, strict=True) if tokens]
    return [paths[query].ids if query in paths else () for query in range(len(targets))]


def _screened(
    head: Head,
    targets: Float64[np.ndarray, "queries dim"],
    left_out: Sequence[frozenset[int]],
    allowed: Bool[np.ndarray, " vocab"],
    screen: int,
) -> list[set[int]]:
    """The rows with the highest cosine similarity to each vector, less what is left out."""
    reach = screen + max(map(len, left_out))
    best = BestRows(score_with(head, targets, "cosine"), allowed, reach, backend="faiss")
    scan(head, [best])
    pairs = zip(best.rough_ids().tolist(), left_out, strict=True)
    return [set([token for token in found if token not in dropped][:screen]) for found, dropped in pairs]


def _missed(head: Head, paths: Sequence[LassoPath], allowed: Bool[np.ndarray, " vocab"]) -> list[dict[int, float]]:
    """For each path the rows that would have entered it before it ends, by how much they break its bound at most."""
    owner = np.repeat(np.arange(len(paths)), [len(path.penalties) for path in paths])
    residuals = np.concatenate([path.residuals for path in paths])
    penalties = np.concatenate([path.penalties for path in paths])
    lengths = _lengths(residuals)
    some = lengths > TIE
    found: list[dict[int, float]] = [{} for _ in paths]
    if not some.any():
        return found
    above = Above(score_with(head, residuals[some], "cosine"), allowed, penalties[some] / lengths[some] + TIE)
    scan(head, [above])
    for query, path in enumerate(owner[some].tolist()):
        for token, excess in above.found(query).items():
            found[path][token] = max(excess, found[path].get(token, 0.0))
    return found


def _most(excess: dict[int, float]) -> set[int]:
    """The ``SCREEN`` tokens with the highest excess."""
    return set(sorted(excess, key=lambda token: -excess[token])[:SCREEN])


def _lengths(vectors: Float64[np.ndarray, "queries dim"]) -> Float64[np.ndarray, " queries"]:
    lengths: Float64[np.ndarray, " queries"] = np.linalg.norm(vectors, axis=1)
    return lengths


def unit_rows(head: Head, ids: Int64[np.ndarray, " tokens"]) -> Float64[np.ndarray, "tokens dim"]:
    """Rows in the head's space, each scaled to length 1."""
    return unit(head.space.apply(head.opened.matrix.rows(ids)))
