"""Requests to the Hub: bounded, checked, repeated where that helps; the token stays with the Hub's own origin.

The client ``huggingface_hub`` brings the session, the token, the addresses and what its errors mean. Bodies are read
here, because its own downloads take what a server sends: a whole shard where a byte range is ignored, any length.
"""

import os
import re
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from urllib.parse import urljoin, urlsplit

from geometry.checkpoint.header import short
from geometry.checkpoint.hub.answers import (
    Answer,
    Asked,
    Identity,
    changed,
    check_commit,
    check_range,
    continues,
    length_of,
    origin_of,
    plain,
    refusal,
    retry_after,
    too_long,
)
from geometry.errors import CheckpointError

TRIES, UNANSWERED_TRIES = 5, 3
"""Requests in a row that bring nothing, after which the Hub is given up on; fewer where nobody answers at all."""

REQUESTS = 500
"""Requests for one stretch of bytes, however little each of them brings."""

PAUSE, LONGEST_PAUSE = 0.5, 120.0
"""Seconds before the second try, doubled from try to try; and the longest wait that a server is granted."""

TIMEOUT = 30.0
"""Seconds in which a server has to say something."""

SLOWEST, PATIENCE = 2**14, 60.0
"""A stream that brings fewer bytes than this in so many seconds is cut."""

REDIRECTS = 5

_BUSY = {408, 425, 429, 500, 502, 503, 504}
_EXPIRED = {400, 401, 403, 404, 410}


class UnreachableError(CheckpointError):
    """No answer came: there is no network, the Hub is down, or offline mode is on."""


@dataclass
class TryAgainError(Exception):
    """This request failed, and another may not."""

    reason: str
    wait: float | None = None
    answered: bool = True


@dataclass(eq=False)
class Wire:
    """A line to the Hub.

    Attributes:
        what: what is being fetched, for messages: ``org/model@revision``.
        bytes_received: bytes of bodies so far, of failed requests too.
    """

    what: str
    bytes_received: int = 0
    _lock: threading.Lock = field(default_factory=threading.Lock, repr=False)

    @property
    def endpoint(self) -> str:
        """The Hub's address: ``HF_ENDPOINT``, which the client reads when it is imported, else the client's own."""
        from huggingface_hub import constants

        address = (os.environ.get("HF_ENDPOINT") or constants.ENDPOINT).rstrip("/")
        if not re.fullmatch(r"https?://[\w.:\[\]-]+(/[\w./-]*)?", address):
            raise CheckpointError(f"HF_ENDPOINT is {short(address)}; expected an address such as https://host")
        return address

    def whole(self, url: str, *, limit: int, file: str, commit: str = "") -> bytes:
        """Return the whole body behind ``url``, a small file of at most ``limit`` bytes.

        Args:
            commit: the commit that the Hub is to answer for, where it is known.

        Raises:
            CheckpointError: it is refused, longer, or does not come; one line says why.
        """
        body, tag = bytearray(), None

        def attempt() -> None:
            nonlocal tag
            with self._answer(url, {"Range": f"bytes={len(body)}-"} if body else {}, file) as answer:
                if answer.status == 200:
                    body.clear()
                elif not body or answer.status != 206:
                    raise refusal(answer, self.what, file, self.endpoint)
                elif not continues(answer, len(body), tag):
                    body.clear()
                    raise TryAgainError("the rest of it is of another version")
                check_commit(answer, Asked(self.what, file, commit, self.endpoint))
                tag, length = answer.headers.get("etag"), length_of(answer.headers)
                expected = None if length is None else len(body) + length
                if expected is not None and expected > limit:
                    raise too_long(self.what, file, f"has {expected:,} bytes", limit)
                for block in self._blocks(answer, file):
                    if len(body) + len(block) > limit:
                        raise too_long(self.what, file, f"goes on after {limit:,} bytes", limit)
                    body.extend(block)
                if expected is not None and len(body) != expected:
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
            with self._answer(url, {"Range": f"bytes={at}-{wanted - 1}"}, file) as answer:
                found = check_range(answer, at, wanted, Asked(self.what, file, commit, self.endpoint))
                change = "" if seen is None else seen.difference(found)
                if change:
                    raise changed(self.what, file, change)
                seen, wanted = found, min(wanted, found.size)
                for block in self._blocks(answer, file):
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
        failures, requests = 0, 0
        while True:
            before = so_far()
            try:
                return attempt()
            except TryAgainError as again:
                requests += 1
                failures = 0 if so_far() > before else failures + 1
                tries = TRIES if again.answered else UNANSWERED_TRIES
                if failures >= tries or requests >= REQUESTS:
                    raise self._given_up(file, again.reason, requests) from again
                if failures or again.wait is not None:
                    self._pause(again, failures, file)

    def _given_up(self, file: str, reason: str, requests: int) -> UnreachableError:
        return UnreachableError(
            f"{self.what}: {file} did not come from {self.endpoint} in {requests} requests (the last: {reason}); "
            "try again later"
        )

    def _pause(self, again: TryAgainError, failures: int, file: str) -> None:
        """Wait before the next try, as long as the server asks for where it asks."""
        wait = min(PAUSE * 2 ** max(failures - 1, 0), 10.0) if again.wait is None else again.wait
        if wait > LONGEST_PAUSE:
            raise UnreachableError(
                f"{self.what}: {file}: {self.endpoint} asks to wait {wait:,.0f} s ({again.reason}); try again then"
            )
        time.sleep(wait)

    @contextmanager
    def _answer(self, url: str, headers: Mapping[str, str], file: str) -> Iterator[Answer]:
        """Send a GET and yield its streamed answer, redirects followed; only the Hub's own origin gets the token."""
        from huggingface_hub import get_session
        from huggingface_hub.errors import HTTPError, OfflineModeIsEnabled
        from huggingface_hub.utils import build_hf_headers

        import geometry

        ours = build_hf_headers(library_name="geometry", library_version=geometry.__version__)
        session, home = get_session(), origin_of(self.endpoint)
        hub: Mapping[str, str] = {}
        for _ in range(REDIRECTS + 1):
            sent = ours if origin_of(url) == home else {"user-agent": ours.get("user-agent", "geometry")}
            wanted = {**sent, "Accept-Encoding": "identity", **headers}
            try:
                request = session.build_request("GET", url, headers=wanted, timeout=TIMEOUT)
            except Exception as error:  # httpx's InvalidURL is no kin of its other errors, nor of ValueError
                raise self._misled(url, file) from error
            if origin_of(url) != home:  # what the session adds of its own
                request.headers.pop("Authorization", None)
                request.headers.pop("Cookie", None)
            try:
                answer = session.send(request, stream=True, follow_redirects=False)
            except OfflineModeIsEnabled as error:
                raise UnreachableError(f"{self.what} cannot be fetched in offline mode (HF_HUB_OFFLINE)") from error
            except HTTPError as error:
                raise TryAgainError(f"{origin_of(url)} does not answer: {plain(error)}", answered=False) from error
            try:
                if answer.status_code in (301, 302, 303, 307, 308) and "location" in answer.headers:
                    hub = hub or answer.headers
                    url = self._next(url, answer.headers["location"], file)
                    continue
                if answer.status_code in _BUSY:
                    raise TryAgainError(f"{origin_of(url)} answers {answer.status_code}", retry_after(answer.headers))
                if answer.status_code in _EXPIRED and origin_of(url) != home:
                    raise TryAgainError(f"{origin_of(url)}, where the Hub sent us, answers {answer.status_code}")
                yield Answer(answer, hub or answer.headers)
            finally:
                answer.close()
            return
        raise CheckpointError(f"{self.what}: {file} was redirected more than {REDIRECTS} times; the server is at fault")

    def _next(self, url: str, location: str, file: str) -> str:
        """Return where a redirect leads: to http or https, and never from https down to http."""
        try:
            target = urljoin(url, location)
            before, after = urlsplit(url), urlsplit(target)
            safe = after.scheme == "https" or (after.scheme == "http" and before.scheme == "http")
            safe = safe and bool(after.hostname) and origin_of(target) != ""
        except ValueError:
            safe = False
        if not safe:
            raise self._misled(location, file)
        return target

    def _misled(self, location: str, file: str) -> CheckpointError:
        where = short(location.partition("?")[0][:60])  # what follows may be a signature
        return CheckpointError(
            f"{self.what}: {file} is redirected to {where}; expected an https address; do not trust this server"
        )

    def _blocks(self, answer: Answer, file: str) -> Iterator[bytes]:
        """Yield a body as it comes, counted; a stream that breaks or dawdles is asked for again."""
        from huggingface_hub.errors import HTTPError

        if answer.headers.get("content-encoding", "identity").lower() != "identity":
            raise CheckpointError(f"{self.what}: {file} comes encoded, which was not asked for; the server is at fault")
        since, got = time.monotonic(), 0
        try:
            for block in answer.response.iter_raw():
                with self._lock:
                    self.bytes_received += len(block)
                yield block
                got += len(block)
                if time.monotonic() - since > PATIENCE:
                    if got < SLOWEST:
                        raise TryAgainError(f"only {got:,} bytes came in {PATIENCE:.0f} s")
                    since, got = time.monotonic(), 0
        except HTTPError as error:
            raise TryAgainError(f"the connection broke: {plain(error)}") from error
