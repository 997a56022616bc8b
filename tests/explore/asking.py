"""One who asks a served page, and the serving of it to them."""

import http.client
import json
import sys
import threading
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlencode

import pytest

from geometry.explore.desk import Desk
from geometry.explore.serving import bind, make_server
from geometry.explore.shelf import Shelf

GEOMETRY = [sys.executable, "-m", "geometry"]
SEAHORSE = "sea + horse + emoji"


class Client:
    """Asks a server on this machine, one connection a question."""

    def __init__(self, port: int, desk: Desk) -> None:
        self.port, self.desk = port, desk

    def raw(
        self, path: str, method: str = "GET", headers: dict[str, str] | None = None
    ) -> tuple[int, dict[str, str], bytes]:
        """Status, headers and body."""
        line = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        try:
            line.putrequest(method, path, skip_host=headers is not None and "Host" in headers)
            for name, value in (headers or {}).items():
                line.putheader(name, value)
            line.endheaders()
            answer = line.getresponse()
            return answer.status, {name.lower(): value for name, value in answer.getheaders()}, answer.read()
        finally:
            line.close()

    def ask(self, path: str, **parameters: str) -> tuple[int, Any]:
        """Status and JSON, which holds no NaN."""
        status, _, body = self.raw(f"{path}?{urlencode(parameters)}")
        return status, json.loads(body, parse_constant=lambda name: pytest.fail(f"{name} in JSON"))

    def get(self, path: str, **parameters: str) -> Any:
        """The JSON of what is answered."""
        status, answer = self.ask(path, **parameters)
        assert status == 200, answer
        return answer


def needs_extra() -> None:
    """Skip the test that asks where the extra ``explore`` is absent."""
    pytest.importorskip("fastapi")
    pytest.importorskip("uvicorn")


def serve(volumes: Shelf, host: str = "127.0.0.1") -> Iterator[Client]:
    """Serve as if on a host, whatever it is, to this machine alone; skips without the extra ``explore``."""
    needs_extra()
    desk, listening = Desk(volumes), bind("127.0.0.1", 0)
    server = make_server(desk, host)
    running = threading.Thread(target=server.run, kwargs={"sockets": [listening]}, daemon=True)
    running.start()
    yield Client(listening.getsockname()[1], desk)
    server.should_exit = True
    running.join(10)
    assert not running.is_alive()
