"""Try after try: what is fed back of each attempt in the three arms, and who repeats whom."""

from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from itertools import count
from time import perf_counter

import numpy as np
from jaxtyping import Float

from geometry.errors import TokenError
from geometry.progress import track
from geometry.retry.writing import Choose, End, Logits, Rules, Written, write
from geometry.tokens import Vocabulary
from geometry.tokens.emoji import Emoji, catalogue, lookup


class Arm(StrEnum):
    """What stands before the next try."""

    OWN = "own"
    """All that was said, its exact ids."""
    OTHER = "other"
    """The same with another emoji of the said one's subgroup in its place."""
    FRESH = "fresh"
    """Nothing: the prompt alone, a new sample."""


@dataclass(frozen=True)
class Try:
    """One attempt and what became of it.

    Attributes:
        step: From 1.
        written: What was written.
        fed: The ids that stand for it before the next try; none in `Arm.FRESH`.
        fed_emoji: The emoji among them.
        end: Why there is no next try; None where there is one.
    """

    step: int
    written: Written
    fed: tuple[int, ...]
    fed_emoji: Emoji | None
    end: End | None


Run = Generator[tuple[int, ...], Logits, tuple[Try, ...]]
Feed = Callable[[Written, frozenset[str]], tuple[tuple[int, ...], Emoji | None]]
"""What stands before the next try, given an attempt and the emoji not to take."""


def run(
    prompt: tuple[int, ...], arm: Arm, steps: int, rules: Rules, choose: Choose, feed: Feed, between: tuple[int, ...]
) -> Run:
    """Try up to ``steps`` times; see `geometry.retry.writing.write` for what is yielded and sent."""
    tries: list[Try] = []
    said: set[str] = set()
    context: tuple[int, ...] = prompt
    carried: tuple[int, ...] = ()
    for step in range(1, steps + 1):
        written = yield from write(context, rules, choose, carried)
        end = written.end
        if end is None and written.emoji is not None and written.emoji.text in said:
            end = End.REPEATED
        end = end or (End.STEPS if step == steps else None)
        fed, emoji = ((), None) if end else feed(written, frozenset(said))
        tries.append(Try(step, written, fed, emoji, end))
        if end:
            break
        said |= {one.text for one in (written.emoji, emoji) if one is not None}
        if arm is not Arm.FRESH:
            context = (*context, *fed, *between)
        # what the model wrote on behind its own emoji belongs behind that one, and only if nothing comes between
        carried = written.carried if arm is Arm.OWN and not between else ()
    return tuple(tries)


def drive(
    runs: Sequence[Run], logits: Callable[[Sequence[tuple[int, ...]]], Float[np.ndarray, "n vocab"]], *, most: int
) -> list[tuple[Try, ...]]:
    """Drive runs to their ends, all that wait for logits in one batch, and return each one's tries.

    Args:
        runs: From `run`.
        logits: The next-token logits after each of some sequences.
        most: How many rounds there can be, for a progress bar.
    """
    results: dict[int, tuple[Try, ...]] = {}
    waiting: dict[int, tuple[int, ...]] = {}
    for number, one in enumerate(runs):
        _advance(one, None, number, waiting, results)
    rounds, seconds = 0, 0.0
    if waiting:  # the first round is timed: it tells whether the others are worth a bar
        began = perf_counter()
        _round(runs, logits, waiting, results)
        rounds, seconds = 1, (perf_counter() - began) * most
    for _ in track(_while(waiting), "writing", total=max(most - rounds, 1), seconds=seconds):
        _round(runs, logits, waiting, results)
    return [results[number] for number in range(len(runs))]


def _while(waiting: dict[int, tuple[int, ...]]) -> Generator[int, None, None]:
    for number in count():
        if not waiting:
            return
        yield number


def _round(
    runs: Sequence[Run],
    logits: Callable[[Sequence[tuple[int, ...]]], Float[np.ndarray, "n vocab"]],
    waiting: dict[int, tuple[int, ...]],
    results: dict[int, tuple[Try, ...]],
) -> None:
    """Send every waiting run its logits; runs that ask for the same text are asked for once."""
    texts = list(dict.fromkeys(waiting.values()))
    found = dict(zip(texts, logits(texts), strict=True))
    for number, text in list(waiting.items()):
        _advance(runs[number], found[text], number, waiting, results)


def _advance(
    one: Run,
    sent: Logits | None,
    number: int,
    waiting: dict[int, tuple[int, ...]],
    results: dict[int, tuple[Try, ...]],
) -> None:
    try:
        waiting[number] = next(one) if sent is None else one.send(sent)
    except StopIteration as stop:
        waiting.pop(number, None)
        results[number] = stop.value


def greedy(logits: Logits) -> int:
    """Return the token with the highest logit, of equal ones the lowest id."""
    return int(logits.argmax())


def sampler(temperature: float, seed: Sequence[int]) -> Choose:
    """Return what draws tokens from softmax(logits / temperature); `greedy` at 0."""
    if temperature == 0:
        return greedy
    rng = np.random.default_rng(seed)

    def draw(logits: Logits) -> int:
        scaled = logits.astype(np.float64) / temperature
        weights = np.exp(scaled - scaled.max())
        # by the inverse of the distribution function, one number a token
        total = np.cumsum(weights)
        return min(int(np.searchsorted(total, rng.random() * total[-1], side="right")), len(weights) - 1)

    return draw


def feed_own(written: Written, said: frozenset[str]) -> tuple[tuple[int, ...], Emoji | None]:
    """Feed back what was written: the same ids, and never the ids that its text would be given."""
    return written.ids, written.emoji


def feed_nothing(written: Written, said: frozenset[str]) -> tuple[tuple[int, ...], Emoji | None]:
    """Feed nothing back."""
    return (), None


def feed_other(tokens: Vocabulary, seed: Sequence[int]) -> Feed:
    """Return what feeds back a random emoji of the same subgroup in place of the one that was said.

    It is spelt in as many tokens as the one said where any of the subgroup is, so that the arms differ in what is said
    and not in how; what shares a token with the emoji, a space or a full stop, is kept.
    """
    rng = np.random.default_rng(seed)

    def feed(written: Written, said: frozenset[str]) -> tuple[tuple[int, ...], Emoji | None]:
        own = written.emoji
        if own is None:
            return written.ids, None
        before, after = written.ids[: written.first], written.ids[written.last + 1 :]
        offset = sum(len(tokens.bytes_of(token)) for token in before)
        covered = b"".join(map(tokens.bytes_of, written.ids[written.first : written.last + 1]))
        opening, closing = covered[: written.span[0] - offset], covered[written.span[1] - offset :]
        spelt = []
        for emoji in subgroup_of(own):
            ids = _spell(tokens, opening + emoji.text.encode() + closing)
            if ids and emoji.text not in said:
                spelt.append((emoji, ids))
        alike = [one for one in spelt if len(one[1]) == written.last + 1 - written.first] or spelt
        if not alike:
            return written.ids, own
        emoji, ids = alike[int(rng.integers(len(alike)))]
        return (*before, *ids, *after), emoji

    return feed


def subgroup_of(emoji: Emoji) -> tuple[Emoji, ...]:
    """Return the other emoji of an emoji's Unicode subgroup, fully qualified ones, in Unicode's order."""
    return tuple(
        one
        for one in catalogue()
        if one.subgroup == emoji.subgroup and one.status == "fully-qualified" and lookup(one.text) != emoji
    )


def _spell(tokens: Vocabulary, data: bytes) -> tuple[int, ...]:
    try:
        return tokens.ids(data.decode())
    except (UnicodeDecodeError, TokenError):
        return ()
