"""What a vocabulary is made of: its tokens by kind and by their place in UTF-8, and the emoji that it can write."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal, get_args

import numpy as np
from jaxtyping import Shaped

from geometry.head import Head
from geometry.tables import Column, Table
from geometry.tokens import Vocabulary
from geometry.tokens.emoji import Emoji, catalogue, lookup
from geometry.tokens.kinds import KINDS
from geometry.tokens.utf8 import UTF8_STATES, utf8_state

Held = Literal["whole", "spelt", "partly", "impossible"]
HELD: tuple[Held, ...] = get_args(Held)


@dataclass(frozen=True, slots=True)
class KindCount:
    """One kind of token.

    Attributes:
        kind: As `geometry.tokens.kinds.kind_of` has them.
        n: Rows of that kind.
        utf8: How many of them stand how in UTF-8; special tokens and padding are names, not text, and count nowhere.
    """

    kind: str
    n: int
    utf8: dict[str, int]


@dataclass(frozen=True, slots=True)
class GroupCount:
    """One Unicode group of emoji, each emoji counted once in the best of its forms, bare or after a space.

    Attributes:
        group: Its name.
        n: Emoji in the catalogue.
        whole: One token with a row; a space may be in it.
        spelt: Several tokens with rows can write all of its bytes.
        masked: Those of the whole and spelt that need a row masked as under-trained.
        partly: Only its first bytes can be written.
        impossible: Not even its first byte can.
    """

    group: str
    n: int
    whole: int
    spelt: int
    masked: int
    partly: int
    impossible: int


@dataclass(frozen=True, eq=False)
class Inventory:
    """The tokens and emoji of a vocabulary.

    Attributes:
        kinds: The rows by kind, only kinds that there are.
        states: Each row's place in UTF-8, empty for special tokens and padding.
        groups: The emoji by Unicode group.
    """

    kinds: tuple[KindCount, ...]
    states: Shaped[np.ndarray, " vocab"]
    groups: tuple[GroupCount, ...]

    def to_dict(self) -> dict[str, Any]:
        """Return the counts by kind and by group, and their totals."""
        total = {name: sum(getattr(one, name) for one in self.groups) for name in ("n", "masked", *HELD)}
        return {
            "kinds": [asdict(one) for one in self.kinds],
            "emoji": {"total": total, "groups": [asdict(one) for one in self.groups]},
        }

    def tables(self) -> tuple[Table, Table]:
        """Return both as tables."""
        kinds = tuple(
            (one.kind, f"{one.n:,}", *(_count(one.utf8.get(state, 0)) for state in UTF8_STATES)) for one in self.kinds
        )
        names = ("n", "whole", "spelt", "masked", "partly", "impossible")
        groups = [(one.group, *(_count(getattr(one, name)) for name in names)) for one in self.groups]
        groups.append(("all", *(_count(sum(getattr(one, name) for one in self.groups)) for name in names)))
        return (
            Table(
                ("Tokens by kind, and how their bytes stand in UTF-8",),
                (Column("kind", "left"), Column("rows"), *map(Column, UTF8_STATES)),
                kinds,
                ("complete: whole characters; opens, continues: parts of some; never: in no valid text",),
            ),
            Table(
                ("Emoji of the catalogue by what the vocabulary can write",),
                (Column("group", "left"), Column("n"), *map(Column, names[1:])),
                tuple(groups),
                (
                    "whole: one token; spelt: in several; masked: of both, those that need a row that nothing seems to "
                    "have trained; partly: its first bytes only. What can be written, not what the tokenizer writes: "
                    "geometry info tells that",
                ),
            ),
        )


def take_inventory(head: Head) -> Inventory:
    """Count the rows of a head by kind and UTF-8 state, and the catalogue's emoji by how they can be written.

    Raises:
        TokenError: The head has no vocabulary.
    """
    tokens = head.words()
    kinds = tokens.kinds[: head.vocab]
    states = np.array([_state(tokens, token, str(kinds[token])) for token in range(head.vocab)], dtype="<U9")
    counted = [
        KindCount(kind, int((kinds == kind).sum()), _tally(states[kinds == kind])) for kind in KINDS if kind in kinds
    ]
    return Inventory(tuple(counted), states, _groups(head, tokens))


def _state(tokens: Vocabulary, token: int, kind: str) -> str:
    return "" if kind in ("special", "padding") else utf8_state(tokens.bytes_of(token))


def _tally(states: Shaped[np.ndarray, " tokens"]) -> dict[str, int]:
    return {state: int((states == state).sum()) for state in UTF8_STATES}


def _groups(head: Head, tokens: Vocabulary) -> tuple[GroupCount, ...]:
    masked = frozenset(head.undertrained.ids.tolist())
    forms: dict[Emoji, list[str]] = {}
    for form in catalogue():
        forms.setdefault(lookup(form.text) or form, []).append(form.text)
    rows: dict[Emoji, set[int]] = {}
    for token, emoji in tokens.emoji.items():
        rows.setdefault(emoji, set()).add(token)
    data = [tokens.bytes_of(token) for token in range(min(head.vocab, tokens.tokenizer_size))]
    every = writable(data)
    trained = writable(piece for token, piece in enumerate(data) if token not in masked)
    counts: dict[str, dict[str, int]] = {}
    for emoji, texts in forms.items():
        held: Held = "whole" if emoji in rows else _held(texts, every)
        lacks = rows[emoji] <= masked if held == "whole" else held == "spelt" and _held(texts, trained) != "spelt"
        count = counts.setdefault(emoji.group, dict.fromkeys(("n", "masked", *HELD), 0))
        count["n"] += 1
        count[held] += 1
        count["masked"] += lacks
    return tuple(GroupCount(group=group, **count) for group, count in counts.items())


def _held(texts: Sequence[str], reach: Callable[[bytes], int]) -> Held:
    """How the best of an emoji's forms can be written, bare or after a space."""
    best = 0.0
    for text in texts:
        data = text.encode()
        for before in (b"", b" "):
            written = max(0, reach(before + data) - len(before))
            best = max(best, written / len(data))
    return "spelt" if best == 1.0 else "partly" if best else "impossible"


def writable(pieces: Iterable[bytes]) -> Callable[[bytes], int]:
    """Return the function that says how many of the first bytes of a string some pieces in a row write exactly."""
    held = frozenset(pieces) - {b""}
    longest = max(map(len, held), default=0)

    def reach(data: bytes) -> int:
        reached = {0}
        for start in range(len(data)):
            if start in reached:
                stops = range(start + 1, min(start + longest, len(data)) + 1)
                reached.update(stop for stop in stops if data[start:stop] in held)
        return max(reached)

    return reach


def _count(value: int) -> str:
    return f"{value:,}" if value else "–"
