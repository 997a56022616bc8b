"""How a vocabulary holds emoji: one token each, pieces of bytes, or not at all."""

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal

from geometry.tokens.emoji import Emoji, catalogue, lookup

# Fewer whole emoji than this, or all of a kind, give no direction (Llama 3 has five: smileys and symbols).
WHOLE_TOKENS, WHOLE_GROUPS = 50, 5


@dataclass(frozen=True)
class Holding:
    """How the emoji of the catalogue are encoded in one position, bare or after a space.

    Every emoji counts once, in the best of its forms (with and without variation selectors).

    Attributes:
        regime: ``whole`` where at least 50 emoji in at least 5 groups are one token each; else ``bytes``
            where most can be written at all; else ``none``.
        whole: Emoji held by one token (a token for the space before it may stand apart).
        groups: Unicode groups among those.
        parts: Emoji written as several tokens that are each valid text, as 👩‍🚀 may be.
        bytes: Emoji written with tokens that are no valid text by themselves.
        none: Emoji that cannot be written.
        of: All of them.
    """

    regime: Literal["whole", "bytes", "none"]
    whole: int
    groups: int
    parts: int
    bytes: int
    none: int
    of: int


@dataclass(frozen=True)
class Regime:
    """How a vocabulary holds emoji, by canonical encoding, at the start of a text and after a space."""

    bare: Holding
    after_space: Holding

    def to_dict(self) -> dict[str, dict[str, Any]]:
        """Return the record as JSON has it."""
        return asdict(self)


def find_regime(spelling: Callable[[str], Sequence[bytes] | None]) -> Regime:
    """Return the regime of a vocabulary.

    Args:
        spelling: Gives the bytes of the tokens that a text is encoded as, or None where it cannot be written.
    """
    return Regime(_holding(spelling, ""), _holding(spelling, " "))


def _holding(spelling: Callable[[str], Sequence[bytes] | None], before: str) -> Holding:
    order = ("whole", "parts", "bytes", "none")
    best: dict[Emoji, str] = {}
    for form in catalogue():
        emoji = lookup(form.text) or form
        how = _how(spelling(before + form.text), form.text.encode())
        best[emoji] = min(how, best.get(emoji, "none"), key=order.index)
    count = {how: sum(found == how for found in best.values()) for how in order}
    groups = len({emoji.group for emoji, how in best.items() if how == "whole"})
    regime: Literal["whole", "bytes", "none"] = "bytes" if count["none"] * 2 <= len(best) else "none"
    if count["whole"] >= WHOLE_TOKENS and groups >= WHOLE_GROUPS:
        regime = "whole"
    return Holding(regime, count["whole"], groups, count["parts"], count["bytes"], count["none"], len(best))


def _how(tokens: Sequence[bytes] | None, emoji: bytes) -> str:
    if not tokens:
        return "none"
    written = [token for token in tokens if token.strip(b" ")]
    if len(written) == 1 and written[0].removeprefix(b" ") == emoji:
        return "whole"
    return "parts" if all(_is_text(token) for token in written) else "bytes"


def _is_text(data: bytes) -> bool:
    try:
        data.decode()
    except UnicodeDecodeError:
        return False
    return True
