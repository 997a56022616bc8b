"""Does adding concepts up work in this head? Every emoji that it has, asked for by its own name.

*Self-recall*: the words of an emoji's name plus the emoji direction; does its own row come first? *Vacated recall*:
the rows of its whole family taken away; does the sum land in its Unicode group and subgroup?

A text that pairs each name with its emoji makes self-recall: it measures association, not composition.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from jaxtyping import Bool, Float64, Int64

from geometry.errors import TokenError
from geometry.families import families, head_word
from geometry.head import Head
from geometry.linalg import unit
from geometry.tokens.emoji import Emoji

RESAMPLES = 1_000
BLOCK = 8_192
"""Rows scored at once."""

FEWEST = 50
"""Fewer emoji with names in words than this give no figure worth an interval."""


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


@dataclass(frozen=True, eq=False)
class Items:
    """The emoji that are asked for.

    Attributes:
        ids: Each one's token.
        emoji: What it is.
        words: The tokens of its name's words.
        head_words: Those of its head noun alone.
        family: The number of its family.
    """

    ids: Int64[np.ndarray, " emoji"]
    emoji: tuple[Emoji, ...]
    words: tuple[tuple[int, ...], ...]
    head_words: tuple[tuple[int, ...], ...]
    family: Int64[np.ndarray, " emoji"]

    def __len__(self) -> int:
        return len(self.ids)

    def take(self, keep: Bool[np.ndarray, " emoji"]) -> "Items":
        """Return those of the items that ``keep`` says."""
        index = np.flatnonzero(keep)
        return Items(
            self.ids[index],
            tuple(self.emoji[i] for i in index),
            tuple(self.words[i] for i in index),
            tuple(self.head_words[i] for i in index),
            self.family[index],
        )


@dataclass(frozen=True, eq=False)
class Asked:
    """What came of one query for each emoji.

    Attributes:
        rank: Place of its own row among all candidates, from 1.
        rank_emoji: Its place among emoji.
        emoji_first: Whether any emoji came first.
        vacated: Position in ``Items`` of the emoji that comes first once its family is gone.
    """

    rank: Int64[np.ndarray, " emoji"]
    rank_emoji: Int64[np.ndarray, " emoji"]
    emoji_first: Bool[np.ndarray, " emoji"]
    vacated: Int64[np.ndarray, " emoji"]


@dataclass(frozen=True, slots=True)
class Recall:
    """The figures of one way of asking: shares, and for ``mrr`` the mean of 1/rank, each from 0 to 1, higher better.

    ``emoji_recall_at_1`` counts only emoji as candidates, ``emoji_first`` that any emoji comes first;
    ``same_group`` and ``same_subgroup`` are vacated recall; ``loss`` is the full question's recall@1 less this one's, emoji by emoji.
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
    space: str
    own: Recall
    baselines: Mapping[str, Recall]

    def to_dict(self) -> dict[str, Any]:
        """Return the command line's JSON: the full question's figures, and ``baselines`` of the same shape."""
        found = {"n": self.n, "families": self.families, "space": self.space, **asdict(self.own)}
        found["baselines"] = {name: asdict(recall) for name, recall in self.baselines.items()}
        return found


def items(head: Head) -> Items:
    """Return the real whole-emoji rows whose names are in words that the head has as one token each.

    Raises:
        TokenError: There are fewer than `FEWEST`.
    """
    tokens = head.words()
    found: list[tuple[int, Emoji, tuple[int, ...], tuple[int, ...]]] = []
    for token in map(int, head.opened.emoji_ids):
        emoji = tokens.emoji[token]
        words = _whole_words(head, emoji.name)
        if words:
            found.append((token, emoji, words, _whole_words(head, head_word(emoji.name)) or words[-1:]))
    if len(found) < FEWEST:
        raise TokenError(
            f"{head.name} has {len(found)} whole emoji named in words it holds; a census needs at least {FEWEST}"
        )
    kin = families([emoji for _, emoji, _, _ in found])
    return Items(
        np.array([token for token, _, _, _ in found], dtype=np.int64),
        tuple(emoji for _, emoji, _, _ in found),
        tuple(words for _, _, words, _ in found),
        tuple(words for _, _, _, words in found),
        np.array(kin, dtype=np.int64),
    )


def ask(head: Head, asked: Items, words: Sequence[tuple[int, ...]], *, direction: bool = True) -> Asked:
    """Ask for every emoji with the given words; say where its own row comes, and what comes without its family.

    Args:
        head: In the space wanted: scores are logits, in ``whitened`` cosines.
        asked: The emoji, from `items`.
        words: The tokens that stand for each; none for the direction alone.
        direction: Add the emoji direction, for its own candidate taken without itself.

    Returns:
        As many answers as emoji. q = Σ w̃/‖w̃‖ + d/‖d‖, in ``raw`` with rows and direction as stored; candidate
        f, the emoji asked for, is scored with w_f·d₋f = w_f·d + (w_f·m − ‖w_f‖²)/(n−1), m the emoji mean. The
        words and their variants are no candidates.
    """
    raw = head.space.name == "raw"
    queries = np.stack([_summed(head, ids, raw=raw) for ids in words])
    own_rows = head.rows(asked.ids).astype(np.float64)
    correction = np.zeros(len(asked))
    if direction:
        d = head.emoji_direction
        length = 1.0 if raw else float(np.linalg.norm(d))
        queries = queries + d / length
        every = head.rows(head.opened.emoji_ids).astype(np.float64)
        shifted = own_rows @ every.mean(axis=0) - np.einsum("ij,ij->i", own_rows, own_rows)
        correction = shifted / (len(every) - 1) / length
    among = _scores(head, queries, asked.ids)
    own = _scores(head, queries, asked.ids, extra=np.diag(correction)).diagonal().copy()
    left_out = [frozenset(ids).union(*(head.words().variants(token) for token in ids)) for ids in words]
    above, above_emoji, best_word = _passed(head, queries, asked, own, left_out)
    best_emoji = np.maximum(among.max(axis=1), own)
    among[asked.family[:, None] == asked.family[None, :]] = -np.inf
    return Asked(above + 1, above_emoji + 1, best_emoji >= best_word, among.argmax(axis=1).astype(np.int64))


def _summed(head: Head, ids: Sequence[int], *, raw: bool) -> Float64[np.ndarray, " dim"]:
    if not ids:
        return np.zeros(head.dim)
    rows = head.rows(list(ids)).astype(np.float64)
    summed: Float64[np.ndarray, " dim"] = (rows if raw else unit(rows)).sum(axis=0)
    return summed


def _scores(
    head: Head,
    queries: Float64[np.ndarray, "queries dim"],
    ids: Int64[np.ndarray, " k"],
    extra: Float64[np.ndarray, "queries k"] | float = 0.0,
) -> Float64[np.ndarray, "queries k"]:
    """Return the space's scores of some rows, ``extra`` added to their products with the queries."""
    rows = head.rows(ids).astype(np.float64)
    products = queries @ rows.T + extra
    if head.space.name == "raw":
        return products
    lengths = np.maximum(np.linalg.norm(queries, axis=1, keepdims=True), 1e-300)
    if head.space.name == "whitened":
        cosines: Float64[np.ndarray, "queries k"] = products / lengths
        return cosines / np.maximum(np.linalg.norm(rows, axis=1), 1e-300)
    logits: Float64[np.ndarray, "queries k"] = products * (np.sqrt(head.dim) / lengths)
    return logits if head.readout.bias is None else logits + head.readout.bias[ids]


def _passed(
    head: Head,
    queries: Float64[np.ndarray, "queries dim"],
    asked: Items,
    own: Float64[np.ndarray, " queries"],
    left_out: Sequence[frozenset[int]],
) -> tuple[Int64[np.ndarray, " queries"], Int64[np.ndarray, " queries"], Float64[np.ndarray, " queries"]]:
    """Return how many candidates, and how many emoji, pass each own row, and the best score of no emoji."""
    n = len(asked)
    above, above_emoji, best_word = np.zeros(n, np.int64), np.zeros(n, np.int64), np.full(n, -np.inf)
    is_emoji = np.zeros(head.vocab, dtype=bool)
    is_emoji[head.opened.emoji_ids] = True
    candidates = np.flatnonzero(head.candidates("all"))
    for start in range(0, len(candidates), BLOCK):
        ids = candidates[start : start + BLOCK]
        scores = _scores(head, queries, ids)
        for i, tokens in enumerate(left_out):
            scores[i, np.isin(ids, [*tokens, asked.ids[i]])] = -np.inf
        passes = (scores > own[:, None]) | ((scores == own[:, None]) & (ids < asked.ids[:, None]))
        above += passes.sum(axis=1)
        above_emoji += passes[:, is_emoji[ids]].sum(axis=1)
        words = scores[:, ~is_emoji[ids]]
        if words.size:
            best_word = np.maximum(best_word, words.max(axis=1))
    return above, above_emoji, best_word


def _whole_words(head: Head, name: str) -> tuple[int, ...]:
    """Return the one token of each word of a name, or nothing where a word has none."""
    found = []
    for word in re.findall(r"[^\W_]+", name.lower()):
        ids = head.words().word(word)
        if len(ids) != 1:
            return ()
        found.append(ids[0])
    return tuple(found)


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


def halves(asked: Items, seed: int) -> tuple[Items, Items]:
    """Return the items in two halves that share no family, drawn by ``seed``."""
    kin = np.unique(asked.family)
    first = np.random.default_rng(seed).permutation(kin)[: len(kin) // 2]
    keep = np.isin(asked.family, first)
    return asked.take(keep), asked.take(~keep)


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
