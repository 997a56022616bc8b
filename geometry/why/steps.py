"""How a head that spells emoji in bytes could say one: token by token, and which emoji stay in reach."""

from dataclasses import dataclass

import numpy as np

from geometry.landing.record import text_of
from geometry.tokens.trie import emoji_trie, reachable
from geometry.why.ledger import Ledger

SHOWN = 12
"""Emoji in reach that are named at each step; all are counted."""

MOST_STEPS = 12
"""Tokens of one spelling at most: a family of four in single bytes takes 25, and nobody reads that far."""

CANNOT_TELL = (
    "read from static rows: each step ranks the same sum's scores among the tokens that can come next in some emoji; "
    "what a running model says at a step it says knowing the steps before, which no row can tell"
)


@dataclass(frozen=True, slots=True)
class Choice:
    """A token that could stand at a step, and how the sum scores it."""

    id: int
    text: str
    bytes: str
    score: float
    undertrained: bool
    reachable: int


@dataclass(frozen=True, slots=True)
class ByteStep:
    """One step of spelling an emoji.

    Attributes:
        step: From 1.
        written: Bytes before it, in lower-case hex.
        choices: The best-scored tokens that keep some emoji in reach; the first one is taken.
        of: How many tokens could stand here.
        reachable: How many emoji can still be written after the first choice.
        examples: Some of them, in Unicode's order of bytes.
    """

    step: int
    written: str
    choices: tuple[Choice, ...]
    of: int
    reachable: int
    examples: tuple[str, ...]


def byte_steps(ledger: Ledger, *, k: int) -> tuple[ByteStep, ...]:
    """Follow the best-scored token that keeps some emoji in reach, until an emoji is written.

    Every readable row may stand at a step, masked ones and inputs included: a byte's token may well be either.

    Args:
        ledger: Of the sum.
        k: Choices told at each step.
    """
    head, tokens, scores = ledger.head, ledger.head.words(), ledger.every
    masked = set(head.undertrained.ids.tolist())
    # emoji are made of bytes above ASCII, but for digits before a keycap
    raws = {token: raw for token in range(head.vocab) if not (raw := tokens.bytes_of(token)).isascii()}
    able_at_all = [(token, raw) for token, raw in raws.items() if np.isfinite(scores[token])]
    data, steps = b"", list[ByteStep]()
    while len(steps) < MOST_STEPS:
        able = [(token, raw) for token, raw in able_at_all if _keeps(data, raw)]
        if not able:
            break
        able.sort(key=lambda one: (-scores[one[0]], one[0]))
        choices = tuple(
            Choice(
                id=token,
                text=text_of(head, token),
                bytes=raw.hex(),
                score=float(scores[token]),
                undertrained=token in masked,
                reachable=len(reachable(data + raw)),
            )
            for token, raw in able[:k]
        )
        written, data = data, data + able[0][1]
        examples = tuple(emoji.text for emoji in reachable(data)[:SHOWN])
        steps.append(ByteStep(len(steps) + 1, written.hex(), choices, len(able), choices[0].reachable, examples))
        if data.removeprefix(b" ") in emoji_trie():
            break
    return tuple(steps)


def _keeps(data: bytes, more: bytes) -> bool:
    if data and more.startswith(b" "):
        return False
    longer = (data + more).removeprefix(b" ")
    return longer in emoji_trie() or emoji_trie().opens(longer)


def step_line(step: ByteStep) -> str:
    """Say who is taken at a step and what that leaves, in one line."""
    chosen = step.choices[0]
    mark = ", under-trained" if chosen.undertrained else ""
    more = " …" if step.reachable > len(step.examples) else ""
    return (
        f"{chosen.text} ({chosen.score:.4g}{mark}), {step.reachable:,} emoji in reach: {' '.join(step.examples)}{more}"
    )
