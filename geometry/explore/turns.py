"""Whose turn it is: so many at once, so many waiting, and nobody who has gone away in the meantime."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

from geometry.explore.refusals import GoneError, RefusedError

Gone = Callable[[], Awaitable[bool]]

LOOK = 0.25
"""Seconds after which who waits is looked at again: a place in the queue is not kept for who has left."""


class Turns:
    """A queue for one kind of work.

    Args:
        what: Of what, for the message.
        at_once: How many may be at it at the same time.
        waiting: How many may wait.
        seconds: How long they may.
    """

    def __init__(self, what: str, *, at_once: int, waiting: int, seconds: float) -> None:
        self._what, self._most, self._seconds = what, waiting, seconds
        self._free, self._waiting = asyncio.Semaphore(at_once), 0

    @asynccontextmanager
    async def taken(self, gone: Gone) -> AsyncIterator[None]:
        """Wait for a turn and hold it.

        Raises:
            RefusedError: Too many wait already (429), or it took too long (503).
            GoneError: Whoever asked is not there any more.
        """
        await self._wait(gone)
        try:
            if await gone():
                raise GoneError
            yield
        finally:
            self._free.release()

    async def _wait(self, gone: Gone) -> None:
        if not self._free.locked():
            await self._free.acquire()
            return
        if self._waiting >= self._most:
            raise RefusedError(f"{self._what}: {self._waiting} others wait already; ask again in a moment", 429)
        self._waiting += 1
        turn = asyncio.ensure_future(self._free.acquire())
        try:
            await self._watch(turn, gone)
        except BaseException:
            if not turn.cancel() and not turn.cancelled():
                self._free.release()  # it came just now, and nobody takes it
            raise
        finally:
            self._waiting -= 1

    async def _watch(self, turn: "asyncio.Future[Any]", gone: Gone) -> None:
        until = asyncio.get_running_loop().time() + self._seconds
        while not (await asyncio.wait({turn}, timeout=LOOK))[0]:
            if await gone():
                raise GoneError
            if asyncio.get_running_loop().time() >= until:
                raise RefusedError(f"{self._what}: it took longer than {self._seconds:g} s to begin; ask again", 503)
