"""A progress bar on standard error for what takes longer than a moment."""

import sys
from collections.abc import Iterable, Iterator
from typing import TypeVar

T = TypeVar("T")

SHOWN_FROM_BYTES = 512 * 2**20
"""A pass over fewer bytes than this ends before a bar could be read."""


def track(items: Iterable[T], label: str, *, total: int, nbytes: int) -> Iterator[T]:
    """Yield ``items``, with a bar while they go by if ``nbytes`` is large and standard error is a terminal."""
    if nbytes < SHOWN_FROM_BYTES or not sys.stderr.isatty():
        yield from items
        return
    from rich.console import Console
    from rich.progress import track as rich_track

    yield from rich_track(items, description=label, total=total, transient=True, console=Console(stderr=True))
