"""A text as ids, and the windows of every training step."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from jaxtyping import Int

from geometry.organism.recipe import Recipe
from geometry.organism.tokenizer import START

if TYPE_CHECKING:
    from tokenizers import Tokenizer


@dataclass(frozen=True)
class Corpus:
    """Encoded lines, some of them kept from training.

    Attributes:
        train, held: One array of ids a line, each beginning with `START`.
    """

    train: tuple[Int[np.ndarray, " _"], ...]
    held: tuple[Int[np.ndarray, " _"], ...]

    def stream(self, seed: int, epoch: int) -> Int[np.ndarray, " tokens"]:
        """Return the training lines of one epoch, in an order of its own, end to end."""
        order = np.random.default_rng([seed, epoch]).permutation(len(self.train))
        return np.concatenate([self.train[i] for i in order])


def encode(lines: Sequence[str], tokenizer: "Tokenizer") -> Corpus:
    """Return lines as ids; every hundredth is held from training, every seventh begins without a space."""
    spaced = [line if number % 7 == 3 else " " + line for number, line in enumerate(lines)]
    start = tokenizer.token_to_id(START)
    ids = [
        np.array([start, *found.ids], dtype=np.int32)
        for found in tokenizer.encode_batch(spaced, add_special_tokens=False)
    ]
    held = tuple(line for number, line in enumerate(ids) if number % 100 == 50)
    return Corpus(tuple(line for number, line in enumerate(ids) if number % 100 != 50), held)


class Batches:
    """The windows of every step, a pure function of recipe and step, one epoch in memory at a time."""

    def __init__(self, corpus: Corpus, recipe: Recipe) -> None:
        self._corpus, self._recipe = corpus, recipe
        shortest = sum(map(len, corpus.train)) // (recipe.batch * recipe.context)
        self._per_epoch = max(1, shortest)
        self._epoch, self._windows = -1, np.zeros((0, 0), dtype=np.int32)

    def at(self, step: int) -> Int[np.ndarray, "batch context"]:
        epoch, place = divmod(step, self._per_epoch)
        width, batch = self._recipe.context, self._recipe.batch
        if epoch != self._epoch:
            stream = np.resize(self._corpus.stream(self._recipe.seed, epoch), self._per_epoch * batch * width)
            windows = stream.reshape(-1, width)
            order = np.random.default_rng([self._recipe.seed, epoch, 1]).permutation(len(windows))
            self._epoch, self._windows = epoch, windows[order]
        return self._windows[place * batch : (place + 1) * batch]
