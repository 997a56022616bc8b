"""Asking a head for every emoji it has, by words: where its own row comes, and what comes without its family."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float64, Int64

from geometry.errors import TokenError
from geometry.families import families, head_word
from geometry.head import Head
from geometry.linalg import unit
from geometry.tokens.emoji import Emoji

BLOCK = 8_192
"""Rows scored at once."""

FEWEST = 50
"""Fewer emoji with names in words than this give no figure worth an interval."""


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


def items(head: Head) -> Items:
    """Return the real whole-emoji rows whose names are in words that the head has as one token each.

    An emoji that has a row with a space and one without is asked for once.

    Raises:
        TokenError: There are fewer than `FEWEST`.
    """
    tokens = head.words()
    found: list[tuple[int, Emoji, tuple[int, ...], tuple[int, ...]]] = []
    seen: set[str] = set()
    for token in map(int, head.opened.emoji_ids):
        emoji = tokens.emoji[token]
        words = _whole_words(head, emoji.name)
        if words and emoji.text not in seen:
            seen.add(emoji.text)
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


def halves(asked: Items, seed: int) -> tuple[Items, Items]:
    """Return the items in two halves that share no family, drawn by ``seed``."""
    kin = np.unique(asked.family)
    first = np.random.default_rng(seed).permutation(kin)[: len(kin) // 2]
    keep = np.isin(asked.family, first)
    return asked.take(keep), asked.take(~keep)


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
        words, their variants and other rows of the emoji itself are no candidates.
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
    variants = head.words().variants
    left_out = [
        frozenset(ids).union(variants(own_id), *map(variants, ids))
        for own_id, ids in zip(asked.ids.tolist(), words, strict=True)
    ]
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
    lengths = _lengths(queries)[:, None]
    if head.space.name == "whitened":
        cosines: Float64[np.ndarray, "queries k"] = products / lengths / _lengths(rows)
        return cosines
    logits: Float64[np.ndarray, "queries k"] = products * (np.sqrt(head.dim) / lengths)
    if head.readout.beta is not None:
        logits = logits + head.opened.matrix.rows(ids) @ (head.readout.beta.astype(np.float64) * head.readout.prescale)
    if head.readout.bias is not None:
        logits = logits + head.readout.bias[ids]
    return logits


def _lengths(vectors: Float64[np.ndarray, "rows dim"]) -> Float64[np.ndarray, " rows"]:
    """Return ‖v‖, and something above zero for a zero vector, whose cosines are then zero."""
    lengths: Float64[np.ndarray, " rows"] = np.maximum(np.linalg.norm(vectors, axis=1), 1e-300)
    return lengths


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
