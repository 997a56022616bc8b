"""Forged checkpoints: safetensors files written by hand, so that every part of them can lie."""

import json
from pathlib import Path
from typing import Any

import numpy as np


def header_bytes(header: dict[str, Any] | bytes) -> bytes:
    """Return a header with its length before it."""
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    return len(text).to_bytes(8, "little") + text


def entry(dtype: str, shape: list[Any], start: Any, stop: Any) -> dict[str, Any]:
    return {"dtype": dtype, "shape": shape, "data_offsets": [start, stop]}


def forge(path: Path, header: dict[str, Any] | bytes, data: bytes = b"") -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(header_bytes(header) + data)
    return path


def write_head(path: Path, *, name: str = "lm_head.weight", rows: int = 8, dim: int = 4) -> Path:
    """Write an honest file with one float32 matrix."""
    matrix = np.arange(rows * dim, dtype="<f4")
    return forge(path, {name: entry("F32", [rows, dim], 0, matrix.nbytes)}, matrix.tobytes())


def write_sharded(folder: Path, weight_map: Any) -> Path:
    """Write an index and the one honest shard ``a.safetensors``."""
    write_head(folder / "a.safetensors")
    (folder / "model.safetensors.index.json").write_text(json.dumps({"weight_map": weight_map}))
    return folder
