"""Candidates by products at the precision of the stored rows: bf16 by bf16 where a head is in bf16.

The rows are never decoded: torch multiplies them where they lie, and of the results only the best of every 32 is looked
at before anything is kept. A query that leaves too many rows in doubt is given up, to be asked in float32.
"""

import sys
import warnings
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
from jaxtyping import Bool, Float32, Float64, Int64, Shaped

from geometry.scoring import Scoring
from geometry.search.bounds import BF16_UNIT, make_bounds
from geometry.search.device import choose_device, full_sums, rounds_once

if TYPE_CHECKING:
    import torch

GROUP = 32
"""Rows of which only the best is looked at first."""

PRODUCTS_AT_ONCE = 2**20
"""Products that are made at a time, so that they are still in the processor's cache when they are looked at."""

PENDING = 2**21
"""Candidates that are kept before those that newer ones rule out are dropped."""

WARM_BYTES, COLD_BYTES = 2**23, 2**28
"""Sizes of a head from which this way pays: with torch loaded already, and without."""

LONGEST_QUERY = 1e15
"""Queries of larger numbers are left to the other ways: their products might overflow."""


def pays(scoring: Scoring, allowed: Bool[np.ndarray, " vocab"], device: str | None) -> bool:
    """Whether a scoring can be answered this way, and sooner than in float32 on the processor."""
    matrix = scoring.head.opened.matrix
    if matrix.nbytes < (WARM_BYTES if "torch" in sys.modules else COLD_BYTES):
        return False
    return fits(scoring, allowed, device) and (matrix.dtype == "BF16" or choose_device(device) == "cuda")


def fits(scoring: Scoring, allowed: Bool[np.ndarray, " vocab"], device: str | None) -> bool:
    """Whether the bounds hold for a scoring: on this machine, of these queries, and of all rows that may be found."""
    if (
        not len(scoring.x)
        or not np.abs(scoring.x).max(initial=0.0) < LONGEST_QUERY
        or (allowed & ~scoring.head.opened.finite).any()
    ):
        return False
    where = choose_device(device)
    return scoring.head.opened.matrix.dtype != "BF16" or rounds_once(where, scoring.x.shape[1], len(scoring.x))


class NarrowRows:
    """All rows that the rounding of their product with a query cannot rule out, for every query of a scoring."""

    def __init__(
        self, scoring: Scoring, allowed: Bool[np.ndarray, " vocab"], k: int, device: str | None = None
    ) -> None:
        import torch

        self.scoring, self.allowed, self.k = scoring, allowed & scoring.head.opened.finite, k
        self.takes_stored = scoring.head.opened.matrix.dtype == "BF16"
        self.device = choose_device(device)
        asked = torch.from_numpy(scoring.x).to(torch.bfloat16 if self.takes_stored else torch.float32)
        self._bounds = make_bounds(scoring, asked.double().numpy(), unit=BF16_UNIT if self.takes_stored else 0.0)
        self._asked = asked.T.contiguous().to(self.device)
        self._least = np.full(len(scoring.x), -np.inf)
        self._given_up = np.zeros(len(scoring.x), dtype=np.bool_)
        self._pending: list[_Found] = []
        self._seen = self._pruned_at = 0
        self._errors = tuple(part.astype(np.float32) for part in self._bounds.of_rows())
        self._plain = scoring.scale is None and scoring.shift is None and not scoring.offset.any()
        self._slopes = self._on_device(self._bounds.of_queries(plain=self._plain))
        self._relative = 2.0**-20 + (self._bounds.unit if self._plain else 0.0)

    def see(self, start: int, block: Float32[np.ndarray, "tokens dim"]) -> None:
        """Take in the rows from ``start`` on."""
        self._take(start, block)

    def see_stored(self, start: int, raw: Shaped[np.ndarray, "tokens width"]) -> None:
        """Take in the rows from ``start`` on, as they lie in the file."""
        self._take(start, raw)

    def candidates(self, query: int) -> Int64[np.ndarray, " found"] | None:
        """Rows among which the k best of a query are; None where too many are in doubt."""
        ids, starts = self._by_query
        return None if self._given_up[query] else ids[starts[query] : starts[query + 1]]

    def _take(self, start: int, rows: Shaped[np.ndarray, "tokens width"]) -> None:
        inside = np.flatnonzero(self.allowed[start : start + len(rows)])
        if not len(inside):
            return
        if 2 * len(inside) < len(rows):
            rows, ids = rows[inside], inside + start
        else:
            ids = np.arange(start, start + len(rows))
        step = max(PRODUCTS_AT_ONCE // len(self._least), 8 * GROUP)
        for first in range(0, len(rows), step):
            self._sift(ids[first : first + step], rows[first : first + step])

    def _sift(self, ids: Int64[np.ndarray, " tokens"], rows: Shaped[np.ndarray, "tokens width"]) -> None:
        """Keep what may be among the best of some rows."""
        import torch

        products = self._multiply(rows)
        tops = self._tops(ids, products)
        errors = self._errors_of_groups(ids, tops)
        if len(tops) >= self.k and np.isinf(self._least).any():
            # the best of k groups are k rows
            sure = torch.nan_to_num(tops - errors, nan=-torch.inf).topk(self.k, dim=0).values[-1]
            self._least = np.maximum(self._least, sure.double().cpu().numpy())
        # written so that what is not a number stays in
        group, query = (~(tops + errors < self._floor())).nonzero(as_tuple=True)
        self._keep(ids, products, group, query)
        self._seen += len(ids)
        if self._seen >= 2 * self._pruned_at or sum(len(found.ids) for found in self._pending) > PENDING:
            self._prune()

    def _multiply(self, rows: Shaped[np.ndarray, "tokens width"]) -> "torch.Tensor":
        import torch

        with warnings.catch_warnings():
            # the file is mapped read-only, and nothing is written to it here
            warnings.simplefilter("ignore", UserWarning)
            given = torch.from_numpy(rows.view(np.int16) if self.takes_stored else rows)
        given = given.to(self.device)
        with full_sums():
            return (given.view(torch.bfloat16) if self.takes_stored else given) @ self._asked

    def _tops(self, ids: Int64[np.ndarray, " tokens"], products: "torch.Tensor") -> "torch.Tensor":
        """The best score of every 32 rows, for every query, in float32."""
        import torch

        scoring = self.scoring
        scores = products
        if not self._plain:
            scores = products.to(torch.float32, copy=True)
            if scoring.offset.any():
                scores += self._on_device(scoring.offset)
            if scoring.scale is not None:
                scores *= self._on_device(scoring.scale[ids])[:, None]
            if scoring.shift is not None:
                scores += self._on_device(scoring.shift[ids])[:, None]
        barred = ~self.allowed[ids]
        if barred.any():
            scores = scores.masked_fill(torch.from_numpy(barred).to(self.device)[:, None], -torch.inf)
        if len(ids) % GROUP:
            scores = torch.nn.functional.pad(scores, (0, 0, 0, -len(ids) % GROUP), value=-torch.inf)
        return scores.view(-1, GROUP, scores.shape[1]).amax(1).float()

    def _errors_of_groups(self, ids: Int64[np.ndarray, " tokens"], tops: "torch.Tensor") -> "torch.Tensor":
        """How far any score of a group can be off, for every query."""
        lengths, beside = (self._on_device(_largest(part[ids])) for part in self._errors)
        sizes = tops.abs().nan_to_num(posinf=0.0)
        return lengths[:, None] * self._slopes + beside[:, None] + self._relative * sizes

    def _floor(self) -> "torch.Tensor":
        """The score that each query's k-th row has at least, rounded down; +∞ for queries given up."""
        floor = np.where(self._given_up, np.inf, self._least)
        return self._on_device(np.nextafter(floor.astype(np.float32), np.float32(-np.inf)))

    def _keep(
        self,
        ids: Int64[np.ndarray, " tokens"],
        products: "torch.Tensor",
        group: "torch.Tensor",
        query: "torch.Tensor",
    ) -> None:
        """Look at every row of the groups that may hold one of the best."""
        import torch

        if not len(group):
            return
        place = (group[:, None] * GROUP + torch.arange(GROUP, device=group.device)).clamp_(max=len(ids) - 1)
        found = products[place, query[:, None]].double().cpu().numpy().reshape(-1)
        places, queries = place.cpu().numpy().reshape(-1), np.repeat(query.cpu().numpy(), GROUP)
        # the last group may be filled up with its last row again
        first = np.ones(place.shape, dtype=np.bool_)
        first[:, 1:] = np.diff(place.cpu().numpy(), axis=1) > 0
        keep = self.allowed[ids[places]] & first.reshape(-1)
        self._pending.append(self._found(found[keep], queries[keep], ids[places[keep]]).above(self._least))

    def _found(
        self, products: Float64[np.ndarray, " found"], queries: Int64[np.ndarray, " found"],
        ids: Int64[np.ndarray, " found"],
    ) -> "_Found":  # fmt: skip
        low, high = self._bounds.scores(products, queries, ids)
        return _Found(queries, ids, low, high)

    def _prune(self) -> None:
        """Drop what others rule out by now, and the queries that too many are left of."""
        if not self._pending:
            return
        found = _joined(self._pending)
        order = np.lexsort((-found.low, found.queries))
        counts = np.bincount(found.queries, minlength=len(self._least))
        enough = np.flatnonzero(counts >= self.k)
        kth = order[(np.cumsum(counts) - counts)[enough] + self.k - 1]
        self._least[enough] = np.maximum(self._least[enough], found.low[kth])
        found = found.above(self._least)
        counts = np.bincount(found.queries, minlength=len(self._least))
        self._given_up |= counts > max(32 * self.k, 1024)
        self._pending = [found.of(~self._given_up)]
        self._pruned_at = self._seen

    @cached_property
    def _by_query(self) -> tuple[Int64[np.ndarray, " found"], Int64[np.ndarray, " starts"]]:
        """The ids that are left, query by query, and where each one's begin."""
        queries = len(self._least)
        self._prune()
        if not self._pending:
            return np.empty(0, dtype=np.int64), np.zeros(queries + 1, dtype=np.int64)
        found = self._pending[0]
        order = np.argsort(found.queries, kind="stable")
        return found.ids[order], np.searchsorted(found.queries[order], np.arange(queries + 1)).astype(np.int64)

    def _on_device(self, values: Shaped[np.ndarray, "..."]) -> "torch.Tensor":
        import torch

        return torch.from_numpy(values.astype(np.float32)).to(self.device)


class _Found:
    """Rows that may be among the best of a query, and between what their scores lie."""

    def __init__(
        self, queries: Int64[np.ndarray, " found"], ids: Int64[np.ndarray, " found"],
        low: Float64[np.ndarray, " found"], high: Float64[np.ndarray, " found"],
    ) -> None:  # fmt: skip
        self.queries, self.ids, self.low, self.high = queries, ids, low, high

    def above(self, least: Float64[np.ndarray, " queries"]) -> "_Found":
        return self._where(self.high >= least[self.queries])

    def of(self, wanted: Bool[np.ndarray, " queries"]) -> "_Found":
        return self._where(wanted[self.queries])

    def _where(self, keep: Bool[np.ndarray, " found"]) -> "_Found":
        return self if keep.all() else _Found(self.queries[keep], self.ids[keep], self.low[keep], self.high[keep])


def _joined(parts: list[_Found]) -> _Found:
    columns = zip(*((part.queries, part.ids, part.low, part.high) for part in parts), strict=True)
    return _Found(*(np.concatenate(column) for column in columns))


def _largest(values: Float32[np.ndarray, " tokens"]) -> Float32[np.ndarray, " groups"]:
    return np.maximum.reduceat(values, np.arange(0, len(values), GROUP))
