"""The served heads that these tests share, each open once."""

from collections.abc import Iterator

import pytest
from asking import Client, serve

import geometry as geo
from geometry.explore.shelf import open_shelf


@pytest.fixture(scope="session")
def client(composing: "geo.Head") -> Iterator[Client]:
    """A server with one small head in which composition holds."""
    yield from serve(open_shelf([str(composing.opened.checkpoint.folder)]))


@pytest.fixture
def composed(composing: "geo.Head") -> "geo.Head":
    return composing.in_space("folded")


@pytest.fixture(scope="session")
def organism() -> Iterator[Client]:
    """A server with the bundled organism, which runs."""
    yield from serve(open_shelf(["organism"]))
