"""The scripts people copy first, run as they are."""

import ast
import json
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

import geometry as geo
from geometry.choices import SPACES

SCRIPTS = Path(__file__).resolve().parent.parent / "scripts"

HELPS = """
import pathlib, runpy, sys
scripts = sys.argv[1:]
sys.path.insert(0, str(pathlib.Path(scripts[0]).parent))
for script in scripts:
    sys.argv = [script, "--help"]
    try:
        runpy.run_path(script, run_name="__main__")
    except SystemExit as end:
        assert not end.code, script
"""


def run(script: str, *arguments: object) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, SCRIPTS / script, *map(str, arguments)], capture_output=True, text=True, timeout=60
    )


def test_every_script_is_short_and_says_what_it_does():
    scripts = sorted(SCRIPTS.glob("*.py"))
    for script in scripts:
        assert len(script.read_text(encoding="utf-8").splitlines()) <= 100, script.name
    # in one process, which imports what they need but once
    done = subprocess.run([sys.executable, "-c", HELPS, *scripts], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("usage: ") == sum("argparse" in script.read_text(encoding="utf-8") for script in scripts)


@pytest.mark.parametrize("script", ["sweep_heads.py", "check_sums.py", "plot_emoji.py"])
def test_what_people_copy_first_imports_what_is_documented(script: str):
    pages = [page.read_text(encoding="utf-8") for page in (SCRIPTS.parent / "docs" / "api").glob("*.md")]
    documented = set(re.findall(r"^::: (\S+)", "\n".join(pages), flags=re.MULTILINE))
    for node in ast.walk(ast.parse((SCRIPTS / script).read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and node.module.startswith("geometry"):
            for one in node.names:
                assert {node.module, f"{node.module}.{one.name}"} & documented, one.name
        elif isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == "geo":
            assert node.attr in geo.__all__


def test_check_sums_writes_a_line_for_every_sum_and_head(make_head, tmp_path: Path):
    heads = [make_head(seed=seed) for seed in (1, 2)]
    folders = [head.opened.checkpoint.folder for head in heads]
    sums, out = tmp_path / "sums.txt", tmp_path / "out.jsonl"
    # as an editor on Windows saves it; a mark left before the first word would be landed as part of it
    sums.write_bytes("\ufeffsea + horse\r\n\r\n// a note\r\nking - man + woman\r\n".encode())
    done = run("check_sums.py", sums, "-H", folders[0], "-H", folders[1], "-o", out, "-k", 3)
    assert done.returncode == 0, done.stderr
    records = [json.loads(line) for line in out.read_text(encoding="utf-8").splitlines()]
    assert [record["expression"] for record in records] == ["sea + horse", "king - man + woman"] * 2
    alone = heads[1].land("king - man + woman", k=3, exclude_inputs=True)
    assert [one["id"] for one in records[3]["landings"]] == [one.id for one in alone.landings]
    about = json.loads((tmp_path / "out.jsonl.about.json").read_text())
    assert about["version"] == geo.__version__
    assert [entry["fingerprint"] for entry in about["heads"]] == [head.fingerprint for head in heads]


def test_check_sums_reports_what_it_cannot_read_and_does_the_rest(make_head, tmp_path: Path):
    folder = make_head().opened.checkpoint.folder
    sums, out = tmp_path / "sums.txt", tmp_path / "out.jsonl"
    sums.write_text("sea +\nsea - sea\nsea\n", encoding="utf-8")
    done = run("check_sums.py", sums, "-H", folder, "-H", "/no/such/head", "-o", out)
    assert done.returncode == 1
    assert len(out.read_text().splitlines()) == 1
    about = json.loads((tmp_path / "out.jsonl.about.json").read_text())
    assert [wrong["expression"] for wrong in about["errors"]] == ["sea +", "sea - sea", None]
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("space", SPACES)
def test_check_sums_answers_in_the_space_asked_for(make_head, tmp_path: Path, space: str):
    head = make_head()
    sums, out = tmp_path / "sums.txt", tmp_path / "out.jsonl"
    sums.write_text("sea + horse\n", encoding="utf-8")
    folder = head.opened.checkpoint.folder
    done = run("check_sums.py", sums, "-H", folder, "-o", out, "--space", space, "--metric", "cosine")
    assert done.returncode == 0, done.stderr
    record = json.loads(out.read_text())
    alone = head.land("sea + horse", space=space, metric="cosine", exclude_inputs=True)
    assert record["space"] == space
    assert [one["id"] for one in record["landings"]] == [one.id for one in alone.landings]


def test_check_sums_never_writes_over_its_input(tmp_path: Path):
    sums = tmp_path / "sums.txt"
    sums.write_text("sea\n", encoding="utf-8")
    same = tmp_path / "same.txt"
    same.symlink_to(sums)
    for output in (sums, same, tmp_path, tmp_path / "none" / "out.jsonl"):
        assert run("check_sums.py", sums, "-o", output).returncode == 2
    assert sums.read_text() == "sea\n"
    sums.write_bytes(b"\xff")
    done = run("check_sums.py", sums, "-o", tmp_path / "out.jsonl")
    assert (done.returncode, done.stderr.count("\n")) == (1, 1)


@pytest.mark.slow
def test_check_sums_leaves_nothing_half_written(make_head, tmp_path: Path):
    folder = make_head().opened.checkpoint.folder
    (tmp_path / "sums.txt").write_text("sea\n" * 50, encoding="utf-8")
    script = [sys.executable, SCRIPTS / "check_sums.py", tmp_path / "sums.txt", "-H", folder]
    full = shlex.join(map(str, [*script, "-o", tmp_path / "out.jsonl"]))
    done = subprocess.run(["bash", "-c", f"ulimit -f 1; {full}"], capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stderr.count("\n")) == (1, 1)
    assert [one.name for one in tmp_path.glob("*out*")] == []


def test_rank_emoji_refuses_what_makes_no_sense(tmp_path: Path):
    for wrong in (["-n", "0"], ["--seed", "-1"], ["-o", tmp_path], ["-o", tmp_path / "none" / "x.json"]):
        done = run("rank_emoji.py", *wrong)
        assert done.returncode == 2
        assert "Traceback" not in done.stderr


def test_rank_emoji_shows_shows_every_emoji_it_draws(tmp_path: Path):
    out = tmp_path / "ranks.json"
    done = run("rank_emoji.py", "-n", 5, "--seed", 3, "-o", out)
    assert done.returncode == 0, done.stderr
    about = json.loads(out.read_text(encoding="utf-8"))
    assert (len(about["emoji"]), about["seed"]) == (5, 3)
    head = geo.open_head("organism")
    one = about["emoji"][0]
    (token,) = head.words().emoji_ids(one["emoji"])
    words = one["name"].lower().replace("-", " ").split()
    landing = head.land(" + ".join([*words, "emoji"]), k=head.vocab, exclude_inputs=True)
    assert next(line.rank for line in landing.landings if line.id == token) == one["rank"]
    assert one["emoji"] in done.stdout


def test_check_sums_without_its_file(tmp_path: Path):
    done = run("check_sums.py", tmp_path / "none.txt", "-o", tmp_path / "out.jsonl")
    assert (done.returncode, done.stderr.count("\n")) == (1, 1)
    assert not (tmp_path / "out.jsonl").exists()
