"""Headers that lie: each is one line of error, before anything it claims is believed."""

import json
from pathlib import Path
from typing import Any

import pytest
from forged import entry, forge, write_head
from safetensors import SafetensorError, safe_open

from geometry.checkpoint import open_checkpoint
from geometry.errors import CheckpointError

DATA = bytes(32)
GOOD = entry("F32", [2, 4], 0, 32)

LIES: dict[str, tuple[dict[str, Any] | bytes, bytes, str]] = {
    "hole": ({"a": entry("F32", [2], 0, 8), "b": entry("F32", [2], 16, 24)}, DATA[:24], "leaves a hole"),
    "hole at the start": ({"a": entry("F32", [2], 8, 16)}, DATA[:16], "leaves a hole"),
    "overlap": ({"a": entry("F32", [4], 0, 16), "b": entry("F32", [4], 8, 24)}, DATA[:24], "overlaps"),
    "short data": ({"a": GOOD}, DATA[:31], "truncated"),
    "long data": ({"a": GOOD}, DATA + b"x", "1 bytes after its last tensor"),
    "shape": ({"a": entry("F32", [3, 4], 0, 32)}, DATA, "takes 48"),
    "huge shape": ({"a": entry("F32", [2**62, 2**62], 0, 32)}, DATA, "spans 32 bytes"),
    "negative shape": ({"a": entry("F32", [-2, -4], 0, 32)}, DATA, "none negative"),
    "fractional shape": ({"a": entry("F32", [2.0, 4], 0, 32)}, DATA, "none negative"),
    "many axes": ({"a": entry("F32", [1] * 500, 0, 4)}, DATA[:4], "none negative"),
    "stop before start": ({"a": entry("F32", [0], 8, 4)}, DATA[:8], "spans -4 bytes"),
    "offsets": ({"a": {**GOOD, "data_offsets": [0]}}, DATA, "expected [start, stop]"),
    "unknown dtype": ({"a": entry("F37", [2, 4], 0, 32)}, DATA, 'unknown dtype "F37"'),
    "dtype no text": ({"a": entry(["F32"], [2, 4], 0, 32)}, DATA, "unknown dtype"),  # type: ignore[arg-type]
    "half a byte": ({"a": entry("F4", [3], 0, 1)}, DATA[:1], "spans 1 bytes"),
    "no offsets": ({"a": {"dtype": "F32", "shape": [2, 4]}}, DATA, "lacks dtype, shape or data_offsets"),
    "entry no object": ({"a": 7}, DATA, "lacks dtype, shape or data_offsets"),
    "no object": (b"[1, 2]", b"", "is a list; expected an object"),
    "bad JSON": (b'{"a": ', b"", "does not parse"),
    "no UTF-8": (b'{"\xff": 1}', b"", "does not parse"),
    "deep JSON": (b'{"a":' + b"[" * 200_000 + b"]" * 200_000 + b"}", b"", "nested too deeply"),
}


@pytest.mark.parametrize("lie", LIES)
def test_lying_header(lie: str, tmp_path: Path) -> None:
    header, data, says = LIES[lie]
    path = forge(tmp_path / "model.safetensors", header, data)
    with pytest.raises(CheckpointError) as caught:
        open_checkpoint(tmp_path)
    assert says in str(caught.value)
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("lie", sorted(LIES.keys() - {"many axes"}))
def test_the_library_refuses_it_too(lie: str, tmp_path: Path) -> None:
    header, data, _ = LIES[lie]
    path = forge(tmp_path / "model.safetensors", header, data)
    with pytest.raises((SafetensorError, OverflowError)), safe_open(path, "numpy"):
        pass


def test_duplicate_keys_which_the_library_accepts(tmp_path: Path) -> None:
    one = json.dumps(GOOD)
    forge(tmp_path / "model.safetensors", f'{{"a": {one}, "a": {one}}}'.encode(), DATA)
    with pytest.raises(CheckpointError, match='has "a" twice'):
        open_checkpoint(tmp_path)


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"", "truncated: 0 bytes"),
        (b"\x01\x02", "truncated: 2 bytes"),
        ((200).to_bytes(8, "little") + b"{}", "truncated: its header claims 200 bytes and the file has 10"),
        ((100_000_001).to_bytes(8, "little") + b"{}", "claims 100,000,001 bytes, more than"),
        (b"\xff" * 64, "more than the 100,000,000 allowed"),
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 9\n", "Git LFS pointer"),
        (b"PK\x03\x04 a pickle in a zip", "no safetensors file"),
    ],
)
def test_not_a_safetensors_file(content: bytes, says: str, tmp_path: Path) -> None:
    (tmp_path / "model.safetensors").write_bytes(content)
    with pytest.raises(CheckpointError, match=says):
        open_checkpoint(tmp_path)


def test_a_file_cut_anywhere_is_refused(tmp_path: Path) -> None:
    whole = write_head(tmp_path / "whole.safetensors").read_bytes()
    cut = tmp_path / "cut" / "model.safetensors"
    cut.parent.mkdir()
    for size in range(len(whole)):
        cut.write_bytes(whole[:size])
        with pytest.raises(CheckpointError):
            open_checkpoint(cut.parent)


def test_names_in_messages_are_escaped_and_cut(tmp_path: Path) -> None:
    forge(tmp_path / "model.safetensors", {"\x1b[31m\n" + "x" * 10_000: 7}, b"")
    with pytest.raises(CheckpointError) as caught:
        open_checkpoint(tmp_path)
    assert str(caught.value).isprintable()
    assert len(str(caught.value)) < 400


def test_a_file_that_shrinks_after_opening(tmp_path: Path) -> None:
    path = write_head(tmp_path / "model.safetensors")
    checkpoint = open_checkpoint(tmp_path)
    path.write_bytes(path.read_bytes()[:-8])
    with pytest.raises(CheckpointError, match="did the file change"):
        checkpoint.matrix("lm_head.weight")
