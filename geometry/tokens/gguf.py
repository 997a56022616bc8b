"""The vocabulary inside a GGUF file: pieces with their types, and what is needed to encode a text with them.

llama.cpp's converter keeps the pieces as the tokenizer writes them, but for BERT's, of which it marks those that begin
a word with ▁ and bares those that continue one. Added tokens are stored as the text they stand for.
"""

import base64
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np

from geometry.checkpoint.gguf import NUMBERS, STRING, Gguf, read_gguf, read_span
from geometry.errors import TokenError
from geometry.tokens.encoding import TokenizerJsonEncoder
from geometry.tokens.pieces import Alphabet
from geometry.tokens.scored import ScoredEncoder
from geometry.tokens.splitting import SPLITTINGS
from geometry.tokens.table import MAX_IDS, AddedToken, TokenTable
from geometry.tokens.tokenizer_json import Json
from geometry.tokens.vocabulary import Encoder

Model = Literal["gpt2", "llama", "bert", "t5"]

ALPHABETS: Mapping[Model, Alphabet] = {
    "gpt2": Alphabet("bytelevel"),
    "llama": Alphabet("sentencepiece", "▁", byte_fallback=True),
    "bert": Alphabet("wordpiece", "##"),
    "t5": Alphabet("sentencepiece", "▁"),
}

NORMAL, UNKNOWN, CONTROL, USER_DEFINED, UNUSED, BYTE = range(1, 7)
_KEY = "tokenizer.ggml."
_CAPITAL, _BRACKETS = re.compile("[A-Z]"), re.compile(r"\[.*\]", re.DOTALL)


@dataclass(frozen=True, eq=False)
class _Stored:
    """What a file holds of its vocabulary, checked for its lengths."""

    model: Model
    pre: str
    pieces: tuple[str, ...]
    types: tuple[int, ...]
    scores: tuple[float, ...] | None
    merges: tuple[str, ...]
    unknown: int | None
    charsmap: bytes


def read_gguf_vocabulary(path: Path) -> tuple[TokenTable, Callable[[], Encoder]]:
    """Return the tokens of a GGUF file, and what makes its encoder.

    Raises:
        TokenError: it holds no vocabulary, one of an unknown kind, or one that contradicts itself.
        CheckpointError: it is no GGUF file that can be read.
    """
    stored = _read(read_gguf(path), path)
    alphabet = ALPHABETS[stored.model]
    pieces = tuple(_as_written(stored, token) for token in range(len(stored.pieces)))
    data = tuple(_bytes(stored, token, piece, alphabet) for token, piece in enumerate(pieces))
    added = {
        token: AddedToken(token, piece, kind != USER_DEFINED, False)
        for token, (piece, kind) in enumerate(zip(pieces, stored.types, strict=True))
        if piece is not None and kind in (CONTROL, USER_DEFINED, UNUSED)
    }
    unknown = stored.unknown if stored.unknown is not None else _first(stored.types, UNKNOWN)
    special = {token for token, one in added.items() if one.special} | ({unknown} if unknown is not None else set())
    table = TokenTable(
        source=path,
        bytes_read=0,  # it lies in the file's head, which was read for the tensors
        alphabet=alphabet,
        pieces=pieces,
        data=data,
        added=added,
        special=frozenset(special),
        unknown=unknown,
        scores=stored.scores if stored.model == "t5" else None,
    )
    return table, lambda: _encoder(stored, table)


# Reading


def _read(model: Gguf, path: Path) -> _Stored:
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
    return _Stored(
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


def _first(types: tuple[int, ...], kind: int) -> int | None:
    return types.index(kind) if kind in types else None


def _as_written(stored: _Stored, token: int) -> str | None:
    """Return the piece as its own tokenizer writes it; None for a row that the converter only filled up."""
    piece, kind = stored.pieces[token], stored.types[token]
    if kind == UNUSED and piece == f"[PAD{token}]":
        return None
    if stored.model != "bert" or kind in (CONTROL, UNKNOWN) or _BRACKETS.fullmatch(piece):
        return piece
    return piece[1:] if piece.startswith("▁") else f"##{piece}"


def _bytes(stored: _Stored, token: int, piece: str | None, alphabet: Alphabet) -> bytes:
    kind = stored.types[token]
    if piece is None:
        return b""
    if kind in (CONTROL, UNKNOWN, UNUSED):
        return piece.encode()
    if kind == BYTE and (byte := Alphabet("plain", byte_fallback=True).byte_of(piece)) is not None:
        return bytes([byte])
    if alphabet.family == "sentencepiece":
        return piece.replace("▁", " ").encode()
    return piece.encode() if kind == USER_DEFINED else alphabet.to_bytes(piece)


# Encoding


class SingleTokens:
    """Finds texts that are one token, where nobody knows how this tokenizer cuts longer ones."""

    def __init__(self, table: TokenTable, reason: str) -> None:
        self.note = f"Only texts of one token can be encoded: {reason}."
        self._reason, self._source = reason, table.source
        self._ids = {data: token for token, data in enumerate(table.data) if data and token not in table.special}

    def normalise(self, text: str) -> bytes:
        """Return the bytes of the text itself."""
        return text.encode()

    def encode(self, text: str) -> list[int]:
        """Return the id of exactly this text.

        Raises:
            TokenError: no one token is this text.
        """
        if not text:
            return []
        token = self._ids.get(text.encode())
        if token is None:
            raise TokenError(
                f"{self._source}: {text!r:.60} is no single token, and {self._reason}; name its tokens by id"
            )
        return [token]


def _encoder(stored: _Stored, table: TokenTable) -> Encoder:
    match stored.model:
        case "llama":
            return _scored(stored, table)
        case "t5":
            return _unigram(stored, table)
        case "bert":
            return TokenizerJsonEncoder(table, _word_pieces(stored, table))
        case _:
            return _byte_pairs(stored, table)


def _scored(stored: _Stored, table: TokenTable) -> Encoder:
    if stored.scores is None:
        return SingleTokens(table, "the file holds no scores to merge by")
    ordinary = {piece: token for token, piece in enumerate(stored.pieces) if stored.types[token] == NORMAL}
    scores = {piece: stored.scores[token] for piece, token in ordinary.items()}
    by_byte = {
        table.data[token][0]: token for token, kind in enumerate(stored.types) if kind == BYTE and table.data[token]
    }
    return ScoredEncoder(table, scores, ordinary, by_byte)


def _byte_pairs(stored: _Stored, table: TokenTable) -> Encoder:
    splitting = SPLITTINGS.get(stored.pre)
    if splitting is None:
        named = f"the way {stored.pre!r:.40} cuts texts" if stored.pre else "the way this file's tokenizer cuts texts"
        return SingleTokens(table, f"{named} before merging is not known")
    if not stored.merges:
        return SingleTokens(table, "the file holds no merges")
    vocab = {piece: token for token, piece in enumerate(table.pieces) if piece is not None}
    merges = []
    for merge in stored.merges:
        # a piece may begin with a space of its own, and never ends with one
        left, _, right = merge[1:].partition(" ")
        left = merge[:1] + left
        if left in vocab and right in vocab and left + right in vocab:
            merges.append([left, right])
    model = {"type": "BPE", "vocab": vocab, "merges": merges, "ignore_merges": splitting.ignores_merges}
    return TokenizerJsonEncoder(table, _spec(table, model, splitting.steps, splitting.normalizer))


def _unigram(stored: _Stored, table: TokenTable) -> Encoder:
    if stored.scores is None:
        return SingleTokens(table, "the file holds no scores")
    vocab = [[piece, score] for piece, score in zip(stored.pieces, stored.scores, strict=True)]
    model = {"type": "Unigram", "unk_id": table.unknown, "vocab": vocab, "byte_fallback": False}
    steps = [{"type": "Metaspace", "replacement": "▁", "prepend_scheme": "never", "split": False}]
    charsmap = base64.b64encode(stored.charsmap).decode()
    return TokenizerJsonEncoder(
        table,
        _spec(table, model, steps, {"type": "Precompiled", "precompiled_charsmap": charsmap} if charsmap else None),
    )


def _word_pieces(stored: _Stored, table: TokenTable) -> Json:
    vocab = {piece: token for token, piece in enumerate(table.pieces) if piece is not None}
    unknown = "[UNK]" if table.unknown is None else str(table.pieces[table.unknown])
    # the file does not say whether texts are brought to lower case; a vocabulary with capital letters is for those that
    # are not, while capital symbols, such as ℝ, stand in both
    ordinary = (piece for piece, kind in zip(stored.pieces, stored.types, strict=True) if kind == NORMAL)
    lowers = not any(_CAPITAL.search(piece) and not _BRACKETS.fullmatch(piece) for piece in ordinary)
    model = {
        "type": "WordPiece", "vocab": vocab, "unk_token": unknown, "continuing_subword_prefix": "##",
        "max_input_chars_per_word": 100,
    }  # fmt: skip
    normalizer = {
        "type": "BertNormalizer", "clean_text": True, "handle_chinese_chars": True, "strip_accents": None,
        "lowercase": lowers,
    }  # fmt: skip
    return _spec(table, model, [{"type": "BertPreTokenizer"}], normalizer)


def _spec(table: TokenTable, model: Json, steps: list[Json], normalizer: Json | None) -> Json:
    """Return what a ``tokenizer.json`` of these parts holds."""
    added: list[dict[str, Any]] = [
        {
            "id": token.id, "content": token.content, "special": token.special, "normalized": False,
            "single_word": False, "lstrip": False, "rstrip": False,
        }
        for token in table.added.values()
    ]  # fmt: skip
    return {
        "version": "1.0",
        "added_tokens": added,
        "normalizer": normalizer,
        "pre_tokenizer": {"type": "Sequence", "pretokenizers": steps},
        "model": model,
    }
