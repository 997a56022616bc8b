"""From a tokenizer's pieces to the bytes they stand for: one alphabet for each family of tokenizers.

A piece is how a tokenizer writes a token down (``Ġsea``, ``▁sea``, ``##sea``, ``<0xF0>``); its bytes are
what the token adds to a text (`` sea``). Pieces are never used as text: NFKC mangles them without an error.
"""

import re
from dataclasses import dataclass
from functools import cached_property
from typing import Literal

Family = Literal["bytelevel", "sentencepiece", "wordpiece", "suffix", "words", "plain"]

_BYTE_PIECE = re.compile(r"<0x([0-9A-Fa-f]{2})>")


def _byte_characters() -> dict[int, str]:
    # GPT-2's table (bytes_to_unicode in its encoder.py): printable Latin-1 stands for itself, the rest is
    # moved to U+0100 and up, so that no piece holds a space or a control character.
    printable = [*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)]
    moved = [byte for byte in range(256) if byte not in printable]
    return {byte: chr(byte) for byte in printable} | {byte: chr(256 + n) for n, byte in enumerate(moved)}


BYTE_TO_CHARACTER = _byte_characters()
CHARACTER_TO_BYTE = {character: byte for byte, character in BYTE_TO_CHARACTER.items()}
_TO_LATIN = {ord(character): byte for character, byte in CHARACTER_TO_BYTE.items()}
# What the alphabet gives no meaning must not slip through as Latin-1: U+00AD and the C1 controls are such.
_TO_LATIN |= {code: 0x110000 - 1 for code in range(256) if chr(code) not in CHARACTER_TO_BYTE}


def bytes_to_piece(data: bytes) -> str:
    """Return bytes as GPT-2's alphabet writes them.

    >>> bytes_to_piece(" 🐠".encode())
    'ĠðŁĲł'
    """
    return data.decode("latin-1").translate(BYTE_TO_CHARACTER)


def piece_to_bytes(piece: str) -> bytes:
    """Return the bytes of a piece in GPT-2's alphabet; a piece with any other character is its own UTF-8.

    >>> piece_to_bytes("ĠðŁ")
    b' \\xf0\\x9f'
    """
    try:
        return piece.translate(_TO_LATIN).encode("latin-1")
    except UnicodeEncodeError:
        return piece.encode()


@dataclass(frozen=True)
class Alphabet:
    """How one tokenizer writes bytes as pieces.

    Attributes:
        family: ``bytelevel`` (GPT-2's alphabet), ``sentencepiece`` (a mark for the space), ``wordpiece`` (a
            prefix on pieces that continue a word), ``suffix`` (a mark at the end of a word), ``words``
            (every piece is a word) or ``plain`` (a piece is its own text).
        mark: The space's mark, the prefix or the suffix; unused by the other families.
        byte_fallback: Whether ``<0xNN>`` stands for one byte.
    """

    family: Family
    mark: str = ""
    byte_fallback: bool = False

    @cached_property
    def exact(self) -> bool:
        """Whether a piece says exactly which bytes it adds to a text."""
        return self.family not in {"wordpiece", "suffix", "words"}

    @property
    def note(self) -> str:
        """What is inexact about the bytes, in one sentence; empty where they are exact."""
        match self.family:
            case "wordpiece":
                return (
                    f"WordPiece does not record spaces: a piece without {self.mark!r} is taken to follow one, "
                    "also where it is punctuation."
                )
            case "suffix":
                return f"A piece that ends in {self.mark!r} is taken to be followed by a space."
            case "words":
                return "Every piece is taken to be a word that follows a space."
            case _:
                return ""

    def byte_of(self, piece: str) -> int | None:
        """Return the byte that a byte-fallback piece such as ``<0xF0>`` stands for, else None."""
        if not self.byte_fallback:
            return None
        match = _BYTE_PIECE.fullmatch(piece)
        return int(match[1], 16) if match else None

    def to_bytes(self, piece: str) -> bytes:
        """Return the bytes of one piece.

        Raises:
            UnicodeEncodeError: if the piece holds a lone surrogate.
        """
        match self.family:
            case "bytelevel":
                return piece_to_bytes(piece)
            case "sentencepiece":
                if self.byte_fallback and (byte := self.byte_of(piece)) is not None:
                    return bytes([byte])
                return piece.replace(self.mark, " ").encode()
            case "wordpiece":
                continues = piece.startswith(self.mark)
                return (piece[len(self.mark) :] if continues else " " + piece).encode()
            case "suffix":
                return (piece.removesuffix(self.mark) + " " if piece.endswith(self.mark) else piece).encode()
            case "words":
                return (" " + piece).encode()
            case _:
                return piece.encode()
