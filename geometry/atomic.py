"""Files that are there whole or not at all."""

import os
from contextlib import suppress
from pathlib import Path
from secrets import token_hex

from geometry.errors import OptionError


def replace_file(path: Path, content: bytes) -> None:
    """Write ``content`` beside ``path`` and put it in its place once it is complete.

    Raises:
        OSError: it cannot be written; what was there before still is.
    """
    temporary = path.with_name(f".{token_hex(8)}{path.suffix}")
    try:
        with temporary.open("xb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    finally:
        with suppress(OSError):
            temporary.unlink()


def put_file(path: Path, content: bytes, expected: str) -> None:
    """Write a file that somebody asked for, whole or not at all.

    Args:
        path: Where it is to lie.
        content: All of it.
        expected: What the path should have been, for the error.

    Raises:
        OptionError: It cannot be written.
    """
    try:
        replace_file(path, content)
    except OSError as error:
        raise OptionError(
            f"{str(path)!r} cannot be written ({error.strerror or error}); expected {expected}; choose another path"
        ) from error


def check_place(path: str | Path, ending: str) -> Path:
    """Return the path of a file to be written, so that a wrong one is known before anything is computed.

    Args:
        path: Where it is to lie.
        ending: The only one it may have, such as ``.html``.

    Raises:
        OptionError: Another ending, or a folder that is not there.
    """
    path = Path(path)
    if path.suffix.lower() != ending:
        raise OptionError(f"the file {str(path)!r} arrived; expected a name that ends in {ending}; rename it")
    if not path.parent.is_dir():
        raise OptionError(f"{str(path)!r} cannot be written: there is no folder {str(path.parent)!r}; make it first")
    return path
