"""The heads that this process has open: each is opened once, and what is derived of it is kept while it is in use."""

from collections import OrderedDict
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from threading import Lock

from geometry.batch.parts import Target
from geometry.errors import CheckpointError
from geometry.head import Head, open_head

MOST_SEEN = 256
"""Heads that stay open after a look at them, which is a header in memory and a mapped file."""

MOST_USED = 2
"""Heads that stay open after use, with means, norms and covariances: parts come one head after the other."""

Stamp = tuple[tuple[int, int, int] | None, ...]


@dataclass(frozen=True)
class Shelved:
    """An open head, and which state of its files it was opened from."""

    head: Head
    stamp: Stamp


_seen: OrderedDict[str, Shelved] = OrderedDict()
_used: OrderedDict[str, Shelved] = OrderedDict()
_lock = Lock()


def look_at(spec: str) -> Head:
    """Return a head of which little is asked, opening it if need be.

    Raises:
        GeometryError: It cannot be opened.
    """
    with _lock:
        shelf, most = (_used, MOST_USED) if spec in _used else (_seen, MOST_SEEN)
        return _open(spec, shelf, most).head


@contextmanager
def in_use(target: Target) -> Iterator[Head]:
    """Yield a head that is the one which the batch began with, and still is when it is done with.

    Raises:
        CheckpointError: Its file is another now, or was written to in the meantime.
        GeometryError: It cannot be opened any more.
    """
    with _lock:
        if target.spec in _seen:
            _used[target.spec] = _seen.pop(target.spec)
        shelved = _open(target.spec, _used, MOST_USED)
    found = shelved.head.fingerprint
    if found != target.fingerprint:
        raise CheckpointError(
            f"{target.spec!r} changed since the batch began: its fingerprint was {target.fingerprint} and is {found} "
            "now; put back what was there, or begin another folder with -o"
        )
    yield shelved.head
    if _stamp(shelved.head) != shelved.stamp:
        raise CheckpointError(
            f"{target.spec!r} was written to while it was read, so that nothing of this part is kept; "
            "run the same command again when nobody writes to it"
        )


def _open(spec: str, shelf: "OrderedDict[str, Shelved]", most: int) -> Shelved:
    """Take a head from a shelf, where it is put if it is not there or its files are others now."""
    if spec not in shelf or shelf[spec].stamp != _stamp(shelf[spec].head):
        shelf.pop(spec, None)
        head = open_head(spec)
        shelf[spec] = Shelved(head, _stamp(head))
    shelf.move_to_end(spec)
    while len(shelf) > most:
        shelf.popitem(last=False)
    return shelf[spec]


def _stamp(head: Head) -> Stamp:
    files = (head.opened.matrix.info.file, head.opened.checkpoint.tokenizer_path)
    return tuple(None if file is None else _state(file) for file in files)


def _state(file: Path) -> tuple[int, int, int] | None:
    try:
        found = file.stat()
    except OSError:
        return None
    return (found.st_ino, found.st_size, found.st_mtime_ns)
