"""The watch over the browser can fail, and leaves nothing behind."""

import asyncio
from pathlib import Path

import pytest
from visiting import Visit, is_local


@pytest.mark.parametrize(
    ("url", "local"),
    [
        ("file:///x.html", True),
        ("data:,x", True),
        ("http://127.0.0.1:8000/x", True),
        ("http://localhost:1/", True),
        ("http://[::1]:1/", True),
        ("https://127.0.0.1/", False),
        ("http://127.0.0.1.example.org/", False),
        ("http://localhost@example.org/", False),
        ("ftp://localhost/", False),
    ],
)
def test_what_is_local(url: str, local: bool):
    assert is_local(url) is local


def test_whatever_leaves_this_machine_is_noted_and_stopped(visit: Visit, tmp_path: Path):
    page = tmp_path / "page.html"
    page.write_text(
        '<img src="http://example.org/a.png"><script>'
        'fetch("https://example.org/b").catch(() => {}); new WebSocket("ws://example.org/c"); '
        'console.error("d"); setTimeout(() => { throw new Error("e") })</script>'
    )
    visit(page.as_uri()).wait_for_timeout(200)
    found = "\n".join(visit.faults)
    for fault in ("example.org/a.png", "example.org/b", "ws://example.org/c", "console: d", "script: e"):
        assert fault in found
    visit.faults.clear()


def test_an_expected_error_is_none(visit: Visit):
    visit.allow("status of 400")
    visit("data:text/html,<script>console.error('the status of 400')</script>").wait_for_timeout(50)
    assert visit.faults == []


def test_other_loops_run_after_the_browsers():
    # after the tests above, in the same thread
    assert asyncio.run(asyncio.sleep(0, "done")) == "done"
