"""Matrices as bitsandbytes stores them: four bits in blocks, with what describes them; int8 row by row."""

import math
from collections.abc import Mapping
from typing import Any, Literal

import numpy as np
from jaxtyping import Float32

from geometry.checkpoint.beside import Read, read_beside
from geometry.checkpoint.guards import parse_json
from geometry.checkpoint.header import TensorInfo, Tensors, short
from geometry.checkpoint.scaled import FourBit, Nested
from geometry.errors import CheckpointError

ROW_SCALES, ROW_FORMAT = "SCB", "weight_format"

STATES: Mapping[str, Literal["nf4", "fp4"]] = {
    "weight.quant_state.bitsandbytes__nf4": "nf4",
    "weight.quant_state.bitsandbytes__fp4": "fp4",
}
"""What describes a four-bit matrix, by its name."""

PARTS = tuple(f"weight.{part}" for part in ("absmax", "quant_map", "nested_absmax", "nested_quant_map"))


def state_name(stem: str, tensors: Tensors) -> str | None:
    """Return the name of the tensor that describes bitsandbytes' four bits, if there is one."""
    return next((f"{stem}.{ending}" for ending in STATES if f"{stem}.{ending}" in tensors), None)


def check_by_row(stem: str, tensors: Tensors, read: Read) -> None:
    """Refuse bitsandbytes' old layouts for particular GPUs, in which the bytes of a row do not lie together."""
    name = f"{stem}.{ROW_FORMAT}"
    if name in tensors:
        data = read_beside(tensors[name], read)
        if any(data):
            raise CheckpointError(
                f"{tensors[name].file}: {short(name)} says that the int8 head is not stored row by row; expected 0; "
                "save it again with a later bitsandbytes"
            )


def open_four_bit(info: TensorInfo, stem: str, tensors: Tensors, read: Read) -> FourBit:
    """Return the codec of a four-bit matrix; every number of its description is checked against the tensors."""
    name = state_name(stem, tensors)
    assert name is not None
    text = read_beside(tensors[name], read)
    state = parse_json(text, info.file, short(name), unique_keys=True)
    rows, columns = _sizes(state.get("shape"), 2) or (0, 0)
    (block,) = _sizes([state.get("blocksize")], 1) or (0,)
    if block and columns and columns % block and rows * columns == 2 * info.nbytes:
        raise CheckpointError(
            f"{info.file}: {short(name)} tells rows of {columns:,} numbers in blocks of {block:,}, so that blocks "
            "reach from one row into the next, which is not read; take an unquantised checkpoint"
        )
    if not block or rows * columns != 2 * info.nbytes or columns % 2:
        raise CheckpointError(
            f"{info.file}: {short(name)} tells shape {short(state.get('shape'))} in blocks of "
            f"{short(state.get('blocksize'))}, and the head has {info.nbytes:,} bytes of two numbers; expected rows "
            "of whole blocks that fill them; take an unquantised checkpoint"
        )
    count = rows * columns // block

    def beside(ending: str, size: int, dtypes: tuple[str, ...] = ("F32",)) -> bytes:
        part = f"{stem}.weight.{ending}"
        found = tensors[part] if part in tensors else None  # noqa: SIM401, tensors are no mapping
        if found is None or found.dtype not in dtypes or found.shape not in ((size,), (size, 1)):
            has = "is missing" if found is None else f"is {found.dtype} of shape {short(list(found.shape))}"
            raise CheckpointError(
                f"{info.file}: {short(part)} {has}; expected {' or '.join(dtypes)} of shape [{size}]; "
                "take an unquantised checkpoint"
            )
        return read_beside(found, read)

    table, absmax = beside("quant_map", 16), beside("absmax", count, ("F32", "U8"))
    parts, nested = [text, table, absmax], None
    if len(absmax) == count:
        (inner,) = _sizes([state.get("nested_blocksize")], 1) or (0,)
        offset = state.get("nested_offset")
        if not inner or not isinstance(offset, float) or not math.isfinite(offset):
            raise CheckpointError(
                f"{info.file}: {short(name)} lacks nested_blocksize or nested_offset, which its one-byte scales need; "
                "the checkpoint is damaged"
            )
        inner_table, inner_scales = beside("nested_quant_map", 256), beside("nested_absmax", -(-count // inner))
        parts += [inner_table, inner_scales]
        nested = Nested(_floats(inner_table), _floats(inner_scales), inner, offset)
    scales = _floats(absmax) if nested is None else np.frombuffer(absmax, dtype=np.uint8)
    kind = STATES[name.removeprefix(f"{stem}.")]
    return FourBit(kind, (rows, columns), block, _floats(table), scales, nested, b"".join(parts))


def _sizes(value: Any, count: int) -> tuple[int, ...] | None:
    fits = isinstance(value, list) and len(value) == count and all(type(n) is int and 0 < n < 2**40 for n in value)
    return tuple(value) if fits else None


def _floats(data: bytes) -> Float32[np.ndarray, " numbers"]:
    return np.frombuffer(data, dtype="<f4")
