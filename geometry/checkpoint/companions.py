"""What stands beside a matrix and says how it is stored: scales and tables, found by name and checked by shape.

The tensor and its companions decide, never the config's ``quant_method``: most quantised checkpoints leave the head
plain, and then it is opened as any other.
"""

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
from jaxtyping import Float32

from geometry.checkpoint.beside import Read, read_beside, stem_of
from geometry.checkpoint.bitsandbytes import (
    PARTS,
    ROW_FORMAT,
    ROW_SCALES,
    STATES,
    check_by_row,
    open_four_bit,
    state_name,
)
from geometry.checkpoint.ggml import GgmlTensor, check_ggml, open_ggml
from geometry.checkpoint.header import TensorInfo, Tensors, short
from geometry.checkpoint.matrix import STORED, Codec, decode
from geometry.checkpoint.scaled import CODES, Code, Scaled, power_values
from geometry.errors import CheckpointError

DEFAULT_BLOCK = (128, 128)
"""Rows and columns to a scale where the config is silent, as in DeepSeek's checkpoints."""

FLOAT_SCALES = ("weight_scale_inv", "weight_scale")
"""Names of float8 scales; both multiply, whatever the first one says."""

PACKED: Mapping[str, str] = {
    "weight_scales": "EETQ",
    "qweight": "GPTQ or AWQ",
    "q_weight": "EXL2",
    "trellis": "EXL3",
    "weight_packed": "compressed-tensors, packed",
    "weight_zero_point": "compressed-tensors, with zero points",
    "weight_g_idx": "compressed-tensors, reordered",
    "scales": "MLX",
    "W_q": "HQQ",
    "codebooks": "AQLM",
    "Qidxs": "QuIP#",
    "weight_scale_2": "NVFP4",
    "weight._data": "Quanto",
}
"""What a packed matrix has beside it, or in its place, and the format it gives away."""

_BESIDE = (
    *FLOAT_SCALES,
    ROW_SCALES,
    ROW_FORMAT,
    *PARTS,
    *STATES,
)


def companion_names(name: str, tensors: Tensors) -> list[str]:
    """Return the names of what stands beside a matrix and is needed to decode it; nothing is looked up."""
    stem = stem_of(name)
    return [f"{stem}.{ending}" for ending in _BESIDE if f"{stem}.{ending}" in tensors]


def quantised_module(name: str) -> str:
    """Return the module that a tensor belongs to, if its name is one that only quantised modules hold."""
    endings = (*PACKED, *FLOAT_SCALES, ROW_SCALES)
    return next((name.removesuffix(f".{ending}") for ending in endings if name.endswith(f".{ending}")), "")


def check_packed(stem: str, tensors: Tensors) -> None:
    """Refuse a head's module that is packed, or of which only the scales are there."""
    form = next((PACKED[ending] for ending in PACKED if f"{stem}.{ending}" in tensors), "")
    if form == PACKED["qweight"] and f"{stem}.g_idx" in tensors:
        form = "GPTQ"
    if form:
        raise CheckpointError(
            f"the head is quantised as {form} ({short(stem)}), which cannot be decoded; "
            "take the unquantised checkpoint, or one that leaves the head plain"
        )
    if f"{stem}.weight" not in tensors and stem not in tensors:
        raise CheckpointError(
            f"the head is quantised and only its scales are there; expected {short(f'{stem}.weight')} beside them; "
            "the checkpoint is damaged"
        )


def stored_shape(info: TensorInfo, tensors: Tensors, dim: int | None) -> tuple[int, ...]:
    """Return the shape of a tensor as decoded: its own, except where four-bit numbers were packed into a column.

    Args:
        dim: the model's width, which a packed column does not tell.
    """
    if state_name(stem_of(info.name), tensors) is None or not dim or info.nbytes * 2 % dim:
        return info.shape
    return info.nbytes * 2 // dim, dim


def check_stored(info: TensorInfo, tensors: Tensors, config: Mapping[str, Any]) -> None:
    """Refuse a matrix that cannot be decoded exactly; no scale is read.

    Raises:
        CheckpointError: it is packed, lacks its scales, or its scales do not fit it.
    """
    stem = stem_of(info.name)
    if isinstance(info, GgmlTensor):
        check_ggml(info)
        if f"{stem}.scale" in tensors:
            raise CheckpointError(
                f"{info.file}: the head {short(info.name)} has {short(f'{stem}.scale')} beside it, which is not read; "
                "take a file without it"
            )
        return
    check_packed(stem, tensors)
    scales = [ending for ending in (*FLOAT_SCALES, ROW_SCALES) if f"{stem}.{ending}" in tensors]
    if info.dtype in STORED and not scales:
        return
    if info.dtype == "U8" and not scales and state_name(stem, tensors) is not None:
        return
    if len(scales) == 1 and info.dtype in CODES and (info.dtype == "I8" or scales != [ROW_SCALES]):
        _block(info, tensors[f"{stem}.{scales[0]}"], config)
        return
    if info.dtype.startswith("F8_") and not scales:
        raise CheckpointError(
            f"the head {short(info.name)} is stored as {info.dtype} without its scales; expected "
            f"{short(f'{stem}.weight_scale_inv')} or {short(f'{stem}.weight_scale')}, as a bare cast gives wrong rows; "
            "take a checkpoint that has them"
        )
    beside = f" beside {', '.join(short(f'{stem}.{ending}') for ending in scales)}" if scales else ""
    raise CheckpointError(
        f"the head {short(info.name)} is stored as {info.dtype}{beside}; expected plain F32, F16 or BF16, "
        "or float8, int8 or four bits with their scales; take an unquantised checkpoint"
    )


def open_codec(info: TensorInfo, tensors: Tensors, config: Mapping[str, Any], read: Read) -> Codec | None:
    """Return how to decode a matrix, its scales read; None where it is plain, or no matrix.

    Args:
        read: gives a tensor's bytes, and accounts for them.

    Raises:
        CheckpointError: as `check_stored`, or what was read contradicts itself.
    """
    if len(info.shape) != 2:
        return None
    check_stored(info, tensors, config)
    if isinstance(info, GgmlTensor):
        return open_ggml(info)
    stem = stem_of(info.name)
    if info.dtype in STORED:
        return None
    if info.dtype == "U8":
        return open_four_bit(info, stem, tensors, read)
    (scale,) = (tensors[f"{stem}.{end}"] for end in (*FLOAT_SCALES, ROW_SCALES) if f"{stem}.{end}" in tensors)
    block = _block(info, scale, config)
    data = read_beside(scale, read)
    across = -(-info.shape[1] // block[1])
    numbers = _numbers(scale, data).reshape(-1, across)
    code: Code = next(code for code in CODES if code == info.dtype)
    from_largest = scale.name.endswith(f".{ROW_SCALES}")
    if from_largest:
        check_by_row(stem, tensors, read)
    shape = info.shape[0], info.shape[1]
    return Scaled(code, shape, block, numbers, 1 / 127 if from_largest else None, data)


def _block(info: TensorInfo, scale: TensorInfo, config: Mapping[str, Any]) -> tuple[int, int]:
    """Return how many rows and columns share one scale, from the scales' shape and the config.

    Raises:
        CheckpointError: the two do not fit, or the scales are no floats.
    """
    if scale.dtype not in STORED and scale.dtype != "F8_E8M0":
        raise CheckpointError(
            f"{scale.file}: the scales {short(scale.name)} are stored as {scale.dtype}; "
            "expected F32, F16, BF16 or F8_E8M0, which can be read; take an unquantised checkpoint"
        )
    rows, columns = info.shape
    if scale.shape in ((), (1,), (1, 1)):
        return rows, columns
    if scale.shape in ((rows,), (rows, 1)):
        return 1, columns
    told = list(_told_blocks(config)) or [DEFAULT_BLOCK]
    for block in told:
        if scale.shape == (-(-rows // block[0]), -(-columns // block[1])):
            return block
    kinds = " or ".join(
        f"[{-(-rows // down)}, {-(-columns // across)}] for blocks of {down}×{across}" for down, across in told[:2]
    )
    raise CheckpointError(
        f"{scale.file}: the scales {short(scale.name)} have shape {short(list(scale.shape))} beside a matrix of "
        f"{rows:,} × {columns:,}; expected one, one a row, or {kinds}; the checkpoint is damaged"
    )


def _told_blocks(config: Mapping[str, Any]) -> Iterator[tuple[int, int]]:
    """Yield the block sizes that a config's quantisation names, also inside a multimodal model's text config."""
    parts = [config, *(part for part in config.values() if isinstance(part, Mapping))]
    for part in parts:
        told = part.get("quantization_config")
        if not isinstance(told, Mapping):
            continue
        groups = told.get("config_groups")
        groups = groups.values() if isinstance(groups, Mapping) else ()
        weights = [group.get("weights") for group in groups if isinstance(group, Mapping)]
        sizes = [told.get("weight_block_size")]
        for one in weights:
            if isinstance(one, Mapping):
                sizes += [one.get("block_structure"), [1, one.get("group_size")]]
        for size in sizes:
            if isinstance(size, list) and len(size) == 2 and all(type(n) is int and 0 < n < 2**31 for n in size):
                yield size[0], size[1]


def _numbers(info: TensorInfo, data: bytes) -> Float32[np.ndarray, " numbers"]:
    if info.dtype == "F8_E8M0":
        return power_values(np.frombuffer(data, dtype=np.uint8))
    return decode(np.frombuffer(data, dtype=STORED[info.dtype]))
