"""A part of the speed table as a command of its own, on a head of the shape asked for."""

import argparse
import tempfile
from collections.abc import Callable
from pathlib import Path

import geometry as geo
from geometry.tables import Column, Table


def print_table(what: str, rows: Callable[[Path, int, int], list[tuple[str, ...]]], vocab: int, dim: int) -> None:
    """Measure and print some rows.

    Args:
        what: What they are about.
        rows: Makes them, given a folder for the head, its vocab and its dim.
        vocab, dim: The head's shape where nobody asks for another.
    """
    parser = argparse.ArgumentParser(description=f"Print the table of {what}.")
    parser.add_argument("--vocab", type=int, default=vocab)
    parser.add_argument("--dim", type=int, default=dim)
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        measured = rows(Path(folder), asked.vocab, asked.dim)
    columns = (Column("what", "left"), Column("time"), Column("ratio"), Column("target", "left"))
    print(Table((f"geometry {geo.__version__}: {what}",), columns, tuple(measured)).text())
