"""Finding tokens by what they are: their bytes, their piece, their variants, their spelling."""

from collections.abc import Mapping
from functools import cached_property
from types import MappingProxyType

import numpy as np
from jaxtyping import Int64

from geometry.tokens.table import TokenTable
from geometry.tokens.variants import inflections, near_spellings, variant_key


class TokenIndex:
    """The tokens of a table that a head has rows for, by bytes, piece, variant and spelling.

    Each way in is built when it is first used.
    """

    def __init__(self, table: TokenTable, rows: int) -> None:
        self._table = table
        self._data = table.data[:rows]

    def with_bytes(self, data: bytes) -> tuple[int, ...]:
        """Return every id with exactly these bytes: ordinary tokens, then ``<0xNN>``, then control tokens."""
        return self._by_bytes.get(data, ()) if data else ()

    def with_piece(self, piece: str) -> int | None:
        """Return the id that the tokenizer writes as ``piece``."""
        return self._by_piece.get(piece)

    def variants(self, token_id: int) -> frozenset[int]:
        """Return the other ids that differ by case, a leading space, a selector or a regular plural."""
        if not self._table.data[token_id] or token_id in self._table.special:
            return frozenset()
        key = variant_key(self._table.data[token_id])
        same = (self._by_variant_key.get(other, ()) for other in (key, *inflections(key)))
        return frozenset(other for group in same for other in group) - {token_id}

    def near(self, text: str, n: int) -> list[str]:
        """Return up to ``n`` words among the tokens that are spelt most like ``text``, the likest first."""
        return near_spellings(text, self._words, n)

    def near_pieces(self, piece: str, n: int) -> list[str]:
        """Return up to ``n`` pieces, as the tokenizer writes them, that are spelt most like ``piece``."""
        return near_spellings(piece, self._by_piece, n)

    @cached_property
    def byte_tokens(self) -> Mapping[int, int]:
        """The id of every byte value that has a token of its own; ``<0xNN>`` goes before a letter's piece."""
        found: dict[int, int] = {}
        for token_id, data in enumerate(self._data):
            if len(data) == 1 and token_id not in self._table.special:
                if self._is_byte_piece(token_id):
                    found[data[0]] = token_id
                else:
                    found.setdefault(data[0], token_id)
        return MappingProxyType(found)

    @cached_property
    def score_ranks(self) -> Int64[np.ndarray, " vocab"] | None:
        """The place of each id by falling score; None where the file has no scores."""
        if self._table.scores is None:
            return None
        ranks = np.empty(len(self._table.scores), dtype=np.int64)
        ranks[np.argsort(-np.asarray(self._table.scores), kind="stable")] = np.arange(len(ranks))
        return ranks

    @cached_property
    def _by_bytes(self) -> dict[bytes, tuple[int, ...]]:
        by_bytes: dict[bytes, list[int]] = {}
        for token_id, data in enumerate(self._data):
            by_bytes.setdefault(data, []).append(token_id)
        return {
            data: tuple(ids) if len(ids) == 1 else tuple(sorted(ids, key=self._preference))
            for data, ids in by_bytes.items()
        }

    @cached_property
    def _by_piece(self) -> dict[str, int]:
        by_piece: dict[str, int] = {}
        for token_id, piece in enumerate(self._table.pieces[: len(self._data)]):
            if piece is not None:
                by_piece.setdefault(piece, token_id)
        return by_piece

    @cached_property
    def _by_variant_key(self) -> dict[str | bytes, list[int]]:
        by_key: dict[str | bytes, list[int]] = {}
        for token_id, data in enumerate(self._data):
            if data and token_id not in self._table.special:
                by_key.setdefault(variant_key(data), []).append(token_id)
        return by_key

    @cached_property
    def _words(self) -> list[str]:
        # In WordPiece only pieces that begin a word may be one: "##orse" is no spelling to offer.
        starts = [data[1:] for data in self._data if data[:1] == b" "]
        bare = () if self._table.alphabet.family == "wordpiece" else self._data
        return [word.decode() for word in dict.fromkeys((*starts, *bare)) if _is_letters(word)]

    def _preference(self, token_id: int) -> tuple[bool, bool, int]:
        return token_id in self._table.special, self._is_byte_piece(token_id), token_id

    def _is_byte_piece(self, token_id: int) -> bool:
        piece = self._table.pieces[token_id]
        return piece is not None and self._table.alphabet.byte_of(piece) is not None


def _is_letters(word: bytes) -> bool:
    try:
        return word.decode().isalpha()
    except UnicodeDecodeError:
        return False
