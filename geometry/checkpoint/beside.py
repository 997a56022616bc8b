"""Small tensors that stand beside a matrix: found by its name, read whole, within bounds."""

from collections.abc import Callable

from geometry.checkpoint.header import TensorInfo, short
from geometry.errors import CheckpointError

Read = Callable[[TensorInfo], bytes]
"""Gives a tensor's bytes, and accounts for them."""

MAX_COMPANION_BYTES = 256 * 2**20
"""The scales of a head of 256,000 × 8,192 in blocks of 64 take 131 MB; more than this is not read."""


def stem_of(name: str) -> str:
    """Return a tensor's module: its name less the last part, if that is ``weight``."""
    return name.removesuffix(".weight")


def read_beside(info: TensorInfo, read: Read) -> bytes:
    """Return a small tensor's bytes.

    Raises:
        CheckpointError: it is not small.
    """
    if info.nbytes > MAX_COMPANION_BYTES:
        raise CheckpointError(
            f"{info.file}: tensor {short(info.name)} has {info.nbytes:,} bytes; expected scales of at most "
            f"{MAX_COMPANION_BYTES:,}; take an unquantised checkpoint"
        )
    return read(info)
