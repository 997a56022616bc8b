"""Does adding concepts up work in this head? Every emoji that it has, asked for by its own name.

*Self-recall*: the words of an emoji's name plus the emoji direction; does its own row come first? *Vacated recall*:
the rows of its whole family taken away; does the sum land in its Unicode group and subgroup?

A text that pairs each name with its emoji makes self-recall: it measures association, not composition.
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from jaxtyping import Float64, Int64

from geometry.asking import Asked, Items, ask, halves, items
from geometry.choices import SPACES, SpaceName
from geometry.head import Head

RESAMPLES = 1_000


@dataclass(frozen=True, slots=True)
class Figure:
    """A mean over emoji with its interval.

    Attributes:
        value: The mean.
        low, high: Percentiles 2.5 and 97.5 over resamples of whole families.
    """

    value: float
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class Recall:
    """The figures of one way of asking: shares, and for ``mrr`` the mean of 1/rank, each from 0 to 1, higher better.

    ``emoji_recall_at_1`` counts only emoji as candidates, ``emoji_first`` that any emoji comes first;
    ``same_group`` and ``same_subgroup`` are vacated recall; ``loss`` is the full question's recall@1 less
    this one's, emoji by emoji.
    """

    recall_at_1: Figure
    recall_at_5: Figure
    mrr: Figure
    emoji_recall_at_1: Figure
    emoji_first: Figure
    same_group: Figure
    same_subgroup: Figure
    loss: Figure


@dataclass(frozen=True, slots=True)
class Census:
    """The census of one head in one space.

    Attributes:
        n: How many emoji were asked for.
        families: How many families they make.
        space: Where rows were taken.
        own: The name's words and the emoji direction.
        baselines: Ways of asking that should do worse, by name.
    """

    n: int
    families: int
    space: SpaceName
    own: Recall
    baselines: Mapping[str, Recall]

    def to_dict(self) -> dict[str, Any]:
        """Return the command line's JSON: the full question's figures, and ``baselines`` of the same shape."""
        found = {"n": self.n, "families": self.families, "space": self.space, **asdict(self.own)}
        found["baselines"] = {name: asdict(recall) for name, recall in self.baselines.items()}
        return found


def census(head: Head, *, seed: int = 0, asked: Items | None = None) -> Census:
    """Ask for every emoji of a head, in the head's space, beside the baselines.

    Args:
        head: In the space wanted.
        seed: Of the permuted names and the resampled families.
        asked: Some of the emoji only, from `items`.

    Returns:
        Self-recall among all candidates and among emoji, vacated recall, each with a family bootstrap; the same for
        the head noun alone, the direction alone, and names permuted over all emoji and within their group.

    Raises:
        TokenError: The head has too few emoji, or no emoji direction.
    """
    asked = items(head) if asked is None else asked
    rng = np.random.default_rng(seed)
    shuffled = rng.permutation(len(asked))
    within = _within_groups([entry.group for entry in asked.emoji], rng)
    ways: dict[str, Sequence[tuple[int, ...]]] = {
        "head noun alone": asked.head_words,
        "direction alone": [()] * len(asked),
        "names permuted": [asked.words[i] for i in shuffled],
        "names permuted within group": [asked.words[i] for i in within],
    }
    own = _values(ask(head, asked, asked.words), asked)
    own_recall = _recall(own, own, asked, seed)
    baselines = {
        name: _recall(_values(ask(head, asked, words), asked), own, asked, seed) for name, words in ways.items()
    }
    return Census(len(asked), len(set(asked.family.tolist())), head.space.name, own_recall, baselines)


@dataclass(frozen=True, slots=True)
class SpaceChoice:
    """Which space answers best: chosen on one half of the emoji, confirmed on the other.

    Attributes:
        space: The one with the best recall@1 on the first half.
        chosen, confirmed: Space → recall on the first and on the second half.
        n: Emoji in the first and in the second half.
        lead: Other space → recall@1 of the chosen space less its own on the second half, paired emoji by emoji.
    """

    space: SpaceName
    chosen: Mapping[SpaceName, Recall]
    confirmed: Mapping[SpaceName, Recall]
    n: tuple[int, int]
    lead: Mapping[SpaceName, Figure]


def choose_space(head: Head, *, seed: int = 0) -> SpaceChoice:
    """Return the space with the best self-recall on a seeded half of the families, and what the other half says."""
    first, second = halves(items(head), seed)
    chosen: dict[SpaceName, Recall] = {}
    confirmed: dict[SpaceName, Recall] = {}
    hits: dict[SpaceName, Float64[np.ndarray, " emoji"]] = {}
    for space in SPACES:
        view = head.in_space(space)
        for half, found in ((first, chosen), (second, confirmed)):
            values = _values(ask(view, half, half.words), half)
            found[space] = _recall(values, values, half, seed)
        hits[space] = values["recall_at_1"]
    # On a tie the simpler space, which comes first, is taken.
    best = max(chosen, key=lambda space: chosen[space].recall_at_1.value)
    lead = {one: figure(hits[best] - hits[one], second.family, seed) for one in SPACES if one != best}
    return SpaceChoice(best, chosen, confirmed, (len(first), len(second)), lead)


def _within_groups(groups: Sequence[str], rng: np.random.Generator) -> Int64[np.ndarray, " emoji"]:
    order = np.arange(len(groups))
    for group in dict.fromkeys(groups):
        members = np.flatnonzero([entry == group for entry in groups])
        order[members] = rng.permutation(members)
    return order


def _values(answers: Asked, asked: Items) -> dict[str, Float64[np.ndarray, " emoji"]]:
    """Return each measure's value for every emoji."""
    landed = [asked.emoji[i] for i in answers.vacated]
    pairs = list(zip(landed, asked.emoji, strict=True))
    return {
        "recall_at_1": (answers.rank <= 1).astype(np.float64),
        "recall_at_5": (answers.rank <= 5).astype(np.float64),
        "mrr": 1.0 / answers.rank,
        "emoji_recall_at_1": (answers.rank_emoji <= 1).astype(np.float64),
        "emoji_first": answers.emoji_first.astype(np.float64),
        "same_group": np.array([a.group == b.group for a, b in pairs], dtype=np.float64),
        "same_subgroup": np.array([a.subgroup == b.subgroup for a, b in pairs], dtype=np.float64),
    }


def _recall(
    values: Mapping[str, Float64[np.ndarray, " emoji"]],
    own: Mapping[str, Float64[np.ndarray, " emoji"]],
    asked: Items,
    seed: int,
) -> Recall:
    figures = {name: figure(value, asked.family, seed) for name, value in values.items()}
    return Recall(**figures, loss=figure(own["recall_at_1"] - values["recall_at_1"], asked.family, seed))


def figure(values: Float64[np.ndarray, " emoji"], family: Int64[np.ndarray, " emoji"], seed: int) -> Figure:
    """Return the mean of ``values`` with its percentile interval over `RESAMPLES` resamples of whole families."""
    _, index = np.unique(family, return_inverse=True)
    sums, counts = np.bincount(index, weights=values), np.bincount(index)
    drawn = np.random.default_rng(seed).integers(0, len(sums), size=(RESAMPLES, len(sums)))
    means = sums[drawn].sum(axis=1) / counts[drawn].sum(axis=1)
    low, high = np.percentile(means, [2.5, 97.5])
    return Figure(float(values.mean()), float(low), float(high))
