"""Bytes from the Hub: asked for until they have come, from where a stream was cut, and given up on in the end."""

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field

from geometry.checkpoint.hub.answers import (
    Asked,
    Identity,
    changed,
    check_commit,
    check_range,
    continues,
    length_of,
    too_long,
)
from geometry.checkpoint.hub.exchange import PATIENCE, SLOWEST, Exchange, TryAgainError
from geometry.checkpoint.hub.failures import UnreachableError
from geometry.errors import CheckpointError

TRIES, UNANSWERED_TRIES = 5, 3
"""Requests in a row that bring nothing, after which the Hub is given up on; fewer where nobody answers at all."""

REQUESTS = 500
"""Requests for one stretch of bytes, however little each of them brings."""

PAUSE, LONGEST_PAUSE = 0.5, 120.0
"""Seconds before the second try, doubled from try to try; and the longest wait that a server is granted."""


class StoppedError(Exception):
    """Another request failed for good, or the person gave up."""


@dataclass(eq=False)
class Wire(Exchange):
    """A line to the Hub, on which a request is repeated where that helps.

    Attributes:
        stopped: ends every wait between two requests once it is set.
    """

    stopped: threading.Event = field(default_factory=threading.Event, repr=False)

    def whole(self, url: str, *, limit: int, file: str, commit: str = "", size: int | None = None) -> bytes:
        """Return the whole body behind ``url``, a small file of at most ``limit`` bytes.

        Args:
            commit: the commit that the Hub is to answer for, where it is known.
            size: its size, where it is known; a server may leave it to be told by the end of the stream.

        Raises:
            CheckpointError: it is refused, longer, or does not come; one line says why.
        """
        body, tag = bytearray(), None

        def attempt() -> None:
            nonlocal tag
            with self.answer(url, {"Range": f"bytes={len(body)}-"} if body else {}, file) as answer:
                if answer.status == 200:
                    body.clear()
                elif not body or answer.status != 206:
                    raise self.refused(answer, file)
                elif not continues(answer, len(body), tag):
                    body.clear()
                    raise TryAgainError("the rest of it is of another version")
                check_commit(answer, Asked(self.what, file, commit, self.endpoint))
                tag, length = answer.headers.get("etag"), length_of(answer.headers)
                expected = None if length is None else len(body) + length
                if expected is None and size is None and "chunked" not in answer.headers.get("transfer-encoding", ""):
                    raise CheckpointError(
                        f"{self.what}: {file} comes without its length, so that its end cannot be told from a cut; "
                        "the server is at fault"
                    )
                if expected is not None and expected > limit:
                    raise too_long(self.what, file, f"has {expected:,} bytes", limit)
                for block in self.blocks(answer, file):
                    if len(body) + len(block) > limit:
                        raise too_long(self.what, file, f"goes on after {limit:,} bytes", limit)
                    body.extend(block)
                expected = size if expected is None else expected
                if expected is not None and len(body) < expected:
                    raise TryAgainError(f"{len(body):,} of {expected:,} bytes came")

        self._keep_asking(attempt, lambda: len(body), file)
        return bytes(body)

    def stretch(
        self, url: str, start: int, stop: int, *, file: str, take: Callable[[int, bytes], None], commit: str
    ) -> Identity:
        """Bring bytes ``start`` to ``stop`` (exclusive) of the file behind ``url``, going on where a stream was cut.

        Every request asks the Hub anew, since the places it sends to are signed and expire.

        Args:
            take: is given (offset in the file, bytes) in order.
            commit: the commit that the Hub is to answer for.

        Returns:
            What the answers said of the file, which all agreed; ``stop`` may lie past its end.

        Raises:
            CheckpointError: the server ignores ranges, the file changed, or the bytes do not come.
        """
        at, wanted = start, stop
        seen: Identity | None = None

        def attempt() -> None:
            nonlocal at, wanted, seen
            with self.answer(url, {"Range": f"bytes={at}-{wanted - 1}"}, file) as answer:
                if answer.status not in (200, 206):
                    raise self.refused(answer, file)
                found = check_range(answer, at, wanted, Asked(self.what, file, commit, self.endpoint))
                change = "" if seen is None else seen.difference(found)
                if change:
                    raise changed(self.what, file, change)
                seen, wanted = found, min(wanted, found.size)
                for block in self.blocks(answer, file):
                    if at + len(block) > wanted:
                        raise CheckpointError(
                            f"{self.what}: {file}: more bytes came than the range asked for; "
                            "the server cannot be trusted"
                        )
                    take(at, block)
                    at += len(block)
            if at < wanted:
                raise TryAgainError(f"the answer ended {wanted - at:,} bytes early")

        self._keep_asking(attempt, lambda: at, file)
        assert seen is not None
        return seen

    def _keep_asking(self, attempt: Callable[[], None], so_far: Callable[[], int], file: str) -> None:
        """Repeat a request as long as it brings something, or may."""
        failures, requests, asking, since = 0, 0, 0.0, so_far()
        while not self.stopped.is_set():
            before, start = so_far(), time.monotonic()
            try:
                return attempt()
            except TryAgainError as again:
                requests, asking = requests + 1, asking + time.monotonic() - start
                failures = 0 if so_far() > before else failures + 1
                tries = TRIES if again.answered else UNANSWERED_TRIES
                dawdles = asking > PATIENCE and so_far() - since < SLOWEST
                if failures >= tries or requests >= REQUESTS or dawdles:
                    raise self._given_up(file, again.reason, requests) from again
                if asking > PATIENCE:
                    asking, since = 0.0, so_far()
                if failures or again.wait is not None:
                    self._pause(again, failures, file)
        raise StoppedError

    def _given_up(self, file: str, reason: str, requests: int) -> UnreachableError:
        return UnreachableError(
            f"{self.what}: {file} did not come from {self.endpoint} in {requests} requests (the last: {reason}); "
            "try again later"
        )

    def _pause(self, again: TryAgainError, failures: int, file: str) -> None:
        """Wait before the next try: longer from try to try, and at least as long as the server asks."""
        wait = max(min(PAUSE * 2 ** max(failures - 1, 0), 10.0), again.wait or 0.0)
        if wait > LONGEST_PAUSE:
            raise UnreachableError(
                f"{self.what}: {file}: {self.endpoint} asks to wait {wait:,.0f} s ({again.reason}); try again then"
            )
        self.stopped.wait(wait)
