"""The script that draws the same sums on several heads."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

import geometry as geo

SCRIPT = Path(__file__).resolve().parent.parent / "scripts" / "plot_emoji.py"
SUMS = ("sea + horse + emoji", "seahorse + emoji")


def run(*arguments: object) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, SCRIPT, *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, timeout=120)


@pytest.mark.slow
def test_it_draws_every_head_and_reports_the_one_that_cannot_be(tmp_path: Path):
    out = tmp_path / "new" / "figures"
    specs = ("organism", "no-such-head", "organism-taught")
    given = [part for spec in specs for part in ("-H", spec)]
    done = run(*SUMS, *given, "-o", out, "--method", "pca", "--around", 30, "--ending", "svg")
    assert (done.returncode, done.stderr.count("\n")) == (1, 1)
    assert done.stderr.startswith("error: no-such-head: ")
    about = json.loads((out / "about.json").read_text(encoding="utf-8"))
    assert [one["spec"] for one in about["errors"]] == ["no-such-head"]
    heads = [geo.open_head(spec) for spec in ("organism", "organism-taught")]
    names = [f"{head.name}-{head.fingerprint}.svg" for head in heads]
    assert [one["file"] for one in about["drawn"]] == names
    assert sorted(path.name for path in out.iterdir()) == sorted([*names, "about.json"])
    for head, one in zip(heads, about["drawn"], strict=True):
        found = geo.emoji_map(head, SUMS, method="pca", around=30)
        assert json.loads(json.dumps(found.to_dict())).items() <= one.items()
        for sum_ in SUMS:
            winner = head.land(sum_, k=1, among="emoji", exclude_inputs=True).landings[0]
            line = next(line for line in done.stdout.splitlines() if f"{head.name} " in line and f" {sum_} " in line)
            assert winner.text.strip() in line


def test_heads_of_one_name_do_not_overwrite_each_other(make_head, tmp_path: Path):
    folders = [make_head(seed=seed).opened.checkpoint.folder for seed in (1, 2)]
    given = [part for folder in folders for part in ("-H", folder)]
    done = run("sea + horse", *given, "-o", tmp_path / "out", "--method", "pca", "--around", 5)
    assert done.returncode == 0, done.stderr
    assert len(list((tmp_path / "out").glob("*.png"))) == 2


@pytest.mark.parametrize("wrong", [["--method", "tsne"], ["--around", "many"]])
def test_it_refuses_what_makes_no_sense(wrong: list[str], tmp_path: Path):
    done = run("sea", *wrong, "-o", tmp_path / "out")
    assert (done.returncode, done.stdout) == (2, "")
    assert not (tmp_path / "out").exists()


def test_it_never_writes_over_a_file(tmp_path: Path):
    taken = tmp_path / "taken"
    taken.write_text("mine", encoding="utf-8")
    assert run("sea", "-o", taken).returncode == 2
    assert taken.read_text(encoding="utf-8") == "mine"
