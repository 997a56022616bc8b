"""tiktoken files: a line for each token, its bytes in base64 and its rank, which is its id.

Such a file holds neither the special tokens nor the pattern that cuts a text before its bytes are merged, so
both come from a table of the files that are known.
"""

import binascii
import heapq
import unicodedata
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Literal

from geometry.errors import TokenError
from geometry.tokens.pieces import Alphabet, bytes_to_piece
from geometry.tokens.table import TokenTable, check_holes, check_id, read_bounded

_CONTRACTIONS = r"(?i:'s|'t|'re|'ve|'m|'ll|'d)"
_GPT_2 = r"'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+"
_CL100K = _CONTRACTIONS + r"|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
_UPPER, _LOWER = r"[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]", r"[\p{Ll}\p{Lm}\p{Lo}\p{M}]"
_O200K = (
    rf"[^\r\n\p{{L}}\p{{N}}]?{_UPPER}*{_LOWER}+{_CONTRACTIONS}?"
    rf"|[^\r\n\p{{L}}\p{{N}}]?{_UPPER}+{_LOWER}*{_CONTRACTIONS}?"
    r"|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+"
)


@dataclass(frozen=True)
class Splitting:
    """How a text is cut before its bytes are merged.

    Attributes:
        name: Whose pattern it is.
        pattern: A regular expression for the package ``regex``.
        normal_form: The Unicode form the text is brought to first, if any.
    """

    name: str
    pattern: str
    normal_form: Literal["NFC"] | None = None


# By the number of tokens in the file, which differs between all files that are known.
KNOWN = {
    50_256: Splitting("GPT-2", _GPT_2),
    100_256: Splitting("cl100k_base", _CL100K),
    128_000: Splitting("Llama 3", _CL100K),
    151_643: Splitting("Qwen", _CL100K.replace(r"\p{N}{1,3}", r"\p{N}"), "NFC"),
    199_998: Splitting("o200k_base", _O200K),
}
ASSUMED = Splitting("unknown", _CL100K)


def read_tiktoken(path: Path) -> TokenTable:
    """Return the tokens of a tiktoken file.

    Raises:
        TokenError: if the file cannot be read or is no tiktoken file.
    """
    content = read_bounded(path)
    data: dict[int, bytes] = {}
    for number, line in enumerate(content.splitlines(), start=1):
        if not line.strip():
            continue
        try:
            coded, rank = line.split()
            token = binascii.a2b_base64(coded, strict_mode=True)
            token_id = check_id(int(rank), f"line {number}", path)
        except ValueError as error:
            raise TokenError(_not_tiktoken(path, number, content)) from error
        if token_id in data:
            raise TokenError(f"{path}: line {number} has the id {token_id} of an earlier line")
        data[token_id] = token
    if not data:
        raise TokenError(f"{path} holds no tokens")
    if len(set(data.values())) < len(data):
        raise TokenError(f"{path} gives the same bytes two ranks, but in a tiktoken file bytes have one")
    size = check_holes(len(data), max(data) + 1, path)
    return TokenTable(
        source=path,
        bytes_read=len(content),
        alphabet=Alphabet("bytelevel"),
        pieces=tuple(bytes_to_piece(data[i]) if i in data else None for i in range(size)),
        data=tuple(data.get(i, b"") for i in range(size)),
        lists_special=False,
    )


def _not_tiktoken(path: Path, number: int, content: bytes) -> str:
    if b"\x00" in content[:4096] or content.startswith(b"\n"):
        return (
            f"{path} is no tiktoken file; if it is a sentencepiece model, convert it: "
            "saving it with transformers' AutoTokenizer writes a tokenizer.json"
        )
    return f"{path}: line {number} is not a tiktoken line, base64 bytes and a rank: expected a tiktoken file"


class TiktokenEncoder:
    """Byte pair encoding by rank, as tiktoken does it."""

    def __init__(self, table: TokenTable) -> None:
        self._ranks = {data: token_id for token_id, data in enumerate(table.data) if data}
        self.splitting = KNOWN.get(len(self._ranks), ASSUMED)
        self.note = (
            ""
            if self.splitting is not ASSUMED
            else "The file does not say how texts are cut before merging; cl100k_base's pattern is assumed."
        )

    @cached_property
    def _pattern(self) -> Any:
        import regex  # type: ignore[import-untyped]

        return regex.compile(self.splitting.pattern)

    def normalise(self, text: str) -> bytes:
        """Return the bytes that the tokens of ``text`` spell."""
        form = self.splitting.normal_form
        return (unicodedata.normalize(form, text) if form else text).encode()

    def encode(self, text: str) -> list[int]:
        """Return the canonical token ids of exactly this text; a byte without a token is left out."""
        ids = []
        for part in self._pattern.findall(self.normalise(text).decode()):
            data = part.encode()
            ids += [self._ranks[data]] if data in self._ranks else self._merge(data)
        return ids

    def _merge(self, data: bytes) -> list[int]:
        """Merge the pair of lowest rank, the leftmost first, until no pair is a token.

        Parts are kept as a linked list of starts and the pairs in a heap, so that a long text without a break takes
        n log n steps.
        """
        end = len(data)
        following, before = list(range(1, end + 2)), list(range(-1, end + 1))
        alive = [True] * end
        heap: list[tuple[int, int, int]] = []

        def offer(start: int) -> None:
            middle = following[start]
            if middle < end and (rank := self._ranks.get(data[start : following[middle]])) is not None:
                heapq.heappush(heap, (rank, start, following[middle]))

        for start in range(end - 1):
            offer(start)
        while heap:
            _, start, stop = heapq.heappop(heap)
            # a pair is stale where one of its parts has been merged since
            if not alive[start] or following[start] >= end or following[following[start]] != stop:
                continue
            alive[following[start]] = False
            following[start] = stop
            before[stop] = start
            offer(start)
            if before[start] >= 0:
                offer(before[start])
        parts = (data[start : following[start]] for start in range(end) if alive[start])
        return [self._ranks[part] for part in parts if part in self._ranks]
