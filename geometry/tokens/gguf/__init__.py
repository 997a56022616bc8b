"""The vocabulary inside a GGUF file: pieces with their types, and what is needed to encode a text with them.

llama.cpp's converter keeps the pieces as the tokenizer writes them, but for BERT's, of which it marks those that begin
a word with ▁ and bares those that continue one. Added tokens are stored as the text they stand for.
"""

from collections.abc import Callable
from pathlib import Path

from geometry.checkpoint.gguf import read_gguf
from geometry.tokens.gguf.encoding import make_encoder
from geometry.tokens.gguf.stored import (
    ALPHABETS,
    BRACKETS,
    BYTE,
    CONTROL,
    UNKNOWN,
    UNUSED,
    USER_DEFINED,
    StoredVocabulary,
    first_of,
    read_stored,
)
from geometry.tokens.pieces import Alphabet
from geometry.tokens.table import AddedToken, TokenTable
from geometry.tokens.vocabulary import Encoder

__all__ = ["read_gguf_vocabulary"]


def read_gguf_vocabulary(path: Path, *, inside: Path | None = None) -> tuple[TokenTable, Callable[[], Encoder]]:
    """Return the tokens of a GGUF file, and what makes its encoder.

    Args:
        inside: The folder that the file's links must stay in.

    Raises:
        TokenError: it holds no vocabulary, one of an unknown kind, or one that contradicts itself.
        CheckpointError: it is no GGUF file that can be read.
    """
    stored = read_stored(read_gguf(path, inside=inside), path)
    alphabet = ALPHABETS[stored.model]
    pieces = tuple(_as_written(stored, token) for token in range(len(stored.pieces)))
    data = tuple(_bytes(stored, token, piece, alphabet) for token, piece in enumerate(pieces))
    added = {
        token: AddedToken(token, piece, kind != USER_DEFINED, False)
        for token, (piece, kind) in enumerate(zip(pieces, stored.types, strict=True))
        if piece is not None and kind in (CONTROL, USER_DEFINED, UNUSED)
    }
    unknown = stored.unknown if stored.unknown is not None else first_of(stored.types, UNKNOWN)
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
    return table, lambda: make_encoder(stored, table)


def _as_written(stored: StoredVocabulary, token: int) -> str | None:
    """Return the piece as its own tokenizer writes it; None for a row that the converter only filled up."""
    piece, kind = stored.pieces[token], stored.types[token]
    if kind == UNUSED and piece == f"[PAD{token}]":
        return None
    if stored.model != "bert" or kind in (CONTROL, UNKNOWN) or BRACKETS.fullmatch(piece):
        return piece
    return piece[1:] if piece.startswith("▁") else f"##{piece}"


def _bytes(stored: StoredVocabulary, token: int, piece: str | None, alphabet: Alphabet) -> bytes:
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
