"""Which token of one head is which of another: those with the same bytes, each matched once."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Int64, Shaped

from geometry.errors import OptionError, TokenError
from geometry.head import Head
from geometry.tokens import Vocabulary

UNKNOWN = "unknown"
"""The kind of every row where neither head has a tokenizer."""


@dataclass(frozen=True, eq=False)
class Pairs:
    """Rows of two heads that stand for the same token.

    Attributes:
        a, b: The ids in either head, in the order of the first's.
        kinds: What each token is, by the first head's vocabulary.
        only_a, only_b: Kind → how many real rows of either head have no partner.
        by_bytes: Whether tokens were matched by their bytes; by their ids where neither head has a tokenizer.
    """

    a: Int64[np.ndarray, " tokens"]
    b: Int64[np.ndarray, " tokens"]
    kinds: Shaped[np.ndarray, " tokens"]
    only_a: Mapping[str, int]
    only_b: Mapping[str, int]
    by_bytes: bool

    def __len__(self) -> int:
        return len(self.a)

    def by_kind(self) -> dict[str, int]:
        """Return kind → how many matched tokens are of it, the commonest first."""
        return _counted(self.kinds)

    def places(self, kind: str) -> Int64[np.ndarray, " places"]:
        """Return where tokens of a kind stand among the matched ones."""
        return np.flatnonzero(self.kinds == kind)

    def in_b(self) -> dict[int, int]:
        """Return id in the first head → id in the second."""
        return dict(zip(self.a.tolist(), self.b.tolist(), strict=True))

    def to_dict(self) -> dict[str, object]:
        """Return the counts."""
        only = {"only_in_a": dict(self.only_a), "only_in_b": dict(self.only_b)}
        return {"n": len(self), "by": "bytes" if self.by_bytes else "id", "by_kind": self.by_kind(), **only}


def match_tokens(a: Head, b: Head) -> Pairs:
    """Match the real rows of two heads: finite, with a token, neither reserved nor masked in either.

    Equal bytes make a pair; control tokens are matched with control tokens only. Where several tokens of one head have
    the same bytes, the first goes with the first, in the order of `Vocabulary.with_bytes`: ordinary ones before
    ``<0xNN>``.

    Raises:
        TokenError: One head has a tokenizer and the other has none.
        OptionError: There are no two tokens in common.
    """
    words_a, words_b = a.tokens, b.tokens
    if words_a is None or words_b is None:
        return _by_id(a, b)
    real_a, real_b = a.opened.real, b.opened.real
    found: list[tuple[int, int]] = []
    for data in dict.fromkeys(words_a.bytes_of(token) for token in np.flatnonzero(real_a).tolist()):
        sides = (_by_role(words_a, data), _by_role(words_b, data))
        for ids_a, ids_b in zip(*sides, strict=True):
            found += [pair for pair in zip(ids_a, ids_b, strict=False) if real_a[pair[0]] and real_b[pair[1]]]
    found.sort()
    ids = np.array(found, dtype=np.int64).reshape(-1, 2)
    kinds_a, kinds_b = words_a.kinds[: a.vocab], words_b.kinds[: b.vocab]
    pairs = Pairs(
        ids[:, 0], ids[:, 1], kinds_a[ids[:, 0]], _left(kinds_a, real_a, ids[:, 0]), _left(kinds_b, real_b, ids[:, 1]),
        by_bytes=True,
    )  # fmt: skip
    return _checked(pairs, a, b)


def _by_role(words: Vocabulary, data: bytes) -> tuple[list[int], list[int]]:
    """Ordinary tokens with these bytes, then control tokens."""
    ids = words.with_bytes(data)
    special = [token for token in ids if words.kind(token) == "special"]
    return [token for token in ids if token not in special], special


def _by_id(a: Head, b: Head) -> Pairs:
    """Match by ids, where neither head says what its rows stand for."""
    for one, other in ((a, b), (b, a)):
        if one.tokens is not None:
            why = other.opened.vocabulary[1]
            raise TokenError(
                f"{one.name} has a tokenizer and {other.name} has none that can be read ({why}); tokens are matched by "
                "their bytes: add its tokenizer.json"
            )
    if a.vocab != b.vocab:
        raise TokenError(
            f"neither {a.name} ({a.vocab:,} rows) nor {b.name} ({b.vocab:,}) has a tokenizer; expected tokenizers, or "
            "as many rows in both, which are then matched by id: add tokenizer.json to both"
        )
    real_a, real_b = a.opened.real, b.opened.real
    ids, kinds = np.flatnonzero(real_a & real_b), np.full(a.vocab, UNKNOWN)
    pairs = Pairs(ids, ids, kinds[ids], _left(kinds, real_a, ids), _left(kinds, real_b, ids), by_bytes=False)
    return _checked(pairs, a, b)


def _checked(pairs: Pairs, a: Head, b: Head) -> Pairs:
    for head in (a, b):
        if not head.opened.real.any():
            raise OptionError(
                f"no row of {head.name} is a finite one of a token that is neither reserved nor masked; expected at "
                "least 2 such: look at it with geometry info"
            )
    if len(pairs) < 2:
        what = "no token" if not len(pairs) else "one token alone"
        raise OptionError(
            f"{a.name} ({int(a.opened.real.sum()):,} real rows) and {b.name} ({int(b.opened.real.sum()):,}) have "
            f"{what} in common; expected at least 2 with equal bytes in both: are these tokenizers of text alike?"
        )
    return pairs


def _left(
    kinds: Shaped[np.ndarray, " vocab"], real: Bool[np.ndarray, " vocab"], matched: Int64[np.ndarray, " tokens"]
) -> dict[str, int]:
    alone = real.copy()
    alone[matched] = False
    return _counted(kinds[alone])


def _counted(kinds: Shaped[np.ndarray, " tokens"]) -> dict[str, int]:
    return dict(Counter(kinds.tolist()).most_common())
