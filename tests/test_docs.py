"""The docs tell the truth: the command page is current, and what the README shows runs as pasted."""

import json
import lzma
import os
import re
import subprocess
import sys
from pathlib import Path
from urllib.parse import urlsplit

import pytest

import geometry as geo
from geometry.lexicon import compounds
from geometry.recall import census

ROOT = Path(__file__).resolve().parent.parent
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
README, WHY = ((ROOT / name).read_text(encoding="utf-8") for name in ("README.md", "docs/why.md"))


def test_the_command_page_is_current():
    done = subprocess.run(
        [sys.executable, ROOT / "scripts" / "make_docs.py", "--check"], capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr


def test_the_gallery_shows_every_figure_and_is_current():
    done = subprocess.run(
        [sys.executable, ROOT / "scripts" / "make_gallery.py", "--check"], capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    shown = set(re.findall(r"\(figures/(.*?)\)", (ROOT / "docs" / "gallery.md").read_text(encoding="utf-8")))
    measured = {"growth.png"}  # by ``make bench``, and another each time
    assert shown == {path.name for path in (ROOT / "docs" / "figures").iterdir()} - measured


def _blocks(language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", README, flags=re.DOTALL)


@pytest.mark.parametrize("index", range(len(_blocks("python"))))
def test_the_readmes_snippets_run(index: int):
    snippet = _blocks("python")[index]
    assert len(snippet.splitlines()) <= 15
    done = subprocess.run([sys.executable, "-c", snippet], capture_output=True, text=True, cwd=ROOT, timeout=60)
    assert done.returncode == 0, done.stderr
    if done.stdout:
        assert done.stdout.strip() == _blocks("text")[index].strip()


LONG = {"audit.md", "compare.md", "hubness.md", "lens.md", "running.md", "seahorse.md", "try-again.md"}
"""Pages whose commands take many seconds."""

SLOW = {"geometry census", 'geometry why "seahorse + emoji"'}
"""Commands that do, of the other pages."""


def _shown() -> list:
    """Every command of a console block of the README and docs/, with what stands below it."""
    found = []
    for page in PAGES:
        for block in re.findall(r"```console\n(.*?)```", page.read_text(encoding="utf-8"), flags=re.DOTALL):
            shown = re.findall(r"^\$ (.*)\n((?:(?!\$ ).*\n)*)", block, flags=re.MULTILINE)
            for command, output in shown:
                marks = [pytest.mark.slow] if page.name in LONG or command in SLOW else []
                found.append(pytest.param(command, output, marks=marks, id=command))
    return found


@pytest.mark.parametrize(("command", "output"), _shown())
def test_the_pages_show_what_the_commands_print(command: str, output: str):
    program, rest = command.split(" ", 1)
    module = {"geometry": "-m geometry", "python": ""}[program]
    done = subprocess.run(f"{sys.executable} {module} {rest}", shell=True, capture_output=True, text=True, cwd=ROOT)
    assert done.stdout.strip() == output.strip()


def test_the_readme_shows_commands():
    assert "```console" in README


def _asked() -> list[str]:
    """The commands of the README's table of questions; the page in a browser runs until it is ended."""
    table = README.split("\n| question |")[1].split("\n\n")[0]
    return [command for command in re.findall(r"`geometry (.*?)`", table) if not command.startswith("explore")]


@pytest.mark.slow
@pytest.mark.parametrize("command", _asked())
def test_the_readmes_questions_can_be_asked(command: str, tmp_path: Path):
    (tmp_path / "docs").symlink_to(ROOT / "docs")
    line = f"{sys.executable} -m geometry {command}"
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run(line, shell=True, capture_output=True, text=True, cwd=tmp_path, env=environment, timeout=300)
    assert done.returncode == 0, done.stderr
    assert done.stdout


def test_the_readme_says_of_the_text_and_of_the_inputs_what_is_so():
    packed = ROOT / "data" / "organisms" / "whole" / "text.txt.xz"
    text = lzma.decompress(packed.read_bytes()).decode()
    lines = [line for line in text.splitlines() if "seahorse" in line]
    assert f"in {len(lines)} lines, and none of them holds an emoji" in README
    assert all(line.isascii() for line in lines)
    first = geo.open_head("organism").land("sea + horse + emoji", k=2).landings
    assert all(token.is_input for token in first)
    assert "gives them {} and {}".format(*(f"{token.probability:.3f}".lstrip("0") for token in first)) in README


def test_the_map_names_every_module():
    table = README.split("## The map")[1]
    names = {
        path.name for path in (ROOT / "geometry").iterdir() if path.name[0] not in "_." and path.name != "py.typed"
    }
    assert {name for name in names if f"{name}`" not in table and f"{name}/" not in table} == {"expression.lark"}


@pytest.mark.slow
@pytest.mark.parametrize(("name", "head"), [("MiniLM-L6", "minilm"), ("TinyStories 3M", "tinystories")])
def test_the_figures_of_real_heads_are_what_the_census_gives(name: str, head: str, request: pytest.FixtureRequest):
    found = census(geo.open_head(request.getfixturevalue(head)), among="words")
    ways = [found.baselines[way] for way in ("last part alone", "first parts permuted", "parts permuted")]
    told = [found.own.recall_at_1, *(way.recall_at_1 for way in ways), found.own.recall_at_5]
    cells = [f"{one.value:.2f} [{one.low:.2f}, {one.high:.2f}]" for one in told]
    row = " | ".join([f"{found.n} of {len(compounds())}", *cells, f"`{found.space}`"])
    assert any(name in line and row in line for line in WHY.splitlines())


def test_the_story_tells_what_the_organisms_results_say():
    results = json.loads((ROOT / "data" / "organisms" / "whole" / "results.json").read_text(encoding="utf-8"))
    for kind in ("held-out", "nonce"):
        ways = ("running, known prompts", "head alone", "vacancy")
        hits = [results["said"][way]["counts"][kind]["subgroup"]["hits"] for way in ways]
        assert re.search(r"\b{}\b[^.]*\b{}\b[^.]*\b{}\b".format(*hits), WHY), kind
    phantoms = results["phantoms"]
    rho = [f"{phantoms['rank_correlation'][key]:.2f}".replace("-", "−") for key in ("value", "low", "high")]
    assert "rank correlation {} [{}, {}]".format(*rho) in WHY
    assert f"{phantoms['same_subgroup']} names, {phantoms['same_subgroup_chance']:.1f} by chance" in WHY


def _prose(text: str) -> str:
    """A page without its blocks of code, in which brackets and number signs mean something else."""
    return re.sub(r"^```.*?^```$", "", text, flags=re.DOTALL | re.MULTILINE)


def _anchors(text: str) -> set[str]:
    """Where a page can be entered: what both a repository's host and the site make of its headings.

    Where the two would differ, as at two blanks around a sign, there is no anchor for a link that has to work in both.
    """
    headings = re.findall(r"^#+ +(.*)$", _prose(text), flags=re.MULTILINE)
    kept = [re.sub(r"[^\w\s-]", "", heading).strip().lower() for heading in headings]
    return {one.replace(" ", "-") for one in kept if one.isascii() and not re.search(r"[\s-]{2}", one)}


def _broken(page: Path) -> list[str]:
    """The links of a page that lead to no file, or to no heading of one."""
    faults = []
    for link in re.findall(r"\]\(([^)\s]+)\)", _prose(page.read_text(encoding="utf-8"))):
        parts = urlsplit(link)
        target = page.parent / parts.path if parts.path else page
        if parts.scheme:
            continue
        if not target.exists() or (
            parts.fragment and parts.fragment not in _anchors(target.read_text(encoding="utf-8"))
        ):
            faults.append(link)
    return faults


def test_every_link_leads_somewhere():
    pages = [*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md"), *(ROOT / "data").rglob("*.md")]
    assert {page.relative_to(ROOT).as_posix(): faults for page in pages if (faults := _broken(page))} == {}


def test_the_links_test_can_fail(tmp_path: Path):
    page = tmp_path / "page.md"
    page.write_text(
        "# The page's `code`\n\n```sh\n# no heading [a](none.md)\n```\n"
        "[1](#the-pages-code) [2](page.md#gone) [3](none.md) [4](#no-heading) [5](https://a.example/#x)\n",
        encoding="utf-8",
    )
    assert _broken(page) == ["page.md#gone", "none.md", "#no-heading"]
