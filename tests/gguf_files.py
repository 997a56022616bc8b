"""GGUF files for tests, written by the package's own writer."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import gguf
import numpy as np
from gguf import GGMLQuantizationType as Kind
from gguf.quants import quantize


def packed(rows: np.ndarray, kind: Kind, seed: int = 0) -> np.ndarray:
    """Return rows in a format: quantised where the package can, else drawn bytes of as many rows and columns."""
    if kind in (Kind.F32, Kind.F16):
        return rows.astype({Kind.F32: np.float32, Kind.F16: np.float16}[kind])
    try:
        return quantize(rows.astype(np.float32), kind)
    except NotImplementedError:
        block, nbytes = gguf.GGML_QUANT_SIZES[kind]
        shape = (len(rows), rows.shape[1] // block * nbytes)
        return np.random.default_rng(seed).integers(0, 256, size=shape).astype(np.uint8)


def write_gguf(
    path: Path,
    arch: str = "llama",
    *,
    head: np.ndarray | None = None,
    kind: Kind = Kind.F32,
    tensors: Mapping[str, np.ndarray] | None = None,
    keys: Mapping[str, Any] | None = None,
    model: str | None = None,
    pre: str | None = None,
    tokens: Sequence[str | bytes] = (),
    types: Sequence[int] = (),
    scores: Sequence[float] = (),
    merges: Sequence[str] = (),
    unknown: int | None = None,
    name: str = "output.weight",
) -> Path:
    """Write a file with a head, other tensors as float32, keys under the architecture's name, and a vocabulary."""
    writer = gguf.GGUFWriter(path, arch)
    for key, value in (keys or {}).items():
        if isinstance(value, bool):
            writer.add_bool(key, value)
        elif isinstance(value, int):
            writer.add_uint32(key, value)
        elif isinstance(value, float):
            writer.add_float32(key, value)
        elif isinstance(value, str):
            writer.add_string(key, value)
        else:
            writer.add_array(key, value)
    if model is not None:
        writer.add_tokenizer_model(model)
    if pre is not None:
        writer.add_tokenizer_pre(pre)
    if tokens:
        writer.add_token_list(list(tokens))
    if types:
        writer.add_token_types(list(types))
    if scores:
        writer.add_token_scores(list(scores))
    if merges:
        writer.add_token_merges(list(merges))
    if unknown is not None:
        writer.add_unk_token_id(unknown)
    if head is not None:
        writer.add_tensor(name, packed(head, kind), raw_dtype=kind)
    for other, values in (tensors or {}).items():
        writer.add_tensor(other, np.ascontiguousarray(values, dtype=np.float32))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return path
