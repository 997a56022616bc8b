"""Progress bars on standard error for what takes longer than a moment."""

import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import TypeVar

T = TypeVar("T")

SHOWN_FROM_BYTES = 512 * 2**20
"""A pass over fewer bytes than this ends before a bar could be read."""

SHOWN_FROM_SECONDS = 2.0

FETCHED_SHOWN_FROM_BYTES = 8 * 2**20
"""The same for bytes that come over a network."""


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


@contextmanager
def fetching(label: str, *, total: int, done: int = 0) -> Iterator[Callable[[int], None]]:
    """Yield what is to be told of every few bytes that come over a network; any thread may tell it.

    Args:
        total: How many bytes there are.
        done: How many of them are here already.
    """
    if total < FETCHED_SHOWN_FROM_BYTES or not sys.stderr.isatty():
        yield lambda _: None
        return
    from rich.console import Console
    from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn, TransferSpeedColumn

    columns = (TextColumn("{task.description}", markup=False), BarColumn(), DownloadColumn(), TransferSpeedColumn())
    with Progress(*columns, TimeRemainingColumn(), transient=True, console=Console(stderr=True)) as bar:
        task = bar.add_task(label, total=total, completed=done)
        yield lambda count: bar.advance(task, count)


@contextmanager
def counting(label: str, *, total: int, done: int = 0) -> Iterator[Callable[[int], None]]:
    """Yield what is to be told how many more are done, with their rate and the time left on a terminal.

    Args:
        total: How many there are.
        done: How many of them were done before.
    """
    if not sys.stderr.isatty():
        yield lambda _: None
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, ProgressColumn, Task, TextColumn
    from rich.progress import TimeRemainingColumn as TimeLeft
    from rich.text import Text

    class Rate(ProgressColumn):
        def render(self, task: Task) -> Text:
            return Text(f"{task.speed:,.0f}/s" if task.speed else "–/s")

    columns = (TextColumn("{task.description}", markup=False), BarColumn(), MofNCompleteColumn(), Rate(), TimeLeft())
    with Progress(*columns, transient=True, console=Console(stderr=True)) as bar:
        task = bar.add_task(label, total=total, completed=done)
        yield lambda count: bar.advance(task, count)


@contextmanager
def waiting(label: str) -> Iterator[None]:
    """Show that something goes on whose end cannot be told, where standard error is a terminal."""
    if not sys.stderr.isatty():
        yield
        return
    from rich.console import Console
    from rich.text import Text

    with Console(stderr=True).status(Text(label)):
        yield


def tell(note: str) -> None:
    """Say something on standard error that a person should know while waiting."""
    sys.stderr.write(f"note: {note}\n")
