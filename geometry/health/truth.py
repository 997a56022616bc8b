"""Lists of rows known to be unused, as files."""

from pathlib import Path

from geometry.errors import OptionError

MOST_BYTES = 16 * 2**20


def read_truth(path: str | Path, vocab: int) -> tuple[int, ...]:
    """Read token ids, the first column of a table parted by tabs; lines of ``#`` or ``id`` are passed over.

    Args:
        vocab: Rows of the head; ids run from 0 to ``vocab`` − 1.

    Raises:
        OptionError: There is no such file, it is too long, or a line holds no id of this head.
    """
    path = Path(path)
    try:
        size = path.stat().st_size
        if size > MOST_BYTES:
            raise OptionError(f"{str(path)!r} holds {size:,} bytes; expected at most {MOST_BYTES:,}: a token id a line")
        lines = path.read_text(encoding="utf-8-sig").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        why = error.strerror if isinstance(error, OSError) else "it is no text in UTF-8"
        raise OptionError(f"{str(path)!r} cannot be read ({why}); expected a file with a token id a line") from error
    found: list[int] = []
    for number, line in enumerate(lines, 1):
        cell = line.split("\t", 1)[0].strip()
        if not cell or cell.startswith("#") or cell == "id":
            continue
        if not (cell.isascii() and cell.isdigit() and len(cell) < 10 and int(cell) < vocab):
            raise OptionError(
                f"line {number} of {str(path)!r} begins with {cell[:40]!r}; expected a token id from 0 to {vocab - 1}"
            )
        found.append(int(cell))
    if not found:
        raise OptionError(f"{str(path)!r} holds no token ids; expected one a line")
    return tuple(found)
