"""A Hub of our own and a cache of its own for every test; the client is the real one."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from loopback import Loopback

from geometry.checkpoint.hub import wire


@pytest.fixture
def hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Loopback]:
    """A loopback Hub that the client believes to be the Hub, and a cache in the test's folder."""
    server = Loopback()
    monkeypatch.setenv("HF_ENDPOINT", server.endpoint)
    monkeypatch.setenv("GEOMETRY_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("HF_TOKEN", Loopback.TOKEN)
    monkeypatch.setenv("NO_PROXY", "127.0.0.1,localhost")
    monkeypatch.setattr(wire, "PAUSE", 0.001)
    yield server
    server.close()


@pytest.fixture
def cache(tmp_path: Path) -> Path:
    return tmp_path / "cache"
