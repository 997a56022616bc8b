"""A checkpoint on disk: from a folder or one safetensors file to named tensors, read when asked for."""

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np
from jaxtyping import Float32

from geometry.checkpoint.guards import check_not_a_pointer, opened, read_at, read_json, shard_name
from geometry.checkpoint.header import Header, TensorInfo, read_header, short
from geometry.checkpoint.matrix import STORED, StoredMatrix, check_dtype, decode, map_matrix
from geometry.checkpoint.spec import Place, find_place
from geometry.errors import CheckpointError

MAX_VECTOR_BYTES = 64 * 2**20
SINGLE = "model.safetensors"
INDEX = "model.safetensors.index.json"
PICKLES = ("*.bin", "*.pt", "*.pth", "*.ckpt")

_RANK_LINE = re.compile(rb"[A-Za-z0-9+/]+={0,2} \d+\r?\n")


@dataclass(frozen=True)
class Reads:
    """What was read of a checkpoint, each thing counted once: whole small files and tensors, and matrices."""

    small: dict[str, int] = field(default_factory=dict)
    matrices: dict[str, StoredMatrix] = field(default_factory=dict)

    def add(self, what: str, nbytes: int) -> None:
        """Count ``nbytes`` for ``what``, a file's or tensor's name."""
        self.small[what] = nbytes

    @property
    def total(self) -> int:
        """Bytes read so far."""
        return sum(self.small.values()) + sum(matrix.bytes_touched for matrix in self.matrices.values())


@dataclass(frozen=True, eq=False)
class Checkpoint:
    """An opened checkpoint: its config, and its tensors as named places in files.

    Attributes:
        name: what to call it.
        source: where it came from: a path, or ``bundled``.
        folder: the folder it lies in.
        config: ``config.json``, empty where there is none.
        tensors: every tensor by name.
        bytes_total: size of its safetensors files.
        tokenizer_path: ``tokenizer.json`` or a tiktoken-format file, if there is one.
        reads: what was read so far.
    """

    name: str
    source: str
    folder: Path
    config: Mapping[str, Any] = field(repr=False)
    tensors: Mapping[str, TensorInfo] = field(repr=False)
    bytes_total: int
    tokenizer_path: Path | None
    reads: Reads = field(repr=False, default_factory=Reads)

    @property
    def bytes_read(self) -> int:
        """Bytes read so far: headers, index, config, small tensors, and touched pages of mapped matrices."""
        return self.reads.total

    def matrix(self, name: str) -> StoredMatrix:
        """Return the 2-D tensor ``name``, memory-mapped.

        Raises:
            CheckpointError: no such tensor, not 2-D, empty, or not F32, F16 or BF16.
        """
        if name not in self.reads.matrices:
            self.reads.matrices[name] = map_matrix(self._info(name))
        return self.reads.matrices[name]

    def vector(self, name: str) -> Float32[np.ndarray, " size"]:
        """Return the 1-D tensor ``name`` (or one of shape (1, size)) as float32.

        Raises:
            CheckpointError: no such tensor, another shape, another type, or more than 64 MiB.
        """
        info = self._info(name)
        check_dtype(info)
        flat = len(info.shape) == 1 or (len(info.shape) == 2 and info.shape[0] == 1)
        if not flat or info.nbytes > MAX_VECTOR_BYTES:
            raise CheckpointError(
                f"{info.file}: tensor {short(name)} has shape {list(info.shape)}; "
                f"expected a vector of at most {MAX_VECTOR_BYTES:,} bytes"
            )
        with opened(info.file, inside=None) as fd:
            data = read_at(fd, info.offset, info.nbytes)
        if len(data) != info.nbytes:
            raise CheckpointError(f"{info.file} ends inside tensor {short(name)}; did the file change?")
        self.reads.add(name, info.nbytes)
        return decode(np.frombuffer(data, dtype=STORED[info.dtype]))

    def _info(self, name: str) -> TensorInfo:
        if name not in self.tensors:
            raise CheckpointError(f"{self.source} holds no tensor {short(name)}; it holds {self.some_names()}")
        return self.tensors[name]

    def some_names(self, limit: int = 6) -> str:
        """Return the names of the first few tensors, for messages."""
        names = [short(name) for name in list(self.tensors)[:limit]]
        more = len(self.tensors) - len(names)
        return (", ".join(names) or "no tensors") + (f" and {more} more" if more else "")


def open_checkpoint(spec: str | os.PathLike[str]) -> Checkpoint:
    """Open a local folder, one safetensors file or a bundled name; only headers and small JSON are read.

    Raises:
        CheckpointError: nothing is there, or what is there cannot be trusted.
    """
    place = find_place(spec)
    reads = Reads()
    if place.path.is_dir():
        folder = place.path
        tensors, total = _folder_tensors(folder, reads)
    else:
        folder = place.path.parent
        tensors, total = _file_tensors(place, reads)
    config: dict[str, Any] = {}
    if _present(folder / "config.json"):
        config, size = read_json(folder / "config.json", folder)
        reads.add("config.json", size)
    return Checkpoint(
        name=place.name,
        source=place.source,
        folder=folder,
        config=MappingProxyType(config),
        tensors=MappingProxyType(tensors),
        bytes_total=total,
        tokenizer_path=_find_tokenizer(folder, reads),
        reads=reads,
    )


def _file_tensors(place: Place, reads: Reads) -> tuple[dict[str, TensorInfo], int]:
    """Return the tensors of the one file that was named, and its size."""
    if place.path.is_file() and place.path.suffix != ".safetensors":
        raise CheckpointError(f"{place.path} is no safetensors file by its name; expected a folder or *.safetensors")
    header = _header(place.path, None, reads)
    return {tensor.name: tensor for tensor in header.tensors}, header.bytes_total


def _folder_tensors(folder: Path, reads: Reads) -> tuple[dict[str, TensorInfo], int]:
    """Return the tensors of a folder and the size of its safetensors files.

    As in transformers, ``model.safetensors`` comes before the index; failing both, the only safetensors file.
    """
    if _present(folder / SINGLE):
        shards = [SINGLE]
    elif _present(folder / INDEX):
        return _indexed_tensors(folder, reads)
    else:
        shards = sorted(path.name for path in folder.glob("*.safetensors"))
    if len(shards) != 1:
        raise CheckpointError(_no_weights(folder, shards))
    header = _header(folder / shards[0], folder, reads)
    return {tensor.name: tensor for tensor in header.tensors}, header.bytes_total


def _indexed_tensors(folder: Path, reads: Reads) -> tuple[dict[str, TensorInfo], int]:
    """Return the tensors that the index places, and the shards' size; what else the shards hold is stale."""
    path = folder / INDEX
    index, size = read_json(path, folder, unique_keys=True)
    reads.add(INDEX, size)
    weight_map = index.get("weight_map")
    if not isinstance(weight_map, dict) or not weight_map or not all(isinstance(v, str) for v in weight_map.values()):
        raise CheckpointError(f"{path} has no weight_map from tensor names to files; the index is damaged")
    shards: dict[str, dict[str, TensorInfo]] = {}
    total = 0
    for shard in sorted({shard_name(name, path) for name in weight_map.values()}):
        if not _present(folder / shard):
            raise CheckpointError(f"{path} names the shard {short(shard)}, which is not there; download the rest")
        header = _header(folder / shard, folder, reads)
        shards[shard] = {tensor.name: tensor for tensor in header.tensors}
        total += header.bytes_total
    tensors = {}
    for name, shard in weight_map.items():
        if name not in shards[shard]:
            raise CheckpointError(
                f"{path} places tensor {short(name)} in {short(shard)}, which does not hold it; "
                "the index and the shards do not belong together"
            )
        tensors[name] = shards[shard][name]
    return tensors, total


def _header(path: Path, folder: Path | None, reads: Reads) -> Header:
    with opened(path, inside=folder) as fd:
        header = read_header(fd, path)
    reads.add(str(path), header.bytes_read)
    return header


def _no_weights(folder: Path, shards: list[str]) -> str:
    """Return why a folder without a single file and without an index cannot be opened."""
    if shards:
        return f"{folder} holds {len(shards)} safetensors files and no {INDEX}; give one file, or add the index"
    pickles = sorted(path.name for pattern in PICKLES for path in folder.glob(pattern))
    if pickles:
        return (
            f"{folder} holds its weights as a pickle ({pickles[0]}), which can run code when it is opened; "
            "expected safetensors; convert it first"
        )
    return f"{folder} holds no head: expected {SINGLE}, {INDEX} or one other *.safetensors; check the folder"


def _find_tokenizer(folder: Path, reads: Reads) -> Path | None:
    """Return the folder's tokenizer file: ``tokenizer.json`` first, then one in tiktoken's format."""
    for path in [folder / "tokenizer.json", folder / "tokenizer.model", *sorted(folder.glob("*.tiktoken"))]:
        if not _present(path):
            continue
        with opened(path, inside=folder) as fd:
            start = read_at(fd, 0, 1024)
        check_not_a_pointer(start, path)
        reads.add(path.name, len(start))
        # under this name there is tiktoken's base64 and ranks, or sentencepiece's protobuf
        if path.name != "tokenizer.model" or _RANK_LINE.match(start):
            return path
    return None


def _present(path: Path) -> bool:
    """Return whether something of that name is there, be it a dangling link."""
    return path.is_symlink() or path.exists()
