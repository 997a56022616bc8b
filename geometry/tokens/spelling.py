"""How a text is written in tokens: the record behind ``geometry tokens``."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from geometry.tables import Column, Table, Tabled
from geometry.tokens.kinds import Kind, kind_of
from geometry.tokens.printable import dotted, printable
from geometry.tokens.vocabulary import Vocabulary

if TYPE_CHECKING:
    import pandas


@dataclass(frozen=True)
class SpelledPiece:
    """One token of a spelling.

    Attributes:
        id: Its id; None for a printed piece that this vocabulary does not hold.
        text: It as `printable` shows it.
        bytes: Its exact bytes.
        kind: What kind of token it is.
    """

    id: int | None
    text: str
    bytes: bytes
    kind: Kind

    def to_dict(self) -> dict[str, Any]:
        """Return the piece as JSON has it, its bytes in hex."""
        return {"id": self.id, "text": self.text, "bytes": self.bytes.hex(), "kind": self.kind}


@dataclass(frozen=True, repr=False)
class Spelling(Tabled):
    """A text and the tokens that write it.

    Attributes:
        text: The text.
        pieces: Its tokens in order.
        note: What is inexact about the vocabulary; empty where nothing is.
    """

    text: str
    pieces: tuple[SpelledPiece, ...]
    note: str = ""

    @property
    def ids(self) -> tuple[int | None, ...]:
        """The ids of the pieces."""
        return tuple(piece.id for piece in self.pieces)

    def to_dict(self) -> dict[str, Any]:
        """Return the record as JSON has it."""
        return {"text": self.text, "pieces": [piece.to_dict() for piece in self.pieces], "note": self.note}

    def to_frame(self) -> "pandas.DataFrame":
        """One row a token."""
        import pandas as pd

        return pd.DataFrame([piece.to_dict() for piece in self.pieces], columns=["id", "text", "bytes", "kind"])

    def table(self) -> Table:
        """The tokens, one a line."""
        rows = tuple(
            ("–" if piece.id is None else str(piece.id), piece.bytes.hex(" ").upper(), piece.kind, dotted(piece.text))
            for piece in self.pieces
        )
        columns = (Column("id"), Column("bytes", "left"), Column("kind", "left"), Column("token", "left"))
        return Table((repr(self.text),), columns, rows, (self.note,) if self.note else ())

    def tables(self) -> tuple[Table, ...]:
        """Return the one table it is shown as."""
        return (self.table(),)


def spell(vocabulary: Vocabulary, text: str) -> Spelling:
    """Return how a vocabulary writes exactly this text; what it cannot write shows as its unknown token."""
    pieces = tuple(
        SpelledPiece(i, vocabulary.text_of(i), vocabulary.bytes_of(i), vocabulary.kind(i))
        for i in vocabulary.encode(text)
    )
    return Spelling(text, pieces, vocabulary.note)


def decode(vocabulary: Vocabulary, printed: str) -> Spelling:
    """Return the text behind a printed line of ids (``12520 238 254``) or pieces (``ĠðŁ Ĳ ł``).

    Raises:
        TokenError: if a piece is unknown or an id out of range.
    """
    pieces = tuple(
        SpelledPiece(None, printable(piece.bytes), piece.bytes, kind_of(piece.bytes))
        if piece.id is None
        else SpelledPiece(piece.id, vocabulary.text_of(piece.id), piece.bytes, vocabulary.kind(piece.id))
        for piece in vocabulary.read_pieces(printed)
    )
    return Spelling(printable(b"".join(piece.bytes for piece in pieces)), pieces, vocabulary.note)
