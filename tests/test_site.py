"""The site: every page is in it, every public name is told of, no link is broken, and nothing is asked of elsewhere."""

import importlib
import inspect
import re
from collections.abc import Callable, Iterator
from functools import cache
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest

import geometry as geo

ROOT = Path(__file__).resolve().parent.parent
DOCS = ROOT / "docs"
SITE = (ROOT / "mkdocs.yml").read_text(encoding="utf-8")


def _told() -> list[str]:
    pages = (path.read_text(encoding="utf-8") for path in sorted((DOCS / "api").glob("*.md")))
    return [name for page in pages for name in re.findall(r"^::: (\S+)$", page, flags=re.MULTILINE)]


def _named(name: str) -> object:
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError:
        home, own = name.rsplit(".", 1)
        return getattr(importlib.import_module(home), own)


def test_every_page_is_in_the_navigation():
    listed = re.findall(r"- (?:.*: )?(\S+\.md)$", SITE.split("\nnav:\n")[1], flags=re.MULTILINE)
    pages = [path.relative_to(DOCS).as_posix() for path in DOCS.rglob("*.md")]
    assert sorted(listed) == sorted([*pages, "tutorial.md"])  # made of the notebook


def test_every_public_name_is_told_of_and_exists():
    told = _told()
    assert len(told) == len(set(told))
    assert {f"geometry.{name}" for name in geo.__all__ if name not in ("__version__", "GeometryError")} <= set(told)
    assert all(inspect.getdoc(_named(name)) for name in told)
    listed = re.findall(
        r"^\| \[`(\w+)`\]\[geometry\.\1\]", (DOCS / "api" / "index.md").read_text(encoding="utf-8"), re.M
    )
    assert sorted(listed) == sorted(set(geo.__all__) - {"__version__"})


def test_every_reference_to_a_name_is_told_of():
    """What MkDocs would find out, where its packages are absent."""
    told = set(_told())
    for page in DOCS.rglob("*.md"):
        for name in re.findall(r"\]\[(geometry\.[\w.]+)\]", page.read_text(encoding="utf-8")):
            whole = name.rsplit(".", 1)[0]  # the class that it is a method of, or the module that tells of all it holds
            assert told & {name, whole} or _named(name).__module__ in told, f"{page.name}: {name}"


def _functions() -> Iterator[Callable[..., object]]:
    yield from (found for name in _told() if inspect.isfunction(found := _named(name)))
    yield from (found for name, found in inspect.getmembers(geo.Head, inspect.isfunction) if name[0] != "_")


def test_what_functions_return_is_told_of():
    told = {name.rsplit(".", 1)[1] for name in _told()}
    for function in _functions():
        returned = inspect.signature(function).return_annotation
        records = re.findall(r"geometry[\w.]*\.([A-Z]\w*)", f"{getattr(returned, '__module__', '')}.{returned}")
        assert set(records) <= told, function.__qualname__


class _Page(HTMLParser):
    """The anchors of a page, what it links to, and what it loads."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.ids: set[str] = set()
        self.links: list[str] = []
        self.loads: list[str] = []
        self.feed(path.read_text(encoding="utf-8"))

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        self.ids |= {value for name in ("id", "name") if (value := given.get(name))}
        if tag == "a" and given.get("href"):
            self.links.append(given["href"])
        elif tag == "link" and given.get("rel") not in ("canonical", "prev", "next"):
            self.loads.append(given["href"])
        elif given.get("src"):
            self.loads.append(given["src"])


@cache
def _page(path: Path) -> _Page:
    return _Page(path)


def _faults(page: Path) -> list[str]:
    """What a page loads from elsewhere, and its links that lead nowhere."""
    faults = [
        f"loads {one}" for one in _page(page).loads if urlsplit(one).scheme not in ("", "data") or one[:2] == "//"
    ]
    for link in [*_page(page).links, *_page(page).loads]:
        parts = urlsplit(link)
        if parts.scheme or parts.netloc:
            continue
        target = (page.parent / unquote(parts.path)).resolve() if parts.path else page
        target = target / "index.html" if target.is_dir() else target
        anchor = unquote(parts.fragment)
        if not target.is_file() or (anchor and target.suffix == ".html" and anchor not in _page(target).ids):
            faults.append(f"broken {link}")
    return faults


@pytest.mark.slow
def test_no_link_is_broken_and_nothing_is_loaded_from_elsewhere(site: Path):
    pages = [page for page in site.rglob("*.html") if page.name != "404.html"]
    assert {page: faults for page in pages if (faults := _faults(page))} == {}
    styles = [style.read_text(encoding="utf-8") for style in site.rglob("*.css")]
    assert not [style for style in styles if re.search(r"url\(.?(https?:)?//|@import", style)]


@pytest.mark.slow
def test_the_links_test_can_fail(tmp_path: Path):
    page = tmp_path / "page.html"
    page.write_text(
        '<h1 id="here"></h1><a href="#here"></a><a href="#gone"></a><a href="none.html"></a><a href="https://a.example">'
        '</a><img src="https://b.example/x.png"><link rel="stylesheet" href="//c.example/x.css">',
        encoding="utf-8",
    )
    faults = ["loads https://b.example/x.png", "loads //c.example/x.css", "broken #gone", "broken none.html"]
    assert _faults(page) == faults


@pytest.mark.slow
def test_the_reference_holds_what_docstrings_say(site: Path):
    for name in _told():
        assert any(name in _page(page).ids for page in (site / "api").glob("*.html")), name
    text = (site / "api" / "landings.html").read_text(encoding="utf-8")
    assert "Land many expressions in one scan of the head." in text
    assert not re.search(r":(func|class|meth|mod|data):", text)
    assert "<b><code>id</code></b>, <b><code>text</code></b>" in text
