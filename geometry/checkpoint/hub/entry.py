"""One entry of the cache: its provenance, and whether it still is what was fetched."""

import hashlib
import os
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from geometry.checkpoint.guards import opened, read_at, read_json
from geometry.checkpoint.header import read_header, short
from geometry.checkpoint.hub.failures import DamagedError
from geometry.checkpoint.layout import HeadLayout
from geometry.errors import CheckpointError

PROVENANCE = "provenance.json"
WEIGHTS = "model.safetensors"
HASHED_BYTES = 2**23

Kind = Literal["heads", "tokenizers"]

FORMAT = 1
"""Raised when an older entry can no longer be read; such an entry is fetched again."""


@dataclass(frozen=True)
class Origin:
    """Where an entry came from, and what it took to fetch it.

    Attributes:
        repo: ``org/model``.
        revision: what was asked for: a branch, a tag or a commit.
        commit: what it stood for.
        endpoint: the Hub's address.
        bytes_read: bytes of bodies that were received, of the file list, headers, tensors and small files.
        bytes_total: bytes of the checkpoint's weights and of the small files read; None where the Hub lists no sizes.
        fetched: when, in UTC.
        version: this package's, then.
    """

    repo: str
    revision: str
    commit: str
    endpoint: str
    bytes_read: int
    bytes_total: int | None
    fetched: str
    version: str


@dataclass(frozen=True)
class Kept:
    """One entry: its folder, where its bytes came from, and, of a head, which tensors it and its surroundings are.

    Attributes:
        cached: it was here already.
    """

    folder: Path
    origin: Origin
    layout: HeadLayout | None
    cached: bool = False


def read_entry(folder: Path, kind: Kind, commit: str) -> Kept | None:
    """Return an entry once its provenance makes sense and its files are there; None where its format is another.

    Of the weights only the size is compared; `check_tensors` reads them.

    Raises:
        DamagedError: it does not.
    """
    record = _read_provenance(folder)
    if record.get("format") != FORMAT:
        return None
    try:
        origin = Origin(**record["origin"])
        layout = HeadLayout(**record["layout"]) if kind == "heads" else None
        sizes = {file: told["nbytes"] for file, told in record["files"].items()}
        digests = {file: told.get("sha256") for file, told in record["files"].items()}
    except (KeyError, TypeError, AttributeError) as error:
        raise DamagedError("its provenance does not tell where it came from") from error
    counts = (origin.bytes_read, 0 if origin.bytes_total is None else origin.bytes_total, *sizes.values())
    if origin.commit != commit or not all(type(count) is int and count >= 0 for count in counts):
        raise DamagedError("its provenance contradicts itself")
    for file, size in sizes.items():
        path = folder / file
        if Path(file).name != file or not path.is_file() or path.stat().st_size != size:
            raise DamagedError(f"{short(file)} is not the file of {size:,} bytes that was fetched")
        if digests[file] is not None and hashlib.sha256(path.read_bytes()).hexdigest() != digests[file]:
            raise DamagedError(f"{short(file)} is not what was fetched")
    with suppress(OSError):
        os.utime(folder)  # what is used is pruned last
    return Kept(folder, origin, layout, cached=True)


def check_tensors(folder: Path) -> None:
    """Compare every tensor of a kept head with the SHA-256 that it was fetched with; reads all of it.

    Raises:
        DamagedError: one of them is another.
    """
    record = _read_provenance(folder)
    told = {tensor["name"]: tensor["sha256"] for tensor in record.get("tensors", ())}
    with opened(folder / WEIGHTS, inside=folder) as fd:
        for info in read_header(fd, folder / WEIGHTS).tensors:
            digest = hashlib.sha256()
            for offset in range(info.offset, info.offset + info.nbytes, HASHED_BYTES):
                digest.update(read_at(fd, offset, min(HASHED_BYTES, info.offset + info.nbytes - offset)))
            if told.get(info.name) != digest.hexdigest():
                raise DamagedError(f"{folder}: tensor {short(info.name)} is not what was fetched")


def _read_provenance(folder: Path) -> Mapping[str, Any]:
    try:
        return read_json(folder / PROVENANCE, folder)[0]
    except CheckpointError as error:
        raise DamagedError("it has no provenance that can be read") from error
