"""What a server answers: whether it can be what was asked for, and what a refusal means."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any
from urllib.parse import urlsplit

from geometry.checkpoint.header import short
from geometry.errors import CheckpointError

MAX_ERROR_BYTES = 2**16


class NoSuchModelError(CheckpointError):
    """The Hub knows no model of that name, or does not tell us that it does."""


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
    """Return what an answer to a range says of the file, once status, range, length and commit are right."""
    if answer.status == 200:
        raise CheckpointError(
            f"{asked.what}: {answer.server} ignores byte ranges and would send all of {asked.file}; "
            "download the model and give its local folder"
        )
    if answer.status != 206:
        raise refusal(answer, asked.what, asked.file, asked.endpoint)
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
    said = hub.get("x-linked-size", "")
    if said.isdigit() and len(said) < 20 and int(said) != size:
        raise changed(asked.what, asked.file, f"the Hub says {int(said):,} bytes, {size:,} are served")
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


def refusal(answer: Answer, what: str, file: str, endpoint: str) -> CheckpointError:
    """Return the one line for an answer that is final, told by the client's own reading of it."""
    from huggingface_hub import errors
    from huggingface_hub.utils import hf_raise_for_status

    body = b""
    try:
        for block in answer.response.iter_raw():
            body += block[: MAX_ERROR_BYTES - len(body)]
            if len(body) >= MAX_ERROR_BYTES:
                break
    except errors.HTTPError:
        pass
    headers = {name: answer.headers[name] for name in ("x-error-code", "x-error-message") if name in answer.headers}
    given = answer.response
    copied = type(given)(answer.status, headers=headers, content=body, request=given.request)
    repo = what.partition("@")[0]
    try:
        hf_raise_for_status(copied)
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
    except errors.HfHubHTTPError:
        reason = f"cannot be fetched: {endpoint} answers {answer.status} for {file}"
    else:
        reason = f"cannot be fetched: {endpoint} answers {answer.status} for {file}, which is no answer to it"
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


def length_of(headers: Mapping[str, str]) -> int | None:
    said = headers.get("content-length", "")
    return int(said) if said.isdigit() and len(said) < 20 else None


def _content_range(said: str) -> tuple[int, int, int]:
    """Return (first, last, size) of ``bytes first-last/size``; (−1, −1, −1) where it is anything else."""
    unit, _, rest = said.partition(" ")
    span, _, size = rest.partition("/")
    first, _, last = span.partition("-")
    if unit != "bytes" or not all(part.isdigit() and len(part) < 20 for part in (first, last, size)):
        return -1, -1, -1
    return int(first), int(last), int(size)


def retry_after(headers: Mapping[str, str]) -> float | None:
    """Return the seconds that a server asks to wait, told as a number or as a date."""
    said = headers.get("retry-after", "").strip()
    if said.isdigit() and len(said) < 10:
        return float(said)
    try:
        until = parsedate_to_datetime(said)
    except (ValueError, TypeError):
        return None
    if until.tzinfo is None:
        until = until.replace(tzinfo=UTC)
    return max((until - datetime.now(UTC)).total_seconds(), 0.0)


def plain(error: Exception) -> str:
    """Return an error's own words on one short line, without addresses, whose queries are secrets."""
    words = " ".join(str(error).split()) or type(error).__name__
    return type(error).__name__ if "://" in words else words[:100]
