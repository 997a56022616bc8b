"""Tensors from the Hub into one small safetensors file: ranges side by side, going on where it broke off."""

import hashlib
import json
import os
import queue
import shutil
import threading
import zlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from geometry.checkpoint.hub.failures import UnreachableError, UnwritableError
from geometry.checkpoint.hub.remote import Piece, RemoteFile
from geometry.checkpoint.hub.wire import StoppedError
from geometry.errors import CheckpointError
from geometry.progress import fetching

CHUNK = 8 * 2**20
"""Bytes of one request; what has come of a chunk is lost only where the process ends in the middle of it."""

WORKERS = 8
SPARE_BYTES = 64 * 2**20
ALIGNMENT = 64


@dataclass(frozen=True)
class _Chunk:
    """Bytes ``start`` to ``stop`` of a remote file, which go to ``target`` in the local one."""

    file: RemoteFile
    start: int
    stop: int
    target: int


@dataclass(frozen=True)
class Written:
    """What lies in the file now.

    Attributes:
        sha256: of each tensor's bytes, by name.
        earlier: bytes of them that an earlier run had left here.
    """

    sha256: dict[str, str]
    earlier: int


def fetch_tensors(pieces: Sequence[Piece], path: Path, label: str) -> Written:
    """Write tensors into the safetensors file ``path``, under their own names.

    What an earlier run left half done there is gone on with, as long as the Hub's files are the same ones.

    Args:
        pieces: the tensors, in the order in which they are to lie there.
        label: what the progress bar says.

    Raises:
        UnreachableError, UnwritableError: they do not come, or cannot be written; what came is there for the next run.
        CheckpointError: they are not to be trusted; nothing of them is left.
    """
    header, starts = _header(pieces)
    total = len(header) + sum(piece.info.nbytes for piece in pieces)
    _check_space(path, total)
    try:
        journal = _Journal(path.with_suffix(".journal"), _describe(pieces, header))
        with _Target(path, header, total) as target:
            earlier = _fill(target, _chunks(pieces, starts), journal, total, label) - len(header)
            digests = [target.sha256(start, piece.info.nbytes) for piece, start in zip(pieces, starts, strict=True)]
        return Written(dict(zip((piece.info.name for piece in pieces), digests, strict=True)), earlier)
    except (UnreachableError, UnwritableError):
        raise
    except CheckpointError:
        for made in (path, path.with_suffix(".journal")):
            made.unlink(missing_ok=True)
        raise
    except OSError as error:
        raise UnwritableError.of(path, error) from error


def _chunks(pieces: Sequence[Piece], starts: Sequence[int]) -> list[_Chunk]:
    """Cut tensors, which start at ``starts`` in the local file, into what one request asks for."""
    chunks = []
    for piece, target in zip(pieces, starts, strict=True):
        first, nbytes = piece.info.offset, piece.info.nbytes
        for done in range(0, nbytes, CHUNK):
            stop = min(done + CHUNK, nbytes)
            chunks.append(_Chunk(piece.file, first + done, first + stop, target + done))
    return chunks


def _fill(target: "_Target", chunks: Sequence[_Chunk], journal: "_Journal", total: int, label: str) -> int:
    """Fetch every chunk that an earlier run did not leave in the file, and return how many bytes were there."""
    missing = [(n, chunk) for n, chunk in enumerate(chunks) if not journal.holds(n, chunk, target)]
    here = total - sum(chunk.stop - chunk.start for _, chunk in missing)
    with fetching(label, total=total, done=here) as advance:
        _fetch_all(missing, target, journal, advance)
    return here


def _fetch_all(
    chunks: Sequence[tuple[int, _Chunk]], target: "_Target", journal: "_Journal", advance: Callable[[int], None]
) -> None:
    """Fetch chunks side by side; the first failure ends all of them, and is raised.

    The threads are daemons: one that waits for a silent server does not keep a person who has given up.
    """
    if not chunks:
        return
    stopped, waiting = chunks[0][1].file.wire.stopped, queue.SimpleQueue[tuple[int, _Chunk] | None]()
    ended: queue.SimpleQueue[BaseException | None] = queue.SimpleQueue()
    for one in chunks:
        waiting.put(one)

    def fetch(number: int, chunk: _Chunk) -> None:
        checksum = 0

        def take(offset: int, block: bytes) -> None:
            nonlocal checksum
            if stopped.is_set():
                raise StoppedError
            target.write(chunk.target + offset - chunk.start, block)
            checksum = zlib.crc32(block, checksum)
            advance(len(block))

        chunk.file.bring(chunk.start, chunk.stop, take)
        target.flush()
        journal.add(number, checksum)

    def work() -> None:
        while (one := waiting.get()) is not None:
            try:
                fetch(*one)
                ended.put(None)
            except BaseException as error:
                ended.put(error)
                return

    workers = min(WORKERS, len(chunks))
    for _ in range(workers):
        waiting.put(None)
        threading.Thread(target=work, daemon=True).start()
    try:
        for _ in chunks:
            error = ended.get()
            if error is not None:
                raise error
    except BaseException:
        stopped.set()
        raise


class _Target:
    """The file that is being filled, at its full length from the start."""

    def __init__(self, path: Path, header: bytes, total: int) -> None:
        self._lock = threading.Lock()
        self._file = os.fdopen(os.open(path, os.O_RDWR | os.O_CREAT | getattr(os, "O_BINARY", 0), 0o644), "r+b", 0)
        try:
            self._file.truncate(total)
            self.write(0, header)
        except OSError:
            self._file.close()
            raise

    def __enter__(self) -> "_Target":
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()

    def write(self, offset: int, block: bytes) -> None:
        with self._lock:
            self._file.seek(offset)
            left = memoryview(block)
            while left:
                left = left[self._file.write(left) :]

    def read(self, offset: int, size: int) -> bytes:
        with self._lock:
            self._file.seek(offset)
            return self._file.read(size)

    def flush(self) -> None:
        os.fsync(self._file.fileno())

    def sha256(self, start: int, nbytes: int) -> str:
        digest = hashlib.sha256()
        for offset in range(start, start + nbytes, CHUNK):
            digest.update(self.read(offset, min(CHUNK, start + nbytes - offset)))
        return digest.hexdigest()


@dataclass(eq=False)
class _Journal:
    """Which chunks are in the file, each with a checksum: written after them, so that it never says too much."""

    path: Path
    described: str
    _checksums: dict[int, int] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def __post_init__(self) -> None:
        try:
            lines = self.path.read_text(encoding="ascii").splitlines()
        except (OSError, UnicodeError):
            lines = []
        if lines[:1] == [self.described]:
            for line in lines[1:]:
                number, _, checksum = line.partition(" ")
                if number.isdecimal() and checksum.isdecimal():
                    self._checksums[int(number)] = int(checksum)
        else:
            self.path.write_text(self.described + "\n", encoding="ascii")

    def holds(self, number: int, chunk: _Chunk, target: _Target) -> bool:
        """Return whether a chunk came in an earlier run and still is what came."""
        if number not in self._checksums:
            return False
        return zlib.crc32(target.read(chunk.target, chunk.stop - chunk.start)) == self._checksums[number]

    def add(self, number: int, checksum: int) -> None:
        """Note that a chunk is in the file."""
        with self._lock, self.path.open("a", encoding="ascii") as file:
            file.write(f"{number} {checksum}\n")


def _header(pieces: Sequence[Piece]) -> tuple[bytes, list[int]]:
    """Return the new file's header with its length before it, and where each tensor starts in the file."""
    entries, starts, at = {}, [], 0
    for piece in pieces:
        info = piece.info
        entries[info.name] = {"dtype": info.dtype, "shape": info.shape, "data_offsets": [at, at + info.nbytes]}
        starts.append(at)
        at += info.nbytes
    text = json.dumps(entries).encode()
    text += b" " * (-(len(text) + 8) % ALIGNMENT)
    header = len(text).to_bytes(8, "little") + text
    return header, [len(header) + start for start in starts]


def _describe(pieces: Sequence[Piece], header: bytes) -> str:
    """Return one line that is the same only for the same tensors of the same remote files."""
    files = {piece.file.name: (piece.file.commit, piece.file.identity) for piece in pieces}
    places = [(piece.file.name, piece.info.offset) for piece in pieces]
    return hashlib.sha256(repr((CHUNK, header, sorted(files.items()), places)).encode()).hexdigest()


def _check_space(path: Path, total: int) -> None:
    """Refuse what the disk has no room for, before a byte of it is asked for."""
    held = path.stat().st_blocks * 512 if path.exists() and hasattr(os.stat_result, "st_blocks") else 0
    free = shutil.disk_usage(path.parent).free + held
    if total + SPARE_BYTES > free:
        raise UnwritableError(
            f"{path} takes {total:,} bytes, {SPARE_BYTES:,} are left to others, and {free:,} are free there; "
            "make room, or set GEOMETRY_CACHE to another folder"
        )
