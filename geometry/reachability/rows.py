"""Which rows reach least far along a direction: one pass for many directions, over an array or over a head."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import numpy as np
from jaxtyping import Bool, Float, Float64, Int64

from geometry.head import Head
from geometry.moments import blocks

BLOCK = 8_192
"""Rows of an array that are looked at together."""


@dataclass(frozen=True, eq=False)
class Lowest:
    """The rows with the lowest products with one direction, in no order."""

    ids: Int64[np.ndarray, " k"]
    products: Float64[np.ndarray, " k"]


@runtime_checkable
class Rows(Protocol):
    """Rows of a space, by id.

    ``exact`` says that products are always in float64, ``center`` is a point amid the rows.
    """

    exact: bool
    center: Float64[np.ndarray, " dim"]

    def rows(self, ids: Int64[np.ndarray, " k"]) -> Float64[np.ndarray, "k dim"]:
        """Some of the rows."""
        ...

    def products(
        self, directions: Float64[np.ndarray, "queries dim"], *, exact: bool
    ) -> Iterator[tuple[Int64[np.ndarray, " tokens"], Float[np.ndarray, "queries tokens"]]]:
        """Yield ids, rising, and their rows' products with every direction, block by block."""
        ...


class HeldRows:
    """Rows in memory, already in their space."""

    exact = True

    def __init__(self, ids: Int64[np.ndarray, " tokens"], rows: Float64[np.ndarray, "tokens dim"]) -> None:
        self._ids, self._rows = ids, rows
        self.center: Float64[np.ndarray, " dim"] = rows.mean(axis=0)

    def rows(self, ids: Int64[np.ndarray, " k"]) -> Float64[np.ndarray, "k dim"]:
        found: Float64[np.ndarray, "k dim"] = self._rows[np.searchsorted(self._ids, ids)]
        return found

    def products(
        self, directions: Float64[np.ndarray, "queries dim"], *, exact: bool
    ) -> Iterator[tuple[Int64[np.ndarray, " tokens"], Float[np.ndarray, "queries tokens"]]]:
        for start in range(0, len(self._ids), BLOCK):
            yield self._ids[start : start + BLOCK], directions @ self._rows[start : start + BLOCK].T


class StreamedRows:
    """A head's rows, left where they are: directions are pulled back to the rows as stored."""

    exact = False

    def __init__(self, head: Head, allowed: Bool[np.ndarray, " vocab"], label: str) -> None:
        self._head, self._allowed, self._label = head, allowed, label
        self.center: Float64[np.ndarray, " dim"] = head.space.apply(head.opened.moments.mean[None, :])[0]

    def rows(self, ids: Int64[np.ndarray, " k"]) -> Float64[np.ndarray, "k dim"]:
        return self._head.space.apply(self._head.opened.matrix.rows(ids))

    def products(
        self, directions: Float64[np.ndarray, "queries dim"], *, exact: bool
    ) -> Iterator[tuple[Int64[np.ndarray, " tokens"], Float[np.ndarray, "queries tokens"]]]:
        pulled, offsets = self._head.space.pull(directions)
        kind = np.float64 if exact else np.float32
        pulled, offsets = pulled.astype(kind), offsets.astype(kind)[:, None]
        for start, block in blocks(self._head.opened.matrix, self._label):
            inside = np.flatnonzero(self._allowed[start : start + len(block)])
            if len(inside):
                rows = block if len(inside) == len(block) else block[inside]
                yield inside + start, pulled @ rows.T.astype(kind, copy=False) + offsets


def lowest(
    rows: Rows,
    directions: Float64[np.ndarray, "queries dim"],
    left_out: Sequence[frozenset[int]],
    count: int,
    *,
    exact: bool,
) -> list[Lowest]:
    """The ``count`` rows with the lowest products with each direction, from one pass over the rows.

    Args:
        left_out: ids that are no rows for this direction.
        exact: find them in float64; else float32 may serve.
    """
    found = [Lowest(np.empty(0, dtype=np.int64), np.empty(0))] * len(directions)
    for ids, products in rows.products(directions, exact=exact):
        for query, dropped in enumerate(left_out):
            products[query, _places(ids, dropped)] = np.inf
        some = min(count, len(ids))
        best = np.argpartition(products, some - 1, axis=1)[:, :some]
        values = np.take_along_axis(products, best, axis=1).astype(np.float64)
        for query, before in enumerate(found):
            found[query] = _merged(before, ids[best[query]], values[query], count)
    return found


def _places(ids: Int64[np.ndarray, " tokens"], wanted: frozenset[int]) -> Int64[np.ndarray, " known"]:
    """Where those of the wanted ids stand that are among these rising ones."""
    sought = np.array([token for token in wanted if ids[0] <= token <= ids[-1]], dtype=np.int64)
    places: Int64[np.ndarray, " k"] = np.searchsorted(ids, sought)
    known: Int64[np.ndarray, " known"] = places[ids[places] == sought]
    return known


def _merged(before: Lowest, ids: Int64[np.ndarray, " k"], products: Float64[np.ndarray, " k"], count: int) -> Lowest:
    finite = np.isfinite(products)
    both = np.concatenate([before.products, products[finite]])
    names = np.concatenate([before.ids, ids[finite]])
    keep = np.argsort(both, kind="stable")[:count]
    return Lowest(names[keep], both[keep])
