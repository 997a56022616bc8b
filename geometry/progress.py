"""A progress bar on standard error for what takes longer than a moment."""

import sys
from collections.abc import Iterable, Iterator
from typing import TypeVar

T = TypeVar("T")

SHOWN_FROM_BYTES = 512 * 2**20
"""A pass over fewer bytes than this ends before a bar could be read."""

SHOWN_FROM_SECONDS = 2.0


def track(items: Iterable[T], label: str, *, total: int, nbytes: int = 0, seconds: float = 0.0) -> Iterator[T]:
    """Yield ``items``, with a bar while they go by if that takes long and standard error is a terminal.

    Args:
        total: How many items there are.
        nbytes: How much is read on the way.
        seconds: How long it is expected to take, where it is not reading that takes long.
    """
    if (nbytes < SHOWN_FROM_BYTES and seconds < SHOWN_FROM_SECONDS) or not sys.stderr.isatty():
        yield from items
        return
    from rich.console import Console
    from rich.progress import track as rich_track

    yield from rich_track(items, description=label, total=total, transient=True, console=Console(stderr=True))
