"""`geometry compare` as its user meets it."""

import json
from pathlib import Path

import numpy as np
import pytest
from command_line import one_line, run, run_here


@pytest.fixture
def folders(make_head) -> tuple[str, str]:
    """Two small heads whose rows are alike."""
    rows = np.random.default_rng(0).normal(size=(420, 16))
    moved = rows + 0.1 * np.random.default_rng(1).normal(size=rows.shape)
    a, b = (str(make_head(one).opened.checkpoint.folder) for one in (rows, moved))
    return a, b


def test_it_prints_tables_and_draws(folders: tuple[str, str], tmp_path: Path):
    done = run("compare", *folders, "--no-phantoms", "-o", str(tmp_path / "two.svg"))
    assert done.returncode == 0, done.stderr
    assert max(map(len, done.stdout.splitlines())) <= 100
    assert "linear CKA of all rows" in done.stdout
    assert "sea + horse" in done.stdout
    assert (tmp_path / "two.svg").read_text(encoding="utf-8").startswith("<?xml")


def test_json_is_one_object_on_one_line(folders: tuple[str, str], tmp_path: Path):
    sums = tmp_path / "sums.txt"
    sums.write_text("sun + flower\nfish + xyz\n", encoding="utf-8")
    done = run_here("compare", *folders, "-e", "sea + horse", "--expressions", str(sums), "--seed", "4", "--json",
               "--max-memory", "1MB", "--space", "folded", "--no-align")  # fmt: skip
    assert done.returncode == 0, done.stderr
    (line,) = done.stdout.splitlines()
    record = json.loads(line)
    assert 0.9 < record["cka"] < 1.0
    assert record["cka_chance"] < 0.2
    assert (record["space"], record["seed"], record["alignment"]) == ("folded", 4, None)
    assert [one["expression"] for one in record["landings"]["each"]] == ["sea + horse", "sun + flower", "fish + xyz"]
    assert record["a"]["fingerprint"] != record["b"]["fingerprint"]
    assert any(note.startswith("no phantoms' landings: ") for note in record["notes"])


def test_mistakes_are_one_line(folders: tuple[str, str], make_head):
    narrow = str(make_head(dim=8).opened.checkpoint.folder)
    one_line(run_here("compare", folders[0], narrow, "--align"), "align was asked of rows of 16 and 8 numbers")
    one_line(run_here("compare", *folders, "-e", "sea +"), "sea +")
    one_line(run_here("compare", *folders, "--expressions", "absent.txt"), "absent.txt is not there")
    assert run_here("compare", folders[0]).returncode == 2
