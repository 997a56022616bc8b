"""Connections that ask nothing, read nothing, are too many or are cut off leave the server up."""

import asyncio
import http.client
import json
import select
import socket
import time
from contextlib import suppress
from typing import Any

import pytest
from asking import Client

from geometry.explore import limits
from geometry.explore.files import files
from geometry.explore.guards import HEADERS, Guard
from geometry.explore.serving import bind


def _answered(line: socket.socket) -> tuple[int, dict[str, str], Any]:
    """Status, headers and JSON of what comes on a connection."""
    answer = http.client.HTTPResponse(line)
    answer.begin()
    return answer.status, {name.lower(): value for name, value in answer.getheaders()}, json.loads(answer.read())


@pytest.mark.parametrize(
    "sent",
    [b"GET / HTTP/1.1\r\nHost: localhost\r\nX: " + b"a" * 60_000, b"GET / HTTP/1.1\r\n\r\n", b"\x16\x03\x01\r\n\r\n"],
)
def test_what_is_no_request_is_refused_like_the_rest(client: Client, sent: bytes):
    with socket.create_connection(("127.0.0.1", client.port), timeout=10) as line:
        line.sendall(sent)
        status, headers, answer = _answered(line)
    assert (status, headers["content-type"], headers["connection"]) == (400, "application/json", "close")
    assert HEADERS.items() <= headers.items()
    assert "more than 16,384 bytes" in answer["error"]


def test_who_asks_nothing_is_let_go(client: Client, monkeypatch):
    """A byte now and then keeps no connection."""
    monkeypatch.setattr(limits, "PATIENCE", 0.3)
    with socket.create_connection(("127.0.0.1", client.port), timeout=10) as line:
        line.setblocking(False)
        begun = time.monotonic()
        while not select.select([line], [], [], 0.05)[0]:
            assert time.monotonic() - begun < 5
            line.sendall(b"G")
        assert time.monotonic() - begun > 0.25
        with suppress(ConnectionError):
            assert line.recv(1) == b""


def test_who_does_not_read_is_let_go(client: Client, monkeypatch):
    monkeypatch.setattr(limits, "PATIENCE", 0.3)
    name, asked = max(files(), key=lambda name: len(files()[name].content)), 400
    with socket.socket() as line:
        line.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        line.settimeout(10)
        line.connect(("127.0.0.1", client.port))
        line.sendall(f"GET /assets/{name} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode() * asked)
        time.sleep(0.8)
        read = 0
        with suppress(ConnectionError):
            while piece := line.recv(1 << 16):
                read += len(piece)
    assert 0 < read < asked * len(files()[name].content)


def test_more_connections_than_are_kept_are_told_so(client: Client, monkeypatch):
    monkeypatch.setattr(limits, "CONNECTIONS", 2)
    idle = [socket.create_connection(("127.0.0.1", client.port), timeout=10) for _ in range(2)]
    try:
        status, headers, body = client.raw("/api/heads")
        assert (status, headers["connection"], "2 connections" in json.loads(body)["error"]) == (503, "close", True)
        assert HEADERS.items() <= headers.items()
    finally:
        for line in idle:
            line.close()


def test_who_is_answered_when_the_server_ends_is_told_so():
    sent: list[Any] = []

    async def ended(*_: Any) -> None:
        raise asyncio.CancelledError

    async def send(message: Any) -> None:
        sent.append(message)

    headers = [(b"host", b"localhost")]
    scope = {"type": "http", "method": "GET", "path": "/", "query_string": b"", "headers": headers}
    with pytest.raises(asyncio.CancelledError):
        asyncio.run(Guard(ended, ["localhost"])(scope, ended, send))
    assert sent[0]["status"] == 503
    assert "was ended" in json.loads(sent[1]["body"])["error"]


def test_a_browser_that_goes_away_in_mid_answer_leaves_the_server_up(client: Client):
    for path in ("/api/land?q=sea", "/api/map?method=pca", "/atlas.png", "/api/vacancy?q=sea+%2B+fox"):
        for sent in (f"GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n", f"GET {path} HT"):
            with socket.create_connection(("127.0.0.1", client.port), timeout=10) as line:
                line.sendall(sent.encode())
                line.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\x01\x00\x00\x00\x00\x00\x00\x00")
    assert client.ask("/api/land", q="sea")[0] == 200


def test_small_answers_do_not_wait_for_the_clients_word():
    """asyncio turns that waiting off, 40 ms an answer, only where a socket names its protocol."""
    with bind("127.0.0.1", 0) as listening:
        assert listening.proto == socket.IPPROTO_TCP
