"""The figures of one way of asking, and whether a group of answers is better than chance."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float64, Int64

from geometry.chance import compare
from geometry.intervals import Figure, discovery_rates, mean_figure

Values = Mapping[str, Float64[np.ndarray, " items"]]
"""Each measure's value for every item."""


MEASURES = {
    "recall_at_1": "recall@1",
    "recall_at_5": "recall@5",
    "mrr": "MRR",
    "same_group": "vacated: group",
    "same_subgroup": "subgroup",
}
"""The figures that a table has room for, and what it calls them."""


@dataclass(frozen=True, slots=True)
class Recall:
    """The figures of one way of asking: shares, and for ``mrr`` the mean of 1/rank, each from 0 to 1, higher better.

    ``emoji_recall_at_1`` counts only emoji as candidates, ``emoji_first`` that any emoji comes first;
    ``same_group`` and ``same_subgroup`` are vacated recall; these four are None where words are asked for. ``loss``
    is the full question's recall@1 less this one's, item by item.
    """

    recall_at_1: Figure
    recall_at_5: Figure
    mrr: Figure
    emoji_recall_at_1: Figure | None
    emoji_first: Figure | None
    same_group: Figure | None
    same_subgroup: Figure | None
    loss: Figure


@dataclass(frozen=True, slots=True)
class GroupRecall:
    """Recall in one group of the items, beside what dealing its names out again would give.

    Attributes:
        group: A Unicode group, or a kind of compound.
        n: Items in it.
        recall_at_1: With its interval over families.
        hits: Items whose own row comes first.
        chance: Mean hits if the names were dealt out at random within the group.
        p: Share of such deals with at least as many hits, exact.
        q: Its false discovery rate over the groups (Benjamini & Hochberg).
    """

    group: str
    n: int
    recall_at_1: Figure
    hits: int
    chance: float
    p: float
    q: float


def rank_values(rank: Int64[np.ndarray, " items"]) -> dict[str, Float64[np.ndarray, " items"]]:
    """Return what ranks alone say."""
    return {
        "recall_at_1": (rank <= 1).astype(np.float64),
        "recall_at_5": (rank <= 5).astype(np.float64),
        "mrr": 1.0 / rank,
    }


def recall(values: Values, own: Values, family: Int64[np.ndarray, " items"], seed: int) -> Recall:
    """Return one way's figures; ``own`` are the values of the full question."""

    def told(name: str) -> Figure | None:
        return mean_figure(values[name], family, seed) if name in values else None

    return Recall(
        recall_at_1=mean_figure(values["recall_at_1"], family, seed),
        recall_at_5=mean_figure(values["recall_at_5"], family, seed),
        mrr=mean_figure(values["mrr"], family, seed),
        emoji_recall_at_1=told("emoji_recall_at_1"),
        emoji_first=told("emoji_first"),
        same_group=told("same_group"),
        same_subgroup=told("same_subgroup"),
        loss=mean_figure(own["recall_at_1"] - values["recall_at_1"], family, seed),
    )


def by_group(
    groups: Sequence[str],
    own: Int64[np.ndarray, " items"],
    first: Int64[np.ndarray, " items"],
    family: Int64[np.ndarray, " items"],
    seed: int,
) -> tuple[GroupRecall, ...]:
    """Return recall@1 in each group, tested against the same landings with names dealt out again.

    Args:
        groups: Each item's group.
        own: Its own row.
        first: The row that came first.
        family: Its family.
        seed: Of the intervals.
    """
    labels = np.array(groups)
    parts = []
    for group in dict.fromkeys(groups):
        inside = np.flatnonzero(labels == group)
        hits = compare([str(token) for token in own[inside]], [str(token) for token in first[inside]])
        figure = mean_figure((own[inside] == first[inside]).astype(np.float64), family[inside], seed)
        parts.append((group, figure, hits))
    rates = discovery_rates(np.array([hits.p for _, _, hits in parts]))
    return tuple(
        GroupRecall(group, hits.n, figure, hits.hits, hits.chance, hits.p, float(q))
        for (group, figure, hits), q in zip(parts, rates, strict=True)
    )
