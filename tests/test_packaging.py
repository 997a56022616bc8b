"""The wheel: what the checkout ships is in it, and an installed copy behaves as the checkout does."""

import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from geometry.bundled import data_folder

ROOT = Path(__file__).resolve().parent.parent


def test_the_checkouts_data_come_first():
    assert data_folder() == ROOT / "data"


def test_an_installed_copy_looks_beside_itself(tmp_path: Path):
    """A folder called data in site-packages belongs to somebody else."""
    (tmp_path / "data").mkdir()
    package = tmp_path / "geometry"
    package.mkdir()
    for name in ("__init__.py", "bundled.py"):
        (package / name).write_text((ROOT / "geometry" / name).read_text(encoding="utf-8"), encoding="utf-8")
    code = "from geometry.bundled import data_folder; print(data_folder())"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=tmp_path)
    assert done.stdout.strip() == str(package / "data")


@pytest.mark.slow
def test_the_wheel_holds_data_and_grammar_and_answers(tmp_path: Path):
    subprocess.run(
        [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "-w", tmp_path, ROOT], check=True, timeout=300
    )
    (wheel,) = tmp_path.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        names = set(archive.namelist())
        archive.extractall(tmp_path / "installed")
    assert {"geometry/py.typed", "geometry/expression.lark", "geometry/data/emoji/emoji.tsv"} <= names
    assert "geometry/data/organisms/whole/model.safetensors" in names
    assert {"geometry/explore/assets/index.html", "geometry/pages/assets/scatter.js", "geometry/maps/page.css"} <= names
    assert not [name for name in names if name.startswith(("tests/", "data/"))]
    done = subprocess.run(
        [sys.executable, "-m", "geometry", "snap", "sea + horse + emoji", "--json"],
        capture_output=True, text=True, cwd=tmp_path, env={**os.environ, "PYTHONPATH": str(tmp_path / "installed")},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert '"source": ' not in done.stderr
