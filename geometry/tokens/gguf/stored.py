"""What a GGUF file holds of its vocabulary, as it is stored."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np

from geometry.checkpoint.gguf import NUMBERS, STRING, Gguf, read_span
from geometry.errors import TokenError
from geometry.tokens.pieces import Alphabet
from geometry.tokens.table import MAX_IDS

Model = Literal["gpt2", "llama", "bert", "t5"]

ALPHABETS: Mapping[Model, Alphabet] = {
    "gpt2": Alphabet("bytelevel"),
    "llama": Alphabet("sentencepiece", "▁", byte_fallback=True),
    "bert": Alphabet("wordpiece", "##"),
    "t5": Alphabet("sentencepiece", "▁"),
}

NORMAL, UNKNOWN, CONTROL, USER_DEFINED, UNUSED, BYTE = range(1, 7)
_KEY = "tokenizer.ggml."


BRACKETS = re.compile(r"\[.*\]", re.DOTALL)
"""Names of WordPiece's special tokens, such as [CLS]."""


@dataclass(frozen=True, eq=False)
class StoredVocabulary:
    """What a file holds of its vocabulary, checked for its lengths."""

    model: Model
    pre: str
    pieces: tuple[str, ...]
    types: tuple[int, ...]
    scores: tuple[float, ...] | None
    merges: tuple[str, ...]
    unknown: int | None
    charsmap: bytes


def read_stored(model: Gguf, path: Path) -> StoredVocabulary:
    kind = model.values.get(f"{_KEY}model")
    if f"{_KEY}tokens" not in model.spans:
        raise TokenError(f"{path} holds no vocabulary: {_KEY}tokens is not there")
    found = next((name for name in ALPHABETS if name == kind), None)
    if found is None:
        raise TokenError(
            f"{path} holds a vocabulary of the kind {kind!r:.40}; expected one of {', '.join(ALPHABETS)}: "
            "give token ids, such as #42"
        )
    pieces = _texts(model, "tokens")
    count = len(pieces)
    if not 0 < count <= MAX_IDS:
        raise TokenError(f"{path} holds {count:,} tokens; expected from 1 to {MAX_IDS:,}; the file is damaged")
    types, scores = _numbers(model, "token_type", count), _numbers(model, "scores", count)
    if scores is not None and not np.isfinite(scores).all():
        raise TokenError(f"{path}: a token's score is no finite number; the file is damaged")
    unknown = model.values.get(f"{_KEY}unknown_token_id")
    span = model.spans.get(f"{_KEY}precompiled_charsmap")
    return StoredVocabulary(
        model=found,
        pre=str(model.values.get(f"{_KEY}pre", "")),
        pieces=pieces,
        types=(NORMAL,) * count if types is None else tuple(int(one) for one in types),
        scores=None if scores is None else tuple(float(one) for one in scores),
        merges=_texts(model, "merges") if f"{_KEY}merges" in model.spans else (),
        unknown=unknown if type(unknown) is int and 0 <= unknown < count else None,
        charsmap=b"" if span is None or span.kind == STRING else read_span(model, span),
    )


def _texts(model: Gguf, name: str) -> tuple[str, ...]:
    span = model.spans[f"{_KEY}{name}"]
    if span.kind != STRING or span.count > 2 * MAX_IDS:
        raise TokenError(f"{model.file}: {_KEY}{name} is no list of texts; the file is damaged")
    try:
        return tuple(text.decode() for text in _strings(read_span(model, span), span.count))
    except UnicodeDecodeError as error:
        raise TokenError(f"{model.file}: {_KEY}{name} holds a text that is no UTF-8; the file is damaged") from error


def _strings(data: bytes, count: int) -> Iterator[bytes]:
    at = 0
    for _ in range(count):
        end = at + 8 + int.from_bytes(data[at : at + 8], "little")
        yield data[at + 8 : end]
        at = end


def _numbers(model: Gguf, name: str, count: int) -> np.ndarray | None:
    """Return a list of numbers, one a token; None where the file has none."""
    span = model.spans.get(f"{_KEY}{name}")
    if span is None:
        return None
    if span.kind not in NUMBERS or span.count != count:
        raise TokenError(
            f"{model.file}: {_KEY}{name} has {span.count:,} values for {count:,} tokens; the file is damaged"
        )
    return np.frombuffer(read_span(model, span), dtype=NUMBERS[span.kind].replace("?", "B"))


def first_of(types: tuple[int, ...], kind: int) -> int | None:
    return types.index(kind) if kind in types else None
