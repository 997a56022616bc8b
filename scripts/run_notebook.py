"""Run the tutorial notebook and store what it prints and draws; with --check only say whether that is still true.

python scripts/run_notebook.py [--check] [NOTEBOOK]

What differs from run to run (execution times, versions of the interpreter) is not stored. A check compares printed text
and tables; pictures have tests of their own.
"""

import argparse
import difflib
import sys
import tempfile
from pathlib import Path

import nbformat
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError, CellTimeoutError
from traitlets.config import Config

from geometry.atomic import replace_file

NOTEBOOK = Path(__file__).resolve().parent.parent / "docs" / "tutorial.ipynb"
SECONDS = 600
"""The longest that a cell may take."""

SHOWN = 12
"""Lines that a check shows of what has changed."""


def execute(path: Path) -> nbformat.NotebookNode:
    """Return the notebook, every cell run anew in the folder where it lies.

    Raises:
        CellExecutionError: A cell failed.
        CellTimeoutError: A cell took too long.
    """
    notebook = nbformat.read(path, as_version=4)
    with tempfile.TemporaryDirectory() as sockets:
        manager = {"transport": "ipc", "ip": str(Path(sockets) / "kernel")}  # files instead of ports
        client = NotebookClient(
            notebook, timeout=SECONDS, kernel_name="python3", resources={"metadata": {"path": path.parent}},
            config=Config({"KernelManager": manager}),
        )  # fmt: skip
        client.execute()
    notebook.metadata = {"kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"}}
    for place, cell in enumerate(notebook.cells):
        cell.metadata, cell.id = {}, f"cell-{place}"
    return notebook


def said(notebook: nbformat.NotebookNode) -> list[list[str]]:
    """Return the text and tables of every cell's outputs."""
    return [
        [str(data) for output in cell.get("outputs", []) for data in _texts(output)]
        for cell in notebook.cells
        if cell.cell_type == "code"
    ]


def _texts(output: nbformat.NotebookNode) -> list[str]:
    """Return what an output says, in the order of its types' names: a stored one has them sorted, a new one has not."""
    data = output.get("data", {})
    if "image/png" in data:
        return []
    return [output["text"]] if "text" in output else [data[kind] for kind in sorted(data)]


def main() -> int:
    """Run it; 1 if a cell failed or, in a check, said something else."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("notebook", nargs="?", type=Path, default=NOTEBOOK)
    parser.add_argument("--check", action="store_true")
    asked = parser.parse_args()
    if not asked.notebook.is_file():
        parser.error(f"{asked.notebook} arrived; expected a notebook that exists")
    try:
        notebook = execute(asked.notebook)
    except (CellExecutionError, CellTimeoutError) as error:
        print(f"error: a cell of {asked.notebook.name} failed: {error}", file=sys.stderr)
        return 1
    if not asked.check:
        replace_file(asked.notebook, (nbformat.writes(notebook) + "\n").encode())
        return 0
    stored = said(nbformat.read(asked.notebook, as_version=4))
    for place, (old, new) in enumerate(zip(stored, said(notebook), strict=True), 1):
        if old != new:
            print(f"error: code cell {place} of {asked.notebook.name} says something else now", file=sys.stderr)
            before, after = ("\n".join(texts).splitlines() for texts in (old, new))
            changed = list(difflib.unified_diff(before, after, n=0, lineterm=""))[2:]  # without the names of files
            print(*[line for line in changed if not line.startswith("@@")][:SHOWN], sep="\n", file=sys.stderr)
            return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
