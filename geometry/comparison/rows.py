"""The matched rows of two heads, less their means, some at a time."""

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
from jaxtyping import Float64, Int64

from geometry.comparison.pairs import Pairs
from geometry.errors import OptionError
from geometry.head import Head
from geometry.progress import track

BLOCK_BYTES = 16 * 2**20
"""Rows of one head that are held in float64 at once."""

ROOM = 2**29
"""Heads that take more than this together are let go of as they are read, so that never both are in memory."""

PRODUCTS = 2e10
"""Products of float64 a second that a slow machine makes, for the progress bar."""

CONSTANT = 1e-24
"""Rows whose squared distances from their mean are a smaller share of their squared lengths are all the same."""


@dataclass(frozen=True, eq=False)
class Block:
    """Some matched tokens' places, and their rows in either head, less the means."""

    places: Int64[np.ndarray, " tokens"]
    a: Float64[np.ndarray, "tokens dim"]
    b: Float64[np.ndarray, "tokens other"]


@dataclass(frozen=True, eq=False)
class Matched:
    """Two heads whose space takes the mean of the matched rows away.

    Attributes:
        a, b: The heads; their rows are the centred ones.
        pairs: Which of them belong together.
    """

    a: Head
    b: Head
    pairs: Pairs

    def __len__(self) -> int:
        return len(self.pairs)

    @property
    def same_dim(self) -> bool:
        """Whether rows can be held against each other number by number."""
        return self.a.dim == self.b.dim

    def rows_of_a(self, places: Int64[np.ndarray, " tokens"]) -> Float64[np.ndarray, "tokens dim"]:
        """Return the first head's rows of some matched tokens."""
        return centred_rows(self.a, self.pairs.a[places])

    def rows_of_b(self, places: Int64[np.ndarray, " tokens"]) -> Float64[np.ndarray, "tokens dim"]:
        """Return the second head's."""
        return centred_rows(self.b, self.pairs.b[places])

    def blocks(
        self, label: str, *, partner: Int64[np.ndarray, " tokens"] | None = None, products: float = 0.0
    ) -> Iterator[Block]:
        """Yield all matched tokens, some at a time, in the order of the first head.

        Args:
            label: Of the progress bar.
            partner: Whose row of the second head each token is given, by place; its own by default.
            products: How many multiplications are made of each token, for the bar.
        """
        size = max(64, BLOCK_BYTES // (8 * max(self.a.dim, self.b.dim)))
        starts = range(0, len(self), size)
        nbytes = self.a.opened.matrix.nbytes + self.b.opened.matrix.nbytes
        seconds = products * len(self) / PRODUCTS
        for start in track(starts, label, total=len(starts), nbytes=nbytes, seconds=seconds):
            places = np.arange(start, min(start + size, len(self)))
            yield Block(places, self.rows_of_a(places), self.rows_of_b(places if partner is None else partner[places]))


def centred_rows(head: Head, ids: Int64[np.ndarray, " tokens"]) -> Float64[np.ndarray, "tokens dim"]:
    """Return rows in the head's space, in float64."""
    return head.space.apply(head.opened.matrix.rows(ids))


def centre(a: Head, b: Head, pairs: Pairs) -> Matched:
    """Take the mean of the matched rows away from both heads.

    Raises:
        OptionError: All matched rows of a head are the same.
    """
    return Matched(_centred(a, pairs.a), _centred(b, pairs.b), pairs)


def _centred(head: Head, ids: Int64[np.ndarray, " tokens"]) -> Head:
    size = max(64, BLOCK_BYTES // (8 * head.dim))
    total, squares = np.zeros(head.dim), 0.0
    for start in range(0, len(ids), size):
        stored = head.opened.matrix.rows(ids[start : start + size]).astype(np.float64)
        total += stored.sum(axis=0)
        squares += float((stored**2).sum())
    mean = total / len(ids)
    if squares - len(ids) * float(mean @ mean) <= 1e-10 * squares and _spread(head, ids, mean) <= CONSTANT * squares:
        raise OptionError(
            f"all {len(ids):,} matched rows of {head.name} are the same; expected rows that differ: there is nothing "
            "to compare in a head without variance"
        )
    space = head.space
    inside = replace(space, mean=None, root=None).apply_linear(mean[None, :])[0]
    # the head's own raw space has no mean: this one is centred over the matched tokens
    name = "centered" if space.name == "raw" else space.name
    return replace(head, space=replace(space, name=name, mean=inside))


def _spread(head: Head, ids: Int64[np.ndarray, " tokens"], mean: Float64[np.ndarray, " dim"]) -> float:
    size = max(64, BLOCK_BYTES // (8 * head.dim))
    parts = (head.opened.matrix.rows(ids[start : start + size]) - mean for start in range(0, len(ids), size))
    return sum(float((part**2).sum()) for part in parts)


def let_go(a: Head, b: Head) -> tuple[Head, Head]:
    """Return the heads such that rows of them stay in memory only where both together are small.

    The mapping and the caller's own heads are left as they are. Where a limit is set already the lower one holds.
    """
    sizes = [one.opened.matrix.nbytes for one in (a, b)]
    if sum(sizes) <= ROOM:
        return a, b
    return _limited(a, max(sizes) // 2), _limited(b, max(sizes) // 2)


def _limited(head: Head, most: int) -> Head:
    matrix = head.opened.matrix
    if matrix.nbytes <= most or (matrix.max_resident is not None and matrix.max_resident <= most):
        return head
    # what was measured on the rows before is not taken along: it would be measured with them in memory
    opened = replace(head.opened, matrix=replace(matrix, max_resident=most), views={})
    return replace(head, opened=opened)
