"""Codes and scales to float32: float8 and int8 times a scale, and bitsandbytes' four bits looked up in a table.

Each value is the code's float32 value times its scale, in float32, as the library that wrote it multiplies them.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cache
from typing import Any, Literal

import numpy as np
from jaxtyping import Float32, Int64, UInt8

Code = Literal["F8_E4M3", "F8_E5M2", "I8"]
CODES: tuple[Code, ...] = ("F8_E4M3", "F8_E5M2", "I8")

STEP = 64
"""Rows decoded at once: looking codes up takes eight bytes for each of them, which had better stay in the cache."""


@cache
def code_values(code: Code) -> Float32[np.ndarray, " codes"]:
    """Return the float32 value of every byte of a one-byte type.

    E4M3 has no infinity and its NaN where all seven bits are set; E5M2 is the upper byte of an IEEE half (Micikevicius
    et al. 2022, "FP8 Formats for Deep Learning", §3).
    """
    octets = np.arange(256, dtype=np.uint8)
    if code == "I8":
        return octets.view(np.int8).astype(np.float32)
    if code == "F8_E5M2":
        return (octets.astype("<u2") << 8).view("<f2").astype(np.float32)
    sign, exponent, fraction = octets >> 7, (octets >> 3) & 15, octets & 7
    size = np.where(exponent == 0, np.ldexp(fraction, -9), np.ldexp(8 + fraction, exponent.astype(int) - 10))
    size[(octets & 127) == 127] = np.nan
    return np.asarray(np.where(sign == 1, -size, size), dtype=np.float32)


def power_values(octets: UInt8[np.ndarray, "..."]) -> Float32[np.ndarray, "..."]:
    """Return the float32 values of E8M0 scales, the powers 2^(byte − 127); 255 is NaN."""
    powers = np.ldexp(1.0, octets.astype(np.int32) - 127)
    return np.asarray(np.where(octets == 255, np.nan, np.minimum(powers, 2.0**127)), dtype=np.float32)


@dataclass(frozen=True, eq=False)
class Scaled:
    """One byte a number, times the scale of its block of rows and columns.

    Attributes:
        code: the type of the bytes.
        shape: (vocab, dim).
        block: rows and columns that share a scale; the last blocks may be cut short.
        scales: one number a block.
        factor: multiplies the products too: bitsandbytes keeps a row's largest magnitude, and codes up to 127.
        beside: the scales' bytes in the file.
    """

    code: Code
    shape: tuple[int, int]
    block: tuple[int, int]
    scales: Float32[np.ndarray, "blocks across"] = field(repr=False)
    factor: float | None = None
    beside: bytes = field(default=b"", repr=False)

    @property
    def label(self) -> str:
        """The type and its scales, as in ``F8_E4M3 × 128×128 scales``."""
        rows, columns = self.block
        if columns < self.shape[1] or 1 < rows < self.shape[0]:
            return f"{self.code} × {rows}×{columns} scales"
        return f"{self.code} × row scales" if rows == 1 else f"{self.code} × one scale"

    @property
    def stored(self) -> np.dtype[Any]:
        """Bytes."""
        return np.dtype(np.uint8)

    @property
    def width(self) -> int:
        """One byte a number."""
        return self.shape[1]

    def decode(
        self, raw: UInt8[np.ndarray, "tokens width"], rows: Int64[np.ndarray, " tokens"]
    ) -> Float32[np.ndarray, "tokens dim"]:
        """Return value × scale."""
        table = code_values(self.code)
        values = np.empty((len(raw), self.shape[1]), dtype=np.float32)
        for some in _steps(len(raw)):
            np.take(table, raw[some], out=values[some], mode="clip")
            _scale(values[some], self.scales[rows[some] // self.block[0]], self.block[1])
            if self.factor is not None:
                values[some] *= np.float32(self.factor)
        return values


@dataclass(frozen=True, eq=False)
class FourBit:
    """Two numbers a byte, the upper half first, each an entry of a table of 16, times its block's scale.

    bitsandbytes' NF4 and FP4 (Dettmers et al. 2023, "QLoRA", §3). Blocks run along the rows and end where rows do.
    With double quantisation a block's scale is itself a byte, looked up in ``nested`` and scaled.

    Attributes:
        kind: ``nf4`` or ``fp4``.
        shape: (vocab, dim).
        block: columns that share a scale.
        table: the value of each of 16 codes.
        absmax: one scale a block, or its byte.
        nested: how bytes become scales, where they are bytes.
        beside: the bytes of all of these in the file.
    """

    kind: Literal["nf4", "fp4"]
    shape: tuple[int, int]
    block: int
    table: Float32[np.ndarray, "16"] = field(repr=False)
    absmax: Float32[np.ndarray, " blocks"] | UInt8[np.ndarray, " blocks"] = field(repr=False)
    nested: "Nested | None" = field(default=None, repr=False)
    beside: bytes = field(default=b"", repr=False)

    @property
    def label(self) -> str:
        """The kind and its blocks, as in ``NF4 × 1×64 scales``."""
        return f"{self.kind.upper()} × 1×{self.block} scales"

    @property
    def stored(self) -> np.dtype[Any]:
        """Bytes of two numbers each."""
        return np.dtype(np.uint8)

    @property
    def width(self) -> int:
        """Half as many bytes as numbers."""
        return self.shape[1] // 2

    def decode(
        self, raw: UInt8[np.ndarray, "tokens width"], rows: Int64[np.ndarray, " tokens"]
    ) -> Float32[np.ndarray, "tokens dim"]:
        """Return table entry × scale."""
        # both numbers of a byte at once, as one element of eight bytes
        pairs = np.stack([np.repeat(self.table, 16), np.tile(self.table, 16)], axis=1).view(np.complex64)[:, 0]
        values = np.empty((len(raw), self.shape[1]), dtype=np.float32)
        across = self.shape[1] // self.block
        for some in _steps(len(raw)):
            np.take(pairs, raw[some], out=values[some].view(np.complex64), mode="clip")
            blocks = rows[some, None] * across + np.arange(across)
            stored = self.absmax[blocks]
            scales = stored.astype(np.float32) if self.nested is None else self.nested(stored, blocks)
            _scale(values[some], scales, self.block)
        return values


@dataclass(frozen=True, eq=False)
class Nested:
    """The scales of scales: table[byte] × the scale of its ``block`` bytes + offset."""

    table: Float32[np.ndarray, "256"] = field(repr=False)
    absmax: Float32[np.ndarray, " outer"] = field(repr=False)
    block: int
    offset: float

    def __call__(
        self, octets: UInt8[np.ndarray, "tokens across"], blocks: Int64[np.ndarray, "tokens across"]
    ) -> Float32[np.ndarray, "tokens across"]:
        scales = self.table[octets] * self.absmax[blocks // self.block]
        return np.asarray(scales + np.float32(self.offset), dtype=np.float32)


def _steps(count: int) -> Iterator[slice]:
    return (slice(start, start + STEP) for start in range(0, count, STEP))


def _scale(
    values: Float32[np.ndarray, "tokens dim"], scales: Float32[np.ndarray, "tokens across"], columns: int
) -> None:
    """Multiply every ``columns`` columns of each row by their scale, in place; the last ones may be fewer."""
    dim = values.shape[1]
    whole = dim // columns
    with np.errstate(invalid="ignore", over="ignore"):
        if whole:
            # a view still: splitting the last axis copies nothing
            view = values[:, : whole * columns].reshape(len(values), whole, columns)
            view *= scales[:, :whole, None]
        if dim % columns:
            values[:, whole * columns :] *= scales[:, whole:]
