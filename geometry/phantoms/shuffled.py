"""Names that mean nothing, dealt out of the tokens of names that do: what a phantom's E has to stand against."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float64, Int64

from geometry.head import Head
from geometry.matching import POOL, match_measures
from geometry.names import Name


def shuffle_names(head: Head, names: Sequence[Name], count: int, rng: np.random.Generator) -> list[Name]:
    """Return names that mean nothing: tokens of names of several dealt out anew, single ones replaced.

    A name of several tokens keeps how many it has in each word, each of them taken from the same names; a name of one
    token becomes a random word matched on row length and merge rank. Where more are wanted than there are names, some
    are shuffled several times.
    """
    chosen = [names[i] for i in rng.choice(len(names), size=count, replace=count > len(names))] if count else []
    pool = np.array([token for name in chosen if size(name) > 1 for word in name for token in word], dtype=np.int64)
    deck = iter(rng.permutation(pool).tolist())
    words = _matched_words(head)
    found: list[Name] = []
    for name in chosen:
        if size(name) > 1:
            found.append(tuple(tuple(next(deck) for _ in word) for word in name))
        else:
            others = words.like(name[0][0])
            found.append(((int(rng.choice(others)),),) if len(others) else name)
    return found


def size(name: Name) -> int:
    """Return how many tokens a name has."""
    return sum(map(len, name))


@dataclass(frozen=True, eq=False)
class _Words:
    """The words of a head with their places in each measure, found once for all names.

    Attributes:
        ids: The words.
        measures: What they are matched on, for every row.
        ordered: The words' values of each measure, ascending.
        places: How many words have less of it than each.
    """

    ids: Int64[np.ndarray, " words"]
    measures: Sequence[Float64[np.ndarray, " vocab"]]
    ordered: Sequence[Float64[np.ndarray, " words"]]
    places: Sequence[Int64[np.ndarray, " words"]]

    def like(self, token: int) -> Int64[np.ndarray, " pool"]:
        """Return what `geometry.matching.matched` does for one token among the other words."""
        others = self.ids != token
        ids, away = self.ids[others], np.zeros(int(others.sum()))
        for measure, ordered, places in zip(self.measures, self.ordered, self.places, strict=True):
            # the token is none of the words it is matched with, so those after it stand one place lower
            lower = (measure[ids] > measure[token]) & (len(ids) < len(self.ids))
            away += (places[others] - lower - np.searchsorted(ordered, measure[token])) ** 2
        if len(ids) > POOL:
            near = away <= np.partition(away, POOL - 1)[POOL - 1]
            ids, away = ids[near], away[near]
        return np.asarray(ids[np.argsort(away, kind="stable")[:POOL]])


def _matched_words(head: Head) -> _Words:
    ids, measures = np.flatnonzero(head.candidates("words")), match_measures(head)
    ordered = [np.sort(measure[ids]) for measure in measures]
    places = [np.searchsorted(values, measure[ids]) for values, measure in zip(ordered, measures, strict=True)]
    return _Words(ids, measures, ordered, places)
