"""Many questions at once: each its own answer, in bounded turns."""

import asyncio
import socket
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from types import SimpleNamespace
from typing import Any

from asking import Client

from geometry.explore.refusals import GoneError, RefusedError
from geometry.explore.turns import Turns


def test_questions_at_the_same_time_get_their_own_answers(client: Client):
    def ask(weight: int) -> tuple[int, str]:
        return weight, client.get("/api/land", q="sea + horse", weights=f"1,{weight}")["expression"]

    with ThreadPoolExecutor(16) as many:
        for weight, expression in many.map(ask, range(2, 18)):
            assert expression == f"sea + {weight}*horse"


def test_stale_questions_are_not_answered(client: Client, monkeypatch):
    """Who gave up while others had their turn is not computed for."""
    begun, may_end, asked = threading.Event(), threading.Event(), []

    def slow(volume: Any, parameters: Any) -> dict[str, Any]:
        asked.append(parameters.text("prompt"))
        begun.set()
        assert may_end.wait(30)
        return {}

    monkeypatch.setattr(client.desk, "lenses", SimpleNamespace(lens=slow, retry=slow))
    request = "GET /api/lens?prompt={} HTTP/1.1\r\nHost: localhost\r\n\r\n"
    lines = []
    for prompt in ("first", "left", "last"):
        lines.append(socket.create_connection(("127.0.0.1", client.port), timeout=30))
        lines[-1].sendall(request.format(prompt).encode())
        assert begun.wait(10)
        time.sleep(0.1)
    lines[1].close()
    time.sleep(0.5)
    may_end.set()
    for line in (lines[0], lines[2]):
        assert line.recv(32).startswith(b"HTTP/1.1 200")
        line.close()
    assert asked == ["first", "last"]


def test_turns_are_bounded():
    async def here() -> bool:
        return False

    async def scene() -> list[str]:
        turns, told, leave = Turns("slow things", at_once=1, waiting=1, seconds=0.4), [], asyncio.Event()

        async def one(name: str, gone: Any = here) -> None:
            try:
                async with turns.taken(gone):
                    told.append(name)
                    await leave.wait()
            except (RefusedError, GoneError) as error:
                told.append(f"{name} {getattr(error, 'status', 'gone')}")

        async def away() -> bool:
            return True

        first = asyncio.create_task(one("a"))
        await asyncio.sleep(0.01)
        waits = asyncio.create_task(one("b"))
        await asyncio.sleep(0.01)
        await one("c")
        await waits
        await one("d", away)
        leave.set()
        await first
        await one("e")
        await one("f", away)
        await one("g")
        return told

    assert asyncio.run(scene()) == ["a", "c 429", "b 503", "d gone", "e", "f gone", "g"]
