"""What stands between a stranger's folder and this process: checks of paths, links, file kinds and JSON."""

import json
import os
import re
import stat
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path, PurePosixPath
from typing import Any

from geometry.errors import CheckpointError

MAX_JSON_BYTES = 16 * 2**20

MAX_INDEX_BYTES = 64 * 2**20
"""An index has a line for every tensor, of which the largest mixtures of experts have 150,000."""
LFS_POINTER = b"version https://git-lfs.github.com/spec/"


def shard_name(name: str, index: Path) -> str:
    """Return ``name`` if it is a plain relative ``*.safetensors`` path, as an index must give.

    transformers 5.23 opens ``../elsewhere/x.safetensors`` from an index, so the check is ours to make.
    """
    parts = PurePosixPath(name).parts
    hostile = (
        not parts
        or ".." in parts
        or name.startswith("/")
        or re.match(r"[A-Za-z]:", name) is not None
        or "\\" in name
        or any(ord(c) < 32 or 0xD800 <= ord(c) < 0xE000 for c in name)
        or not name.endswith(".safetensors")
    )
    if hostile:
        raise CheckpointError(
            f"{index} names the shard {json.dumps(name[:80])}; expected a plain relative path ending "
            "in .safetensors; do not trust this checkpoint"
        )
    return name


def check_link(path: Path, folder: Path) -> None:
    """Refuse ``path`` if following its symlinks leaves ``folder``.

    A Hub cache is let through: there ``models--x/snapshots/REV/file`` links to ``models--x/blobs/HASH``.
    """
    try:
        root, target = folder.resolve(strict=True), path.resolve(strict=True)
    except (OSError, RuntimeError, ValueError) as error:
        raise CheckpointError(f"{path} cannot be opened: {_reason(error)}; check the folder") from error
    if target.is_relative_to(root):
        return
    for repo in root.parents:
        if repo.name.startswith("models--"):
            in_snapshot = root.relative_to(repo).parts[0] == "snapshots"
            if in_snapshot and target.is_relative_to(repo / "blobs"):
                return
    raise CheckpointError(
        f"{path} is a symlink to {target}, outside its folder; expected a file inside {root}; copy it there"
    )


@contextmanager
def opened(path: Path, *, inside: Path | None) -> Iterator[int]:
    """Open a regular file for reading and yield its descriptor; its links must stay in the folder ``inside``.

    Opened without blocking and looked at afterwards: a FIFO in place of a file must not hang, and what was
    checked must be what is read.
    """
    if inside is not None:
        check_link(path, inside)
    flags = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)
    try:
        fd = os.open(path, flags)
    except (OSError, ValueError) as error:
        raise CheckpointError(f"{path} cannot be opened: {_reason(error)}; check the path") from error
    try:
        if not stat.S_ISREG(os.fstat(fd).st_mode):
            raise CheckpointError(f"{path} is not a regular file; expected one, not a folder, pipe or device")
        yield fd
    finally:
        os.close(fd)


def read_at(fd: int, offset: int, size: int) -> bytes:
    """Return up to ``size`` bytes from ``offset``, fewer only where the file ends; nothing beyond is read."""
    parts = []
    while size > 0:
        os.lseek(fd, offset, os.SEEK_SET)
        part = os.read(fd, min(size, 2**30))
        if not part:
            break
        parts.append(part)
        offset += len(part)
        size -= len(part)
    return b"".join(parts)


def check_not_a_pointer(start: bytes, file: Path) -> None:
    """Refuse a file whose first bytes are those of a Git LFS pointer."""
    if start.startswith(LFS_POINTER):
        raise CheckpointError(
            f"{file} is a Git LFS pointer, not the file itself; run `git lfs pull` in its folder, or download it"
        )


def read_json(
    path: Path, folder: Path, *, unique_keys: bool = False, limit: int = MAX_JSON_BYTES
) -> tuple[dict[str, Any], int]:
    """Return the JSON object in ``path`` and its size in bytes, which is checked before a byte is read."""
    with opened(path, inside=folder) as fd:
        size = os.fstat(fd).st_size
        if size > limit:
            raise CheckpointError(
                f"{path} has {size:,} bytes; expected at most {limit:,}; this is no file of a usual checkpoint"
            )
        data = read_at(fd, 0, size)
    check_not_a_pointer(data, path)
    return parse_json(data, path, "JSON", unique_keys=unique_keys), size


def parse_json(data: bytes, file: Path, what: str, *, unique_keys: bool) -> dict[str, Any]:
    """Return the object that ``data`` spells.

    NaN and Infinity are let through, as real configs (Mamba-2) hold them: who uses a number checks that it is
    finite.
    """

    def pairs(items: list[tuple[str, Any]]) -> dict[str, Any]:
        found = dict(items)
        if len(found) != len(items):
            twice = Counter(name for name, _ in items).most_common(1)[0][0]
            raise CheckpointError(f"{file}: the {what} has {json.dumps(twice[:80])} twice; the file is damaged")
        return found

    try:
        value = json.loads(data, object_pairs_hook=pairs if unique_keys else None)
    except RecursionError as error:
        raise CheckpointError(f"{file}: the {what} is nested too deeply; the file is damaged") from error
    except ValueError as error:
        reason = str(error).split(":")[0]
        raise CheckpointError(f"{file}: the {what} does not parse ({reason}); the file is damaged") from error
    if not isinstance(value, dict):
        raise CheckpointError(f"{file}: the {what} is a {type(value).__name__}; expected an object")
    return value


def _reason(error: Exception) -> str:
    return (getattr(error, "strerror", None) or str(error)).lower()
