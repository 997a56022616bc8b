"""Which tokens go on with an emoji, from the bytes written so far; what has been said when none does."""

from bisect import bisect_left
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
from jaxtyping import Int64

from geometry.tokens.trie import ByteTrie


@dataclass(frozen=True, eq=False)
class Next:
    """What the tokens after some bytes lead to; every other token leads to what has been said already.

    Attributes:
        open: Tokens after which a longer form may still come, and the bytes written then.
        said: Forms that are said for certain, and by which tokens.
        unheard: Tokens without bytes, after which nothing is known: rows beyond the tokenizer, holes in it.
    """

    open: tuple[tuple[int, bytes], ...]
    said: dict[bytes, Int64[np.ndarray, " _"]]
    unheard: Int64[np.ndarray, " unheard"]


@dataclass(frozen=True, eq=False)
class Continuations:
    """A vocabulary's bytes against a set of forms, such as every emoji bare and after a space.

    What a model has said is the longest form that its bytes start with, and it is certain once no longer one can
    come. So ``👩`` is said when the next token is no joiner, and ``🐠\\n`` says ``🐠``.

    Attributes:
        forms: What may be said, sorted, each once.
        data: The bytes of each token id; empty for those that stand for nothing.
    """

    forms: tuple[bytes, ...]
    data: Sequence[bytes] = field(repr=False)
    _seen: dict[bytes, Next] = field(default_factory=dict, repr=False)

    @cached_property
    def trie(self) -> ByteTrie:
        """The forms, by their bytes."""
        return ByteTrie(self.forms)

    def said(self, written: bytes) -> bytes | None:
        """Return the longest form that the bytes start with, or None."""
        return next((written[:end] for end in range(len(written), 0, -1) if written[:end] in self.trie), None)

    def span(self, written: bytes) -> tuple[int, int]:
        """Return the places, from and up to, of the forms that start with these bytes and are longer."""
        start = bisect_left(self.forms, written + b"\0")
        return start, bisect_left(self.forms, _past(written)) if written else len(self.forms)

    def after(self, written: bytes) -> Next:
        """Return where each token leads from ``written``, which some longer form starts with."""
        if written not in self._seen:
            self._seen[written] = self._find(written)
        return self._seen[written]

    def _find(self, written: bytes) -> Next:
        rests = [form[len(written) :] for form in self.trie.under(written) if len(form) > len(written)]
        beginnings = {rest[:end] for rest in rests for end in range(1, len(rest))}
        places = {place for data in beginnings for place in self._places(data, data + b"\0")}
        places |= {place for rest in rests for place in self._places(rest, _past(rest))}
        open_, said = [], dict[bytes, list[int]]()
        for token in sorted(self._order[place] for place in places):
            reached = written + self.data[token]
            if self.trie.opens(reached):
                open_.append((token, reached))
            else:
                form = self.said(reached)
                assert form is not None
                said.setdefault(form, []).append(token)
        return Next(
            tuple(open_), {form: np.array(ids, dtype=np.int64) for form, ids in said.items()}, self._without_bytes
        )

    def _places(self, low: bytes, high: bytes) -> range:
        """Places in `_order` of the tokens whose bytes are from ``low`` up to ``high``, itself left out."""
        return range(bisect_left(self._sorted, low), bisect_left(self._sorted, high))

    @cached_property
    def _order(self) -> list[int]:
        return sorted((token for token, data in enumerate(self.data) if data), key=lambda token: self.data[token])

    @cached_property
    def _sorted(self) -> list[bytes]:
        return [self.data[token] for token in self._order]

    @cached_property
    def _without_bytes(self) -> Int64[np.ndarray, " unheard"]:
        return np.array([token for token, data in enumerate(self.data) if not data], dtype=np.int64)


def _past(data: bytes) -> bytes:
    """Return the first byte string after all that start with ``data``, whose last byte no UTF-8 has as FF."""
    return data[:-1] + bytes([data[-1] + 1])


def make_continuations(forms: Iterable[bytes], data: Sequence[bytes]) -> Continuations:
    """Return the continuations of these forms, sorted, each once."""
    return Continuations(tuple(sorted(set(forms))), data)
