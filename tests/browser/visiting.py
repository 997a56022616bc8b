"""Pages opened in a real browser, and what none of them may do."""

import asyncio
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

if TYPE_CHECKING:
    from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Page, Route, WebSocketRoute

LOCAL_SCHEMES = {"file", "data", "blob", "about"}
LOOPBACK = {"127.0.0.1", "localhost", "::1"}


@dataclass(frozen=True)
class Chromium:
    """A browser, and playwright's event loop.

    The loop never ends while playwright is there. Were it marked as running all the time, no other test of this
    process could start one; so it is only while the browser is used.
    """

    browser: "Browser"
    loop: asyncio.AbstractEventLoop

    @contextmanager
    def awake(self) -> "Iterator[Browser]":
        """Use the browser."""
        asyncio._set_running_loop(self.loop)
        try:
            yield self.browser
        finally:
            asyncio._set_running_loop(None)


@dataclass
class Visit:
    """Opens pages and notes what none of them may do.

    Attributes:
        browser: Where they open; each in a context of its own.
        faults: Requests that would leave this machine, errors of scripts, errors on the console.
    """

    browser: "Browser"
    faults: list[str] = field(default_factory=list)
    _allowed: list[re.Pattern[str]] = field(default_factory=list)
    _contexts: "list[BrowserContext]" = field(default_factory=list)

    def __call__(
        self, url: str, *, scheme: str = "light", width: int = 1400, height: int = 900, **options: Any
    ) -> "Page":
        """Open a page; ``options`` are those of playwright's ``new_context``."""
        settings: dict[str, Any] = {"reduced_motion": "reduce", "color_scheme": scheme, **options}
        context = self.browser.new_context(viewport={"width": width, "height": height}, **settings)
        self._contexts.append(context)
        context.set_default_timeout(10_000)
        context.route("**/*", self._pass_on)
        context.route_web_socket(re.compile(".*"), self._refuse_socket)
        context.on("console", self._hear)
        context.on("weberror", lambda error: self._note(f"script: {error.error}"))
        page = context.new_page()
        page.goto(url)
        return page

    def allow(self, pattern: str) -> None:
        """Expect console errors of this kind, a regular expression, such as those of an answer with status 400."""
        self._allowed.append(re.compile(pattern))

    def close(self) -> None:
        """Close every page."""
        for context in self._contexts:
            context.close()

    def _note(self, fault: str) -> None:
        if not any(pattern.search(fault) for pattern in self._allowed):
            self.faults.append(fault)

    def _hear(self, message: "ConsoleMessage") -> None:
        if message.type == "error":
            self._note(f"console: {message.text} ({message.location.get('url', '')})")

    def _pass_on(self, route: "Route") -> None:
        if is_local(route.request.url):
            route.continue_()
        else:
            self.faults.append(f"request: {route.request.url}")
            route.abort()

    def _refuse_socket(self, socket: "WebSocketRoute") -> None:
        self.faults.append(f"socket: {socket.url}")
        socket.close()


def is_local(url: str) -> bool:
    """Whether a request stays on this machine."""
    parts = urlsplit(url)
    return parts.scheme in LOCAL_SCHEMES or (parts.scheme == "http" and parts.hostname in LOOPBACK)
