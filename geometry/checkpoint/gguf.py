"""GGUF files: what one holds, read by its own tables and never beyond the file.

The format is llama.cpp's: a magic number, counts, keys with values, tensors' names and places, and then the tensors.
Everything is checked against the file's size before anything is made of it. How packed numbers are decoded is left to
the package ``gguf``.
"""

import math
import mmap
import os
import re
import struct
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import Any

from geometry.checkpoint.ggml import GgmlTensor, type_sizes
from geometry.checkpoint.guards import check_not_a_pointer, opened, read_at
from geometry.checkpoint.header import short
from geometry.errors import CheckpointError

MAGIC = b"GGUF"
VERSIONS = (2, 3)
MAX_KEYS, MAX_TENSORS, MAX_STRINGS, MAX_AXES = 2**16, 2**20, 2**23, 4
"""No model comes near these; they bound how long a file can keep its reader busy."""

MAX_NAME_BYTES, MAX_TEXT_BYTES = 2**16, 4096
STRING, ARRAY = 8, 9

# how Python's struct writes the numbers of each type
NUMBERS: Mapping[int, str] = {
    0: "<B", 1: "<b", 2: "<H", 3: "<h", 4: "<I", 5: "<i", 6: "<f", 7: "<?", 10: "<Q", 11: "<q", 12: "<d",
}  # fmt: skip

_PART = re.compile(r"-(\d{5})-of-(\d{5})$")


@dataclass(frozen=True)
class Span:
    """Where a long value lies: ``count`` values of a type in ``nbytes`` bytes from ``offset``."""

    kind: int
    count: int
    offset: int
    nbytes: int


@dataclass(frozen=True, eq=False)
class Gguf:
    """What a GGUF file holds.

    Attributes:
        file: the file.
        values: its keys with short values: numbers and texts of up to 4,096 bytes.
        spans: its keys with longer ones, which are read when they are asked for.
        tensors: its tensors by name.
        bytes_read: how many bytes were read to learn all this.
        bytes_total: its size.
    """

    file: Path
    values: Mapping[str, Any] = field(repr=False)
    spans: Mapping[str, Span] = field(repr=False)
    tensors: Mapping[str, GgmlTensor] = field(repr=False)
    bytes_read: int
    bytes_total: int

    @property
    def config(self) -> Mapping[str, Any]:
        """The values as a config whose ``model_type`` is ``gguf/`` and the architecture."""
        kept = {key: value for key, value in self.values.items() if "." in key}
        return MappingProxyType({**kept, "model_type": f"gguf/{self.values.get('general.architecture', '')}"})


def find_gguf(path: Path) -> Path | None:
    """Return the GGUF file that ``path`` is, or the only one in a folder without safetensors.

    Raises:
        CheckpointError: the folder holds several.
    """
    if not path.is_dir():
        return path if path.suffix == ".gguf" else None
    if any(path.glob("*.safetensors")) or any(path.glob("*.safetensors.index.json")):
        return None
    files = sorted(path.glob("*.gguf"))
    if len(files) > 1:
        raise CheckpointError(
            f"{path} holds {len(files)} GGUF files ({short(files[0].name)}, …); expected one; give the file itself"
        )
    return files[0] if files else None


def read_gguf(file: Path, *, inside: Path | None = None) -> Gguf:
    """Return what a GGUF file holds; tensors and long values are left where they are.

    Args:
        inside: the folder that the file's links must stay in.

    Raises:
        CheckpointError: it is no such file, damaged, truncated, of another byte order, or a part of a split model;
            or the package ``gguf`` is not installed.
    """
    with opened(file, inside=inside) as fd:
        total = os.fstat(fd).st_size
        start = read_at(fd, 0, 64)
        check_not_a_pointer(start, file)
        _check_start(start, total, file)
        with mmap.mmap(fd, 0, access=mmap.ACCESS_READ) as data:
            return _Reader(data, total, file).read()


def read_span(model: Gguf, span: Span) -> bytes:
    """Return the bytes of a long value."""
    with opened(model.file, inside=None) as fd:
        data = read_at(fd, span.offset, span.nbytes)
    if len(data) != span.nbytes:
        raise CheckpointError(f"{model.file} is shorter than it was; did the file change?")
    return data


def _check_start(start: bytes, total: int, file: Path) -> None:
    """Refuse a file whose first 24 bytes are not those of a little-endian GGUF file of a known version."""
    if start[:4] != MAGIC:
        raise CheckpointError(
            f"{file} is no GGUF file: it starts with {short(start[:4].decode('latin-1'))}, expected {short('GGUF')}; "
            "check what was downloaded"
        )
    if total < 24:
        raise CheckpointError(f"{file} is truncated: {total} bytes, and a GGUF file starts with 24; download it again")
    version = int.from_bytes(start[4:8], "little")
    if version not in VERSIONS:
        swapped = int.from_bytes(start[4:8], "big")
        if swapped in (1, *VERSIONS):
            raise CheckpointError(f"{file} is a big-endian GGUF file; expected a little-endian one; convert it again")
        raise CheckpointError(
            f"{file} is a GGUF file of version {version:,}; expected version 2 or 3; convert it with a later llama.cpp"
        )


class _Reader:
    """A place in the mapped file, moved forward value by value and never past the end."""

    def __init__(self, data: mmap.mmap, total: int, file: Path) -> None:
        self.data, self.total, self.file = data, total, file
        self.at = 8
        self.strings = 0

    def read(self) -> Gguf:
        tensor_count, key_count = self.number("<Q"), self.number("<Q")
        self.check_count(key_count, MAX_KEYS, 13, "keys")
        self.check_count(tensor_count, MAX_TENSORS, 24, "tensors")
        values: dict[str, Any] = {}
        spans: dict[str, Span] = {}
        for _ in range(key_count):
            key = self.name("a key")
            if key in values or key in spans:
                raise self.damaged(f"the key {short(key)} stands in it twice")
            value = self.value(self.number("<I"), key)
            (spans if isinstance(value, Span) else values)[key] = value
        self.check_whole(values)
        tensors = self.tensors(tensor_count, self.alignment(values))
        return Gguf(
            self.file, MappingProxyType(values), MappingProxyType(spans), MappingProxyType(tensors),
            bytes_read=min(self.at, self.total), bytes_total=self.total,
        )  # fmt: skip

    def take(self, count: int) -> int:
        """Move ``count`` bytes forward and return where they start."""
        start = self.at
        if count > self.total - start:
            raise CheckpointError(
                f"{self.file} is truncated or damaged: at byte {start:,} it claims {count:,} more, and it has "
                f"{self.total:,} in all; download it again"
            )
        self.at = start + count
        return start

    def number(self, form: str) -> Any:
        return struct.unpack_from(form, self.data, self.take(struct.calcsize(form)))[0]

    def name(self, what: str) -> str:
        length = self.number("<Q")
        if length > MAX_NAME_BYTES:
            raise self.damaged(f"{what} has {length:,} bytes, more than {MAX_NAME_BYTES:,}")
        start = self.take(length)
        try:
            return self.data[start : start + length].decode()
        except UnicodeDecodeError as error:
            raise self.damaged(f"{what} is no UTF-8 at byte {start:,}") from error

    def value(self, kind: int, key: str) -> Any:
        """Return a value, or where it lies if it is long."""
        if kind in NUMBERS:
            return self.number(NUMBERS[kind])
        if kind == STRING:
            length = self.number("<Q")
            start = self.take(length)
            if length > MAX_TEXT_BYTES:
                return Span(STRING, 1, start, length)
            return self.data[start : start + length].decode(errors="replace")
        if kind == ARRAY:
            return self.array(key)
        raise self.damaged(f"the key {short(key)} has a value of the unknown type {kind:,}")

    def array(self, key: str) -> Span:
        kind, count = self.number("<I"), self.number("<Q")
        if kind in NUMBERS:
            size = count * struct.calcsize(NUMBERS[kind])
            return Span(kind, count, self.take(size), size)
        if kind != STRING:
            what = "lists of lists" if kind == ARRAY else f"the unknown type {kind:,}"
            raise self.damaged(f"the key {short(key)} is a list of {what}")
        self.strings += count
        self.check_count(self.strings, MAX_STRINGS, 0, "texts")
        self.check_count(count, MAX_STRINGS, 8, "texts")
        start, at, data, total = self.at, self.at, self.data, self.total
        unpack = struct.Struct("<Q").unpack_from
        for _ in range(count):
            if at + 8 > total:
                break
            at += 8 + unpack(data, at)[0]
        # a length that leads past the end, or was never read, is refused here
        self.take(max(at - start, 8 * count))
        return Span(STRING, count, start, at - start)

    def tensors(self, count: int, alignment: int) -> dict[str, GgmlTensor]:
        sizes = type_sizes(self.file)
        found: dict[str, tuple[tuple[int, ...], int, int]] = {}
        for _ in range(count):
            name = self.name("a tensor's name")
            if name in found:
                raise self.damaged(f"the tensor {short(name)} stands in it twice")
            axes = self.number("<I")
            if axes > MAX_AXES:
                raise self.damaged(f"the tensor {short(name)} has {axes:,} axes, more than {MAX_AXES}")
            shape = tuple(self.number("<Q") for _ in range(axes))
            found[name] = (shape[::-1], self.number("<I"), self.number("<Q"))
        first = -(-self.at // alignment) * alignment
        tensors = {}
        for name, (shape, kind, offset) in found.items():
            dtype, block, nbytes = sizes.get(kind, (f"GGML type {kind}", 1, 0))
            numbers = math.prod(shape)
            if numbers >= 2**63 or (shape and shape[-1] % block):
                raise self.damaged(f"the tensor {short(name)} has the shape {short(list(shape))} of {dtype}")
            if offset % alignment:
                raise self.damaged(f"the tensor {short(name)} does not start at a multiple of {alignment} bytes")
            size = numbers // block * nbytes
            if first + offset + size > self.total:
                raise CheckpointError(
                    f"{self.file} is truncated: its tensor {short(name)} ends at byte {first + offset + size:,} and "
                    f"the file has {self.total:,}; download it again"
                )
            tensors[name] = GgmlTensor(name, dtype, shape, self.file, first + offset, size, kind)
        self.check_overlap(tensors)
        return tensors

    def alignment(self, values: Mapping[str, Any]) -> int:
        alignment = values.get("general.alignment", 32)
        if type(alignment) is not int or not 0 < alignment <= 2**20 or alignment & (alignment - 1):
            raise self.damaged(f"general.alignment is {short(alignment)}, which is no power of two")
        return alignment

    def check_whole(self, values: Mapping[str, Any]) -> None:
        """Refuse a part of a model that was split into several files."""
        named = _PART.search(self.file.stem)
        count = values.get("split.count", 1)
        parts = max(count if type(count) is int else 1, int(named[2]) if named else 1)
        if parts > 1:
            raise CheckpointError(
                f"{self.file} is one of {parts:,} parts of a split model; expected one whole file; "
                "join them with llama.cpp's `llama-gguf-split --merge`"
            )

    def check_overlap(self, tensors: Mapping[str, GgmlTensor]) -> None:
        end = 0
        for tensor in sorted(tensors.values(), key=lambda t: (t.offset, t.nbytes)):
            if tensor.offset < end and tensor.nbytes:
                raise self.damaged(f"the tensor {short(tensor.name)} overlaps the one before it")
            end = max(end, tensor.offset + tensor.nbytes)

    def check_count(self, count: int, most: int, least_bytes: int, what: str) -> None:
        if count > most or count * least_bytes > self.total - self.at:
            raise self.damaged(f"it claims {count:,} {what} in {self.total:,} bytes")

    def damaged(self, fault: str) -> CheckpointError:
        return CheckpointError(f"{self.file}: {fault}; the GGUF file is damaged")
