"""One attempt: a model writes on, token by token, until it has completed an emoji or comes to an end.

Nothing here knows a model. An attempt is a generator: it yields the ids to go on from and is sent their next-token
logits, so that many attempts can share a batch, and a test can be the model.
"""

from collections.abc import Callable, Generator
from dataclasses import dataclass
from enum import StrEnum

import numpy as np
from jaxtyping import Float

from geometry.retry.phrases import says_none
from geometry.tokens.emoji import Emoji, lookup
from geometry.tokens.trie import emoji_trie

Logits = Float[np.ndarray, " vocab"]
Choose = Callable[[Logits], int]


class End(StrEnum):
    """Why there is no next try."""

    NONE = "says there is none"
    STOPPED = "stops"
    REPEATED = "repeats"
    NO_EMOJI = "no emoji"
    CONTEXT = "context full"
    STEPS = "out of steps"


@dataclass(frozen=True, slots=True)
class Found:
    """An emoji in some bytes.

    Attributes:
        emoji: Which.
        start, stop: Where its bytes begin and end.
        settled: Whether no bytes that follow could make a longer emoji of it.
    """

    emoji: Emoji
    start: int
    stop: int
    settled: bool


@dataclass(frozen=True)
class Rules:
    """What an attempt goes by.

    Attributes:
        bytes_of: The bytes of a token; none for those that write nothing.
        stops: Tokens that end the text.
        window: Tokens within which an emoji has to come.
        context: How many tokens the model reads at most.
    """

    bytes_of: Callable[[int], bytes]
    stops: frozenset[int]
    window: int
    context: int

    def text(self, ids: tuple[int, ...]) -> str:
        """Return what tokens write; bytes that are no text are replaced."""
        return b"".join(map(self.bytes_of, ids)).decode(errors="replace")


@dataclass(frozen=True)
class Written:
    """What one attempt wrote.

    Attributes:
        start: The ids it went on from.
        ids: The ids it wrote, as produced, up to and with the one that completes the emoji; a token that stops the
            text is not among them.
        emoji: What it said, or None.
        first, last: Places in ``ids`` of the tokens with the emoji's first and last byte; −1 without one.
        span: Where the emoji's bytes begin and end in what was written.
        end: Why it is the last, if the attempt itself says so.
        stop: The token that stopped the text, if one did.
        phrase: By which phrase it says that there is none.
        carried: What the model wrote behind the emoji while it was not clear that it was complete: an attempt that goes
            on from this one begins with it.
    """

    start: tuple[int, ...]
    ids: tuple[int, ...]
    emoji: Emoji | None = None
    first: int = -1
    last: int = -1
    span: tuple[int, int] = (0, 0)
    end: End | None = None
    stop: int | None = None
    phrase: str | None = None
    carried: tuple[int, ...] = ()


def first_emoji(data: bytes) -> Found | None:
    """Return the first whole emoji in some bytes, as long as it can be read; None where there is none yet.

    >>> found = first_emoji(" a 🐠!".encode())
    >>> found.emoji.name, found.settled
    ('tropical fish', True)
    >>> first_emoji("👩".encode()).settled
    False
    """
    trie = emoji_trie()
    for start in range(len(data)):
        rest = data[start:]
        if not trie.under(rest[:1]):
            continue
        for size in range(len(rest), 0, -1):
            if rest[:size] in trie and (emoji := lookup(rest[:size].decode())) is not None:
                return Found(emoji, start, start + size, not trie.opens(rest))
    return None


def write(
    start: tuple[int, ...], rules: Rules, choose: Choose, carried: tuple[int, ...] = ()
) -> Generator[tuple[int, ...], Logits, Written]:
    """Write on from ``start`` until an emoji is complete, or until it ends.

    An emoji is complete when what follows cannot be part of it: after 👩 one more token is asked for, which may make
    it 👩‍🚀. If it does not, that token is carried to the next attempt, so that a loop which feeds back what was said
    writes exactly what the model would have written in one go.

    Args:
        start: The ids to go on from.
        rules: What to go by.
        choose: Takes logits, gives a token.
        carried: Tokens that are written already.

    Yields:
        Ids, whose next token's logits are to be sent.

    Returns:
        What was written.
    """
    ids: tuple[int, ...] = ()
    waiting, before = list(carried), rules.text(start)
    while True:
        found = first_emoji(b"".join(map(rules.bytes_of, ids)))
        if found is not None and found.settled:
            return _said(start, ids, found, rules, carried=tuple(waiting))
        if found is None and (phrase := says_none(rules.text(ids), before)):
            return Written(start, ids, end=End.NONE, phrase=phrase)
        full = len(start) + len(ids) >= rules.context
        if full or len(ids) >= rules.window:
            if found is not None:
                return _said(start, ids, found, rules, carried=tuple(waiting))
            return Written(start, ids, end=End.CONTEXT if full else End.NO_EMOJI)
        token = waiting.pop(0) if waiting else choose((yield (*start, *ids)))
        if token in rules.stops:
            if found is not None:
                return _said(start, ids, found, rules, carried=(token,))
            return Written(start, ids, end=End.STOPPED, stop=token)
        ids = (*ids, token)


def _said(
    start: tuple[int, ...], ids: tuple[int, ...], found: Found, rules: Rules, carried: tuple[int, ...]
) -> Written:
    """Cut behind the token that completes the emoji; what was written behind it is carried."""
    bounds = np.cumsum([0, *(len(rules.bytes_of(token)) for token in ids)])
    # a token lies from bounds[i] to bounds[i + 1]
    first = int(np.searchsorted(bounds, found.start, side="right")) - 1
    last = int(np.searchsorted(bounds, found.stop, side="left")) - 1
    return Written(
        start,
        ids[: last + 1],
        found.emoji,
        first,
        last,
        (found.start, found.stop),
        carried=(*ids[last + 1 :], *carried),
    )
