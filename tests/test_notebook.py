"""The tutorial: stored with what it printed, and what it prints is still true."""

import subprocess
import sys
from pathlib import Path

import nbformat
import pytest

ROOT = Path(__file__).resolve().parent.parent
NOTEBOOK = ROOT / "docs" / "tutorial.ipynb"


def test_it_is_stored_as_it_ran():
    notebook = nbformat.read(NOTEBOOK, as_version=4)
    code = [cell for cell in notebook.cells if cell.cell_type == "code"]
    assert [cell.execution_count for cell in code] == list(range(1, len(code) + 1))
    outputs = [output for cell in code for output in cell.outputs]
    assert all(output.output_type != "error" for output in outputs)
    assert sum("image/png" in output.get("data", {}) for output in outputs) >= 4
    for step in ("open_head", ".land(", ".why(", "geo.census", "geo.audit", "geo.compare"):
        assert any(step in cell.source for cell in code), step
    assert str(ROOT) not in NOTEBOOK.read_text(encoding="utf-8")


def check(*asked: str | Path) -> "subprocess.CompletedProcess[str]":
    command = [sys.executable, str(ROOT / "scripts" / "run_notebook.py"), "--check", *map(str, asked)]
    return subprocess.run(command, capture_output=True, text=True, timeout=600, check=False)


BOTH = "class Both:\n    __repr__ = lambda _: 'plain'\n    _repr_html_ = lambda _: '<b>bold</b>'\n\nBoth()"
"""A cell whose output has two types, of which a kernel names text/plain first and a stored notebook text/html."""


def test_a_check_tells_the_cell_that_has_changed_from_one_that_has_not(tmp_path: Path):
    cells = []
    for printed in ("<b>bold</b>", "<b>old</b>"):
        shown = {"text/plain": "plain", "text/html": printed}
        output = nbformat.v4.new_output("execute_result", data=shown, execution_count=1)
        cells.append(nbformat.v4.new_code_cell(BOTH, outputs=[output], execution_count=1))
    nbformat.write(nbformat.v4.new_notebook(cells=cells), tmp_path / "two.ipynb")
    done = check(tmp_path / "two.ipynb")
    assert done.returncode == 1
    assert done.stderr == "error: code cell 2 of two.ipynb says something else now\n-<b>old</b>\n+<b>bold</b>\n"


def test_a_notebook_that_is_not_there_is_one_clear_line(tmp_path: Path):
    done = check(tmp_path / "none.ipynb")
    assert done.returncode == 2
    assert "none.ipynb arrived; expected a notebook that exists" in done.stderr


@pytest.mark.slow
def test_it_still_says_what_is_stored():
    done = check()
    assert done.returncode == 0, done.stderr
