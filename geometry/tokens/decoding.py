"""Printed pieces and ids back to the bytes they stand for, also where a copy has mangled the pieces.

``ĠðŁ Ĳ ł`` is how GPT-2's alphabet prints the tokens of `` 🐠``. Whatever applies NFKC to such a line (a
form, an editor, a data pipeline) turns ``Ĳ`` (U+0132) into ``IJ``, which decodes to wrong bytes without an
error.
"""

import codecs
import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache

from geometry.errors import TokenError
from geometry.tokens.index import TokenIndex
from geometry.tokens.pieces import BYTE_TO_CHARACTER, CHARACTER_TO_BYTE, piece_to_bytes
from geometry.tokens.table import TokenTable

MAX_READINGS = 4096


@dataclass(frozen=True)
class PrintedPiece:
    """One token of a printed line.

    Attributes:
        id: Its id; None where the vocabulary holds no such piece and only the byte alphabet explains it.
        bytes: Its bytes.
    """

    id: int | None
    bytes: bytes


def read_pieces(printed: Sequence[str], table: TokenTable, index: TokenIndex) -> tuple[PrintedPiece, ...]:
    """Return the tokens of printed pieces, repaired where only that makes the whole line valid UTF-8.

    Raises:
        TokenError: if a piece is unknown; near spellings are offered.
    """
    candidates = [_candidates(piece, table, index) for piece in printed]
    for piece, found in zip(printed, candidates, strict=True):
        if not found:
            near = index.near_pieces(piece, 5)
            offer = f": did you mean {', '.join(map(repr, near))}?" if near else ""
            raise TokenError(f"{piece!r} is no piece of this vocabulary{offer}")
    chosen = choose([[piece.bytes for piece in found] for found in candidates]) or [0] * len(candidates)
    return tuple(found[number] for found, number in zip(candidates, chosen, strict=True))


def _candidates(piece: str, table: TokenTable, index: TokenIndex) -> list[PrintedPiece]:
    byte_level = table.alphabet.family == "bytelevel"
    known, explained = [], []
    for reading in readings(piece) if byte_level else (piece,):
        token_id = index.with_piece(reading)
        if token_id is not None:
            known.append(PrintedPiece(token_id, table.data[token_id]))
        elif byte_level and not reading.isascii() and all(one in CHARACTER_TO_BYTE for one in reading):
            # plain letters that are no token were hardly printed by this vocabulary
            explained.append(PrintedPiece(None, piece_to_bytes(reading)))
    return known + explained


def readings(piece: str) -> Iterator[str]:
    """Yield what a printed piece may have been before NFKC: itself, then by the number of repairs.

    Only characters of GPT-2's byte alphabet are put back. At most `MAX_READINGS` are given.

    >>> list(readings("IJ"))
    ['IJ', 'Ĳ']
    """
    mangled = _mangled()
    places = [(start, form) for start in range(len(piece)) for form in mangled if piece.startswith(form, start)]
    yield piece
    given = 1
    waiting = [(piece, 0, 0)]  # a reading, the first place that is still free, how far it has moved
    while waiting and given < MAX_READINGS:
        following = []
        for reading, free, moved in waiting:
            for start, form in places:
                if start < free:
                    continue
                at = start - moved
                for character in mangled[form]:
                    if given == MAX_READINGS:
                        return
                    repaired = reading[:at] + character + reading[at + len(form) :]
                    yield repaired
                    given += 1
                    following.append((repaired, start + len(form), moved + len(form) - 1))
        waiting = following


@cache
def _mangled() -> dict[str, list[str]]:
    # What NFKC makes of the alphabet's characters. A mangled ´ becomes a space and an accent, and the space
    # is lost between pieces, so that the accent alone is put back too.
    mangled: dict[str, list[str]] = {}
    for character in BYTE_TO_CHARACTER.values():
        form = unicodedata.normalize("NFKC", character)
        if form != character:
            mangled.setdefault(form.strip(), []).append(character)
    return mangled


def choose(candidates: Sequence[Sequence[bytes]]) -> list[int] | None:
    """Return which candidate of each piece to take so that together they are valid UTF-8.

    Earlier candidates are preferred, from the left. None where no choice is valid, or none is found within
    `MAX_READINGS` steps.

    >>> choose([[b"\\xf0\\x9f"], [b"IJ", b"\\x90"], [b"\\xa0"]])
    [0, 1, 0]
    """
    steps = 0
    waiting: list[tuple[list[int], bytes]] = [([], b"")]
    while waiting and steps < MAX_READINGS:
        steps += 1
        chosen, open_bytes = waiting.pop()
        if len(chosen) == len(candidates):
            if not open_bytes:
                return chosen
            continue
        for number in reversed(range(len(candidates[len(chosen)]))):
            rest = _unfinished(open_bytes + candidates[len(chosen)][number])
            if rest is not None:
                waiting.append(([*chosen, number], rest))
    return None


def _unfinished(data: bytes) -> bytes | None:
    decoder = codecs.getincrementaldecoder("utf-8")()
    try:
        decoder.decode(data)
    except UnicodeDecodeError:
        return None
    return decoder.getstate()[0]
