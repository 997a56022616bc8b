"""How a running model's next words fall on every emoji, over all the ways to write it in tokens.

P(s), for the bytes s of an emoji bare or after a space, is the sum over *all* token paths whose bytes before the last
token are a strict prefix of s and with it cover s. All paths of all emoji are one tree, in which emoji share what they
begin with: a node is a token path, its probability is the model's, and one forward pass serves every emoji beyond it.
"""

import heapq
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from jaxtyping import Float64

from geometry.live.continuations import Continuations
from geometry.progress import SHOWN_FROM_SECONDS, track

Path = tuple[int, ...]

BATCH = 64
"""Paths followed at once."""


@dataclass(frozen=True, eq=False)
class Spread:
    """Where the probability went.

    Attributes:
        said: Form → the probability that it is what is said, exactly it and no longer form.
        nothing: That no form is.
        open: Bytes written → probability of paths that were not followed from there, and may still say any longer
            form, or what they have said already.
        watched: Path → its probability, of those asked for; absent where the path before it was not followed.
        followed: How many paths were followed, each one sequence through the model.
    """

    said: Mapping[bytes, float]
    nothing: float
    open: Mapping[bytes, float]
    watched: Mapping[Path, float] = field(repr=False)
    followed: int


@dataclass(eq=False)
class _Tree:
    """The tree while it is followed, the likeliest path first."""

    continuations: Continuations
    watch: Mapping[Path, Sequence[int]]
    floor: float
    longest: int
    heap: list[tuple[float, Path, bytes]] = field(default_factory=list)
    said: dict[bytes | None, float] = field(default_factory=dict)
    open: dict[bytes, float] = field(default_factory=dict)
    watched: dict[Path, float] = field(default_factory=dict)
    followed: int = 0

    def add(self, mass: float, path: Path, written: bytes) -> None:
        """Keep a path to be followed, unless it is too unlikely or too long."""
        if mass >= self.floor and len(path) <= self.longest:
            heapq.heappush(self.heap, (-mass, path, written))
        else:
            self.leave(mass, written)

    def leave(self, mass: float, written: bytes) -> None:
        """Count a path that is not followed."""
        self.open[written] = self.open.get(written, 0.0) + mass

    def follow(self, mass: float, path: Path, written: bytes, after: Float64[np.ndarray, " vocab"]) -> None:
        """Share a path's probability out over its next tokens, whose probabilities are ``after``."""
        self.followed += 1
        following = self.continuations.after(written)
        for token in self.watch.get(path, ()):
            self.watched[*path, token] = mass * float(after[token])
        gone = float(after[following.unheard].sum())
        if gone:
            self.leave(mass * gone, written)
        for form, tokens in following.said.items():
            share = float(after[tokens].sum())
            self.said[form] = self.said.get(form, 0.0) + mass * share
            gone += share
        for token, reached in following.open:
            share = float(after[token])
            self.add(mass * share, (*path, token), reached)
            gone += share
        already = self.continuations.said(written)
        self.said[already] = self.said.get(already, 0.0) + mass * max(0.0, 1.0 - gone)

    def rounds(self, limit: int) -> Iterator[list[tuple[float, Path, bytes]]]:
        """Yield the likeliest paths, a batch at a time, as long as there are any."""
        while self.heap and self.followed < limit:
            size = min(BATCH, limit - self.followed, len(self.heap))
            yield [heapq.heappop(self.heap) for _ in range(size)]


def spread(
    ask: Callable[[Sequence[Path]], Float64[np.ndarray, "paths vocab"]],
    continuations: Continuations,
    *,
    watch: Iterable[Path] = (),
    floor: float,
    limit: int,
    longest: int,
) -> Spread:
    """Follow all ways to write any of the forms, the likeliest first.

    Args:
        ask: Gives the probabilities of the next token after each path; they sum to 1.
        continuations: The forms and the vocabulary.
        watch: Paths whose own probability is wanted, such as canonical encodings.
        floor: Paths less likely than this are not followed.
        limit: How many paths are followed at most.
        longest: Tokens that a path may have at most to be followed.
    """
    watched: dict[Path, list[int]] = {}
    for path in watch:
        watched.setdefault(path[:-1], []).append(path[-1])
    tree = _Tree(continuations, watched, floor, longest)
    tree.add(1.0, (), b"")
    for batch in track(tree.rounds(limit), "following spellings", total=limit // BATCH, seconds=SHOWN_FROM_SECONDS):
        found = ask([path for _, path, _ in batch])
        for (mass, path, written), after in zip(batch, found, strict=True):
            tree.follow(-mass, path, written, after)
    for mass, _, written in tree.heap:
        tree.leave(-mass, written)
    nothing = tree.said.pop(None, 0.0)
    said = {form: mass for form, mass in tree.said.items() if form is not None}
    return Spread(said, nothing, tree.open, tree.watched, tree.followed)


@dataclass(frozen=True)
class Bounds:
    """A probability between what was found and what that and all that may yet come add up to."""

    low: float
    high: float


def bounds(found: Spread, continuations: Continuations, label_of: Mapping[bytes, str]) -> dict[str, Bounds]:
    """Return the probability that a form of each label is what is said, of every label.

    A path that was not followed counts for a label if all that it may still say has it, and may count if any has.

    Args:
        found: Where the probability went.
        continuations: What it was found with.
        label_of: Form → its label, such as its emoji or its group; forms without one count as nothing.
    """
    names = sorted(set(label_of.values()))
    place = {name: index for index, name in enumerate(names)}
    labels = np.array([place[label_of[form]] if form in label_of else -1 for form in continuations.forms])
    low = np.zeros(len(names))
    for form, mass in found.said.items():
        if form in label_of:
            low[place[label_of[form]]] += mass
    high = low.copy()
    for written, mass in found.open.items():
        start, stop = continuations.span(written)
        already = continuations.said(written)
        now = -1 if already is None or already not in label_of else place[label_of[already]]
        may = np.unique(np.append(labels[start:stop], now))
        if len(may) == 1 and may[0] >= 0:
            low[may[0]] += mass
        high[may[may >= 0]] += mass
    return {name: Bounds(float(low[i]), float(min(high[i], 1.0))) for name, i in place.items()}


def begun(found: Spread, continuations: Continuations) -> dict[bytes, Bounds]:
    """Return P(s) of every form: that what is said starts with its bytes, longer forms included."""
    place = {form: index for index, form in enumerate(continuations.forms)}
    low, more = np.zeros(len(place)), np.zeros(len(place))
    for written, mass in [*found.said.items(), *found.open.items()]:
        for end in range(1, len(written) + 1):
            if (index := place.get(written[:end])) is not None:
                low[index] += mass
    for written, mass in found.open.items():
        start, stop = continuations.span(written)
        more[start:stop] += mass
    return {form: Bounds(float(low[i]), float(min(low[i] + more[i], 1.0))) for form, i in place.items()}
