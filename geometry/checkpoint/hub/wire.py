"""Requests to the Hub: bounded, checked, repeated where that helps; the token stays with the Hub's own origin.

The client ``huggingface_hub`` brings the session, the token, the addresses and what its errors mean. Bodies are read
here, because its own downloads take what a server sends: a whole shard where a byte range is ignored, any length.
"""

import os
import queue
import re
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import Any
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
from geometry.checkpoint.hub.failures import UnreachableError
from geometry.errors import CheckpointError

TRIES, UNANSWERED_TRIES = 5, 3
"""Requests in a row that bring nothing, after which the Hub is given up on; fewer where nobody answers at all."""

REQUESTS = 500
"""Requests for one stretch of bytes, however little each of them brings."""

PAUSE, LONGEST_PAUSE = 0.5, 120.0
"""Seconds before the second try, doubled from try to try; and the longest wait that a server is granted."""

TIMEOUT, ANSWER_TIMEOUT = 30.0, 60.0
"""Seconds in which a server has to say something, and in which it has to have said all of an answer's headers."""

SLOWEST, PATIENCE = 2**14, 60.0
"""Where fewer bytes than this come in so many seconds of asking, the server is given up on."""

MAX_REFUSAL_BYTES, REFUSAL_SECONDS = 2**16, 5.0
"""How much of a refusal is read, and for how long."""

REDIRECTS = 5

_BUSY = {408, 425, 429, 500, 502, 503, 504}
_EXPIRED = {400, 401, 403, 404, 410}


@dataclass
class TryAgainError(Exception):
    """This request failed, and another may not."""

    reason: str
    wait: float | None = None
    answered: bool = True


class StoppedError(Exception):
    """Another request failed for good, or the person gave up."""


@dataclass(eq=False)
class Wire:
    """A line to the Hub.

    Attributes:
        what: what is being fetched, for messages: ``org/model@revision``.
        bytes_received: bytes of bodies so far, of failed requests too.
        stopped: ends every wait between two requests once it is set.
    """

    what: str
    bytes_received: int = 0
    stopped: threading.Event = field(default_factory=threading.Event, repr=False)
    _lock: threading.Lock = field(default_factory=threading.Lock, repr=False)

    @property
    def endpoint(self) -> str:
        """The Hub's address: ``HF_ENDPOINT``, which the client reads when it is imported, else the client's own."""
        from huggingface_hub import constants

        address = (os.environ.get("HF_ENDPOINT") or constants.ENDPOINT).rstrip("/")
        if not re.fullmatch(r"https?://[\w.:\[\]-]+(/[\w./-]*)?", address):
            shown = short(address.rpartition("@")[2])  # what stands before it may be a password
            raise CheckpointError(f"HF_ENDPOINT is {shown}; expected an address such as https://host")
        return address

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
            with self._answer(url, {"Range": f"bytes={len(body)}-"} if body else {}, file) as answer:
                if answer.status == 200:
                    body.clear()
                elif not body or answer.status != 206:
                    raise self._refused(answer, file)
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
                for block in self._blocks(answer, file):
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
            with self._answer(url, {"Range": f"bytes={at}-{wanted - 1}"}, file) as answer:
                if answer.status not in (200, 206):
                    raise self._refused(answer, file)
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

    def _refused(self, answer: Answer, file: str) -> CheckpointError:
        """Return the error for an answer that is final, of whose body a little is read."""
        body, until = bytearray(), time.monotonic() + REFUSAL_SECONDS
        with suppress(TryAgainError, CheckpointError):
            for block in self._blocks(answer, file):
                body.extend(block[: MAX_REFUSAL_BYTES - len(body)])
                if len(body) >= MAX_REFUSAL_BYTES or time.monotonic() > until:
                    break
        return refusal(answer, bytes(body), self.what, file, self.endpoint)

    @contextmanager
    def _answer(self, url: str, headers: Mapping[str, str], file: str) -> Iterator[Answer]:
        """Send a GET and yield its streamed answer, redirects followed; only the Hub's own origin gets the token."""
        home, hub = origin_of(self.endpoint), {}
        for _ in range(REDIRECTS + 1):
            answer = self._send(url, headers, file, with_token=origin_of(url) == home)
            try:
                if origin_of(url) == home:
                    hub = answer.headers
                if answer.status_code in (301, 302, 303, 307, 308) and "location" in answer.headers:
                    url = self._next(url, answer.headers["location"], file)
                    continue
                if answer.status_code in _BUSY:
                    raise TryAgainError(f"{origin_of(url)} answers {answer.status_code}", retry_after(answer.headers))
                if answer.status_code in _EXPIRED and origin_of(url) != home:
                    raise TryAgainError(f"{origin_of(url)}, where the Hub sent us, answers {answer.status_code}")
                yield Answer(answer, hub)
            finally:
                answer.close()
            return
        raise CheckpointError(f"{self.what}: {file} was redirected more than {REDIRECTS} times; the server is at fault")

    def _send(self, url: str, headers: Mapping[str, str], file: str, *, with_token: bool) -> Any:
        """Send one GET and return its answer, of which only the headers are read."""
        from huggingface_hub import get_session
        from huggingface_hub.errors import HTTPError, OfflineModeIsEnabled
        from huggingface_hub.utils import build_hf_headers

        import geometry

        ours = build_hf_headers(library_name="geometry", library_version=geometry.__version__)
        token = ours.get("authorization", "")
        if not (token.isascii() and token.isprintable()):
            raise CheckpointError("the Hub's token (HF_TOKEN) holds what no token holds; log in with `hf auth login`")
        sent = ours if with_token else {"user-agent": ours.get("user-agent", "geometry")}
        wanted = {**sent, "Accept-Encoding": "identity", **headers}
        try:
            session = get_session()
        except OSError as error:  # certificates that are not there
            raise CheckpointError(f"the Hub's client cannot start: {plain(error)}; see SSL_CERT_FILE") from error
        try:
            request = session.build_request("GET", url, headers=wanted, timeout=TIMEOUT)
        except Exception as error:  # httpx's InvalidURL is no kin of its other errors, nor of ValueError
            raise self._misled(url, file) from error
        request.headers.pop("Cookie", None)  # of whoever set one
        if not with_token:
            request.headers.pop("Authorization", None)
        try:
            return within(ANSWER_TIMEOUT, lambda: session.send(request, stream=True, follow_redirects=False))
        except OfflineModeIsEnabled as error:
            raise UnreachableError(f"{self.what} cannot be fetched in offline mode (HF_HUB_OFFLINE)") from error
        except (HTTPError, TimeoutError) as error:
            raise TryAgainError(f"{origin_of(url)} does not answer: {plain(error)}", answered=False) from error

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
        until, got = time.monotonic() + PATIENCE, 0
        try:
            for block in answer.response.iter_raw():
                with self._lock:
                    self.bytes_received += len(block)
                yield block
                got += len(block)
                if time.monotonic() > until:
                    if got < SLOWEST:
                        raise TryAgainError(f"only {got:,} bytes came in {PATIENCE:.0f} s")
                    until, got = time.monotonic() + PATIENCE, 0
        except HTTPError as error:
            raise TryAgainError(f"the connection broke: {plain(error)}") from error


def within(seconds: float, action: Callable[[], Any]) -> Any:
    """Return what ``action`` gives, unless it takes longer: a server can keep every single read short, for ever.

    Raises:
        TimeoutError: it takes longer; it is left alone to end when it may.
    """
    done: queue.SimpleQueue[tuple[bool, Any]] = queue.SimpleQueue()

    def run() -> None:
        try:
            done.put((True, action()))
        except BaseException as error:
            done.put((False, error))

    threading.Thread(target=run, daemon=True).start()
    try:
        succeeded, result = done.get(timeout=seconds)
    except queue.Empty:
        raise TimeoutError(f"no whole answer in {seconds:.0f} s") from None
    if succeeded:
        return result
    raise result
