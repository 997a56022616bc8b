"""Draw docs/figures/ with the commands of docs/gallery.toml, and write docs/gallery.md, which shows both.

python scripts/make_gallery.py [--only FILE] [--check]
"""

import argparse
import shlex
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

DOCS = Path(__file__).resolve().parent.parent / "docs"
FIGURES = DOCS / "figures"

HEAD = """# Gallery

Made by `make gallery` from `docs/gallery.toml`. Each picture is drawn by the command below it, on a head that comes
along. Titles state what was found; the corner says of which head, in which space, with which seed. The same command
gives the same bytes. `.svg` and `.pdf` work as `.png` does.
"""


def figures() -> list[dict[str, Any]]:
    """What is drawn: file (none for what is looked at in a browser), command, title and text."""
    with (DOCS / "gallery.toml").open("rb") as file:
        found: list[dict[str, Any]] = tomllib.load(file)["figure"]
    return found


def page() -> str:
    """The gallery as Markdown."""
    parts = [HEAD]
    for one in figures():
        parts.append(f"## {one['title']}\n\n{one['text'].strip()}\n")
        if "file" in one:
            parts.append(f"![{one['title']}](figures/{one['file']})\n")
        parts.append(f"```sh\n{written(one)}\n```\n")
    return "\n".join(parts)


def written(one: dict[str, Any]) -> str:
    """A figure's command as it is typed."""
    output = ["-o", one["file"]] if "file" in one else []
    words = [word if word.isascii() and shlex.quote(word) == word else f'"{word}"' for word in one["command"]]
    return " ".join(["geometry", *words, *output])


def draw(one: dict[str, Any]) -> int:
    """Draw a figure; the command's exit status."""
    arguments = [sys.executable, "-m", "geometry", *one["command"], "-o", str(FIGURES / one["file"])]
    return subprocess.run(arguments, stdout=subprocess.DEVNULL).returncode


def main() -> int:
    """Draw and write; with --check say whether the page is up to date."""
    drawn = [one for one in figures() if "file" in one]
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", choices=[one["file"] for one in drawn], help="draw one of them")
    parser.add_argument("--check", action="store_true", help="draw nothing; say whether gallery.md is up to date")
    arguments = parser.parse_args()
    target, text = DOCS / "gallery.md", page()
    if arguments.check:
        current = target.exists() and target.read_text(encoding="utf-8") == text
        if not current:
            print("error: gallery.md is out of date; run make gallery", file=sys.stderr)
        return int(not current)
    FIGURES.mkdir(exist_ok=True)
    for one in drawn:
        if arguments.only in (None, one["file"]) and (status := draw(one)):
            return status
    target.write_text(text, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
