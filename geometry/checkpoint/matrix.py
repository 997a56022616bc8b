"""A stored matrix: memory-mapped as it lies in its file, decoded only where it is asked for."""

import hashlib
import mmap
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol, runtime_checkable

import numpy as np
from jaxtyping import Float32, Int64, Integer, Shaped

from geometry.checkpoint.guards import opened
from geometry.checkpoint.header import TensorInfo, short
from geometry.errors import CheckpointError, TokenError

PAGE = 4096
SAMPLED_PAGES = 256
HASHED_BYTES = 2**24

GATHERED = 32
"""Rows here and there that are read at once of a matrix that may not stay in memory."""

# bf16 has no NumPy type: its bits are kept as integers, being the upper half of a float32
STORED: Mapping[str, np.dtype[Any]] = {
    "F32": np.dtype("<f4"),
    "F16": np.dtype("<f2"),
    "BF16": np.dtype("<u2"),
}


@runtime_checkable
class Codec(Protocol):
    """How the numbers of a matrix that is not plain F32, F16 or BF16 are decoded, row by row."""

    @property
    def label(self) -> str:
        """What to call the format, such as ``F8_E4M3 × 128×128 scales``."""
        ...

    @property
    def shape(self) -> tuple[int, int]:
        """(vocab, dim), as decoded."""
        ...

    @property
    def stored(self) -> np.dtype[Any]:
        """The type of what lies in the file."""
        ...

    @property
    def width(self) -> int:
        """How many of those make one row."""
        ...

    @property
    def beside(self) -> bytes:
        """The bytes of the scales, which are as much a part of the rows as the codes are."""
        ...

    def decode(
        self, raw: Shaped[np.ndarray, "tokens width"], rows: Int64[np.ndarray, " tokens"]
    ) -> Float32[np.ndarray, "tokens dim"]:
        """Return the rows of these numbers, of which ``raw`` is what is stored, as a new float32 array."""
        ...


def check_dtype(info: TensorInfo) -> None:
    """Refuse a tensor whose numbers are not plain F32, F16 or BF16."""
    if info.dtype not in STORED:
        raise CheckpointError(
            f"{info.file}: tensor {short(info.name)} is stored as {info.dtype}; expected plain F32, F16 or BF16; "
            "take an unquantised checkpoint"
        )


def decode(raw: Shaped[np.ndarray, "..."]) -> Float32[np.ndarray, "..."]:
    """Return stored numbers as float32, exactly: each of the three types is a subset of it."""
    if raw.dtype == np.uint16:
        wide = raw.astype(np.uint32)
        np.left_shift(wide, 16, out=wide)
        return wide.view(np.float32)
    return np.asarray(raw, dtype=np.float32)


def map_matrix(info: TensorInfo, codec: Codec | None = None, *, max_resident: int | None = None) -> "StoredMatrix":
    """Map the 2-D tensor ``info`` read-only; no byte of it is read yet.

    Args:
        codec: how to decode it, where it is not plain.
        max_resident: a matrix of more bytes than this is let go of, block by block, as it is passed over.
    """
    if codec is None:
        check_dtype(info)
    if len(info.shape) != 2 or 0 in info.shape:
        raise CheckpointError(
            f"{info.file}: tensor {short(info.name)} has shape {list(info.shape)}; "
            "expected (vocab, dim), both at least 1"
        )
    skip = info.offset % mmap.ALLOCATIONGRANULARITY
    with opened(info.file, inside=None) as fd:
        try:
            mapped = mmap.mmap(fd, info.nbytes + skip, access=mmap.ACCESS_READ, offset=info.offset - skip)
        except (OSError, ValueError) as error:
            raise CheckpointError(f"{info.file} cannot be mapped: {error}; did the file change?") from error
    dtype = STORED[info.dtype] if codec is None else codec.stored
    shape = info.shape if codec is None else (codec.shape[0], codec.width)
    stored = np.frombuffer(mapped, dtype=dtype, count=shape[0] * shape[1], offset=skip)
    touched = np.zeros(-(-info.nbytes // PAGE), dtype=np.bool_)
    return StoredMatrix(info, stored.reshape(shape), touched, mapped, max_resident, codec)


@dataclass(frozen=True, eq=False)
class StoredMatrix:
    """A (vocab, dim) matrix in its file, decoded to float32 in the rows and blocks that are asked for."""

    info: TensorInfo
    _stored: Shaped[np.ndarray, "vocab width"] = field(repr=False)
    _touched: Shaped[np.ndarray, " pages"] = field(repr=False)
    _mapped: mmap.mmap = field(repr=False)
    max_resident: int | None = None
    codec: Codec | None = None

    @property
    def dtype(self) -> str:
        """``F32``, ``F16`` or ``BF16``, or what the codec is called."""
        return self.info.dtype if self.codec is None else self.codec.label

    @property
    def shape(self) -> tuple[int, int]:
        """(vocab, dim)."""
        vocab, dim = self.info.shape if self.codec is None else self.codec.shape
        return vocab, dim

    @property
    def nbytes(self) -> int:
        """Size in the file."""
        return self.info.nbytes

    @property
    def beside(self) -> bytes:
        """The bytes of the scales that the rows are decoded with, if there are any."""
        return b"" if self.codec is None else self.codec.beside

    @property
    def bytes_touched(self) -> int:
        """Bytes of the matrix read so far, in pages of 4,096, each counted once."""
        whole = int(self._touched.sum()) * PAGE
        missing = -self.nbytes % PAGE
        return whole - missing if missing and self._touched[-1] else whole

    def rows(self, ids: Sequence[int] | Integer[np.ndarray, " tokens"]) -> Float32[np.ndarray, "tokens dim"]:
        """Return the rows of these token ids, as stored, in their order.

        Raises:
            TokenError: an id is not a row.
        """
        vocab = self.shape[0]
        given = np.asarray(ids)
        if given.size and given.dtype.kind not in "iu":
            raise TokenError(f"token ids of type {given.dtype} arrived; the head has {vocab:,} rows, numbered from 0")
        wanted = given.astype(np.int64).reshape(-1)
        wrong = wanted[(wanted < 0) | (wanted >= vocab)]
        if wrong.size:
            raise TokenError(f"no token {wrong[0]}: the head has {vocab:,} rows, ids go from 0 to {vocab - 1}")
        row = self._stored.strides[0]
        first, last = wanted * row // PAGE, ((wanted + 1) * row - 1) // PAGE
        for step in range(row // PAGE + 2):
            self._touched[np.minimum(first + step, last)] = True
        raw = self._gather(wanted)
        return decode(raw) if self.codec is None else self.codec.decode(raw, wanted)

    def _gather(self, wanted: Int64[np.ndarray, " tokens"]) -> Shaped[np.ndarray, "tokens width"]:
        """Return rows here and there as stored, a few at a time where the matrix is too large to stay.

        The system reads ahead of every row that is touched, so that a few hundred of them would bring all of it.
        """
        if not self._may_not_stay:
            return np.asarray(self._stored[wanted])
        raw = np.empty((len(wanted), self._stored.shape[1]), dtype=self._stored.dtype)
        for start in range(0, len(wanted), GATHERED):
            stop = start + GATHERED
            raw[start:stop] = self._stored[wanted[start:stop]]
            self._let_go()
        return raw

    def raw_block(self, start: int, stop: int) -> Shaped[np.ndarray, "tokens width"]:
        """Return rows ``start`` to ``stop`` (exclusive) as stored: bf16's bits as uint16, a codec's codes undecoded.

        A read-only view of the mapping, without a copy wherever the file aligns its numbers.
        """
        vocab, row = self.shape[0], self._stored.strides[0]
        start, stop, _ = slice(start, stop).indices(vocab)
        if stop > start:
            self._touched[start * row // PAGE : (stop * row - 1) // PAGE + 1] = True
        return np.require(self._stored[start:stop], requirements="A")

    def block(self, start: int, stop: int) -> Float32[np.ndarray, "tokens dim"]:
        """Return rows ``start`` to ``stop`` as float32; of an F32 matrix, its read-only mapping."""
        start, stop, _ = slice(start, stop).indices(self.shape[0])
        return self.decoded(self.raw_block(start, stop), start)

    def blocks(self, size: int) -> Iterator[tuple[int, Float32[np.ndarray, "tokens dim"]]]:
        """Yield (first row, float32 block) over the whole matrix, ``size`` rows at a time."""
        for start, raw in self.raw_blocks(size):
            yield start, self.decoded(raw, start)

    def raw_blocks(self, size: int) -> Iterator[tuple[int, Shaped[np.ndarray, "tokens width"]]]:
        """Yield (first row, block as stored); each block is let go of where the matrix is too large to stay."""
        if size < 1:
            raise ValueError(f"a block of {size} rows; expected at least 1")
        for start in range(0, self.shape[0], size):
            yield start, self.raw_block(start, start + size)
            self._let_go()

    def decoded(self, raw: Shaped[np.ndarray, "tokens width"], start: int) -> Float32[np.ndarray, "tokens dim"]:
        """Return the rows from ``start`` on, of which ``raw`` is what is stored, as float32."""
        return decode(raw) if self.codec is None else self.codec.decode(raw, np.arange(start, start + len(raw)))

    @property
    def _may_not_stay(self) -> bool:
        return self.max_resident is not None and self.nbytes > self.max_resident

    def _let_go(self) -> None:
        """Give the pages back to the system where the matrix is larger than may stay in memory."""
        if self._may_not_stay and hasattr(mmap, "MADV_DONTNEED"):
            self._mapped.madvise(mmap.MADV_DONTNEED)

    def sample_hash(self) -> str:
        """Return a cheap fingerprint: SHA-256 of dtype, shape, scales and up to 256 evenly spaced pages.

        Names and sharding do not enter. A change that misses every sampled page of 4,096 bytes is not seen:
        that is what ``full_hash`` is for.
        """
        pages = len(self._touched)
        count = min(pages, SAMPLED_PAGES)
        sampled = (n * (pages - 1) // max(count - 1, 1) for n in range(count))
        return self._hash("sample", ((page * PAGE, (page + 1) * PAGE) for page in sampled))

    def full_hash(self, progress: Callable[[int, int], None] | None = None) -> str:
        """Return the SHA-256 of dtype, shape, scales and every byte; ``progress`` is told (bytes done, in all)."""

        def spans() -> Iterator[tuple[int, int]]:
            for start in range(0, self.nbytes, HASHED_BYTES):
                stop = min(start + HASHED_BYTES, self.nbytes)
                yield start, stop
                if progress is not None:
                    progress(stop, self.nbytes)

        return self._hash("full", spans())

    def _hash(self, kind: str, spans: Iterator[tuple[int, int]]) -> str:
        """Hash byte spans of the matrix, with its dtype and shape before them."""
        digest = hashlib.sha256(f"{kind} {self.dtype} {self.shape[0]}x{self.shape[1]}\n".encode())
        digest.update(self.beside)
        octets = self._stored.reshape(-1).view(np.uint8)
        for start, stop in spans:
            self._touched[start // PAGE : -(-stop // PAGE)] = True
            digest.update(octets[start:stop].data)
            self._let_go()
        return digest.hexdigest()
