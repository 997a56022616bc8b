"""What a server answers: whether it can be what was asked for, and what a refusal means."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any
from urllib.parse import urlsplit

from geometry.checkpoint.header import short
from geometry.checkpoint.hub.failures import NoSuchModelError
from geometry.errors import CheckpointError


@dataclass(frozen=True)
class Identity:
    """What tells one version of a file from another: its size, and the entity tags of those who serve it."""

    size: int
    tag: str | None
    linked_tag: str | None

    def difference(self, other: "Identity") -> str:
        """Return how another answer's file differs; empty where nothing says that it does."""
        if self.size != other.size:
            return f"its size went from {self.size:,} to {other.size:,} bytes"
        for mine, its in ((self.linked_tag, other.linked_tag), (self.tag, other.tag)):
            if mine is not None and its is not None and mine != its:
                return f"its entity tag went from {short(mine)} to {short(its)}"
        return ""


@dataclass(frozen=True)
class Answer:
    """A streamed answer, and what the Hub itself said before it sent us where the body comes from."""

    response: Any
    hub: Mapping[str, str]

    @property
    def status(self) -> int:
        return int(self.response.status_code)

    @property
    def headers(self) -> Mapping[str, str]:
        headers: Mapping[str, str] = self.response.headers
        return headers

    @property
    def server(self) -> str:
        return origin_of(str(self.response.request.url))


@dataclass(frozen=True)
class Asked:
    """Whom a stretch of bytes was asked of.

    Attributes:
        what: what is being fetched, for messages: ``org/model@revision``.
        file: the file's name.
        commit: the commit that the Hub is to answer for; empty where it is not known yet.
        endpoint: the Hub's address.
    """

    what: str
    file: str
    commit: str
    endpoint: str


def check_range(answer: Answer, start: int, stop: int, asked: Asked) -> Identity:
    """Return what an answer to a range (200 or 206) says of the file, once range, length and commit are right."""
    if answer.status == 200:
        raise CheckpointError(
            f"{asked.what}: {answer.server} ignores byte ranges and would send all of {asked.file}; "
            "download the model and give its local folder"
        )
    headers, hub = answer.headers, answer.hub
    first, last, size = _content_range(headers.get("content-range", ""))
    if first != start or last != min(stop, size) - 1 or size <= start:
        raise CheckpointError(
            f"{asked.what}: {asked.file}: bytes {start}–{stop - 1} were asked for and "
            f"{short(headers.get('content-range', 'no Content-Range'))} came; the server is at fault"
        )
    length = length_of(headers)
    if length is not None and length != last - first + 1:
        raise CheckpointError(
            f"{asked.what}: {asked.file}: a body of {length:,} bytes was announced for a range of "
            f"{last - first + 1:,}; the server is at fault"
        )
    linked = number(hub.get("x-linked-size", ""))
    if linked is not None and linked != size:
        raise changed(asked.what, asked.file, f"the Hub says {linked:,} bytes, {size:,} are served")
    check_commit(answer, asked)
    return Identity(size, headers.get("etag"), hub.get("x-linked-etag"))


def check_commit(answer: Answer, asked: Asked) -> None:
    """Refuse an answer that says it is for another commit than the one that was asked for."""
    said = answer.hub.get("x-repo-commit")
    if asked.commit and said is not None and said != asked.commit:
        raise changed(asked.what, asked.file, f"the answer is for commit {short(said)}, not {asked.commit}")


def continues(answer: Answer, start: int, tag: str | None) -> bool:
    """Return whether an answer goes on with a file at ``start``, of the version that ``tag`` is of."""
    first, last, size = _content_range(answer.headers.get("content-range", ""))
    return first == start and last == size - 1 and tag == answer.headers.get("etag")


def refusal(answer: Answer, body: bytes, what: str, file: str, endpoint: str) -> CheckpointError:
    """Return the one line for an answer that is final, told by the client's own reading of it.

    Args:
        body: the beginning of the answer's body.
    """
    from huggingface_hub import errors
    from huggingface_hub.utils import hf_raise_for_status

    headers = {name: answer.headers[name] for name in ("x-error-code", "x-error-message") if name in answer.headers}
    given, repo = answer.response, what.partition("@")[0]
    says = f"{endpoint} answers {answer.status} for {file}"
    try:
        hf_raise_for_status(type(given)(answer.status, headers=headers, content=body, request=given.request))
    except errors.GatedRepoError:
        reason = f"is gated: ask for access at {endpoint}/{repo}, then log in with `hf auth login` or set HF_TOKEN"
    except errors.RevisionNotFoundError:
        reason = "is not there: the model has no such branch, tag or commit; check what follows the @"
    except errors.RepositoryNotFoundError:
        return NoSuchModelError(
            f"{what} is not on {endpoint}, or is private and no token with access was sent; check the name, or log in "
            "with `hf auth login` or HF_TOKEN"
        )
    except errors.EntryNotFoundError:
        reason = f"has no {file} there; check the revision"
    except Exception:  # the client reads a stranger's body here, and trips over some
        login = "; log in anew with `hf auth login` or HF_TOKEN" if answer.status in (401, 403) else ""
        reason = f"cannot be fetched: {says}{login}"
    else:
        reason = f"cannot be fetched: {says}, which is no answer to it"
    return CheckpointError(f"{what} {reason}")


def too_long(what: str, file: str, how: str, limit: int) -> CheckpointError:
    """Return the error for a small file that is none."""
    return CheckpointError(f"{what}: {file} {how}; expected at most {limit:,}; this is no file of a usual checkpoint")


def changed(what: str, file: str, how: str) -> CheckpointError:
    """Return the error for a file that is not the same from one request to the next."""
    return CheckpointError(f"{what}: {file} changed while it was read: {how}; nothing of it is kept; try again")


def origin_of(url: str) -> str:
    """Return scheme, host and port."""
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.hostname}:{parts.port or {'https': 443, 'http': 80}.get(parts.scheme, 0)}"


def number(said: str) -> int | None:
    """Return a count that a header gives in plain digits, or None."""
    return int(said) if said.isascii() and said.isdecimal() and len(said) < 20 else None


def length_of(headers: Mapping[str, str]) -> int | None:
    """Return the length that is announced for a body, or None."""
    return number(headers.get("content-length", ""))


def _content_range(said: str) -> tuple[int, int, int]:
    """Return (first, last, size) of ``bytes first-last/size``; (−1, −1, −1) where it is anything else."""
    unit, _, rest = said.partition(" ")
    span, _, size = rest.partition("/")
    first, _, last = span.partition("-")
    found = [number(part) for part in (first, last, size)]
    if unit != "bytes" or None in found:
        return -1, -1, -1
    return found[0] or 0, found[1] or 0, found[2] or 0


def retry_after(headers: Mapping[str, str]) -> float | None:
    """Return the seconds that a server asks to wait, told as a number or as a date."""
    said = headers.get("retry-after", "").strip()
    seconds = number(said)
    if seconds is not None:
        return float(seconds)
    try:
        until = parsedate_to_datetime(said)
        if until.tzinfo is None:
            until = until.replace(tzinfo=UTC)
        return max((until - datetime.now(UTC)).total_seconds(), 0.0)
    except (ValueError, TypeError, OverflowError):
        return None


def plain(error: Exception) -> str:
    """Return an error's own words on one short line, without addresses, whose queries are secrets."""
    words = " ".join(str(error).split()) or type(error).__name__
    secret = "://" in words or "bearer" in words.lower()
    return type(error).__name__ if secret else words[:100]
