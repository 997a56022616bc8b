"""Opening checkpoints: what is found, what is decoded, and how little is read."""

import base64
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from safetensors.numpy import save_file

from geometry.checkpoint import find_layout, open_checkpoint
from geometry.checkpoint.header import read_header
from geometry.checkpoint.matrix import decode
from geometry.errors import CheckpointError, TokenError

DTYPES = ["F32", "F16", "BF16"]


def stored(values: np.ndarray, dtype: str) -> np.ndarray:
    """Return float32 values as they would be stored: bf16 as the upper half of their bits."""
    if dtype == "BF16":
        return (values.astype("<f4").view("<u4") >> 16).astype("<u2")
    return values.astype({"F32": "<f4", "F16": "<f2"}[dtype])


def save(path: Path, tensors: dict[str, np.ndarray], dtype: str = "F32") -> Path:
    """Write float32 arrays with the real library, in the type asked for."""
    path.parent.mkdir(parents=True, exist_ok=True)
    parts = {name: stored(values, dtype) for name, values in tensors.items()}
    if dtype == "BF16":
        import torch
        from safetensors.torch import save_file as save_torch

        bits = {name: torch.from_numpy(part.view(np.int16)) for name, part in parts.items()}
        save_torch({name: part.view(torch.bfloat16) for name, part in bits.items()}, path)
    else:
        save_file(parts, path)
    return path


@pytest.fixture
def matrix() -> np.ndarray:
    values = np.random.default_rng(3).normal(size=(3000, 24)).astype(np.float32)
    return (values.view(np.uint32) & 0xFFFF0000).view(np.float32).astype(np.float16).astype(np.float32)


@pytest.mark.parametrize("dtype", DTYPES)
def test_rows_and_blocks_are_the_stored_numbers(dtype: str, matrix: np.ndarray, tmp_path: Path) -> None:
    save(tmp_path / "model.safetensors", {"a": matrix[:1, :3], "lm_head.weight": matrix}, dtype)
    head = open_checkpoint(tmp_path).matrix("lm_head.weight")
    expected = decode(stored(matrix, dtype))
    assert (head.dtype, head.shape, head.nbytes) == (dtype, matrix.shape, stored(matrix, dtype).nbytes)
    for ids in ([2999, 0, 0, 7], [], np.array([5], dtype=np.int32)):
        rows = head.rows(ids)
        assert rows.dtype == np.float32
        np.testing.assert_array_equal(rows, expected[np.asarray(ids, dtype=int)])
    np.testing.assert_array_equal(head.block(10, 20), expected[10:20])
    np.testing.assert_array_equal(head.block(2990, 9999), expected[2990:])
    np.testing.assert_array_equal(np.concatenate([b for _, b in head.blocks(700)]), expected)
    assert [start for start, _ in head.blocks(700)] == [0, 700, 1400, 2100, 2800]
    raw = head.raw_block(0, 5)
    assert raw.dtype == stored(matrix, dtype).dtype
    assert not raw.flags.writeable


def test_every_bf16_pattern_decodes_as_torch_does() -> None:
    import torch

    bits = np.arange(2**16, dtype=np.uint16)
    theirs = torch.from_numpy(bits.view(np.int16)).view(torch.bfloat16).float().numpy()
    np.testing.assert_array_equal(decode(bits).view(np.uint32), theirs.view(np.uint32))


@pytest.mark.parametrize("wrong", [-1, 3000, 2**70])
def test_an_id_that_is_no_row(wrong: int, matrix: np.ndarray, tmp_path: Path) -> None:
    save(tmp_path / "model.safetensors", {"lm_head.weight": matrix})
    with pytest.raises(TokenError, match="the head has 3,000 rows"):
        open_checkpoint(tmp_path).matrix("lm_head.weight").rows([0, wrong])


def test_numbers_that_the_file_does_not_align(matrix: np.ndarray, tmp_path: Path) -> None:
    data = matrix.tobytes()
    header = json.dumps({"w": {"dtype": "F32", "shape": [3000, 24], "data_offsets": [0, len(data)]}}).encode()
    header += b" " * (3 - len(header) % 4)
    (tmp_path / "odd.safetensors").write_bytes(len(header).to_bytes(8, "little") + header + data)
    head = open_checkpoint(tmp_path / "odd.safetensors").matrix("w")
    assert head.info.offset % 4 == 3
    assert head.raw_block(0, 9).flags.aligned
    np.testing.assert_array_equal(head.block(0, 3000), matrix)
    np.testing.assert_array_equal(head.rows([17]), matrix[17:18])


def shard(folder: Path, parts: dict[str, dict[str, np.ndarray]]) -> Path:
    """Write a sharded checkpoint: {file: {tensor: values}}."""
    for file, tensors in parts.items():
        save(folder / file, tensors)
    weight_map = {name: file for file, tensors in parts.items() for name in tensors}
    (folder / "model.safetensors.index.json").write_text(json.dumps({"weight_map": weight_map}))
    return folder


def test_fingerprints_follow_the_numbers_and_nothing_else(matrix: np.ndarray, tmp_path: Path) -> None:
    one = save(tmp_path / "one" / "model.safetensors", {"lm_head.weight": matrix}).parent
    other = np.ones((5, 3), dtype=np.float32)
    two = shard(
        tmp_path / "two",
        {"b.safetensors": {"other": other, "head.weight": matrix}, "a.safetensors": {"x": other}},
    )
    same = [open_checkpoint(one).matrix("lm_head.weight"), open_checkpoint(two).matrix("head.weight")]
    assert same[0].sample_hash() == same[1].sample_hash()
    assert same[0].full_hash() == same[1].full_hash()

    changed = matrix.copy()
    changed[1234, 5] += 1
    variants = {
        "values": (changed, "F32"),
        "shape": (matrix.reshape(1500, 48), "F32"),
        "dtype": (matrix, "F16"),
    }
    for name, (values, dtype) in variants.items():
        path = save(tmp_path / f"{name}.safetensors", {"lm_head.weight": values}, dtype)
        head = open_checkpoint(path).matrix("lm_head.weight")
        assert head.sample_hash() != same[0].sample_hash(), name
        assert head.full_hash() != same[0].full_hash(), name


def test_the_full_hash_reports_its_progress(matrix: np.ndarray, tmp_path: Path) -> None:
    save(tmp_path / "model.safetensors", {"w": np.zeros((6000, 1000), dtype=np.float32)})
    told: list[tuple[int, int]] = []
    open_checkpoint(tmp_path).matrix("w").full_hash(lambda done, total: told.append((done, total)))
    assert told == [(2**24, 24_000_000), (24_000_000, 24_000_000)]


def test_what_is_read_is_counted_once(matrix: np.ndarray, tmp_path: Path) -> None:
    gain = np.ones(24, dtype=np.float32)
    folder = shard(
        tmp_path,
        {"a.safetensors": {"lm_head.weight": matrix}, "b.safetensors": {"norm.weight": gain, "x": matrix}},
    )
    (folder / "config.json").write_text("{}")
    checkpoint = open_checkpoint(folder)
    small = sum(f.stat().st_size for f in folder.glob("*.json"))
    headers = {}
    for file in folder.glob("*.safetensors"):
        with file.open("rb") as opened:
            headers[file.name] = read_header(opened.fileno(), file).bytes_read
    assert checkpoint.bytes_read == small
    assert checkpoint.bytes_total == sum(f.stat().st_size for f in folder.glob("*.safetensors"))
    small += headers["b.safetensors"] + gain.nbytes
    for _ in range(2):
        checkpoint.vector("norm.weight")
        assert checkpoint.bytes_read == small
    head = checkpoint.matrix("lm_head.weight")
    small += headers["a.safetensors"]
    assert checkpoint.bytes_read == small
    head.rows([0])
    head.rows([0, 1])
    assert checkpoint.bytes_read == small + 4096
    checkpoint.matrix("lm_head.weight").block(0, 3000)
    head.full_hash()
    assert checkpoint.bytes_read == small + matrix.nbytes


def test_shards_without_a_part_of_the_head_stay_unread(matrix: np.ndarray, tmp_path: Path) -> None:
    blocks = {"model.layers.0.w": matrix, "model.visual.blocks.0.norm.weight": matrix[0]}
    shard(tmp_path, {"a.safetensors": blocks, "b.safetensors": {"lm_head.weight": matrix}})
    (tmp_path / "a.safetensors").write_bytes(b"not opened, but for its size")
    checkpoint = open_checkpoint(tmp_path)
    assert find_layout(checkpoint.tensors, checkpoint.config).head == "lm_head.weight"
    assert len(list(checkpoint.tensors)) == 3
    with pytest.raises(CheckpointError, match="no safetensors file"):
        checkpoint.matrix("model.layers.0.w")


@given(st.lists(st.integers(0, 99), max_size=6), st.integers(1, 3000))
def test_touched_pages_are_those_of_the_rows(tmp_path_factory: Any, ids: list[int], dim: int) -> None:
    path = tmp_path_factory.mktemp("touched") / "w.safetensors"
    with save(path, {"w": np.zeros((1, 1), dtype=np.float32)}).open("wb") as file:
        shape = {"w": {"dtype": "F32", "shape": [100, dim], "data_offsets": [0, 400 * dim]}}
        header = json.dumps(shape).encode()
        file.write(len(header).to_bytes(8, "little") + header)
        file.truncate(8 + len(header) + 400 * dim)
    head = open_checkpoint(path).matrix("w")
    head.rows(ids)
    bytes_ = {b for i in ids for b in range(i * 4 * dim // 4096, ((i + 1) * 4 * dim - 1) // 4096 + 1)}
    assert head.bytes_touched == sum(min(4096, head.nbytes - 4096 * page) for page in bytes_)


LOOK = """
import os, sys
from geometry.checkpoint import find_layout, open_checkpoint

def counter():
    return int(open("/proc/self/io").read().split()[1])

def resident(folder):
    total, counting = 0, False
    for line in open("/proc/self/smaps"):
        if "-" in line.split()[0]:
            counting = folder in line
        elif counting and line.startswith("Rss:"):
            total += int(line.split()[1]) * 1024
    return total

import numpy, jaxtyping
before = counter()
checkpoint = open_checkpoint(sys.argv[1])
layout = find_layout(checkpoint.tensors, checkpoint.config)
head = checkpoint.matrix(layout.head)
gain = checkpoint.vector(layout.norm)
head.sample_hash()
head.rows([0, 77_777, 128_255])
print(counter() - before, resident(sys.argv[1]), checkpoint.bytes_read, checkpoint.bytes_total, head.nbytes)
"""


@pytest.mark.skipif(not Path("/proc/self/smaps").exists(), reason="reads Linux's accounts of the process")
def test_six_gigabytes_are_not_read(tmp_path: Path) -> None:
    """A sparse checkpoint with Llama-3-8B's head: what is mapped and what is read stays near a megabyte."""
    dim, vocab = 4096, 128_256
    layout = {
        "a.safetensors": {"model.embed_tokens.weight": [vocab, dim], "model.layers.0.w": [300_000, dim]},
        "b.safetensors": {"model.layers.1.w": [200_000, dim], "model.norm.weight": [dim]},
        "c.safetensors": {"lm_head.weight": [vocab, dim]},
    }
    for file, shapes in layout.items():
        header, at = {}, 0
        for name, shape in shapes.items():
            size = 2 * int(np.prod(shape))
            header[name] = {"dtype": "BF16", "shape": shape, "data_offsets": [at, at + size]}
            at += size
        text = json.dumps(header).encode()
        with (tmp_path / file).open("wb") as sparse:
            sparse.write(len(text).to_bytes(8, "little") + text)
            sparse.truncate(8 + len(text) + at)
    weight_map = {name: file for file, shapes in layout.items() for name in shapes}
    (tmp_path / "model.safetensors.index.json").write_text(json.dumps({"weight_map": weight_map}))

    done = subprocess.run([sys.executable, "-c", LOOK, str(tmp_path)], capture_output=True, text=True, check=True)
    counted, resident, read, total, head = map(int, done.stdout.split())
    assert total > 6 * 10**9
    assert head == 2 * dim * vocab
    assert counted < 100_000, "bytes through read(): headers, index, norm, and /proc itself"
    assert 10**6 < read < 1.2 * 10**6, "256 sampled pages, three rows, the small things"
    assert resident < 20 * 2**20, "the kernel maps up to 64 KiB around each page"


@pytest.mark.parametrize(
    ("files", "chosen"),
    [
        ({"tokenizer.json": b"{}", "x.tiktoken": b""}, "tokenizer.json"),
        ({"tokenizer.model": base64.b64encode(b"!") + b" 0\n"}, "tokenizer.model"),
        ({"tokenizer.model": b"\x0a\x0e\x0a\x05<unk>"}, None),
        ({"tokenizer.model": b"\x0a\x0e", "qwen.tiktoken": b"IQ== 0\n"}, "qwen.tiktoken"),
        ({}, None),
    ],
)
def test_the_tokenizer_is_found(files: dict[str, bytes], chosen: str | None, tmp_path: Path) -> None:
    save(tmp_path / "model.safetensors", {"lm_head.weight": np.ones((4, 2), dtype=np.float32)})
    for name, content in files.items():
        (tmp_path / name).write_bytes(content)
    for spec in (tmp_path, tmp_path / "model.safetensors"):
        assert open_checkpoint(spec).tokenizer_path == (chosen and tmp_path / chosen)


def test_one_file_with_its_config_beside(tmp_path: Path) -> None:
    path = save(tmp_path / "w.safetensors", {"lm_head.weight": np.ones((4, 2), dtype=np.float32)})
    assert open_checkpoint(path).config == {}
    (tmp_path / "config.json").write_text('{"model_type": "llama"}')
    checkpoint = open_checkpoint(str(path))
    assert checkpoint.config == {"model_type": "llama"}
    assert (checkpoint.name, checkpoint.source, checkpoint.folder) == ("w", str(path), tmp_path)


def test_vectors_are_bounded(tmp_path: Path) -> None:
    wide = np.ones((1, 5), dtype=np.float32)
    checkpoint = open_checkpoint(save(tmp_path / "w.safetensors", {"wide": wide, "two": np.ones((2, 2))}))
    np.testing.assert_array_equal(checkpoint.vector("wide"), wide[0])
    with pytest.raises(CheckpointError, match="expected a vector"):
        checkpoint.vector("two")
    with pytest.raises(CheckpointError, match='holds no tensor "three"; it holds "'):
        checkpoint.vector("three")


def test_bundled_names(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("geometry.checkpoint.spec.data_folder", lambda: tmp_path)
    monkeypatch.chdir(tmp_path)
    with pytest.raises(CheckpointError, match="the bundled head 'organism-bytes' is not in this copy"):
        open_checkpoint("organism-bytes")
    weights = np.ones((4, 2), dtype=np.float32)
    save(tmp_path / "organisms" / "bytes" / "model.safetensors", {"lm_head.weight": weights})
    checkpoint = open_checkpoint("organism-bytes")
    assert (checkpoint.name, checkpoint.source) == ("organism-bytes", "bundled")
    save(tmp_path / "organism-bytes" / "model.safetensors", {"mine": weights})
    assert "mine" in open_checkpoint("organism-bytes").tensors, "an existing path comes first"


def test_nothing_is_written_into_the_folder(minilm: Path) -> None:
    before = {path: path.stat().st_mtime_ns for path in minilm.rglob("*")}
    head = open_checkpoint(minilm).matrix("embeddings.word_embeddings.weight")
    head.sample_hash()
    assert {path: path.stat().st_mtime_ns for path in minilm.rglob("*")} == before


def test_minilm_opens_tied_to_its_embedding(minilm: Path) -> None:
    checkpoint = open_checkpoint(minilm)
    layout = find_layout(checkpoint.tensors, checkpoint.config)
    assert (layout.head, layout.tied, layout.norm, layout.bias) == (
        "embeddings.word_embeddings.weight",
        True,
        None,
        None,
    )
    assert checkpoint.matrix(layout.head).shape == (30_522, 384)
    assert checkpoint.tokenizer_path == minilm / "tokenizer.json"
    assert checkpoint.bytes_read < 20_000 < 90_000_000 < checkpoint.bytes_total


def test_tinystories_opens_tied(tinystories: Path) -> None:
    checkpoint = open_checkpoint(tinystories)
    layout = find_layout(checkpoint.tensors, checkpoint.config)
    assert layout.tied
    assert (layout.norm, layout.norm_bias) == ("transformer.ln_f.weight", "transformer.ln_f.bias")
    assert checkpoint.matrix(layout.head).shape == (14_019, 128)
