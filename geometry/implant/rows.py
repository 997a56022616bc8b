"""The rows of the experiment: the one predicted, and those that it is held against."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float64, Int64

from geometry.errors import TokenError
from geometry.linalg import unit
from geometry.names import Name, name_sums, words_of
from geometry.vacancy import Vacancy, VacancyModel


@dataclass(frozen=True, eq=False)
class Rows:
    """Rows in the space they were predicted in, a kind behind the other.

    Attributes:
        rows, biases: w̃ and b.
        kinds: Where each kind stands among them.
        existing: Places, in the fit's emoji, of those whose rows are the last kind.
    """

    rows: Float64[np.ndarray, "rows dim"]
    biases: Float64[np.ndarray, " rows"]
    kinds: dict[str, slice]
    existing: Int64[np.ndarray, " emoji"]


def make_rows(
    model: VacancyModel, vacancy: Vacancy, name: str, *, draws: int, names: int, abstract: Sequence[Name], seed: int
) -> Rows:
    """Draw the rows that a predicted one is held against.

    - ``predicted``: ŵ(name).
    - ``group``: the group's intercept B_g alone, a row that knows no name.
    - ``shuffled``: the same group with names of other emoji, none of whose words is in this name.
    - ``random``: directions drawn at random, of the predicted row's length and with its bias.
    - ``abstract``: the same group with names of what nobody draws, of as many words, each asked by its own.
    - ``existing``: rows of emoji that exist, each predicted without its family.
    - ``stretched``, ``stretched_shuffled``, ``existing_stretched``: the same made as long as the median emoji's row,
      since predictions come out short.

    Raises:
        TokenError: Too few emoji have other names.
    """
    rng, dim, group = np.random.default_rng(seed), model.view.dim, model.groups.index(vacancy.group)
    words = set(words_of(name))
    others = np.array([i for i, one in enumerate(model.asked.emoji) if not words & set(words_of(one.name))])
    if len(others) < names:
        raise TokenError(f"{len(others)} emoji of {model.head.name} have other names than {name!r}; expected {names}")
    drawn = rng.choice(others, draws, replace=len(others) < draws)
    x = np.concatenate([np.zeros((1, dim)), model.named.x[drawn]])
    told = model.rows_of(x, np.full(len(x), group, dtype=np.int64))
    existing = np.sort(rng.choice(others, names, replace=False))
    noise = rng.normal(size=(draws, dim))
    if model.view.space.centers:
        noise -= noise.mean(axis=1, keepdims=True)  # as every folded row of a LayerNorm
    wide = told.shape[1] > dim
    bias = np.full((draws, 1), vacancy.bias) if wide else np.zeros((draws, 0))
    long, held = vacancy.median_length, model.held.predicted[existing]
    own = np.concatenate([vacancy.row, [vacancy.bias] if wide else []])[None, :]
    kinds = {
        "predicted": own,
        "group": told[:1],
        "shuffled": told[1:],
        "random": np.column_stack([unit(noise) * np.linalg.norm(vacancy.row), bias]),
        "abstract": model.rows_of(name_sums(model.view, abstract, as_stored=False), np.full(len(abstract), group)),
        "stretched": _as_long(own, dim, long),
        "stretched_shuffled": _as_long(told[1:], dim, long),
        "existing": held,
        "existing_stretched": _as_long(held, dim, long),
    }
    places, start = {}, 0
    for kind, rows in kinds.items():
        places[kind] = slice(start, start + len(rows))
        start += len(rows)
    every = np.concatenate(list(kinds.values()))
    return Rows(every[:, :dim], every[:, dim] if wide else np.zeros(len(every)), places, existing)


def _as_long(rows: Float64[np.ndarray, "rows width"], dim: int, length: float) -> Float64[np.ndarray, "rows width"]:
    """Return rows of one length, with the biases they had."""
    return np.column_stack([unit(rows[:, :dim]) * length, rows[:, dim:]])
