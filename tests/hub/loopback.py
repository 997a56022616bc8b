"""A Hub on the loopback interface: answers as the real one does, or lies in one of the ways that servers lie.

Two origins, as there are in earnest: the Hub itself, which knows tokens and sends large files elsewhere, and a store
that serves whoever brings a signature which has not expired.
"""

import hashlib
import json
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cache
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, unquote, urlsplit


@dataclass(frozen=True)
class Seen:
    """One request that arrived, and how much was sent for it."""

    origin: str
    method: str
    path: str
    range: str
    authorization: str
    status: int
    sent: int


@dataclass
class Repo:
    """A repository: the files of each commit, and where its branches stand."""

    commits: dict[str, dict[str, bytes]] = field(default_factory=dict)
    branches: dict[str, str] = field(default_factory=dict)
    gated: bool = False
    private: bool = False


@dataclass
class Lies:
    """What the servers do wrong; every number counts down, so that a later request is answered rightly.

    Attributes:
        busy: (status, Retry-After) of the next answers.
        ignore_range: the store sends whole files with 200.
        cut: every body is cut after so many bytes, the connection with it.
        short: the next bodies are one byte short of the length announced, then the connection closes.
        expired: the next signatures are refused.
        change_after: after so many answers, ranges come from another version of the file.
        edit_range: changes the Content-Range of the store's answers.
        edit_size: changes the size the Hub lists and links.
        headers: headers added to every answer of the store.
        extra: bytes sent beyond a range, in a body whose length is not announced.
        redirect: where the Hub sends to instead of the store.
        listing: the Hub's answer about a repository, instead of the truth.
        drip: seconds between the bytes of a body.
        store_says: a status with which the store answers everything.
        silent: seconds before the store says anything.
        moved: from a repository's old name to its new one, as after a rename.
        after_header: (status, Retry-After) of the store's answers but those to a file's first bytes.
        refusal: the body of a 400 with which the Hub answers everything.
        no_length: small files come as HTTP/1.0 would send them, ended by the connection.
        commit_says: the commit that the Hub says a file is of, instead of the truth.
    """

    busy: list[tuple[int, str | None]] = field(default_factory=list)
    ignore_range: bool = False
    cut: int | None = None
    short: int = 0
    expired: int = 0
    change_after: int | None = None
    edit_range: Callable[[str], str] | None = None
    edit_size: Callable[[int], int] = lambda size: size
    headers: dict[str, str] = field(default_factory=dict)
    extra: bytes = b""
    redirect: str | None = None
    listing: bytes | None = None
    drip: float = 0.0
    store_says: int | None = None
    silent: float = 0.0
    moved: dict[str, str] = field(default_factory=dict)
    after_header: tuple[int, str] | None = None
    no_length: bool = False
    refusal: bytes | None = None
    commit_says: str | None = None


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, *_: object) -> None:
        """Say nothing: clients that go away in the middle are what these tests are about."""


class Loopback:
    """Both servers, their repositories, their lies, and the log of what was asked of them."""

    TOKEN = "hf_of_the_person"
    SECRET = "signed"

    def __init__(self) -> None:
        self.repos: dict[str, Repo] = {}
        self.lies = Lies()
        self.seen: list[Seen] = []
        self.answers = 0
        self.lock = threading.Lock()
        self.hub = self._serve(_HubHandler)
        self.store = self._serve(_StoreHandler)

    def _serve(self, handler: type[BaseHTTPRequestHandler]) -> ThreadingHTTPServer:
        server = _Server(("127.0.0.1", 0), handler)
        server.loopback = self  # type: ignore[attr-defined]
        threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
        return server

    def close(self) -> None:
        for server in (self.hub, self.store):
            server.shutdown()
            server.server_close()

    @property
    def endpoint(self) -> str:
        return f"http://127.0.0.1:{self.hub.server_port}"

    @property
    def elsewhere(self) -> str:
        """The store's origin: another port, and another name of the same machine."""
        return f"http://localhost:{self.store.server_port}"

    def add(self, name: str, files: dict[str, bytes], *, branch: str = "main", **kind: bool) -> str:
        """Add a commit that holds ``files``, put a branch on it, and return its hash."""
        repo = self.repos.setdefault(name, Repo(**kind))
        whole = repr((branch, len(repo.commits), sorted(files))).encode() + b"".join(files.values())
        commit = hashlib.sha1(whole).hexdigest()
        repo.commits[commit] = files
        repo.branches[branch] = commit
        return commit

    def bytes_sent(self) -> int:
        return sum(one.sent for one in self.seen if "/api/" not in one.path)


@cache
def _etag(content: bytes) -> str:
    return f'"{hashlib.sha256(content).hexdigest()}"'


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    origin = ""

    def setup(self) -> None:
        super().setup()
        self.loopback: Loopback = self.server.loopback  # type: ignore[attr-defined]

    def log_message(self, *_: object) -> None:
        pass

    def reply(self, status: int, body: bytes = b"", *, announce: bool = True, **headers: str) -> None:
        """Answer, with whatever the lies do to a body on its way."""
        lies, sent = self.loopback.lies, body
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        if announce:
            self.send_header("Content-Length", str(len(body)))
        else:
            self.send_header("Connection", "close")
        self.end_headers()
        if status in (200, 206) and len(body) > 0 and self.command == "GET":
            with self.loopback.lock:
                if lies.short:
                    lies.short -= 1
                    sent = body[:-1]
            if lies.cut is not None and "/api/" not in self.path:
                sent = sent[: lies.cut]
        if self.command == "HEAD":
            sent = b""
        self.close_connection = self.close_connection or len(sent) < len(body) or not announce
        try:
            if lies.drip and status in (200, 206) and self.origin == "store":
                for at in range(len(sent)):
                    self.wfile.write(sent[at : at + 1])
                    self.wfile.flush()
                    time.sleep(lies.drip)
            else:
                self.wfile.write(sent)
                self.wfile.flush()
        except OSError:
            self.close_connection = True
        self.loopback.seen.append(
            Seen(
                self.origin, self.command, self.path, self.headers.get("Range", ""),
                self.headers.get("Authorization", ""), status, len(sent),
            )
        )  # fmt: skip

    def busy(self) -> bool:
        with self.loopback.lock:
            if not self.loopback.lies.busy:
                return False
            status, after = self.loopback.lies.busy.pop(0)
        self.reply(status, b"busy", **({} if after is None else {"Retry_After": after}))
        return True

    def do_HEAD(self) -> None:
        self.do_GET()


class _HubHandler(_Handler):
    origin = "hub"

    def do_GET(self) -> None:
        if self.path.startswith("/api/") and not self.path.startswith("/api/models/"):
            self.send_error(404)  # the client asks something of its own once a process: neither seen nor lied to
            return
        if self.busy():
            return
        if self.loopback.lies.refusal is not None:
            self.reply(400, self.loopback.lies.refusal)
            return
        parts = [unquote(part) for part in urlsplit(self.path).path.strip("/").split("/")]
        api = parts[:2] == ["api", "models"]
        if api:
            parts = parts[2:]
        name, rest = "/".join(parts[:2]), parts[2:]
        if name in self.loopback.lies.moved:
            self.reply(307, b"", Location=self.path.replace(name, self.loopback.lies.moved[name]))
            return
        repo, hub = self.loopback.repos.get(name), self.loopback
        allowed = self.headers.get("Authorization") == f"Bearer {hub.TOKEN}"
        if repo is None or (repo.private and not allowed):
            self.reply(404 if allowed else 401, b"{}", X_Error_Code="RepoNotFound")
        elif len(rest) < 2 or rest[0] not in ("revision", "resolve"):
            self.reply(404, b"{}", X_Error_Code="EntryNotFound")
        elif (commit := repo.branches.get(rest[1], rest[1])) not in repo.commits:
            self.reply(404, b"{}", X_Error_Code="RevisionNotFound")
        elif api:
            self.list_files(name, commit, repo.commits[commit])
        elif repo.gated and not allowed:
            code = 403 if self.headers.get("Authorization") else 401
            self.reply(code, b"{}", X_Error_Code="GatedRepo", X_Error_Message="Access is restricted")
        elif (file := "/".join(rest[2:])) not in repo.commits[commit]:
            self.reply(404, b"{}", X_Error_Code="EntryNotFound", X_Repo_Commit=commit)
        else:
            self.send_file(file, commit, repo.commits[commit][file])

    def list_files(self, name: str, commit: str, files: dict[str, bytes]) -> None:
        lies = self.loopback.lies
        siblings = [{"rfilename": file, "size": lies.edit_size(len(body))} for file, body in files.items()]
        honest = json.dumps({"id": name, "modelId": name, "sha": commit, "siblings": siblings}).encode()
        self.reply(200, honest if lies.listing is None else lies.listing, Content_Type="application/json")

    def send_file(self, file: str, commit: str, body: bytes) -> None:
        lies = self.loopback.lies
        told = lies.commit_says or commit
        if not file.endswith(".safetensors"):
            start = int(self.headers.get("Range", "bytes=0-").removeprefix("bytes=").partition("-")[0])
            said = {"Content_Range": f"bytes {start}-{len(body) - 1}/{len(body)}"} if start else {}
            self.reply(
                206 if start else 200,
                body[start:],
                announce=not lies.no_length,
                ETag=_etag(body),
                X_Repo_Commit=told,
                **said,
            )
            return
        signed = f"{self.loopback.elsewhere}/{commit}/{file}?sig={Loopback.SECRET}&until={time.time() + 60}"
        self.reply(
            302, b"", Location=signed if lies.redirect is None else lies.redirect, X_Repo_Commit=told,
            X_Linked_Etag=_etag(body), X_Linked_Size=str(lies.edit_size(len(body))), ETag=_etag(body),
        )  # fmt: skip


class _StoreHandler(_Handler):
    origin = "store"

    def do_GET(self) -> None:
        hub, lies = self.loopback, self.loopback.lies
        if self.busy():
            return
        split = urlsplit(self.path)
        query = parse_qs(split.query)
        with hub.lock:
            refused = lies.expired > 0
            lies.expired -= refused
            hub.answers += 1
            changed = lies.change_after is not None and hub.answers > lies.change_after
        time.sleep(lies.silent)
        if refused or query.get("sig") != [hub.SECRET] or float(query.get("until", ["0"])[0]) < time.time():
            self.reply(403, b"<Error>AccessDenied: Request has expired</Error>")
            return
        if lies.after_header is not None and not self.headers.get("Range", "").startswith("bytes=0-"):
            self.reply(lies.after_header[0], b"busy", Retry_After=lies.after_header[1])
            return
        if lies.store_says is not None:
            self.reply(lies.store_says, b"no")
            return
        commit, _, file = unquote(split.path).strip("/").partition("/")
        body = next(repo.commits[commit][file] for repo in hub.repos.values() if commit in repo.commits)
        if changed:
            body = body[:-8] + bytes(255 - byte for byte in body[-8:])
        wanted = self.headers.get("Range")
        if wanted is None or lies.ignore_range:
            self.reply(200, body, ETag=_etag(body), Accept_Ranges="bytes", **lies.headers)
            return
        first, _, last = wanted.removeprefix("bytes=").partition("-")
        start, stop = int(first), min(int(last) + 1 if last else len(body), len(body))
        if start >= len(body):
            self.reply(416, b"", Content_Range=f"bytes */{len(body)}")
            return
        said = f"bytes {start}-{stop - 1}/{len(body)}"
        told = said if lies.edit_range is None else lies.edit_range(said)
        self.reply(
            206, body[start:stop] + lies.extra, announce=not lies.extra, ETag=_etag(body), Content_Range=told,
            **lies.headers,
        )  # fmt: skip
