"""Records as tab-separated files: what is fixed before an organism is grown or tuned."""

import csv
from collections.abc import Callable, Iterable
from dataclasses import asdict, fields
from pathlib import Path
from typing import Any, TypeVar

from geometry.errors import GeometryError

Row = TypeVar("Row")


def write(path: Path, kind: type[Row], records: Iterable[Row]) -> None:
    """Write records of one dataclass as lines under a header; True and False become 1 and 0."""
    columns = [field.name for field in fields(kind)]  # type: ignore[arg-type]
    with path.open("w", encoding="utf-8", newline="") as file:
        table = csv.DictWriter(
            file, columns, delimiter="\t", lineterminator="\n", quoting=csv.QUOTE_NONE, quotechar=None
        )
        table.writeheader()
        for record in records:
            cells: dict[str, Any] = asdict(record)  # type: ignore[call-overload]
            table.writerow({key: int(cell) if isinstance(cell, bool) else cell for key, cell in cells.items()})


def read(path: Path, kind: type[Row]) -> tuple[Row, ...]:
    """Read what `write` wrote.

    Raises:
        GeometryError: The file is absent.
    """
    if not path.is_file():
        raise GeometryError(f"no {path.name} in {path.parent}: expected the lists an organism is grown by")
    read_as = {field.name: _READERS[field.type] for field in fields(kind)}  # type: ignore[arg-type]
    with path.open(encoding="utf-8", newline="") as file:
        lines = list(csv.DictReader(file, delimiter="\t", quoting=csv.QUOTE_NONE))
    return tuple(kind(**{key: read_as[key](cell) for key, cell in line.items()}) for line in lines)


_READERS: dict[Any, Callable[[str], Any]] = {bool: lambda cell: cell == "1", int: int, str: str}
