"""Residuals on disk: what is written is read again, and what is wrong is told in one line, before it is allocated."""

import io
import json
import zipfile
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.numpy import save, save_file

from geometry.errors import GeometryError, OptionError, ResidualsError
from geometry.residuals import Residuals, as_residuals, find_residuals, read_residuals, write_residuals
from geometry.residuals import stored as module

STATES = np.random.default_rng(0).normal(size=(4, 3, 8)).astype(np.float32)


def test_what_is_written_is_read_again(tmp_path: Path):
    path = tmp_path / "r.safetensors"
    write_residuals(path, Residuals(STATES, (5, 0, 7), False, "org/model", about={"prompt": "is there 🐠?"}))
    found = read_residuals(path)
    assert np.array_equal(found.states, STATES)
    assert (found.token_ids, found.last_is_normed, found.model) == ((5, 0, 7), False, "org/model")
    assert found.about == {"prompt": "is there 🐠?"}
    assert found.source == str(path)
    assert found.shape == (4, 3, 8)


def test_a_file_that_says_nothing_leaves_it_open(tmp_path: Path):
    save_file({"hidden_states": STATES}, tmp_path / "r.safetensors")
    found = read_residuals(tmp_path / "r.safetensors")
    assert (found.token_ids, found.last_is_normed, found.model) == (None, None, None)


@pytest.mark.parametrize("kind", ["<f2", "<f4", "<f8", ">f4"])
@pytest.mark.parametrize("order", ["C", "F"])
def test_numpys_files(kind: str, order: str, tmp_path: Path):
    stored = np.asarray(STATES, dtype=kind, order=order)
    np.save(tmp_path / "r.npy", stored)
    assert np.array_equal(read_residuals(tmp_path / "r.npy").states, stored.astype(np.float32))
    np.savez(tmp_path / "r.npz", hidden_states=stored, token_ids=np.array([1, 2, 3]), last_is_normed=True, model="m")
    found = read_residuals(tmp_path / "r.npz")
    assert np.array_equal(found.states, stored.astype(np.float32))
    assert (found.token_ids, found.last_is_normed, found.model) == ((1, 2, 3), True, "m")


@pytest.mark.parametrize("dtype", ["bfloat16", "float16"])
def test_halves_are_read_exactly(dtype: str, tmp_path: Path):
    import torch
    from safetensors.torch import save_file as save_torch

    half = torch.from_numpy(STATES).to(getattr(torch, dtype))
    save_torch(
        {"hidden_states": half, "token_ids": torch.tensor([1, 2, 3], dtype=torch.int32)}, tmp_path / "r.safetensors"
    )
    found = read_residuals(tmp_path / "r.safetensors")
    assert np.array_equal(found.states, half.float().numpy())
    assert found.token_ids == (1, 2, 3)


def test_two_axes_are_one_position(tmp_path: Path):
    np.save(tmp_path / "r.npy", STATES[:, 1])
    assert np.array_equal(read_residuals(tmp_path / "r.npy").states, STATES[:, 1:2])


def _broken(value: float) -> np.ndarray:
    states = STATES.copy()
    states[2, 1, 3] = value
    return states


def _header(text: str, data: bytes = b"") -> bytes:
    raw = text.encode()
    return len(raw).to_bytes(8, "little") + raw + data


def _npy(shape: str, data: bytes, descr: str = "'<f4'") -> bytes:
    text = f"{{'descr': {descr}, 'fortran_order': False, 'shape': {shape}, }}".ljust(117) + "\n"
    return b"\x93NUMPY\x01\x00" + len(text).to_bytes(2, "little") + text.encode() + data


def _saved(**tensors: np.ndarray) -> bytes:
    return save(tensors)


def _zipped(claim: str) -> bytes:
    held = io.BytesIO()
    with zipfile.ZipFile(held, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("hidden_states.npy", _npy(claim, bytes(4096)))
    return held.getvalue()


def _pickled() -> bytes:
    held = io.BytesIO()
    np.save(held, np.array([{"a": 1}], dtype=object), allow_pickle=True)
    return held.getvalue()


BAD = {
    "nan": ("r.safetensors", _saved(hidden_states=_broken(np.nan)), "layer 2 at position 1 holds NaN or infinity"),
    "infinity": ("r.safetensors", _saved(hidden_states=_broken(np.inf)), "float16 overflows"),
    "two axes": ("r.safetensors", _saved(hidden_states=STATES[0]), "shape [3, 8] arrived; expected (layers, positions"),
    "a batch": ("r.safetensors", _saved(hidden_states=STATES[:, None]), "take one prompt's, states[:, 0]"),
    "empty": ("r.safetensors", _saved(hidden_states=STATES[:, :0]), "at least one number an axis"),
    "another name": ("r.safetensors", _saved(states=STATES), 'holds no tensor hidden_states, only "states"'),
    "whole numbers": ("r.safetensors", _saved(hidden_states=STATES.astype(np.int32)), "stored as I32; expected F32"),
    "ids too few": (
        "r.safetensors", _saved(hidden_states=STATES, token_ids=np.array([1, 2])), "2 token_ids arrived for 3 positions"
    ),
    "ids are floats": (
        "r.safetensors", _saved(hidden_states=STATES, token_ids=np.ones(3, np.float32)), "expected whole numbers"
    ),
    "ids below zero": (
        "r.safetensors", _saved(hidden_states=STATES, token_ids=np.array([1, -2, 3])), "the token id -2 arrived"
    ),
    "neither true nor false": (
        "r.safetensors", save({"hidden_states": STATES}, {"last_is_normed": "maybe"}), "expected true or false"
    ),
    "metadata are no texts": (
        "r.safetensors", _header(json.dumps({"__metadata__": {"model": 3}, "hidden_states": {
            "dtype": "F32", "shape": [1, 1, 1], "data_offsets": [0, 4]}}), bytes(4)), "expected texts by name"
    ),
    "a huge header": ("r.safetensors", (2**60).to_bytes(8, "little") + b"{}", "header claims 1,152,921,504,606"),
    "a huge shape": (
        "r.safetensors", _header(json.dumps({"hidden_states": {
            "dtype": "F32", "shape": [2**20, 2**20, 2**10], "data_offsets": [0, 4]}}), bytes(4)), "spans 4 bytes"
    ),
    "truncated": ("r.safetensors", _saved(hidden_states=STATES)[:-5], "truncated"),
    "npy, a pickle": ("r.npy", _pickled(), "is a pickle and would run what it holds"),
    "npy, not one": ("r.npy", b"hello" * 40, "is no array of NumPy's"),
    "npy, a header that does not end": ("r.npy", _npy("(2, 2, 16)", b"").replace(b")", b"("), "is no array of NumPy's"),
    "npy, a huge header": ("r.npy", b"\x93NUMPY\x02\x00" + (2**31).to_bytes(4, "little") + b"{", "header claims"),
    "npy, a huge shape": ("r.npy", _npy("(1000000, 1000000, 1000)", b"\0" * 64), "takes too much"),
    "npy, more than is there": ("r.npy", _npy("(2, 2, 16)", b"\0" * 64), "64 bytes are there for an array"),
    "npy, below zero": ("r.npy", _npy("(-2, 2, 16)", b"\0" * 64), "expected sizes of 0 or more"),
    "npy, whole numbers": ("r.npy", _npy("(1, 1, 4)", bytes(32), "'<i8'"), "states of type int64 arrived"),
    "npy, beyond float32": ("r.npy", _npy("(1, 1, 1)", np.array([1e300]).tobytes(), "'<f8'"), "holds NaN or infinity"),
    "npy, one axis": ("r.npy", _npy("(4,)", bytes(16)), "shape [4] arrived"),
    "npz, not one": ("r.npz", b"hello" * 40, "is no .npz file that can be read"),
    "npz, nothing in it": ("r.npz", b"PK\x05\x06" + bytes(18), "holds no array hidden_states"),
    "npz, a bomb": ("r.npz", _zipped("(1000000, 1000000, 1000)"), "takes too much"),
    "a pickle by its name": ("r.pt", b"", "which would run what it holds; expected residuals as .safetensors"),
}  # fmt: skip


@pytest.mark.parametrize("case", BAD)
def test_bad_files_in_one_line(case: str, tmp_path: Path):
    name, content, says = BAD[case]
    (tmp_path / name).write_bytes(content)
    with pytest.raises(GeometryError) as told:
        read_residuals(tmp_path / name)
    assert says in str(told.value)
    assert "\n" not in str(told.value)


@pytest.mark.parametrize("name", ["absent.safetensors", "absent.npy", "absent.npz"])
def test_no_such_file(name: str, tmp_path: Path):
    with pytest.raises(GeometryError, match="cannot be opened: no such file"):
        read_residuals(tmp_path / name)


def test_more_than_fits_is_refused_before_it_is_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    save_file({"hidden_states": STATES}, tmp_path / "r.safetensors")
    np.save(tmp_path / "r.npy", STATES)
    monkeypatch.setattr(module, "MAX_BYTES", STATES.nbytes - 1)
    for name in ("r.safetensors", "r.npy"):
        with pytest.raises(GeometryError, match=r"expected (at most 383|383 bytes at most)"):
            read_residuals(tmp_path / name)


def test_an_array_of_ones_own():
    assert as_residuals(STATES.astype(np.float64)).shape == (4, 3, 8)
    with pytest.raises(GeometryError, match="states of type int64 arrived"):
        as_residuals(np.ones((2, 2, 2), dtype=np.int64))


def test_what_is_neither_file_nor_array():
    given = Residuals(np.ones((2, 1, 3), np.float32))
    assert find_residuals(given) is given
    assert find_residuals(given.states).shape == given.shape
    for other in ([[1.0]], None, torch.ones(2, 1, 3)):
        with pytest.raises(ResidualsError, match=rf"a {type(other).__name__} arrived; expected a file of residuals or"):
            find_residuals(other)


def test_places_that_cannot_be_written_to(tmp_path: Path):
    residuals = Residuals(STATES)
    with pytest.raises(OptionError, match=r"ends in \.safetensors"):
        write_residuals(tmp_path / "r.npz", residuals)
    with pytest.raises(OptionError, match="there is no folder"):
        write_residuals(tmp_path / "no" / "r.safetensors", residuals)
    (tmp_path / "folder.safetensors").mkdir()
    with pytest.raises(OptionError, match="cannot be written"):
        write_residuals(tmp_path / "folder.safetensors", residuals)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["folder.safetensors"]
