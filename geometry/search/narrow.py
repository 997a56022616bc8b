"""Candidates by products at the precision of the stored rows: bf16 by bf16 where a head is in bf16.

The rows are never decoded: torch multiplies them where they lie, and of the results only the best of every 16 is looked
at before anything is kept. A query that leaves too many rows in doubt is given up, to be asked in float32.
"""

import sys
from typing import TYPE_CHECKING

import numpy as np
from jaxtyping import Bool, Float32, Float64, Int64, Shaped

from geometry.scoring import Scoring
from geometry.search.bounds import BF16_UNIT, make_bounds
from geometry.search.device import as_tensor, choose_device, full_sums, rounds_once, stored_there
from geometry.search.pairs import Pairs, joined

if TYPE_CHECKING:
    import torch

GROUP = 16
"""Rows of which only the best is looked at first."""

PRODUCTS_AT_ONCE = {"cpu": 3 * 2**20, "cuda": 2**25}
"""Products that are made at a time: so that a processor still has them in its cache when they are looked at, and so
that a GPU is not waited for too often."""

STEP = 1024
"""Rows that are multiplied at once are a multiple of this many: threads share them evenly."""

PENDING = 2**21
"""Candidates that are kept before those that newer ones rule out are dropped."""

FEW = 32
"""Queries up to which rows × queries is the quicker product, beyond it queries × rows."""

WARM_BYTES, COLD_BYTES = 2**23, 2**28
"""Sizes of a head from which this way pays: with torch loaded already, and without."""

LARGEST_SCALE = 1e30
"""Rows whose products are multiplied by more than this are kept whatever they score: float32 might overflow."""

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
    return scoring.head.opened.matrix.dtype != "BF16" or rounds_once(where, scoring.x.shape[1], max(len(scoring.x), 2))


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
        self._bounds = make_bounds(scoring, asked.float().numpy(), unit=BF16_UNIT if self.takes_stored else 0.0)
        # a single vector is asked twice: a matrix of two columns is multiplied faster
        self._asked = (asked if len(asked) > 1 else asked.repeat(2, 1)).to(self.device)
        self._least = np.full(len(scoring.x), -np.inf)
        self._given_up = np.zeros(len(scoring.x), dtype=np.bool_)
        self._pending: list[Pairs] = []
        self._seen = self._pruned_at = 0
        lengths, beside = self._bounds.of_rows()
        if scoring.scale is not None:
            lengths = np.where(scoring.scale > LARGEST_SCALE, np.inf, lengths)
        self._barred, self._endless = (rows if rows.any() else None for rows in (~self.allowed, np.isinf(lengths)))
        self._errors = np.where(self.allowed, lengths, 0.0), np.where(self.allowed, beside, 0.0)
        self._plain = scoring.scale is None and scoring.shift is None and not scoring.offset.any()
        self._slopes = self._bounds.of_queries(plain=self._plain)
        self._relative = 2.0**-20 + (self._bounds.unit if self._plain else 0.0)

    def see(self, start: int, block: Float32[np.ndarray, "tokens dim"]) -> None:
        """Take in the rows from ``start`` on."""
        self._take(start, as_tensor(block))

    def see_stored(self, start: int, raw: Shaped[np.ndarray, "tokens width"]) -> None:
        """Take in the rows from ``start`` on, as they lie in the file."""
        self._take(start, stored_there(self.scoring.head.opened.matrix, start, raw, self.device))

    def found(self) -> tuple[Pairs, list[int]]:
        """Rows among which the k best of each query are, and the queries of which too many are in doubt to tell."""
        self._prune()
        return joined(self._pending), np.flatnonzero(self._given_up).tolist()

    def _take(self, start: int, rows: "torch.Tensor") -> None:
        import torch

        inside = np.flatnonzero(self.allowed[start : start + len(rows)])
        if not len(inside):
            return
        if 2 * len(inside) < len(rows):
            rows, ids = rows[torch.from_numpy(inside).to(rows.device)], inside + start
        else:
            ids = np.arange(start, start + len(rows))
        step = max(PRODUCTS_AT_ONCE[self.device] // len(self._least) // STEP, 1) * STEP
        for first in range(0, len(rows), step):
            self._sift(ids[first : first + step], rows[first : first + step].to(self.device))

    def _sift(self, ids: Int64[np.ndarray, " tokens"], rows: "torch.Tensor") -> None:
        """Keep what may be among the best of some rows."""
        products = self._multiply(rows)
        scores = self._scored(ids, products)
        lengths, beside = (part[ids] for part in self._errors)
        groups = -(-len(ids) // GROUP)
        if groups >= self.k and np.isinf(self._least).any():
            first = self._first_least(_tops(scores).float().cpu().numpy(), _largest(lengths), _largest(beside))
            self._least = np.maximum(self._least, first)
        cut = self._cut(float(lengths.max()), float(beside.max()))
        query, group = np.divmod(np.flatnonzero(_reach(scores, cut)), groups)
        if len(group):
            places = group[:, None] + groups * np.arange(GROUP)
            # of the last groups some rows may be missing: any other will do instead, as they are not kept
            there = _at(scores, np.minimum(places, len(ids) - 1), query[:, None])
            which, member = np.nonzero((there >= cut[query][:, None]) & (places < len(ids)))
            places, queries = places[which, member], query[which]
            keep = self.allowed[ids[places]]
            places, queries = places[keep], queries[keep]
            self._pending.append(self._found(_at(products, places, queries), queries, ids[places]).above(self._least))
        self._seen += len(ids)
        if self._seen >= 2 * self._pruned_at or sum(map(len, self._pending)) > PENDING:
            self._prune()

    def _multiply(self, rows: "torch.Tensor") -> "torch.Tensor":
        """The products of every query (first axis) with some rows."""
        with full_sums():
            # of the two orders, which give the same, each is twice as fast as the other at its end
            if len(self._asked) > FEW:
                return self._asked @ rows.T
            return (rows @ self._asked.T)[:, : len(self._least)].T.contiguous()

    def _scored(self, ids: Int64[np.ndarray, " tokens"], products: "torch.Tensor") -> "torch.Tensor":
        """The rounded scores of some rows: −∞ of those that may not be found, +∞ where float32 has no room for them."""
        import torch

        scoring, scores = self.scoring, products
        if not self._plain:
            scores = products.to(torch.float32, copy=True)
            if scoring.offset.any():
                scores += self._on_device(scoring.offset)[:, None]
            if scoring.scale is not None:
                scores *= self._on_device(np.minimum(scoring.scale[ids], LARGEST_SCALE))
            if scoring.shift is not None:
                scores += self._on_device(scoring.shift[ids])
        for rows, filling in ((self._barred, -torch.inf), (self._endless, torch.inf)):
            if rows is not None and (here := rows[ids]).any():
                scores = scores.masked_fill(torch.from_numpy(here).to(self.device), filling)
        return scores

    def _first_least(
        self,
        tops: Float32[np.ndarray, "queries groups"],
        lengths: Float64[np.ndarray, " groups"],
        beside: Float64[np.ndarray, " groups"],
    ) -> Float64[np.ndarray, " queries"]:
        """What the k-th best row scores at least: the best of k groups are k rows."""
        best = tops.astype(np.float64)
        error = self._slopes[:, None] * lengths + beside + self._relative * np.abs(best)
        with np.errstate(invalid="ignore"):
            low = np.nan_to_num(best - error, nan=-np.inf, neginf=-np.inf)
        least: Float64[np.ndarray, " queries"] = np.partition(low, -self.k, axis=1)[:, -self.k]
        return least

    def _cut(self, length: float, beside: float) -> Float32[np.ndarray, " queries"]:
        """The least rounded score of a row, no longer than this, that may be among each query's best."""
        least = self._least - length * self._slopes - beside
        cut = np.where(self._given_up, np.inf, least / (1.0 + self._relative * np.sign(least)))
        lower: Float32[np.ndarray, " queries"] = np.nextafter(cut.astype(np.float32), np.float32(-np.inf))
        return lower

    def _found(
        self, products: Float64[np.ndarray, " found"], queries: Int64[np.ndarray, " found"],
        ids: Int64[np.ndarray, " found"],
    ) -> Pairs:  # fmt: skip
        low, high = self._bounds.scores(products, queries, ids)
        return Pairs(queries, ids, low, high)

    def _prune(self) -> None:
        """Drop what others rule out by now, and the queries that too many are left of."""
        queries = len(self._least)
        found = joined(self._pending)
        self._least = np.maximum(self._least, found.kth(self.k, queries))
        found = found.above(self._least)
        self._given_up |= found.counts(queries) > max(32 * self.k, 1024)
        self._pending = [found.where(~self._given_up[found.queries])]
        self._pruned_at = self._seen

    def _on_device(self, values: Shaped[np.ndarray, "..."]) -> "torch.Tensor":
        import torch

        return torch.from_numpy(values.astype(np.float32)).to(self.device)


def _reach(scores: "torch.Tensor", cut: Float32[np.ndarray, " queries"]) -> Bool[np.ndarray, "queries groups"]:
    """Of which groups the best may reach a query's cut; of some that do not quite, too."""
    import torch

    if scores.dtype == torch.bfloat16 and (cut > 0).all():
        # above 0, numbers stand in the order of their bits, which are compared faster; below it they stand under all
        bits = (cut.view(np.int32) >> 16).astype(np.int16)
        return np.asarray(_tops(scores.view(torch.int16)).cpu().numpy() >= bits[:, None])
    return np.asarray(_tops(scores).float().cpu().numpy() >= cut[:, None])


def _tops(scores: "torch.Tensor") -> "torch.Tensor":
    """The best score of every group of rows, for every query.

    Of n groups the first holds rows 0, n, 2n, …, so that the best are found element by element.
    """
    import torch

    queries, rows = scores.shape
    if rows % GROUP:
        least = -torch.inf if scores.is_floating_point() else torch.iinfo(scores.dtype).min
        scores = torch.nn.functional.pad(scores, (0, -rows % GROUP), value=least)
    return scores.view(queries, GROUP, -1).amax(1)


def _at(
    values: "torch.Tensor", rows: Int64[np.ndarray, "*found"], queries: Int64[np.ndarray, "*others"]
) -> Float64[np.ndarray, "*found"]:
    import torch

    place = (torch.from_numpy(part).to(values.device) for part in (queries, rows))
    found: Float64[np.ndarray, "*found"] = values[tuple(place)].double().cpu().numpy()
    return found


def _largest(values: Float64[np.ndarray, " tokens"]) -> Float64[np.ndarray, " groups"]:
    """The largest of every group, as ``_tops`` makes groups; none is negative."""
    groups = -(-len(values) // GROUP)
    return np.asarray(np.pad(values, (0, groups * GROUP - len(values))).reshape(GROUP, groups).max(axis=0))
