"""Options that several commands share, and what is done with them."""

import json
import re
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any

import typer

from geometry.errors import OptionError
from geometry.progress import tell

HeadOption = Annotated[
    str,
    typer.Option(
        "-H", "--head", metavar="HEAD", envvar="GEOMETRY_HEAD",
        help="A folder, a .safetensors or .gguf file, a bundled name, or org/model[@revision] on the Hub.",
    ),
]  # fmt: skip
JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON, one object a line.")]
KeepOption = Annotated[bool, typer.Option("--keep-undertrained", help="Use the masked rows too.")]
MemoryOption = Annotated[
    str | None, typer.Option(metavar="SIZE", help="Rows that may stay in memory, such as 2GB; all by default.")
]
OutputOption = Annotated[
    str | None,
    typer.Option(
        "-o", "--output", metavar="FILE", callback=lambda path: None if path is None else check_drawable(path),
        help="Draw it too: .png, .svg or .pdf by the file's ending.",
    ),
]  # fmt: skip
PageOrFigureOption = Annotated[
    str | None,
    typer.Option(
        "-o", "--output", metavar="FILE", callback=lambda path: None if path is None else check_writable(path),
        help="Write it too: .html, or drawn as .png, .svg or .pdf.",
    ),
]  # fmt: skip


def size(text: str | None) -> int | None:
    """Read a size such as 500MB or 2GB (powers of 1,000; MiB and GiB of 1,024), in bytes.

    Raises:
        OptionError: It is no size.
    """
    if text is None:
        return None
    found = re.fullmatch(r"(\d+(?:\.\d+)?)\s*([KMGT]?)(i?)B?", text.strip(), re.IGNORECASE)
    if not found or not float(found[1]):
        raise OptionError(f"--max-memory {text!r} arrived; expected a size such as 500MB or 2GB")
    base = 1024 if found[3] else 1000
    return int(float(found[1]) * base ** " KMGT".index(found[2].upper() or " "))


def show(record: Any, as_json: bool) -> None:
    """Print a record, as text or as one line of JSON."""
    typer.echo(json.dumps(record.to_dict(), ensure_ascii=False, allow_nan=False) if as_json else str(record))


def check_drawable(path: str) -> str:
    """Refuse a figure's path before anything is computed for it."""
    from geometry.figures import check_path

    check_path(path)
    return path


def is_page(path: str) -> bool:
    """Whether a path's ending asks for a page."""
    return Path(path).suffix.lower() == ".html"


def check_writable(path: str) -> str:
    """Refuse the path of a page or a figure before anything is computed for it."""
    if is_page(path):
        from geometry.pages import check_page

        check_page(path)
        return path
    try:
        return check_drawable(path)
    except OptionError as error:
        raise OptionError(str(error).replace("ends in .png", "ends in .html, .png", 1)) from None


def write(page: Callable[[], str], figure: Callable[[], Any], path: str) -> None:
    """Make the page or the figure that a path asks for, write it and say so."""
    if not is_page(path):
        draw(figure, path)
        return
    from geometry.pages import write_page

    write_page(path, page())
    tell(f"written: {path}")


def draw(figure: Callable[[], Any], path: str) -> None:
    """Make a figure, write it and say so."""
    from geometry.figures import save

    save(figure(), path)
    sys.stderr.write(f"drawn: {path}\n")
