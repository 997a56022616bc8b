"""Residuals on disk: safetensors, .npy and .npz, sizes held against the file before anything is allocated."""

from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any, cast

import numpy as np
from jaxtyping import Shaped

from geometry.atomic import check_place, put_file
from geometry.checkpoint.guards import opened, read_at
from geometry.checkpoint.header import TensorInfo, read_header, short, some_names
from geometry.checkpoint.matrix import STORED, decode
from geometry.errors import ResidualsError
from geometry.residuals.record import Residuals, as_residuals, checked_shape

MAX_BYTES = 4 * 2**30
"""States that take more than this in float32 are refused: 400 positions of an 80-layer model take a quarter of it."""

MAX_METADATA = 2**20

_FLOATS = "F32, F16 or BF16"
_WHOLE: Mapping[str, str] = {
    "I64": "<i8", "I32": "<i4", "I16": "<i2", "I8": "<i1", "U64": "<u8", "U32": "<u4", "U16": "<u2", "U8": "<u1"
}  # fmt: skip


def read_residuals(path: str | Path) -> Residuals:
    """Read residuals: safetensors, ``.npy`` or ``.npz``; nothing in them is ever run.

    - ``.safetensors``: ``hidden_states`` (layers, positions, dim) in F32, F16 or BF16; optionally ``token_ids``
      (positions), and the metadata ``last_is_normed`` (``true`` or ``false``) and ``model``.
    - ``.npz``: the same names as arrays.
    - ``.npy``: the states alone, (layers, positions, dim), or (layers, dim) of one position.

    Sizes are held against the file before anything is allocated.

    Raises:
        ResidualsError, CheckpointError: There is no such file, or it does not hold that.
    """
    path = Path(path)
    ending = path.suffix.lower()
    if ending == ".safetensors":
        return _read_safetensors(path)
    if ending in (".npy", ".npz"):
        from geometry.arrays import read_npy, read_npz

        if ending == ".npy":
            return as_residuals(read_npy(path, MAX_BYTES), source=str(path))
        return _from_arrays(read_npz(path, ("hidden_states", "token_ids", "last_is_normed", "model"), MAX_BYTES), path)
    pickled = ", which would run what it holds" if ending in (".pt", ".pth", ".pkl", ".bin") else ""
    raise ResidualsError(
        f"{str(path)!r} arrived{pickled}; expected residuals as .safetensors, .npy or .npz: save hidden_states with "
        "safetensors.torch.save_file"
    )


def write_residuals(path: str | Path, residuals: Residuals) -> None:
    """Write residuals as safetensors that `read_residuals` reads, whole or not at all.

    Raises:
        OptionError: Another ending, or a place that cannot be written to.
    """
    from safetensors.numpy import save

    path = check_writable(path)
    tensors: dict[str, np.ndarray] = {"hidden_states": np.ascontiguousarray(residuals.states)}
    if residuals.token_ids is not None:
        tensors["token_ids"] = np.array(residuals.token_ids, dtype=np.int64)
    metadata = dict(residuals.about)
    if residuals.last_is_normed is not None:
        metadata["last_is_normed"] = "true" if residuals.last_is_normed else "false"
    if residuals.model is not None:
        metadata["model"] = residuals.model
    put_file(path, save(tensors, metadata), "a .safetensors file in a folder that can be written to")


def check_writable(path: str | Path) -> Path:
    """Return the path that residuals are to be written to, so that a wrong one is known before a model is run.

    Raises:
        OptionError: Another ending than ``.safetensors``, or a folder that is not there.
    """
    return check_place(path, ".safetensors")


def _read_safetensors(path: Path) -> Residuals:
    with opened(path, inside=None) as fd:
        header = read_header(fd, path)
        tensors = {info.name: info for info in header.tensors}
        if "hidden_states" not in tensors:
            raise ResidualsError(
                f"{path} holds no tensor hidden_states, only {some_names(tensors)}; expected residuals: (layers, "
                "positions, dim) under that name"
            )
        states, ids = tensors["hidden_states"], tensors.get("token_ids")
        _check_states(states)
        raw = np.frombuffer(read_at(fd, states.offset, states.nbytes), dtype=STORED[states.dtype])
        found = None if ids is None else _whole_numbers(read_at(fd, ids.offset, _check_ids(ids, states)), ids)
    metadata = _metadata(header.metadata, path)
    return Residuals(
        decode(raw.reshape(states.shape)),
        found,
        _truth(metadata.pop("last_is_normed", None), path),
        metadata.pop("model", None),
        str(path),
        MappingProxyType(metadata),
    )


def _check_states(info: TensorInfo) -> None:
    checked_shape(info.shape, str(info.file))
    if info.dtype not in STORED:
        raise ResidualsError(f"{info.file}: hidden_states are stored as {info.dtype}; expected {_FLOATS}: convert them")
    numbers = info.nbytes // STORED[info.dtype].itemsize
    if numbers * 4 > MAX_BYTES:
        raise ResidualsError(
            f"{info.file}: hidden_states take {numbers * 4:,} bytes in float32; expected at most {MAX_BYTES:,}: save "
            "fewer positions"
        )


def _check_ids(info: TensorInfo, states: TensorInfo) -> int:
    """Return the size of the ids, which are one a position, each a whole number."""
    if info.dtype not in _WHOLE or len(info.shape) != 1:
        raise ResidualsError(
            f"{info.file}: token_ids are {info.dtype} of shape {list(info.shape)}; expected whole numbers of shape "
            f"[{states.shape[1]}]"
        )
    if info.shape[0] != states.shape[1]:
        raise ResidualsError(
            f"{info.file}: {info.shape[0]:,} token_ids arrived for {states.shape[1]:,} positions; expected one a "
            "position: save those of the same tokens, or leave token_ids out"
        )
    return info.nbytes


def _whole_numbers(data: bytes, info: TensorInfo) -> tuple[int, ...]:
    return tuple(np.frombuffer(data, dtype=_WHOLE[info.dtype]).tolist())


def _from_arrays(arrays: Mapping[str, Shaped[np.ndarray, "..."]], path: Path) -> Residuals:
    if "hidden_states" not in arrays:
        raise ResidualsError(f"{path} holds no array hidden_states; expected (layers, positions, dim) under that name")
    states = as_residuals(arrays["hidden_states"], source=str(path)).states
    ids, normed, model = (arrays.get(name) for name in ("token_ids", "last_is_normed", "model"))
    if ids is not None and (ids.dtype.kind not in "iu" or ids.ndim != 1):
        raise ResidualsError(
            f"{path}: token_ids of type {ids.dtype} and shape {list(ids.shape)} arrived; expected whole numbers of "
            f"shape [{states.shape[1]}]"
        )
    return Residuals(
        states,
        None if ids is None else tuple(ids.tolist()),
        None if normed is None else _truth(_scalar(normed, path), path),
        None if model is None else str(_scalar(model, path)),
        str(path),
    )


def _scalar(value: Shaped[np.ndarray, "..."], path: Path) -> Any:
    if value.size != 1:
        raise ResidualsError(f"{path}: {value.size} values arrived for last_is_normed or model; expected one each")
    return value.reshape(-1)[0].item()


def _metadata(given: Any, path: Path) -> dict[str, str]:
    if given is None:
        return {}
    if not isinstance(given, dict) or not all(isinstance(value, str) for value in given.values()):
        raise ResidualsError(f"{path}: its metadata are {short(given)}; expected texts by name, the file is damaged")
    texts = cast("dict[str, str]", given)
    if sum(len(name) + len(value) for name, value in texts.items()) > MAX_METADATA:
        raise ResidualsError(f"{path}: its metadata hold more than {MAX_METADATA:,} characters; expected a few lines")
    return dict(texts)


def _truth(value: Any, path: Path) -> bool | None:
    known = {"true": True, "1": True, "false": False, "0": False, "none": None}
    text = str(value).strip().lower()
    if text not in known:
        raise ResidualsError(f"{path}: last_is_normed is {short(value)}; expected true or false")
    return known[text]
