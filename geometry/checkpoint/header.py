"""The header of a safetensors file: which tensors it says it holds, and whether that can be true."""

import json
import math
import os
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

from geometry.checkpoint.guards import check_not_a_pointer, parse_json, read_at
from geometry.errors import CheckpointError

MAX_HEADER_BYTES = 100_000_000  # the limit of the safetensors library itself
MAX_AXES = 32

DTYPE_BITS: Mapping[str, int] = {
    "F4": 4,
    "F6_E2M3": 6,
    "F6_E3M2": 6,
    "BOOL": 8,
    "U8": 8,
    "I8": 8,
    "F8_E4M3": 8,
    "F8_E4M3FNUZ": 8,
    "F8_E5M2": 8,
    "F8_E5M2FNUZ": 8,
    "F8_E8M0": 8,
    "U16": 16,
    "I16": 16,
    "F16": 16,
    "BF16": 16,
    "U32": 32,
    "I32": 32,
    "F32": 32,
    "U64": 64,
    "I64": 64,
    "F64": 64,
    "C64": 64,
}


@dataclass(frozen=True)
class TensorInfo:
    """Where one tensor lies: ``nbytes`` bytes from ``offset``, counted from the start of ``file``."""

    name: str
    dtype: str
    shape: tuple[int, ...]
    file: Path
    offset: int
    nbytes: int


@runtime_checkable
class Tensors(Protocol):
    """Tensors by name. Iterating gives names and reads nothing; looking one up may read its file's header.

    A mapping in all but type: type checkers look at a mapping's values, and that would read.
    """

    def __getitem__(self, name: str, /) -> TensorInfo: ...

    def __contains__(self, name: object, /) -> bool: ...

    def __iter__(self) -> Iterator[str]: ...

    def __len__(self) -> int: ...


@dataclass(frozen=True)
class Header:
    """What one safetensors file holds: its tensors, and how many of its bytes were read to learn it.

    Its metadata are a stranger's JSON, as they stand there; None where there are none.
    """

    tensors: tuple[TensorInfo, ...]
    bytes_read: int
    bytes_total: int
    metadata: Any = None


def read_header(fd: int, file: Path) -> Header:
    """Read and check the header of the open safetensors file ``fd``; ``file`` is its name in messages."""
    return parse_header(partial(read_at, fd), os.fstat(fd).st_size, file)


def parse_header(read: Callable[[int, int], bytes], total: int, file: Path) -> Header:
    """Read and check the header of a safetensors file, wherever it lies.

    Nothing after the header is read. A header is refused unless its tensors cover the rest of the file
    exactly, without overlap and without holes, as the safetensors library demands, and unless its keys are
    unique, which the library does not check.

    Args:
        read: gives (offset, size) bytes, fewer only where the file ends.
        total: the file's size.
        file: its name in messages, and in what is returned.

    Raises:
        CheckpointError: it is no safetensors file, or a damaged one.
    """
    start = read(0, 64)
    check_not_a_pointer(start, file)
    if len(start) < 8:
        raise CheckpointError(
            f"{file} is truncated: {total} bytes, and a safetensors file starts with 8; download it again"
        )
    length = int.from_bytes(start[:8], "little")
    if length > MAX_HEADER_BYTES:
        raise CheckpointError(
            f"{file} is no safetensors file: its header claims {length:,} bytes, more than the "
            f"{MAX_HEADER_BYTES:,} allowed; check what was downloaded"
        )
    if 8 + length > total:
        raise CheckpointError(
            f"{file} is truncated: its header claims {length:,} bytes and the file has {total:,}; download it again"
        )
    entries = parse_json(read(8, length), file, "safetensors header", unique_keys=True)
    metadata = entries.pop("__metadata__", None)
    tensors = tuple(_tensor(name, entry, file, 8 + length) for name, entry in entries.items())
    _check_cover(tensors, file, first=8 + length, total=total)
    return Header(tensors, bytes_read=8 + length, bytes_total=total, metadata=metadata)


def _tensor(name: str, entry: Any, file: Path, first: int) -> TensorInfo:
    """Return the tensor that a header's entry describes, or say what is wrong with the entry."""
    where = f"{file}: the header's entry {short(name)}"
    if not isinstance(entry, dict) or not {"dtype", "shape", "data_offsets"} <= entry.keys():
        raise CheckpointError(f"{where} lacks dtype, shape or data_offsets; the file is damaged")
    dtype, shape, offsets = entry["dtype"], entry["shape"], entry["data_offsets"]
    if not isinstance(dtype, str) or dtype not in DTYPE_BITS:
        raise CheckpointError(f"{where} has the unknown dtype {short(dtype)}; expected one of {', '.join(DTYPE_BITS)}")
    if not _are_sizes(shape) or len(shape) > MAX_AXES:
        raise CheckpointError(f"{where} has the shape {short(shape)}; expected a list of sizes, none negative")
    if not _are_sizes(offsets) or len(offsets) != 2:
        raise CheckpointError(f"{where} has the offsets {short(offsets)}; expected [start, stop]")
    start, stop = offsets
    bits = math.prod(shape) * DTYPE_BITS[dtype]
    if bits % 8 or stop - start != bits // 8:
        raise CheckpointError(
            f"{where} spans {stop - start:,} bytes, but shape {short(shape)} of {dtype} takes "
            f"{short(-(-bits // 8))}; the file is damaged"
        )
    return TensorInfo(name, dtype, tuple(shape), file, first + start, stop - start)


def _are_sizes(value: Any) -> bool:
    return isinstance(value, list) and all(type(n) is int and 0 <= n < 2**63 for n in value)


def _check_cover(tensors: Iterable[TensorInfo], file: Path, *, first: int, total: int) -> None:
    """Refuse tensors that overlap, leave holes, or do not end where the file ends."""
    at = first
    for tensor in sorted(tensors, key=lambda t: (t.offset, t.nbytes)):
        if tensor.offset != at:
            fault = "overlaps the tensor before it" if tensor.offset < at else "leaves a hole before it"
            raise CheckpointError(f"{file}: tensor {short(tensor.name)} {fault}; the file is damaged")
        at += tensor.nbytes
    if at > total:
        raise CheckpointError(
            f"{file} is truncated: its tensors take {at:,} bytes and the file has {total:,}; download it again"
        )
    if at < total:
        raise CheckpointError(
            f"{file} has {total - at:,} bytes after its last tensor; expected none, the file is damaged"
        )


def short(value: Any) -> str:
    """Return ``value`` as JSON on one line, cut to a length that suits a message."""
    text = json.dumps(value, default=str)
    return text if len(text) <= 80 else text[:77] + "…"


def some_names(tensors: Iterable[str], limit: int = 6) -> str:
    """Return the names of the first few tensors in the alphabet, for messages."""
    names = sorted(tensors)
    more = f" and {len(names) - limit:,} more" if len(names) > limit else ""
    return (", ".join(short(name) for name in names[:limit]) or "no tensors") + more
