"""A checkpoint on disk: from a folder or one safetensors file to named tensors, read when asked for."""

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import numpy as np
from jaxtyping import Float32

from geometry.checkpoint.companions import open_codec
from geometry.checkpoint.gguf import find_gguf, read_gguf
from geometry.checkpoint.guards import check_not_a_pointer, opened, read_at, read_json
from geometry.checkpoint.header import TensorInfo, Tensors, short, some_names
from geometry.checkpoint.layout import HeadLayout, find_layout
from geometry.checkpoint.matrix import STORED, StoredMatrix, check_dtype, decode, map_matrix
from geometry.checkpoint.reads import Reads
from geometry.checkpoint.shards import SINGLE, is_present, read_file, read_folder
from geometry.checkpoint.spec import find_place
from geometry.errors import CheckpointError

if TYPE_CHECKING:
    import geometry.checkpoint.hub

MAX_VECTOR_BYTES = 64 * 2**20

_RANK_LINE = re.compile(rb"[A-Za-z0-9+/]+={0,2} \d+\r?\n")


@dataclass(frozen=True, eq=False)
class Checkpoint:
    """An opened checkpoint: its config, and its tensors as named places in files.

    Attributes:
        name: what to call it.
        source: where it came from: a path, or ``bundled``.
        folder: the folder it lies in.
        config: ``config.json``, empty where there is none.
        tensors: every tensor by name; iterating over names reads nothing.
        bytes_total: size of its safetensors files.
        tokenizer_path: ``tokenizer.json`` or a tiktoken-format file, if there is one.
        reads: what was read so far.
        kept: what is known of a head that came from the Hub.
        gguf: it is a GGUF file, and ``config`` its own keys.
    """

    name: str
    source: str
    folder: Path
    config: Mapping[str, Any] = field(repr=False)
    tensors: Tensors = field(repr=False)
    bytes_total: int
    tokenizer_path: Path | None
    reads: Reads = field(repr=False, default_factory=Reads)
    kept: "geometry.checkpoint.hub.Kept | None" = field(repr=False, default=None)
    gguf: bool = False

    def layout(self) -> HeadLayout:
        """Return which tensors are the head and what stands around it: as recorded where most were left on the Hub.

        Raises:
            CheckpointError: there is no head, or none that can be read.
        """
        if self.kept is not None and self.kept.layout is not None:
            return self.kept.layout
        return find_layout(self.tensors, self.config)

    @property
    def bytes_read(self) -> int:
        """Bytes read so far: headers, index, config, small tensors, and touched pages of mapped matrices."""
        return self.reads.total

    def matrix(self, name: str, *, max_resident: int | None = None) -> StoredMatrix:
        """Return the 2-D tensor ``name``, memory-mapped.

        Args:
            max_resident: bytes of it that may stay in memory while it is passed over; all by default.

        Raises:
            CheckpointError: no such tensor, not 2-D, empty, or stored in a way that cannot be decoded exactly.
        """
        if name not in self.reads.matrices:
            info = self._info(name)
            beside = self.tensors if name in self.tensors else {name: info}
            codec = open_codec(info, beside, self.config, self._bytes)
            self.reads.matrices[name] = map_matrix(info, codec, max_resident=max_resident)
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
        return decode(np.frombuffer(self._bytes(info), dtype=STORED[info.dtype]))

    def _bytes(self, info: TensorInfo) -> bytes:
        """Read a small tensor whole."""
        with opened(info.file, inside=None) as fd:
            data = read_at(fd, info.offset, info.nbytes)
        if len(data) != info.nbytes:
            raise CheckpointError(f"{info.file} ends inside tensor {short(info.name)}; did the file change?")
        self.reads.add(info.name, info.nbytes)
        return data

    def _info(self, name: str) -> TensorInfo:
        if name not in self.tensors and self.kept is not None and name == self.layout().embedding:
            return self._fetch_embedding(name)
        if name not in self.tensors:
            raise CheckpointError(f"{self.source} holds no tensor {short(name)}; it holds {some_names(self.tensors)}")
        return self.tensors[name]

    def _fetch_embedding(self, name: str) -> TensorInfo:
        """Fetch the input embedding, which was left on the Hub with everything else that a head can do without."""
        from geometry.checkpoint.hub import keep_embedding

        assert self.kept is not None
        path, received = keep_embedding(self.kept, name)
        self.reads.add_fetched(name, received)
        return read_file(path, self.folder, self.reads).tensors[name]


def open_checkpoint(spec: str | os.PathLike[str]) -> Checkpoint:
    """Open a local folder, one safetensors file, a bundled name, or a name on the Hub, whose head is fetched first.

    Of what lies here, only headers and small JSON are read.

    Raises:
        CheckpointError: nothing is there, or what is there cannot be trusted.
    """
    place = find_place(spec)
    reads = Reads()
    gguf = find_gguf(place.path) if place.kept is None else None
    if gguf is not None:
        model = read_gguf(gguf, inside=place.path if place.path.is_dir() else None)
        reads.add(str(gguf), model.bytes_read)
        return Checkpoint(
            name=place.name, source=place.source, folder=gguf.parent, config=model.config, tensors=model.tensors,
            bytes_total=model.bytes_total, tokenizer_path=gguf, reads=reads, gguf=True,
        )  # fmt: skip
    if place.path.is_dir():
        folder = place.path
        # beside a kept head the embedding may lie, so that the folder alone does not say which file to open
        weights = read_folder(folder, reads) if place.kept is None else read_file(folder / SINGLE, folder, reads)
    else:
        folder = place.path.parent
        if place.path.is_file() and place.path.suffix != ".safetensors":
            raise CheckpointError(
                f"{place.path} is no safetensors file by its name; expected a folder, *.safetensors or *.gguf"
            )
        weights = read_file(place.path, None, reads)
    config: dict[str, Any] = {}
    if is_present(folder / "config.json"):
        config, size = read_json(folder / "config.json", folder)
        reads.add_file("config.json", size)
    return Checkpoint(
        name=place.name,
        source=place.source,
        folder=folder,
        config=MappingProxyType(config),
        tensors=weights.tensors,
        bytes_total=weights.bytes_total,
        tokenizer_path=find_tokenizer(folder),
        reads=reads,
        kept=place.kept,
    )


def find_tokenizer(folder: Path) -> Path | None:
    """Return the folder's tokenizer file: ``tokenizer.json`` first, then one in tiktoken's format.

    Raises:
        CheckpointError: its link leaves the folder, it is a Git LFS pointer, or there are several tiktoken files.
    """
    named = [path for path in (folder / "tokenizer.json", folder / "tokenizer.model") if is_present(path)]
    tiktoken = sorted(folder.glob("*.tiktoken"))
    for path in [*named, *tiktoken]:
        if path in tiktoken and len(tiktoken) > 1:
            names = ", ".join(file.name for file in tiktoken)
            raise CheckpointError(
                f"{folder} holds several tokenizers ({names}); leave the one that belongs to the head"
            )
        with opened(path, inside=folder) as fd:
            start = read_at(fd, 0, 1024)
        check_not_a_pointer(start, path)
        # under this name there is tiktoken's base64 and ranks, or sentencepiece's protobuf
        if path.name != "tokenizer.model" or _RANK_LINE.match(start):
            return path
    return None
