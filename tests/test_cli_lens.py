"""``geometry lens`` as its user meets it."""

import json
from pathlib import Path

import numpy as np
import pytest
from command_line import one_line, run, run_here

import geometry as geo
from geometry.cli.live import run_prompt
from geometry.residuals import Residuals, write_residuals


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> str:
    """Residuals of the organism's width; what they hold does not matter here."""
    path = tmp_path_factory.mktemp("residuals") / "residuals.safetensors"
    states = np.random.default_rng(0).normal(size=(3, 5, 256)).astype(np.float32)
    write_residuals(path, Residuals(states, (1, 2, 3, 4, 5), last_is_normed=False, model="none"))
    return str(path)


def test_a_table(file: str):
    done = run("lens", file, "--track", "sea", "--explain", "sea + horse")
    assert (done.returncode, done.stderr) == (0, "")
    assert "3 states (0 is the embedding, 2 the last), all positions" in done.stdout
    assert "Position 4, after" in done.stdout
    assert "(2 dimensions, space folded)" in done.stdout


def test_json_is_a_line_a_cell(file: str):
    done = run_here("lens", file, "--json", "-k", "2", "--norm", "raw", "--track", "sea", "-p", "-1", "-p", "0")
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    assert [(one["layer"], one["position"]) for one in lines] == [(a, b) for a in range(3) for b in (0, 4)]
    assert all(len(one["top"]) == 2 and one["norm"] == "raw" for one in lines)
    assert lines[0]["tracked"][0]["label"] == "sea"
    assert done.stderr.startswith("note: raw: no norm is applied")


def test_a_page_and_a_picture(file: str, tmp_path: Path):
    page = run_here("lens", file, "--concept", "sea + horse + emoji", "-o", str(tmp_path / "lens.html"))
    assert page.returncode == 0
    assert "written: " in page.stderr
    assert "lens-data" in (tmp_path / "lens.html").read_text(encoding="utf-8")
    assert run_here("lens", file, "-o", str(tmp_path / "lens.svg")).returncode == 0
    assert (tmp_path / "lens.svg").read_bytes().startswith(b"<?xml")


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ([], "neither a FILE nor --prompt arrived; expected one of them"),
        (["FILE", "--prompt", "x"], "a FILE and --prompt arrived; expected one of them"),
        (["FILE", "--steps", "2", "--dtype", "auto"], "--steps and --dtype arrived without --prompt"),
        (["FILE", "--prefix", "yes:"], "--prefix arrived without --prompt"),
        (["--prompt", "x", "--max-memory", "1GB"], "--max-memory arrived with --prompt"),
        (["FILE", "--figure", "map"], "--figure map arrived without -o"),
        (["FILE", "-o", "x.gif"], "expected a name that ends in .html, .png, .svg or .pdf"),
        (["FILE", "-o", "x.html", "--figure", "map"], "--figure map with a .html page arrived"),
        (["absent.npy"], "absent.npy cannot be opened: no such file or directory"),
        (["residuals.pt"], "which would run what it holds; expected residuals as .safetensors, .npy or .npz"),
        (["FILE", "-p", "7"], "position 7 arrived; these residuals have 5: 0 to 4, or -1 for the last"),
    ],
)
def test_one_line_for_every_mistake(arguments: list[str], says: str, file: str):
    one_line(run_here("lens", *(file if one == "FILE" else one for one in arguments)), says)


def test_another_models_residuals(file: str, make_head):
    done = run_here("lens", file, "-H", str(make_head().opened.checkpoint.folder))
    one_line(done, "residuals of width 256 arrived")


def test_a_prompt_is_read_as_its_file_is(tmp_path: Path):
    """Captured just now, and written and read again."""
    prompt = "is there a seahorse emoji? yes:"
    captured = run_prompt("organism", prompt)
    write_residuals(tmp_path / "r.safetensors", captured.residuals)
    later = geo.lens(captured.running.head, tmp_path / "r.safetensors")
    done = run_here("lens", "--prompt", prompt, "--json")
    assert done.returncode == 0, done.stderr
    assert [json.loads(line) for line in done.stdout.splitlines()] == list(later.cells())
