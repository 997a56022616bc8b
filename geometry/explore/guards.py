"""What stands before every question: whose it is, how large it may be, and what a browser may do with the answer."""

import asyncio
import ipaddress
import re
from collections.abc import Awaitable, Callable, Iterable, MutableMapping
from typing import Any

from geometry.explore import limits
from geometry.explore.refusals import refusal

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]
Header = tuple[bytes, bytes]

POLICY = "; ".join(
    (
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        "img-src 'self' data: blob:",
        "connect-src 'self'",
        "base-uri 'none'",
        "form-action 'none'",
        "frame-ancestors 'none'",
    )
)

HEADERS = {
    "content-security-policy": POLICY,
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    "referrer-policy": "no-referrer",
    "cross-origin-resource-policy": "same-origin",
    "cross-origin-opener-policy": "same-origin",
    "permissions-policy": "camera=(), microphone=(), geolocation=(), interest-cohort=()",
}
"""On every answer, errors included."""

_HOST = re.compile(r"(\[[0-9a-fA-F:.]+\]|[A-Za-z0-9._-]+)(?::\d{1,5})?", re.ASCII)

LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})


class Guard:
    """An ASGI application that lets through what is meant for the one behind it.

    A page elsewhere can make a browser send requests here: by a name of its own that it lets point at this machine
    (DNS rebinding), whose Host header gives it away, or plainly across origins, which browsers say.

    Args:
        app: The application.
        hosts: Names that the server may be called by; the port does not matter, so that a tunnel may have another.
        any_address: Let it be called by any IP address, which no stranger's name can be.
    """

    def __init__(self, app: App, hosts: Iterable[str], *, any_address: bool = False) -> None:
        self._app, self._hosts, self._any_address = app, frozenset(host.lower() for host in hosts), any_address

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request, or refuse it."""
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
            return
        if scope["type"] != "http":
            return

        begun = False

        async def guarded(message: Message) -> None:
            nonlocal begun
            if message["type"] == "http.response.start":
                begun, message = True, {**message, "headers": completed(message["headers"])}
            await send(message)

        refused = self._refused(scope)
        if refused is not None:
            await refuse(send, *refused)
            return
        try:
            await self._app(scope, receive, guarded)
        except asyncio.CancelledError:  # the server ends and waits no longer
            if not begun:
                await refuse(send, 503, "the server was ended before this was answered")
            raise

    def _refused(self, scope: Scope) -> tuple[int, str] | None:
        """Return status and line for a request that is not let through."""
        headers: dict[bytes, bytes] = {}
        for name, value in scope["headers"]:
            if name == b"host" and name in headers:
                return 400, "two Host headers arrived; expected one"
            headers[name] = value
        if not self._is_ours(headers.get(b"host", b"").decode("latin-1")):
            return 400, f"the Host header names another server; expected {' or '.join(sorted(self._hosts))}"
        if scope["method"] not in ("GET", "HEAD"):
            return 405, f"{scope['method']:.20} arrived; expected GET"
        if b"transfer-encoding" in headers or headers.get(b"content-length", b"0").strip() not in (b"", b"0"):
            return 413, "a body arrived; expected none: questions are asked by GET"
        size = len(scope.get("query_string", b""))
        if size > limits.QUERY:
            return 413, f"parameters of {size:,} bytes arrived; at most {limits.QUERY:,} are read: shorten them"
        if not _is_own_page(headers, scope["path"]):
            return 400, "another site's page asks; expected this server's own page"
        return None

    def _is_ours(self, host: str) -> bool:
        found = _HOST.fullmatch(host)
        if found is None:
            return False
        name = found[1].strip("[]").lower()
        return name in self._hosts or (self._any_address and _is_address(name))


def _is_own_page(headers: dict[bytes, bytes], path: str) -> bool:
    """Whether a browser says that its own page of ours asks; what is no browser says nothing."""
    site = headers.get(b"sec-fetch-site", b"none")
    if site in (b"none", b"same-origin"):
        return True
    # a link from elsewhere may lead to the page itself
    return (
        path == "/" and headers.get(b"sec-fetch-mode") == b"navigate" and headers.get(b"sec-fetch-dest") == b"document"
    )


def _is_address(name: str) -> bool:
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True


def completed(headers: Iterable[Header]) -> list[Header]:
    """Return an answer's headers with those that every answer carries."""
    given = [(name, value) for name, value in headers if name.decode() not in HEADERS]
    ours = [(name.encode(), value.encode()) for name, value in HEADERS.items()]
    kept = any(name == b"cache-control" for name, _ in given)
    return [*given, *ours] if kept else [*given, *ours, (b"cache-control", b"no-store")]


async def refuse(send: Send, status: int, line: str, *more: Header) -> None:
    """Answer with a refusal.

    Args:
        send: What takes the answer.
        status: Its HTTP status.
        line: What is said.
        more: Headers besides.
    """
    body = refusal(line)
    headers = completed([(b"content-type", b"application/json"), (b"content-length", b"%d" % len(body)), *more])
    if status == 405:
        headers.append((b"allow", b"GET, HEAD"))
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})
