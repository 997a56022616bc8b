"""Threads that work while the server goes on answering."""

import asyncio
import threading
from collections.abc import Callable
from contextlib import suppress
from queue import SimpleQueue
from typing import Any, TypeVar

T = TypeVar("T")


class Crew:
    """A few threads that take work one after the other; they do not keep the process alive when the server ends.

    asyncio's own threads are waited for at the end, however long they have still to go.
    """

    def __init__(self, hands: int, name: str) -> None:
        self._jobs: SimpleQueue[Callable[[], None]] = SimpleQueue()
        for number in range(hands):
            threading.Thread(target=self._work, name=f"{name}-{number}", daemon=True).start()

    async def do(self, work: Callable[[], T]) -> T:
        """Have something done by whoever is free, and return what comes of it."""
        loop = asyncio.get_running_loop()
        future: asyncio.Future[T] = loop.create_future()

        def job() -> None:
            try:
                told: tuple[Callable[[Any], None], Any] = (future.set_result, work())
            except BaseException as error:
                told = (future.set_exception, error)
            with suppress(RuntimeError):  # the loop has ended meanwhile
                loop.call_soon_threadsafe(_settle, future, *told)

        self._jobs.put(job)
        return await future

    def _work(self) -> None:
        while True:
            self._jobs.get()()


def _settle(future: "asyncio.Future[Any]", tell: Callable[[Any], None], value: Any) -> None:
    if not future.done():
        tell(value)
