"""The wheel: what the checkout ships is in it, and an installed copy behaves as the checkout does."""

import http.client
import json
import os
import re
import signal
import subprocess
import sys
import sysconfig
import tarfile
import tomllib
import venv
import zipfile
from collections.abc import Sequence
from pathlib import Path
from urllib.parse import urlsplit

import pytest

import geometry as geo
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


EXTRAS = [
    ("explore", "fastapi", ("explore", "--no-open", "--port", "0")),
    ("explore", "uvicorn", ("explore", "--no-open", "--port", "0")),
    ("model", "transformers", ("spell", "--prompt", "a")),
    ("model", "transformers", ("capture", "--prompt", "a", "-o", "a.safetensors")),
    ("model", "transformers", ("lens", "--prompt", "a")),
    ("model", "transformers", ("retry", "--prompt", "a")),
    ("model", "transformers", ("implant", "seahorse")),
    ("gguf", "gguf", ("info", "-H", "head.gguf")),
    ("cluster", "distributed", ("batch", "plan.toml", "-o", "out", "--cluster", "tcp://127.0.0.1:1")),
]
"""(extra, a package of it, a command that needs it)"""

FOR_WORK_HERE = {"bench", "test", "lint", "docs"}
"""Extras that no command needs."""

NAMES = ["-".join((package, command[0])) for _, package, command in EXTRAS]


def test_every_extra_that_a_command_needs_is_tried():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    extras = project["optional-dependencies"]
    assert {extra for extra, _, _ in EXTRAS} == set(extras) - FOR_WORK_HERE
    for extra, package, _ in EXTRAS:
        assert package in [re.split(r"[<>=]", one)[0] for one in extras[extra]]


class Installed:
    """A fresh environment with the wheel in it, which borrows everything else from the running one."""

    def __init__(self, wheel: Path, folder: Path) -> None:
        venv.create(folder, symlinks=True)
        self.wheel = wheel
        self.python = folder / "bin" / "python"
        (packages,) = folder.glob("lib/python*/site-packages")
        # a plain path in a .pth file: packages are found there, but no .pth file beside them is read, and so this
        # checkout, installed to be edited, is not seen
        (packages / "borrowed.pth").write_text(sysconfig.get_path("purelib") + "\n", encoding="utf-8")
        self.environment = {
            name: value for name, value in os.environ.items() if name not in ("PYTHONPATH", "PYTHONHOME")
        }
        pip = [sys.executable, "-m", "pip", "--python", str(self.python)]
        install = ["install", "--quiet", "--no-index", "--no-deps", "--ignore-installed", "--no-compile"]
        subprocess.run([*pip, *install, wheel], check=True, timeout=300, env=self.environment)
        self.command = folder / "bin" / "geometry"
        self.package = packages / "geometry"

    def run(self, *command: object) -> subprocess.CompletedProcess[str]:
        """Run a command of it in a folder that is no checkout."""
        return subprocess.run(
            [str(part) for part in command], capture_output=True, text=True, timeout=120, cwd=self.wheel.parent,
            env=self.environment,
        )  # fmt: skip


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Installed:
    folder = tmp_path_factory.mktemp("wheel")
    build = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "-w", folder, ROOT]
    subprocess.run(build, check=True, timeout=300)
    (wheel,) = folder.glob("*.whl")
    return Installed(wheel, folder / "fresh")


@pytest.mark.slow
def test_the_wheel_holds_every_file_of_the_package_and_all_data(installed: Installed):
    with zipfile.ZipFile(installed.wheel) as archive:
        names = {name for name in archive.namelist() if ".dist-info/" not in name}
    # what hatch takes: all that git would, whether it has it already or not
    listed = ["git", "ls-files", "--cached", "--others", "--exclude-standard", "geometry", "data"]
    ours = subprocess.run(listed, capture_output=True, text=True, cwd=ROOT, check=True)
    expected = {f"geometry/{name}" if name.startswith("data/") else name for name in ours.stdout.splitlines()}
    assert names == expected
    assert {"geometry/py.typed", "geometry/expression.lark", "geometry/data/emoji/emoji.tsv"} <= names


@pytest.mark.slow
def test_what_runs_is_the_installed_copy(installed: Installed):
    code = "import geometry, geometry.bundled as b; print(geometry.__file__); print(b.data_folder())"
    found = installed.run(installed.python, "-c", code).stdout.splitlines()
    assert found == [str(installed.package / "__init__.py"), str(installed.package / "data")]
    for start in ([installed.command], [installed.python, "-m", "geometry"]):
        assert installed.run(*start, "--version").stdout == f"geometry {geo.__version__}\n"


@pytest.mark.slow
def test_every_module_of_an_installed_copy_loads_without_extras(installed: Installed):
    """Modules that only an extra's own code calls may need it: the page's connections are a class of uvicorn's."""
    code = f"""if True:
        import importlib, pkgutil, sys
        sys.modules.update(dict.fromkeys({sorted({package for _, package, _ in EXTRAS})}))
        import geometry
        for module in pkgutil.walk_packages(geometry.__path__, "geometry."):
            if module.name not in ("geometry.__main__", "geometry.explore.connections"):
                importlib.import_module(module.name)
        print(len([name for name in sys.modules if name.startswith("geometry.")]))"""
    done = installed.run(installed.python, "-c", code)
    assert done.returncode == 0, done.stderr
    assert int(done.stdout) > 200


@pytest.mark.slow
def test_a_wheel_made_of_the_source_archive_is_the_same(installed: Installed, tmp_path: Path):
    pytest.importorskip("hatchling", reason='hatchling is absent: pip install -e ".[test]"')
    build = [sys.executable, "-m", "hatchling", "build", "-t", "sdist", "-d", tmp_path]
    subprocess.run(build, check=True, capture_output=True, cwd=ROOT, timeout=300)
    (archive,) = tmp_path.glob("*.tar.gz")
    with tarfile.open(archive) as opened:
        held = {name.split("/", 1)[1] for name in opened.getnames()}
    # what the README's commands and the tests need
    assert {"Makefile", "README.md", "tests/conftest.py", "docs/cli.md", "scripts/make_docs.py", "mkdocs.yml"} <= held
    again = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "-w", tmp_path, archive]
    subprocess.run(again, check=True, timeout=300)
    (wheel,) = tmp_path.glob("*.whl")
    assert _contents(wheel) == _contents(installed.wheel)


def _contents(wheel: Path) -> dict[str, int]:
    """Name → checksum of every file of a wheel but the list of its own files."""
    with zipfile.ZipFile(wheel) as archive:
        return {one.filename: one.CRC for one in archive.infolist() if not one.filename.endswith("/RECORD")}


def test_the_pythons_that_are_named_go_on_from_the_least_one():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    named = re.findall(r"Python :: 3\.(\d+)", "\n".join(project["classifiers"]))
    least = int(project["requires-python"].removeprefix(">=3."))
    assert [int(one) for one in named] == [*range(least, least + len(named))]


@pytest.mark.slow
def test_an_installed_copy_answers_as_the_checkout_does(installed: Installed):
    done = installed.run(installed.command, "snap", "sea + horse + emoji", "--exclude-inputs", "--json")
    assert done.returncode == 0, done.stderr
    found, here = json.loads(done.stdout), geo.open_head("organism").land("sea + horse + emoji", exclude_inputs=True)
    assert found["landings"] == here.to_dict()["landings"]
    assert found["head"]["fingerprint"] == here.head.fingerprint


@pytest.mark.slow
def test_an_installed_copy_draws(installed: Installed, tmp_path: Path):
    drawn = tmp_path / "x.svg"
    done = installed.run(installed.command, "map", "sea + horse + emoji", "--method", "pca", "-o", drawn)
    assert done.returncode == 0, done.stderr
    assert drawn.read_text(encoding="utf-8").rstrip().endswith("</svg>")


@pytest.mark.slow
def test_an_installed_copy_serves_its_page_and_ends(installed: Installed):
    process = subprocess.Popen(
        [installed.command, "explore", "--no-open", "--port", "0"],
        stderr=subprocess.PIPE, text=True, cwd=installed.wheel.parent, env=installed.environment,
    )  # fmt: skip
    try:
        assert process.stderr is not None
        told = process.stderr.readline()
        address = urlsplit(re.search(r"http://\S+", told)[0])
        connection = http.client.HTTPConnection(address.hostname, address.port, timeout=60)
        connection.request("GET", f"{address.path}?{address.query}")
        answer = connection.getresponse()
        assert (answer.status, b"<html" in answer.read()) == (200, True)
        connection.close()
        process.send_signal(signal.SIGINT)
        assert process.wait(timeout=60) == 0
    finally:
        process.kill()
        process.wait()


@pytest.mark.slow
@pytest.mark.parametrize(("extra", "package", "command"), EXTRAS, ids=NAMES)
def test_an_installed_copy_without_an_extra_says_what_to_type(
    extra: str, package: str, command: Sequence[str], installed: Installed
):
    if command[0] == "batch" and not (installed.package / "batch").is_dir():
        pytest.skip("this version has no batches")
    folder = installed.wheel.parent
    # a file that looks like GGUF as far as its first bytes: magic, version 3, no tensor, no key
    (folder / "head.gguf").write_bytes(b"GGUF" + (3).to_bytes(4, "little") + bytes(16))
    (folder / "plan.toml").write_text('heads = ["organism"]\nexpressions = ["sea"]\n', encoding="utf-8")
    before = set(folder.iterdir())
    code = f"import sys; sys.modules[{package!r}] = None\nfrom geometry.cli import main; main()"
    done = installed.run(installed.python, "-c", code, *command)
    assert (done.returncode, done.stdout) == (1, "")
    assert re.fullmatch(r"error: [^\n]+\n", done.stderr), done.stderr
    assert re.search(rf"""pip install (['"])unembedding-geometry\[{extra}\]\1""", done.stderr), done.stderr
    assert set(folder.iterdir()) == before
