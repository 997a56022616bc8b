"""A tokenizer file's tokens, as read: which id has which bytes, and how the file writes them down."""

import stat
from dataclasses import dataclass, field
from pathlib import Path

from geometry.errors import TokenError
from geometry.tokens.pieces import Alphabet

MAX_FILE_BYTES = 64 * 2**20  # the largest tokenizer.json known, Gemma 3's, has 33 MB
MAX_IDS = 2**22
MAX_HOLES = 2**16


@dataclass(frozen=True, eq=False)
class AddedToken:
    """A token that was added beside the model's own pieces and is matched before they are.

    Attributes:
        id: Its id.
        content: Its text, never written in the byte alphabet.
        special: Whether it is a control token, which no text is ever read as.
        swallows_space: Whether it takes the white space before it along.
    """

    id: int
    content: str
    special: bool
    swallows_space: bool


@dataclass(frozen=True, eq=False)
class TokenTable:
    """Every token of one tokenizer.

    Attributes:
        source: The file it was read from.
        bytes_read: That file's size.
        alphabet: How pieces write bytes.
        pieces: The piece of each id as the file has it; None where the file leaves an id out.
        data: The bytes of each id; empty where the file leaves an id out.
        added: The added tokens by id.
        special: Ids of control tokens and of the unknown token.
        unknown: The id of the unknown token, if there is one.
        scores: The log probability of each id, where the file has them (Unigram).
        lists_special: Whether the file holds the model's control tokens; tiktoken files do not.
    """

    source: Path
    bytes_read: int
    alphabet: Alphabet
    pieces: tuple[str | None, ...]
    data: tuple[bytes, ...]
    added: dict[int, AddedToken] = field(default_factory=dict)
    special: frozenset[int] = frozenset()
    unknown: int | None = None
    scores: tuple[float, ...] | None = None
    lists_special: bool = True


def read_bounded(path: Path) -> bytes:
    """Return a file's bytes after looking at its size.

    Raises:
        TokenError: if it cannot be read, is no plain file, is larger than `MAX_FILE_BYTES` or a Git LFS pointer.
    """
    try:
        status = path.stat()
        if not stat.S_ISREG(status.st_mode):
            raise TokenError(f"{path} is no plain file, but a tokenizer file was expected")
        if status.st_size > MAX_FILE_BYTES:
            raise TokenError(
                f"{path} has {status.st_size:,} bytes, but a tokenizer file has at most {MAX_FILE_BYTES:,}: "
                "is it another file?"
            )
        content = path.read_bytes()
    except OSError as error:
        raise TokenError(f"{path} cannot be read: {error.strerror or error}") from error
    if content.startswith(b"version https://git-lfs"):
        raise TokenError(f"{path} is a Git LFS pointer, not the file itself: fetch it with `git lfs pull`")
    return content


def check_id(value: object, what: str, path: Path) -> int:
    """Return ``value`` as an id that can be counted up to.

    Raises:
        TokenError: if it is no integer from 0 to `MAX_IDS` - 1.
    """
    if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value < MAX_IDS:
        raise TokenError(f"{path}: {what} has the id {value!r:.40}, but ids are integers from 0 to {MAX_IDS - 1:,}")
    return value


def check_holes(count: int, size: int, path: Path) -> int:
    """Return ``size``, the number of ids, if not most of them stand for nothing.

    A token with the id 4,000,000 in a file of a few lines would have tables built for all the ids before it.

    Raises:
        TokenError: if `MAX_HOLES` ids, and more than there are tokens, stand for nothing.
    """
    if size > 2 * count + MAX_HOLES:
        raise TokenError(
            f"{path} has {count:,} tokens with ids up to {size - 1:,}, but at most {MAX_HOLES:,} ids are left out "
            "in a tokenizer: is the file damaged?"
        )
    return size
