"""The docs tell the truth: the command page is current, and what the README shows runs as pasted."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
README = (ROOT / "README.md").read_text(encoding="utf-8")


def test_the_command_page_is_current():
    done = subprocess.run(
        [sys.executable, ROOT / "scripts" / "make_docs.py", "--check"], capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr


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


def test_the_readme_shows_what_the_commands_print():
    """Every console block: after a line ``$ …`` stands exactly what the command prints."""
    shown = 0
    for block in _blocks("console"):
        for command, output in re.findall(r"^\$ (.*)\n((?:(?!\$ ).*\n)*)", block, flags=re.MULTILINE):
            program, rest = command.split(" ", 1)
            module = {"geometry": "-m geometry", "python": ""}[program]
            done = subprocess.run(
                f"{sys.executable} {module} {rest}", shell=True, capture_output=True, text=True, cwd=ROOT
            )
            assert done.stdout.strip() == output.strip(), command
            shown += 1
    assert shown > 0


@pytest.mark.parametrize(
    "page", [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))], ids=lambda page: page.name
)
def test_links_lead_somewhere(page: Path):
    for target in re.findall(r"\]\(([^)#]+)", page.read_text(encoding="utf-8")):
        if not target.startswith("http"):
            assert (page.parent / target).exists(), target
