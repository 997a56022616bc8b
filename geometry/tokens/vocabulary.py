"""The tokens of one model: id ↔ bytes ↔ printable text, words and emoji → ids."""

import re
from collections.abc import Callable, Iterable, Mapping
from functools import cached_property
from pathlib import Path
from types import MappingProxyType
from typing import Protocol, runtime_checkable

import numpy as np
from jaxtyping import Bool, Shaped

from geometry.errors import TokenError
from geometry.tokens.decoding import PrintedPiece, read_pieces
from geometry.tokens.emoji import VARIATION_SELECTOR, Emoji, lookup
from geometry.tokens.index import TokenIndex
from geometry.tokens.kinds import RESERVED, Kind, kind_of
from geometry.tokens.printable import printable
from geometry.tokens.regime import Regime, find_regime
from geometry.tokens.table import TokenTable
from geometry.tokens.trie import reachable, segmentations

_IDS = re.compile(r"[\s\[\](),#]*([0-9]{1,19}[\s\[\](),#]*)+")


@runtime_checkable
class Encoder(Protocol):
    """What turns a text into ids."""

    note: str

    def encode(self, text: str) -> list[int]:
        """Return the canonical token ids of exactly this text."""
        ...

    def normalise(self, text: str) -> bytes:
        """Return the bytes that the tokens of ``text`` spell."""
        ...


class Vocabulary:
    """The tokens of one model.

    Open one with `open_vocabulary`. Ids run from 0 to ``size`` - 1: those of the tokenizer, then the rows of
    the head beyond them, which are padding. Everything costly is made when it is first asked for.

    Attributes:
        size: How many ids there are: the tokenizer's or the head's rows, whichever are more.
        tokenizer_size: How many ids the tokenizer has, holes included.
        rows: How many rows the head has; ids from there on are not in the head, and no text resolves to them.
        source: The file the tokens were read from.
        bytes_read: Its size.
        exact: Whether tokens say exactly which bytes they add to a text.
        lists_special: Whether its control tokens are known; a tiktoken file holds none, and they are among the
            rows past its ranks.
    """

    def __init__(self, table: TokenTable, encoder: Callable[[], Encoder], rows: int | None = None) -> None:
        self._table = table
        self._make_encoder = encoder
        self.tokenizer_size = len(table.data)
        self.rows = self.tokenizer_size if rows is None else rows
        self.size = max(self.rows, self.tokenizer_size)
        self.source: Path = table.source
        self.bytes_read = table.bytes_read
        self.exact = table.alphabet.exact
        self.lists_special = table.lists_special
        self._index = TokenIndex(table, self.rows)

    def __len__(self) -> int:
        return self.size

    @cached_property
    def note(self) -> str:
        """What is inexact about bytes or encoding, in plain sentences; empty where nothing is."""
        return " ".join(filter(None, (self._table.alphabet.note, self._encoder.note)))

    # One id

    def bytes_of(self, token_id: int) -> bytes:
        """Return the exact bytes of a token; added tokens are their UTF-8, padding is empty.

        Raises:
            TokenError: if there is no such id.
        """
        self._check(token_id)
        return self._table.data[token_id] if token_id < self.tokenizer_size else b""

    def text_of(self, token_id: int) -> str:
        """Return a token as readable text that cannot be mistaken for other bytes.

        See `printable`; padding is ``⟨pad 12⟩``.
        """
        return f"⟨pad {token_id}⟩" if self._is_padding(token_id) else printable(self._table.data[token_id])

    def piece_of(self, token_id: int) -> str | None:
        """Return a token as its tokenizer writes it (``ĠðŁ``, ``▁sea``); None for padding."""
        self._check(token_id)
        return self._table.pieces[token_id] if token_id < self.tokenizer_size else None

    def kind(self, token_id: int) -> Kind:
        """Return the kind of a token: those of `kind_of`, and ``special`` and ``padding``.

        ``special`` are control tokens, the unknown token and rows held in reserve (``<unused7>``);
        ``padding`` are ids without a token.
        """
        if self._is_padding(token_id):
            return "padding"
        if token_id in self._table.special or token_id in self.reserved:
            return "special"
        added = self._table.added.get(token_id)
        starts_word = added is not None and added.swallows_space
        return kind_of(self._table.data[token_id], starts_word=starts_word)

    def rank(self, token_id: int) -> int:
        """Return a token's place by frequency in the text its tokenizer was made from, 0 the most frequent.

        A proxy: the order of ids, which is the order of merges; for Unigram the order of scores.
        """
        self._check(token_id)
        ranks = self._index.score_ranks
        return token_id if ranks is None or token_id >= len(ranks) else int(ranks[token_id])

    def variants(self, token_id: int) -> frozenset[int]:
        """Return the other ids that differ by case, a leading space, a variation selector or a regular plural."""
        return frozenset() if self._is_padding(token_id) else self._index.variants(token_id)

    # All ids

    @cached_property
    def kinds(self) -> Shaped[np.ndarray, " vocab"]:
        """The kind of every id, as an array of ``size`` strings."""
        kinds = np.full(self.size, "padding", dtype="<U12")
        kinds[: self.tokenizer_size] = [self.kind(token_id) for token_id in range(self.tokenizer_size)]
        return kinds

    @cached_property
    def emoji(self) -> Mapping[int, Emoji]:
        """The catalogue's entry of every whole-emoji token in the head, with or without a leading space."""
        found = {}
        for token_id, data in enumerate(self._table.data[: self.rows]):
            if not data.isascii() and self.kind(token_id) == "emoji":
                entry = lookup(data.removeprefix(b" ").decode())
                if entry is not None:
                    found[token_id] = entry
        return MappingProxyType(found)

    @property
    def byte_tokens(self) -> Mapping[int, int]:
        """The id of every byte value that has a token of its own; ``<0xNN>`` goes before a letter's piece."""
        return self._index.byte_tokens

    @cached_property
    def reserved(self) -> frozenset[int]:
        """Ids that a vocabulary holds in reserve, such as ``<unused7>``: no text reaches them."""
        pieces = self._table.pieces
        return frozenset(i for i, piece in enumerate(pieces) if piece is not None and RESERVED.fullmatch(piece))

    def regime(self) -> Regime:
        """Return how this vocabulary holds emoji, bare and after a space.

        Raises:
            TokenError: how texts of several tokens are encoded is not known.
        """
        return self._regime

    # Text to ids

    def encode(self, text: str) -> tuple[int, ...]:
        """Return the canonical encoding of exactly this text, the unknown token standing for what has none."""
        _check_text(text)
        return tuple(self._encoder.encode(text))

    def ids(self, text: str) -> tuple[int, ...]:
        """Return the canonical encoding of exactly this text: no special tokens, no space put before it.

        In WordPiece ``" horse"`` begins a word and ``"horse"`` continues one. The normalizer stays on.

        Raises:
            TokenError: if a part of it has no token, or none in the head.
        """
        found = self.encode(text)
        if not self._spells(found, text):
            raise TokenError(
                f"{text!r} has a part that no token of this vocabulary spells{self._offer(text) or ': leave it out'}"
            )
        if beyond := [token_id for token_id in found if token_id >= self.rows]:
            raise TokenError(f"{text!r} needs token {beyond[0]}, but the head has rows 0 to {self.rows - 1}")
        return found

    def word(self, word: str) -> tuple[int, ...]:
        """Return the tokens of a word in running text: the one token that is space + word, else its pieces.

        Raises:
            TokenError: if a part of it has no token; near spellings are offered.
        """
        if not word.strip():
            raise TokenError(f"a word was expected, but {word!r} is only white space: quote it to mean the space")
        whole = self._one_token(" " + word)
        return (whole,) if whole is not None else self.ids(" " + word)

    def quoted(self, text: str) -> tuple[int, ...]:
        """Return the one token that is exactly this text, with nothing before it (WordPiece: ``##horse``).

        Raises:
            TokenError: if no single token is that; near spellings are offered.
        """
        whole = self._one_token(text)
        if whole is None:
            raise TokenError(
                f"no token is exactly {text!r}{self._offer(text) or ': leave the quotes out to sum its pieces'}"
            )
        return (whole,)

    def emoji_ids(self, text: str) -> tuple[int, ...]:
        """Return a written emoji's tokens: its whole token, else space + emoji, else its bytes.

        Raises:
            TokenError: if a part of it has no token.
        """
        entry = lookup(text)
        # a vocabulary may hold the emoji without its variation selector, or with one that was not written
        forms = dict.fromkeys((text, entry.text if entry else text, text.replace(VARIATION_SELECTOR, "")))
        for form in (*forms, *(" " + form for form in forms)):
            whole = self._one_token(form)
            if whole is not None and whole in self.emoji:
                return (whole,)
        return self.ids(" " + text)

    def with_bytes(self, data: bytes) -> tuple[int, ...]:
        """Return every id in the head with exactly these bytes: ordinary tokens, then ``<0xNN>``, then special."""
        return self._index.with_bytes(data)

    def near(self, text: str, n: int = 5) -> list[str]:
        """Return up to ``n`` words of the vocabulary that are spelt most like ``text``, the likest first."""
        return self._index.near(text, n)

    # Emoji by their bytes

    def reachable(self, ids: Iterable[int]) -> tuple[Emoji, ...]:
        """Return the emoji that can still be written after these tokens; a leading space is passed over."""
        return reachable(b"".join(map(self.bytes_of, ids)))

    def spellings(self, emoji: Emoji | str, *, after_space: bool = False) -> tuple[tuple[int, ...], ...]:
        """Return the ways to write exactly this emoji's bytes in tokens, the fewest tokens first.

        At most `segmentations`' bound of them is given.
        """
        text = emoji if isinstance(emoji, str) else emoji.text
        return segmentations((" " + text if after_space else text).encode(), self.with_bytes)

    # Printed ids and pieces to text

    def read_pieces(self, text: str) -> tuple[PrintedPiece, ...]:
        """Return the tokens of a printed line: ids (``12520 238 254``) or pieces (``ĠðŁ Ĳ ł``).

        Numbers are ids where all are, also as ``[12520, 238]`` or ``#12520``. A piece that NFKC has mangled
        (``IJ`` for ``Ĳ``) is repaired where only the repair makes the whole line valid UTF-8.

        Raises:
            TokenError: if a piece is unknown or an id out of range; near spellings are offered.
        """
        printed = text.split()
        if not printed:
            raise TokenError("nothing to decode: ids such as `12520 238 254` or pieces such as `ĠðŁ Ĳ ł` were expected")
        if _IDS.fullmatch(text):
            return tuple(PrintedPiece(int(one), self.bytes_of(int(one))) for one in re.findall(r"\d+", text))
        return read_pieces(printed, self._table, self._index)

    @cached_property
    def is_token(self) -> Bool[np.ndarray, " vocab"]:
        """Which ids stand for a token: the others are holes in the tokenizer, or rows beyond it."""
        real: Bool[np.ndarray, " vocab"] = self.kinds != "padding"
        return real

    # What is made once, and what is asked everywhere

    @cached_property
    def _encoder(self) -> Encoder:
        return self._make_encoder()

    @cached_property
    def _regime(self) -> Regime:
        def spelling(text: str) -> list[bytes] | None:
            found = self.encode(text)
            return [self._table.data[token_id] for token_id in found] if self._spells(found, text) else None

        return find_regime(spelling)

    def _spells(self, ids: tuple[int, ...], text: str) -> bool:
        if self._table.unknown is not None or not self.exact:
            return self._table.unknown not in ids
        # BPE without an unknown token leaves out in silence what it cannot spell. Spaces do not count here:
        # an added token may take the one before it along.
        spelled = b"".join(map(self.bytes_of, ids))
        wanted = self._encoder.normalise(text)
        if spelled.replace(b" ", b"") == wanted.replace(b" ", b""):
            return True
        # an added token is found before the text is normalised: Ⓜ️ stays as it is where letters are lower-cased
        again = self._encoder.normalise(spelled.decode(errors="replace"))
        return again.replace(b" ", b"") == wanted.replace(b" ", b"")

    def _one_token(self, text: str) -> int | None:
        _check_text(text)
        for data in (text.encode(), self._encoder.normalise(text)):
            if ids := self.with_bytes(data):
                return ids[0]
        return None

    def _offer(self, text: str) -> str:
        for other in (" " + text, text.removeprefix(" ")):
            if other != text and (token_id := self._one_token(other)) is not None:
                return f": did you mean {self.text_of(token_id)!r}?"
        near = self.near(text)
        return f": did you mean {', '.join(map(repr, near))}?" if near else ""

    def _is_padding(self, token_id: int) -> bool:
        self._check(token_id)
        return token_id >= self.tokenizer_size or self._table.pieces[token_id] is None

    def _check(self, token_id: int) -> None:
        if not 0 <= token_id < self.size:
            raise TokenError(f"token id {token_id} is out of range: this vocabulary has ids 0 to {self.size - 1}")


def _check_text(text: str) -> None:
    # What a shell hands over in another encoding reaches Python as lone surrogates.
    try:
        text.encode()
    except UnicodeEncodeError as error:
        raise TokenError(f"{text!r} is no valid Unicode text: write it in UTF-8") from error
