"""What a ``tokenizer.json`` may ask of the tokenizers library, which runs whatever its file says.

A few lines of JSON can make the library write a text out to gigabytes (forty steps that each double it), or search
it for longer than anybody waits. No Python code can stop it then, so such a file is refused before.
"""

import base64
import binascii
from collections.abc import Iterable
from pathlib import Path

from geometry.errors import TokenError
from geometry.tokens.tokenizer_json import Json, flatten

MAX_STEPS = 64
MAX_GROWTH = 64
MAX_MARK = 64
MAX_REPLACEMENT = 64

_MARKS = ("continuing_subword_prefix", "end_of_word_suffix")
_UNENDING = ("\\g", "(?R", "(?&")  # a pattern that calls itself: Oniguruma's limit on retries does not count these


def check_bounds(spec: Json, source: Path) -> None:
    """Refuse a tokenizer whose parts are beyond what any known one needs.

    The factor by which the steps together may lengthen a text is the product of theirs: of a replacement, what it
    writes over what it takes away; of the byte alphabet, 2.

    Raises:
        TokenError: too many steps, too long a mark, too much growth, or a pattern that calls itself.
    """
    for part in ("normalizer", "pre_tokenizer"):
        steps = list(flatten(spec.get(part)))
        if len(steps) > MAX_STEPS:
            raise _beyond(source, f"its {part} has {len(steps):,} steps", f"at most {MAX_STEPS}")
        for step in steps:
            pattern = _regex(step)
            if any(call in pattern for call in _UNENDING):
                raise _beyond(source, f"the pattern {pattern!r:.60} calls itself", "a plain regular expression")
    _check_charsmaps(flatten(spec.get("normalizer")), source)
    growth = _growth([*flatten(spec.get("normalizer")), *flatten(spec.get("pre_tokenizer"))])
    if growth > MAX_GROWTH:
        raise _beyond(source, f"its steps may make a text {growth:,.0f} times as long", f"at most {MAX_GROWTH} times")
    for mark in _MARKS:
        value = spec["model"].get(mark)
        if isinstance(value, str) and len(value) > MAX_MARK:
            raise _beyond(source, f"its {mark} has {len(value):,} characters", f"at most {MAX_MARK}")
    _check_merges(spec["model"], source)


def _check_merges(model: Json, source: Path) -> None:
    """Refuse merges whose right side lacks the prefix: the library cuts it off unseen, be it inside a character."""
    prefix, merges = model.get(_MARKS[0]), model.get("merges")
    if not isinstance(prefix, str) or not prefix or not isinstance(merges, list):
        return
    for merge in merges:
        pair = merge.split(" ", 1) if isinstance(merge, str) else merge
        right = pair[1] if isinstance(pair, list) and len(pair) == 2 else None
        if isinstance(right, str) and not (prefix.isascii() and right.startswith(prefix)):
            raise _beyond(
                source, f"the merge {merge!r:.60} does not go on with {prefix!r}", f"{_MARKS[0]} in every merge"
            )


def _growth(steps: Iterable[Json]) -> float:
    growth, charsmaps = 1.0, 0
    for step in steps:
        match step.get("type"):
            case "Replace":
                pattern, content = step.get("pattern"), step.get("content")
                taken = pattern.get("String") if isinstance(pattern, dict) else None
                written = len(content) if isinstance(content, str) else 0
                # a regular expression may take nothing away and stand before every character
                growth *= max(1.0, written / len(taken) if isinstance(taken, str) and taken else written + 1.0)
            case "ByteLevel":
                growth *= 2.0
            case "Precompiled":
                charsmaps += 1
                longest = _longest_replacement(step)
                # one map of the usual kind (NFKC writes at most 18 characters for one) is what models have
                growth *= 1.0 if charsmaps == 1 and longest <= MAX_REPLACEMENT else max(2.0, float(longest))
            case _:
                pass
        growth = min(growth, 1e30)
    return growth


def _check_charsmaps(steps: Iterable[Json], source: Path) -> None:
    """Refuse a map whose table is longer than the map: the library makes room for it before it looks."""
    for step in steps:
        data = _charsmap(step) if step.get("type") == "Precompiled" else None
        table = int.from_bytes((data or b"")[:4], "little")
        if data is not None and (table < 4 or table % 4 or 4 + table > len(data)):
            raise _beyond(
                source, f"its map of characters has {len(data):,} bytes and a table of {table:,}", "a whole one"
            )


def _charsmap(step: Json) -> bytes | None:
    """The bytes of a sentencepiece map: a size, a table of that size, texts that end with NUL."""
    text = step.get("precompiled_charsmap")
    try:
        return base64.b64decode(text) if isinstance(text, str) else None
    except (binascii.Error, ValueError):
        return None  # the library refuses it


def _longest_replacement(step: Json) -> int:
    data = _charsmap(step) or bytes(4)
    return max(map(len, data[4 + int.from_bytes(data[:4], "little") :].split(b"\0")), default=0)


def _regex(step: Json) -> str:
    pattern = step.get("pattern")
    found = pattern.get("Regex") if isinstance(pattern, dict) else None
    return found if isinstance(found, str) else ""


def _beyond(source: Path, what: str, expected: str) -> TokenError:
    return TokenError(f"{source}: {what}; expected {expected}; do not trust this tokenizer")
