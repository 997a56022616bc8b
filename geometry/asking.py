"""Asking a head for every emoji it has, by words: where its own row comes, and what comes without its family."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Int64

from geometry.errors import TokenError
from geometry.families import families, head_word
from geometry.head import Head
from geometry.names import Name, as_names, name_sums, whole_words
from geometry.standings import scores_of, standings
from geometry.tokens.emoji import Emoji

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

    @property
    def names(self) -> list[Name]:
        """Each one's words as names have them: a token a word."""
        return as_names(self.words)

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
        first: The token that came first.
        emoji_first: Whether any emoji came first.
        vacated: Position in ``Items`` of the emoji that comes first once its family is gone.
    """

    rank: Int64[np.ndarray, " emoji"]
    rank_emoji: Int64[np.ndarray, " emoji"]
    first: Int64[np.ndarray, " emoji"]
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
        words = whole_words(head, emoji.name)
        if words and emoji.text not in seen:
            seen.add(emoji.text)
            found.append((token, emoji, words, whole_words(head, head_word(emoji.name)) or words[-1:]))
    if len(found) < FEWEST:
        raise TokenError(
            f"{head.name} has {len(found)} whole emoji named in words it holds; at least {FEWEST} are needed "
            "(geometry census --among words asks for compounds instead)"
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


def asking_seconds(head: Head, asked: Items) -> float:
    """Return about how long `ask` takes, for a progress bar: a product in float64 at some 20 GFLOP/s."""
    return 2.0 * len(asked) * head.vocab * head.dim / 2e10


def family_rows(head: Head, asked: Items) -> list[frozenset[int]]:
    """Return, for each emoji, the rows of its whole family, their variants included."""
    members: dict[int, set[int]] = {}
    for token, number in zip(asked.ids.tolist(), asked.family.tolist(), strict=True):
        members.setdefault(number, set()).update({token, *head.words().variants(token)})
    kin = {number: frozenset(token for token in tokens if token < head.vocab) for number, tokens in members.items()}
    return [kin[number] for number in asked.family.tolist()]


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
    queries = name_sums(head, as_names(words))
    own_rows = head.rows(asked.ids).astype(np.float64)
    correction = np.zeros(len(asked))
    if direction:
        d = head.emoji_direction
        length = 1.0 if raw else float(np.linalg.norm(d))
        queries = queries + d / length
        every = head.rows(head.opened.emoji_ids).astype(np.float64)
        shifted = own_rows @ every.mean(axis=0) - np.einsum("ij,ij->i", own_rows, own_rows)
        correction = shifted / (len(every) - 1) / length
    among = scores_of(head, queries, asked.ids)
    own = scores_of(head, queries, asked.ids, extra=np.diag(correction)).diagonal().copy()
    variants = head.words().variants
    left_out = [
        frozenset(ids).union(variants(own_id), *map(variants, ids))
        for own_id, ids in zip(asked.ids.tolist(), words, strict=True)
    ]
    found = standings(head, queries, asked.ids, own, left_out, head.candidates())
    best_emoji = np.maximum(among.max(axis=1), own)
    among[asked.family[:, None] == asked.family[None, :]] = -np.inf
    return Asked(
        rank=found.above + 1,
        rank_emoji=found.above_emoji + 1,
        first=found.first,
        emoji_first=best_emoji >= found.best_word,
        vacated=among.argmax(axis=1).astype(np.int64),
    )
