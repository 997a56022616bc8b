"""One request to the Hub and its answer: bounded, checked; the token stays with the Hub's own origin.

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
from geometry.checkpoint.hub.answers import Answer, origin_of, plain, refusal, retry_after
from geometry.checkpoint.hub.failures import UnreachableError
from geometry.errors import CheckpointError

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


@dataclass(eq=False)
class Exchange:
    """What sends one request at a time to the Hub, and reads what is answered.

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
            shown = short(address.rpartition("@")[2])  # what stands before it may be a password
            raise CheckpointError(f"HF_ENDPOINT is {shown}; expected an address such as https://host")
        return address

    @contextmanager
    def answer(self, url: str, headers: Mapping[str, str], file: str) -> Iterator[Answer]:
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

    def blocks(self, answer: Answer, file: str) -> Iterator[bytes]:
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

    def refused(self, answer: Answer, file: str) -> CheckpointError:
        """Return the error for an answer that is final, of whose body a little is read."""
        body, until = bytearray(), time.monotonic() + REFUSAL_SECONDS
        with suppress(TryAgainError, CheckpointError):
            for block in self.blocks(answer, file):
                body.extend(block[: MAX_REFUSAL_BYTES - len(body)])
                if len(body) >= MAX_REFUSAL_BYTES or time.monotonic() > until:
                    break
        return refusal(answer, bytes(body), self.what, file, self.endpoint)

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
