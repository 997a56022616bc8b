"""`geometry map` as its user meets it."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from command_line import one_line, run

PCA = ("--method", "pca")


@pytest.fixture(scope="module")
def drawn(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    """A folder with a small map in three forms, and what was printed."""
    folder = tmp_path_factory.mktemp("map")
    outputs = [part for name in ("m.parquet", "m.html", "m.svg") for part in ("-o", str(folder / name))]
    done = run("map", "🐟 + sun", *PCA, "--around", "60", *outputs)
    assert done.returncode == 0, done.stderr
    assert done.stderr.count("written: ") == 2
    assert "drawn: " in done.stderr
    return folder, done.stdout


def test_it_prints_groups_and_sums(drawn: tuple[Path, str]):
    _, printed = drawn
    assert max(map(len, printed.splitlines())) <= 100
    assert printed.startswith("🐟 + sun  →  ")
    for said in ("head organism", "space folded", "metric cosine", "own group", "by chance", "trustworthiness"):
        assert said in printed
    (line,) = [line for line in printed.splitlines() if line.endswith(" 🐟")]
    assert line.split()[:2] == ["1", "0.709"]


def test_a_stored_map_gives_the_same_again(drawn: tuple[Path, str], tmp_path: Path):
    folder, printed = drawn
    again = [part for name in ("n.parquet", "n.html", "n.svg") for part in ("-o", str(tmp_path / name))]
    done = run("map", "--from", str(folder / "m.parquet"), *again)
    assert done.stdout == printed
    for ending in ("parquet", "html", "svg"):
        assert (tmp_path / f"n.{ending}").read_bytes() == (folder / f"m.{ending}").read_bytes(), ending


def test_json_is_one_object_on_one_line(drawn: tuple[Path, str]):
    stored = str(drawn[0] / "m.parquet")
    (line,) = run("map", "--from", stored, "--json").stdout.splitlines()
    record = json.loads(line)
    assert set(record) >= {"head", "space", "metric", "method", "seed", "settings", "trust", "overlap", "version"}
    assert "points" not in record
    (one,) = record["composites"]
    assert one["expression"] == "🐟 + sun"
    assert one["nearest"][0]["text"] == "🐟"
    points = json.loads(run("map", "--from", stored, "--json", "--points").stdout)["points"]
    assert len(points) == record["n"] > 60
    assert {"id", "text", "x", "y", "nearest", "similarities", "norm", "bytes"} <= set(points[0])


def test_mistakes_are_one_line(drawn: tuple[Path, str], tmp_path: Path):
    stored = str(drawn[0] / "m.parquet")
    one_line(run("map", *PCA, "--around", "5"), "around=5 arrived without an expression")
    one_line(run("map", "sea + xyzzyq", *PCA, "-H", "organism-bytes"), "organism-bytes has 0 whole emoji")
    one_line(run("map", "-o", "map.gif"), "the file 'map.gif' arrived; expected a name that ends in .parquet, .html, ")
    one_line(run("map", "-o", "absent/map.parquet"), "there is no folder 'absent'")
    one_line(run("map", "-o", "absent/map.png"), "there is no folder 'absent'")
    one_line(run("map", "sea", "--from", stored, "--seed", "3"), "--from arrived together with expressions, --seed")
    one_line(run("map", "--points"), "--points arrived without --json")
    one_line(run("map", "--from", "absent.parquet"), "'absent.parquet' is not there")
    one_line(run("map", "--from", stored, "-H", "organism-bytes"), "head organism-bytes of fingerprint")
    one_line(run("map", *PCA, "--among", "words", "--around", "1", "sea"), "expected at least 4")
    assert run("map", "--method", "tsne").returncode == 2
    assert not list(tmp_path.iterdir())


def _bytes(folder: Path, threads: str, *arguments: str) -> list[bytes]:
    """What a run of its own with so many threads writes, in every form."""
    folder.mkdir()
    names = [f"m.{ending}" for ending in ("png", "svg", "parquet", "html")]
    outputs = [part for name in names for part in ("-o", str(folder / name))]
    done = subprocess.run(
        [sys.executable, "-m", "geometry", "map", *arguments, *outputs],
        env={**os.environ, "OMP_NUM_THREADS": threads, "OPENBLAS_NUM_THREADS": threads, "NUMBA_NUM_THREADS": threads},
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    return [done.stdout.encode(), *((folder / name).read_bytes() for name in names)]


@pytest.mark.slow
@pytest.mark.parametrize("arguments", [PCA, (), ("--space", "whitened")], ids=["pca", "umap", "whitened"])
def test_the_same_seed_gives_the_same_bytes_with_any_threads(arguments: tuple[str, ...], tmp_path: Path):
    asked = ("sea + horse + emoji", *arguments)
    assert _bytes(tmp_path / "one", "1", *asked) == _bytes(tmp_path / "two", "2", *asked)
