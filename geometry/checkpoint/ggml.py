"""GGML's number formats, as GGUF files store them: their sizes and their decoding, by the package ``gguf`` itself."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float32, Int64, UInt8

from geometry.checkpoint.header import TensorInfo, short
from geometry.checkpoint.matrix import STORED
from geometry.errors import CheckpointError, what_to_type

STEP = 64
"""Rows decoded at once: the package makes several copies of what it is given."""


@dataclass(frozen=True)
class GgmlTensor(TensorInfo):
    """A tensor of a GGUF file; ``kind`` is the number by which GGML knows its format."""

    kind: int


@dataclass(frozen=True, eq=False)
class Ggml:
    """Rows in one of GGML's formats, each a whole number of blocks.

    Attributes:
        label: the format's name, such as ``Q6_K``.
        shape: (vocab, dim).
        width: bytes of a row.
        kind: the format's number.
    """

    label: str
    shape: tuple[int, int]
    width: int
    kind: int
    beside: bytes = field(default=b"", repr=False)

    @property
    def stored(self) -> np.dtype[Any]:
        """Bytes."""
        return np.dtype(np.uint8)

    def decode(
        self, raw: UInt8[np.ndarray, "tokens width"], rows: Int64[np.ndarray, " tokens"]
    ) -> Float32[np.ndarray, "tokens dim"]:
        """Return what ``gguf.quants.dequantize`` makes of the rows."""
        from gguf import GGMLQuantizationType
        from gguf.quants import dequantize

        kind = GGMLQuantizationType(self.kind)
        values = np.empty((len(raw), self.shape[1]), dtype=np.float32)
        with np.errstate(invalid="ignore", over="ignore"):
            for start in range(0, len(raw), STEP):
                values[start : start + STEP] = dequantize(np.ascontiguousarray(raw[start : start + STEP]), kind)
        return values


def type_sizes(file: Path) -> Mapping[int, tuple[str, int, int]]:
    """Return the name of every known format, the numbers in one of its blocks, and a block's bytes.

    Raises:
        CheckpointError: the package ``gguf`` is not installed; ``file`` is what it is needed for.
    """
    try:
        return _type_sizes()
    except ImportError as error:
        raise CheckpointError(f"{file} is a GGUF file, which needs the package gguf: {what_to_type('gguf')}") from error


def check_ggml(info: GgmlTensor) -> None:
    """Refuse a matrix in a format that the package does not decode.

    Raises:
        CheckpointError: the format is unknown, or none of floats.
    """
    if info.dtype not in STORED and not _is_decoded(info.kind):
        raise CheckpointError(
            f"{info.file}: the head {short(info.name)} is stored as {info.dtype}, which the installed package gguf "
            "does not decode to float32; take a file with another type for the head, such as Q6_K"
        )


def open_ggml(info: GgmlTensor) -> Ggml | None:
    """Return how to decode a matrix of a GGUF file; None where it is plain.

    Raises:
        CheckpointError: as `check_ggml`.
    """
    check_ggml(info)
    if info.dtype in STORED:
        return None
    vocab, dim = info.shape
    return Ggml(info.dtype, (vocab, dim), info.nbytes // vocab, info.kind)


@cache
def _type_sizes() -> Mapping[int, tuple[str, int, int]]:
    from gguf import GGML_QUANT_SIZES

    return {int(kind): (kind.name, block, nbytes) for kind, (block, nbytes) in GGML_QUANT_SIZES.items()}


@cache
def _is_decoded(kind: int) -> bool:
    """Return whether the package turns this format into float32: it is asked to decode one block of zeros."""
    from gguf import GGMLQuantizationType
    from gguf.quants import dequantize

    if kind not in _type_sizes():
        return False
    _, _, nbytes = _type_sizes()[kind]
    try:
        return dequantize(np.zeros((1, nbytes), np.uint8), GGMLQuantizationType(kind)).dtype == np.float32
    except NotImplementedError:
        return False
