"""A figure to a file: the same bytes each time, whole or not at all."""

from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING

from geometry.atomic import put_file
from geometry.errors import OptionError
from geometry.figures.page import house_style

if TYPE_CHECKING:
    from matplotlib.figure import Figure

DOTS = 150
"""Dots an inch of a PNG, and of the pictures within the others."""

# What would change from one day or one version to the next is left out.
_METADATA: dict[str, dict[str, None]] = {
    "png": {"Software": None},
    "svg": {"Date": None, "Creator": None},
    "pdf": {"CreationDate": None, "Creator": None, "Producer": None},
}


def save(figure: "Figure", path: str | Path, *, seed_text: str = "geometry") -> None:
    """Write a figure as PNG, SVG or PDF by the path's ending.

    The same figure gives the same bytes. A file that is there already is replaced once the new one is complete.

    Args:
        figure: as the functions of this package return it.
        path: ends in ``.png``, ``.svg`` or ``.pdf``.
        seed_text: what an SVG's identifiers are made from; another text keeps two SVGs apart on one page.

    Raises:
        OptionError: another ending, or a path that cannot be written.
    """
    path, ending = Path(path), check_path(path)
    expected = "a .png, .svg or .pdf in a folder that exists and can be written to"
    put_file(path, _drawn(figure, ending, seed_text), expected)


def as_svg(figure: "Figure", *, seed_text: str = "geometry") -> bytes:
    """Return a figure as SVG, for a page that holds it; the arguments are those of `save`."""
    return _drawn(figure, "svg", seed_text)


def _drawn(figure: "Figure", ending: str, seed_text: str) -> bytes:
    from matplotlib import rc_context

    drawn = BytesIO()
    with house_style(), rc_context({"svg.hashsalt": seed_text}):
        figure.savefig(drawn, format=ending, dpi=DOTS, metadata=_METADATA[ending])
    return drawn.getvalue()


def check_path(path: str | Path) -> str:
    """Return the format that a path's ending asks for, so that a wrong one is known before anything is computed.

    Raises:
        OptionError: another ending, or a folder that is not there.
    """
    if not str(path):
        raise OptionError("an empty name for a file arrived; expected one that ends in .png, .svg or .pdf")
    path = Path(path)
    ending = path.suffix.lower().removeprefix(".")
    if ending not in _METADATA:
        raise OptionError(f"the file {str(path)!r} arrived; expected a name that ends in .png, .svg or .pdf; rename it")
    if not path.parent.is_dir():
        raise OptionError(f"{str(path)!r} cannot be written: there is no folder {str(path.parent)!r}; make it first")
    return ending
