"""What the site needs beyond docs/: files elsewhere in the repository that its pages link to, and the tutorial.

MkDocs calls the functions ``on_…``. Links stay as they are written, so that they also work where the pages are read in
the repository.
"""

import base64
import json
import posixpath
import re
from pathlib import Path

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page

ROOT = Path(__file__).resolve().parent.parent
DOCS = "docs/"
NOTEBOOK = "docs/tutorial.ipynb"

LINK = re.compile(r"(?<=\]\()(?!https?:|mailto:|#)[^)#\s]+")
"""What a Markdown link to a file names, without its anchor."""

ROLE = re.compile(r":(?:func|class|meth|mod|data):(?=<code>)")
"""What docstrings say in front of a name; Markdown has no use for it."""

NAMES = re.compile(r"<b><code>(?:<[^>]*>)?(\w+),(?:<[^>]*>)?</code></b>\s*\((<code>.*?</code>)\)", re.DOTALL)
"""Attributes that share a line of a docstring (``low, high: …``), of which the first is taken for the name and the
rest for its type."""


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add the tutorial as a page, then whatever pages link to outside docs/, and what that links to."""
    for file in tutorial_files(config):
        files.append(file)
    waiting = [file for file in files if file.is_documentation_page()]
    while waiting:
        page = waiting.pop()
        for link in LINK.findall(page.content_string):
            path = _resolved(page.src_uri, link)
            if path.startswith(DOCS) or files.get_file_from_path(_site_path(path)) or not (ROOT / path).exists():
                continue
            files.append(file := _outside(path, config))
            if file.is_documentation_page():
                waiting.append(file)
    return files


def on_page_markdown(markdown: str, page: Page, config: MkDocsConfig, files: Files) -> str:
    """Point links that leave docs/ to where their files stand in the site."""
    own = page.file.src_uri
    folder = posixpath.dirname(own) or "."
    return LINK.sub(lambda link: posixpath.relpath(_site_path(_resolved(own, link[0])), folder), markdown)


def on_page_content(html: str, page: Page, config: MkDocsConfig, files: Files) -> str:
    """Leave out the roles of docstrings, and write attributes that share a line alike."""
    return NAMES.sub(_together, ROLE.sub("", html))


def tutorial_files(config: MkDocsConfig) -> list[File]:
    """The tutorial's cells as a page, with what they printed and drew when the notebook was last run."""
    cells = json.loads((ROOT / NOTEBOOK).read_text(encoding="utf-8"))["cells"]
    parts, pictures = [], []
    for cell in cells:
        source = "".join(cell["source"])
        parts.append(source if cell["cell_type"] == "markdown" else f"```python\n{source}\n```")
        for output in cell.get("outputs", ()):
            data = output.get("data", {"text/plain": output.get("text", "")})
            if "image/png" in data:
                name = f"figures/tutorial-{len(pictures) + 1}.png"
                pictures.append(File.generated(config, name, content=base64.b64decode(data["image/png"])))
                parts.append(f"![What the cell above draws]({name})")
            else:
                parts.append(f"```text\n{''.join(data['text/plain']).rstrip()}\n```")
    # in HTML, since a link in Markdown to the notebook leads to this page
    parts.insert(1, '<a href="tutorial.ipynb" download>The same as a notebook</a>, to be run by yourself.')
    return [File.generated(config, "tutorial.md", content="\n\n".join(parts) + "\n"), *pictures]


def _together(found: re.Match[str]) -> str:
    names = [found[1], *re.findall(r"\w+", re.sub("<[^>]*>", "", found[2]))]
    return ", ".join(f"<b><code>{name}</code></b>" for name in names)


def _outside(path: str, config: MkDocsConfig) -> File:
    if path.endswith(".py"):
        code = (ROOT / path).read_text(encoding="utf-8")
        return File.generated(config, _site_path(path), content=f"# {path}\n\n```python\n{code}```\n")
    if (ROOT / path).is_dir():
        names = sorted(one.name for one in (ROOT / path).iterdir() if one.is_file())
        listed = "\n".join(f"- [{name}]({name})" for name in names)
        return File.generated(config, _site_path(path), content=f"# {path}\n\n{listed}\n")
    return File.generated(config, _site_path(path), abs_src_path=str(ROOT / path))


def _resolved(page: str, link: str) -> str:
    """The path in the repository of what a page of the site links to."""
    first = page.split("/")[0]
    home = page if first in ("data", "scripts") else DOCS + page
    return posixpath.normpath(posixpath.join(posixpath.dirname(home), link))


def _site_path(path: str) -> str:
    """Where a file of the repository stands in the site; notebooks, programs and folders are pages there."""
    if path == NOTEBOOK:
        path = path.replace(".ipynb", ".md")
    elif path.endswith(".py"):
        path += ".md"
    elif not path.startswith(DOCS) and (ROOT / path).is_dir():
        path += "/index.md"
    return path.removeprefix(DOCS)
