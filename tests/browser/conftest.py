"""A real browser for the tests: Debian's Chromium, driven by playwright, and watched."""

import asyncio
import os
import shutil
from collections.abc import Iterator

import pytest
from visiting import Chromium, Visit


@pytest.fixture(scope="session")
def chromium() -> Iterator[Chromium]:
    """One browser for all tests of a worker; skipped where there is none."""
    playwright = pytest.importorskip("playwright.sync_api", reason="playwright is absent: pip install playwright")
    path = shutil.which("chromium")
    if path is None:
        pytest.skip("Chromium is absent: apt-get install chromium")
    # as root there is no sandbox to be had; no name but loopback's can be looked up, whatever asks
    arguments = ["--no-sandbox"] if os.geteuid() == 0 else []
    arguments += [
        "--disable-background-networking",
        "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE localhost, EXCLUDE 127.0.0.1",
    ]
    with playwright.sync_playwright() as running:
        started = Chromium(running.chromium.launch(executable_path=path, args=arguments), asyncio.get_running_loop())
        asyncio._set_running_loop(None)
        yield started
        with started.awake() as browser:
            browser.close()
        asyncio._set_running_loop(started.loop)


@pytest.fixture
def visit(chromium: Chromium) -> Iterator[Visit]:
    """Opens pages; the test fails where one asked for anything outside this machine or had an error."""
    with chromium.awake() as browser:
        opened = Visit(browser)
        yield opened
        opened.close()
    assert opened.faults == []
