"""From tries to attempts: each position that said something is run, read and told."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float32

from geometry.linalg import log_sum_exp
from geometry.live.running import Pass, Running
from geometry.retry.arms import Arm, Try
from geometry.retry.reading import Layer, Reader, Snap, moved
from geometry.retry.record import Attempt
from geometry.retry.writing import Rules, Written
from geometry.tokens import printable


@dataclass(frozen=True, eq=False)
class _Sight:
    """What one position comes to: its residual as it enters the head, the model's logits, what its layers read as."""

    x: Float32[np.ndarray, " dim"]
    logits: Float32[np.ndarray, " vocab"]
    layers: tuple[Layer, ...]


class Teller:
    """Tells attempts; a position that several runs share, as the first try of all does, is run and read once."""

    def __init__(self, running: Running, reader: Reader, rules: Rules) -> None:
        self._running, self._reader, self._rules = running, reader, rules
        self._sights: dict[tuple[int, ...], _Sight] = {}

    def tell(self, arm: Arm, number: int, tries: Sequence[Try]) -> list[Attempt]:
        """Tell every try of a run; where all of them stand in one text, that is run once at most."""
        found: list[Attempt] = []
        before: Float32[np.ndarray, " dim"] | None = None
        known = None
        for one in tries:
            written, (first, last) = one.written, _places(one.written)
            text = (*written.start, *written.ids)
            prefixes = [text[: place + 1] for place in range(first, last + 1)]
            if not self._sights.keys() >= set(prefixes):
                longest = (*tries[-1].written.start, *tries[-1].written.ids)
                whole = longest if longest[: last + 1] == text[: last + 1] else text
                known = known if known is not None and known.ids == whole else self._running.read(whole)
                for place in range(first, last + 1):
                    self._look(known, place)
            sights = [self._sights[prefix] for prefix in prefixes]
            sight = sights[0]
            said = (*text, written.stop)[first + 1]
            token = int(sight.logits.argmax()) if said is None else said
            found.append(
                Attempt(
                    arm=arm, run=number, step=one.step, ids=written.ids, text=_text(self._rules, written),
                    emoji=written.emoji, fed_ids=one.fed, fed_emoji=one.fed_emoji, end=one.end, phrase=written.phrase,
                    first=first + 1, last=last + 1, snap=self._reader.snap(token, sight.x, sight.logits),
                    snap_last=self._last(text[last + 1] if last > first else None, sights),
                    probability=self._probability((token, *text[first + 2 : last + 2]), sights),
                    layers=sight.layers, layers_last=sights[-1].layers if last != first else (),
                    moved=None if before is None else moved(before, sight.x),
                )
            )  # fmt: skip
            before = sight.x
        return found

    def _last(self, token: int | None, sights: Sequence[_Sight]) -> Snap | None:
        """Return why the last of an emoji's several tokens was said, None where it has but one."""
        if token is None or len(sights) == 1:
            return None
        return self._reader.snap(token, sights[-1].x, sights[-1].logits)

    def _probability(self, tokens: Sequence[int], sights: Sequence[_Sight]) -> float:
        """Return the probability of tokens one after the other, at T = 1."""
        pairs = zip(tokens, sights, strict=True)
        return float(np.exp(sum(one.logits[token] - log_sum_exp(one.logits[None, :])[0] for token, one in pairs)))

    def _look(self, seen: Pass, place: int) -> None:
        prefix = seen.ids[: place + 1]
        if prefix not in self._sights:
            states = self._reader.entering(seen.states[:, place : place + 1], last_normed=seen.last_is_normed)[:, 0]
            self._sights[prefix] = _Sight(states[-1], seen.logits[place].copy(), self._reader.layers(states))


def _places(written: Written) -> tuple[int, int]:
    """Return the positions whose residuals said the emoji's first and last token.

    Of a text that was stopped, the one that said so twice; of another without an emoji, that of its first token.
    """
    start = len(written.start)
    if written.emoji is not None:
        return start + written.first - 1, start + written.last - 1
    at = start - 1 + (len(written.ids) if written.stop is not None else 0)
    return at, at


def _text(rules: Rules, written: Written) -> tuple[str, str, str]:
    """Return what was written as text that a terminal shows: before the emoji, the emoji, behind it."""
    data = b"".join(map(rules.bytes_of, written.ids))
    if written.emoji is None:
        return printable(data), "", ""
    start, stop = written.span
    return printable(data[:start]), data[start:stop].decode(), printable(data[stop:])
