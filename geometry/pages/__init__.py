"""A page of our own: one HTML file that loads nothing, light or dark as its reader likes it.

Nothing in it comes from elsewhere: no font, no script, no picture, and its policy (CSP) forbids the browser to fetch
any. Every text is escaped by who writes it; :func:`text` and :func:`embedded` are there for that.
"""

import html
import json
import re
from collections.abc import Iterable
from functools import cache
from pathlib import Path
from typing import Any

from geometry.atomic import check_place, put_file
from geometry.tables import Table
from geometry.tokens.emoji import VARIATION_SELECTOR, lookup, split_emoji

EMOJI_FONT = '"Noto Color Emoji","Apple Color Emoji","Segoe UI Emoji"'

STYLE = """
:root{color-scheme:light dark;--paper:#fff;--ink:#1f2328;--grey:#6e7781;--line:#d9dee4;--soft:#f4f6f8;--accent:#0072b2;
--warm:#d55e00;--good:#009e73;--shadow:0 4px 18px rgba(0,0,0,.18)}
@media(prefers-color-scheme:dark){:root{--paper:#14171b;--ink:#e6e9ed;--grey:#9aa4af;--line:#343b44;--soft:#1e2329;
--accent:#56b4e9;--warm:#e69f00;--good:#3ecf9f;--shadow:0 4px 18px rgba(0,0,0,.6)}}
*{box-sizing:border-box}
body{margin:0;padding:20px 24px 32px;background:var(--paper);color:var(--ink);
font:14px/1.45 system-ui,"DejaVu Sans",Verdana,sans-serif}
main{max-width:1400px;margin:0 auto}
h1{font-size:19px;margin:0 0 2px}h2{font-size:15px;margin:26px 0 6px}
p{margin:4px 0}.grey,footer,.notes{color:var(--grey)}.small{font-size:12px}
footer{margin-top:26px;font-size:12px;border-top:1px solid var(--line);padding-top:8px}
.notes{font-size:12.5px;padding-left:18px;margin:10px 0}
.scroll{overflow-x:auto}
table{border-collapse:collapse}th{font-weight:600;text-align:left}
table.plain td,table.plain th{padding:3px 12px 3px 0;border-bottom:1px solid var(--line);vertical-align:top}
table.plain td.number,table.plain th.number{text-align:right;font-variant-numeric:tabular-nums}
.emoji{font-family:""" + EMOJI_FONT + """;font-style:normal}
""".lstrip("\n")  # fmt: skip


def page(title: str, body: str, *, style: str = "", script: str = "", footer: str = "") -> str:
    """Return a whole page.

    Args:
        title: Plain text: what the browser's tab and the heading say.
        body: HTML, every text in it escaped already.
        style: More CSS.
        script: JavaScript; it runs once the body is there.
        footer: Plain text below everything: head, fingerprint, seed, version.
    """
    csp = "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; img-src data:"
    parts = [
        '<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8">',
        f'<meta http-equiv="Content-Security-Policy" content="{csp}">',
        '<meta name="viewport" content="width=device-width, initial-scale=1">',
        f"<title>{html.escape(title)}</title>",
        f"<style>{STYLE}{style}</style></head><body><main>",
        f"<h1>{text(title)}</h1>",
        body,
        f"<footer>{text(footer)}</footer>" if footer else "",
        "</main>",
        f"<script>{script}</script>" if script else "",
        "</body></html>\n",
    ]
    return "\n".join(filter(None, parts))


def text(given: str) -> str:
    """Return plain text as HTML, every emoji in it in a span of its own so that it alone has the emoji font."""
    return "".join(_span(piece) if emoji else html.escape(piece) for piece, emoji in split_emoji(given))


def token(given: str) -> str:
    """Return a token's printed text as HTML, a space before it shown as ``·``."""
    return text("·" + given[1:] if given.startswith(" ") else given)


def notes(lines: Iterable[str]) -> str:
    """Return sentences as a list, or nothing where there are none."""
    items = "".join(f"<li>{text(line)}</li>" for line in lines)
    return f'<ul class="notes">{items}</ul>' if items else ""


def table(given: Table) -> str:
    """Return a table with its title as a heading, its notes below it."""
    headline, *rest = given.title or ("",)
    parts = [f"<h2>{text(headline)}</h2>"] if headline else []
    parts += [f'<p class="grey">{text(line)}</p>' for line in rest]
    classes = [' class="number"' if column.align == "right" else "" for column in given.columns]
    heads = "".join(f"<th{kind}>{text(column.name)}</th>" for column, kind in zip(given.columns, classes, strict=True))
    rows = "".join(
        "<tr>" + "".join(f"<td{kind}>{text(cell)}</td>" for cell, kind in zip(row, classes, strict=True)) + "</tr>"
        for row in given.rows
    )
    if rows:
        parts.append(f'<div class="scroll"><table class="plain"><tr>{heads}</tr>{rows}</table></div>')
    return "\n".join([*parts, notes(given.notes)])


def embedded(name: str, value: Any) -> str:
    """Return a script element that holds a value as JSON for the page's own script; nothing in it ends the element."""
    written = json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    written = written.replace("<", "\\u003c").replace("\u2028", "\\u2028").replace("\u2029", "\\u2029")
    # half a character has no UTF-8; as an escape it reaches the script as it is
    written = re.sub("[\ud800-\udfff]", lambda half: f"\\u{ord(half[0]):04x}", written)
    return f'<script type="application/json" id="{html.escape(name, quote=True)}">{written}</script>'


SCATTER = (
    "scatter.js", "scatter-plane.js", "scatter-scene.js", "scatter-points.js", "scatter-over.js", "scatter-hands.js",
    "scatter-search.js",
)  # fmt: skip
"""The scripts that draw tokens on a canvas and find them; the first is loaded first."""


def scatter_script() -> str:
    """Return them as one."""
    return "\n".join(map(asset, SCATTER))


@cache
def asset(name: str) -> str:
    """Return a script or style of this package, such as ``scatter.js``."""
    return (Path(__file__).with_name("assets") / name).read_text(encoding="utf-8")


def check_page(path: str | Path) -> Path:
    """Return the path of a page, so that a wrong one is known before anything is computed.

    Raises:
        OptionError: Another ending than ``.html``, or a folder that is not there.
    """
    return check_place(path, ".html")


def write_page(path: str | Path, content: str) -> None:
    """Write a page, whole or not at all.

    Raises:
        OptionError: Another ending than ``.html``, or a place that cannot be written to.
    """
    put_file(check_page(path), content.encode("utf-8", "replace"), "a .html file in a folder that can be written to")


def _span(emoji: str) -> str:
    known = lookup(emoji)
    # without its selector ❤ comes out black; the catalogue's form has it where it belongs
    shown = known.text if known is not None and VARIATION_SELECTOR in known.text else emoji
    return f'<span class="emoji">{html.escape(shown)}</span>'
