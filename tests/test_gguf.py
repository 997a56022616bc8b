"""GGUF files: heads in every format, what stands around them, folders and commands."""

import json
import re
import sys
import tracemalloc
from pathlib import Path
from typing import Any

import gguf
import numpy as np
import pytest
from gguf import GGMLQuantizationType as Kind
from gguf.quants import dequantize
from gguf_files import packed, write_gguf

import geometry as geo
from geometry.checkpoint import ggml
from geometry.checkpoint.gguf import read_gguf
from geometry.cli.heads import open_words
from geometry.errors import CheckpointError, ReadoutError
from geometry.info import describe
from geometry.recipes.gguf import ARCHITECTURES
from geometry.tokens.splitting import SPLITTINGS

VOCAB, DIM = 70, 256
GENERATOR = np.random.default_rng(11)
ROWS = GENERATOR.normal(size=(VOCAB, DIM)).astype(np.float32)
NORM = {"output_norm.weight": GENERATOR.uniform(0.5, 2, DIM)}
EPS = {"llama.attention.layer_norm_rms_epsilon": 0.03}

# every format that the installed package turns into float32
DECODED = [kind for kind in Kind if kind in (Kind.F32, Kind.F16, Kind.BF16) or ggml._is_decoded(int(kind))]


def test_the_usual_formats_are_among_the_decoded():
    assert {"F32", "F16", "BF16", "Q8_0", "Q6_K", "Q5_K", "Q4_K", "Q4_0", "IQ4_NL", "MXFP4"} <= {
        k.name for k in DECODED
    }


@pytest.mark.parametrize("kind", DECODED, ids=lambda kind: kind.name)
def test_rows_are_what_the_package_makes_of_the_same_bytes(kind: Kind, tmp_path: Path):
    path = write_gguf(tmp_path / "model.gguf", head=ROWS, kind=kind, tensors=NORM, keys=EPS)
    with np.errstate(all="ignore"):
        expected = dequantize(packed(ROWS, kind), kind).reshape(VOCAB, DIM)
    head = geo.open_head(path)
    matrix = head.opened.matrix
    assert (head.vocab, head.dim, matrix.dtype) == (VOCAB, DIM, kind.name)
    ids = [0, VOCAB - 1, 5, 64, 63, 5]
    np.testing.assert_array_equal(head.rows(ids), expected[ids])
    for size in (1, 7, 64, 1000):
        for start, block in matrix.blocks(size):
            assert block.dtype == np.float32
            np.testing.assert_array_equal(block, expected[start : start + size])
    assert matrix.bytes_touched == matrix.nbytes
    assert matrix.full_hash() == geo.open_head(path).full_hash()


@pytest.mark.parametrize("kind", [Kind.F32, Kind.F16, Kind.BF16], ids=lambda kind: kind.name)
def test_a_plain_head_is_known_by_the_fingerprint_of_its_safetensors(kind: Kind, tmp_path: Path):
    from safetensors.torch import save_file
    from torch import bfloat16, float16, float32, from_numpy

    dtype = {Kind.F32: float32, Kind.F16: float16, Kind.BF16: bfloat16}[kind]
    save_file({"lm_head.weight": from_numpy(ROWS).to(dtype)}, tmp_path / "model.safetensors")
    path = write_gguf(tmp_path / "model.gguf", head=ROWS, kind=kind)
    assert geo.open_head(path).fingerprint == geo.open_head(tmp_path / "model.safetensors").fingerprint


def test_the_tables_are_those_of_the_packages_reader(tmp_path: Path):
    keys = {
        **EPS, "general.name": "α", "llama.flag": True, "llama.list": [1, 2, 3], "llama.texts": ["a", "ß", ""],
        "general.long": "x" * 5000,
    }  # fmt: skip
    path = write_gguf(
        tmp_path / "model.gguf", head=ROWS, kind=Kind.Q6_K, tensors={**NORM, "blk.0.x": np.ones((3, 5, 4))}, keys=keys
    )
    mine, theirs = read_gguf(path), gguf.GGUFReader(path)
    assert {tensor.name for tensor in theirs.tensors} == set(mine.tensors)
    for tensor in theirs.tensors:
        info = mine.tensors[tensor.name]
        assert info.shape == tuple(reversed(tensor.shape.tolist()))
        assert (info.offset, info.nbytes, info.kind) == (tensor.data_offset, tensor.n_bytes, int(tensor.tensor_type))
        assert info.dtype == tensor.tensor_type.name
    known = {name for name in theirs.fields if not name.startswith("GGUF.")}
    assert known == set(mine.values) | set(mine.spans)
    for name, value in mine.values.items():
        assert theirs.fields[name].contents() == value
    assert set(mine.spans) == {"llama.list", "llama.texts", "general.long"}


@pytest.mark.parametrize("tied", [False, True])
def test_what_stands_around_the_head(tied: bool, tmp_path: Path):
    others = {**NORM, "output_norm.bias": np.ones(DIM), "position_embd.weight": np.ones((9, DIM))}
    if not tied:
        others |= {"token_embd.weight": np.zeros((VOCAB, DIM)), "output.bias": np.ones(VOCAB)}
    others |= {"token_embd_norm.weight": np.ones(DIM), "blk.0.attn_norm.weight": np.ones(DIM)}
    name = "token_embd.weight" if tied else "output.weight"
    path = write_gguf(tmp_path / "m.gguf", head=ROWS, tensors=others, name=name)
    layout = geo.open_head(path).opened.layout
    assert (layout.head, layout.embedding, layout.tied) == (name, "token_embd.weight", tied)
    assert (layout.norm, layout.norm_bias) == ("output_norm.weight", "output_norm.bias")
    assert layout.bias == (None if tied else "output.bias")


# logits by hand, for every architecture of the table

LN = {
    "bloom", "codeshell", "cohere2", "command-r", "dbrx", "falcon", "gpt2", "gptneox", "jais", "mpt", "nemotron",
    "olmo", "orion", "phi2", "stablelm", "starcoder", "starcoder2",
}  # fmt: skip
NO_SHIFT = {"cohere2", "command-r", "dbrx", "mpt", "olmo"}
TIMES, OVER = {"cohere2", "command-r"}, {"granite", "granitehybrid", "granitemoe", "minicpm"}
CAPPED = {"gemma2", "gemma3", "gemma4"}


def by_hand(
    arch: str, x: np.ndarray, others: dict[str, np.ndarray], eps: float, scale: float, cap: float
) -> np.ndarray:
    """Logits in float64."""
    x = x.astype(np.float64)
    if arch in LN:
        x = x - x.mean(axis=1, keepdims=True)
    x = x / np.sqrt((x * x).mean(axis=1, keepdims=True) + eps)
    x = x * others.get("output_norm.weight", 1.0) + others.get("output_norm.bias", 0.0)
    logits = x @ ROWS.T.astype(np.float64) + others.get("output.bias", 0.0)
    if arch in TIMES:
        logits = logits * scale
    if arch in OVER:
        logits = logits / scale
    return cap * np.tanh(logits / cap) if arch in CAPPED else logits


@pytest.mark.parametrize("arch", sorted(key.removeprefix("gguf/") for key in ARCHITECTURES))
def test_logits_by_hand(arch: str, tmp_path: Path):
    others = {} if arch == "olmo" else dict(NORM)
    if arch in LN - NO_SHIFT:
        others["output_norm.bias"] = GENERATOR.normal(size=DIM)
    if arch in {"phi2", "qwen2"}:
        others["output.bias"] = GENERATOR.normal(size=VOCAB)
    kind = "layer_norm_epsilon" if arch in LN else "layer_norm_rms_epsilon"
    keys: dict[str, Any] = {f"{arch}.attention.{kind}": 0.25}
    if arch in TIMES | OVER:
        keys[f"{arch}.logit_scale"] = 0.75
    if arch in CAPPED:
        keys[f"{arch}.final_logit_softcapping"] = 7.0
    head = geo.open_head(write_gguf(tmp_path / "m.gguf", arch, head=ROWS, tensors=others, keys=keys))
    x = GENERATOR.normal(size=(3, DIM)).astype(np.float32)
    np.testing.assert_allclose(head.logits(x), by_hand(arch, x, others, 0.25, 0.75, 7.0), rtol=1e-4, atol=1e-4)


def test_the_table_has_no_architecture_that_the_package_does_not_know():
    names = set(gguf.MODEL_ARCH_NAMES.values())
    assert {key.removeprefix("gguf/") for key in ARCHITECTURES} <= names


# what the converter does to each model's tensors, and its keys
CONVERTED: dict[str, tuple[str, dict[str, Any], float, dict[str, float]]] = {
    # model type: architecture, config, what is added to the gain, keys
    "cohere": ("command-r", {"logit_scale": 0.3, "layer_norm_eps": 0.03}, 0.0, {"logit_scale": 0.3}),
    "gemma": ("gemma", {"rms_norm_eps": 0.03}, 1.0, {}),
    "gemma2": ("gemma2", {"rms_norm_eps": 0.03, "final_logit_softcapping": 3.0}, 1.0, {"final_logit_softcapping": 3.0}),
    "gemma3_text": ("gemma3", {"rms_norm_eps": 0.03}, 1.0, {}),
    "gpt2": ("gpt2", {"layer_norm_epsilon": 0.03}, 0.0, {}),
    "granite": ("granite", {"rms_norm_eps": 0.03, "logits_scaling": 4.0}, 0.0, {"logit_scale": 4.0}),
    "llama": ("llama", {"rms_norm_eps": 0.03}, 0.0, {}),
    "nemotron": ("nemotron", {"norm_eps": 0.03}, 1.0, {}),
    "phi": ("phi2", {"layer_norm_eps": 0.03, "tie_word_embeddings": False}, 0.0, {}),
    "qwen3": ("qwen3", {"rms_norm_eps": 0.03}, 0.0, {}),
}


@pytest.mark.parametrize("kind", CONVERTED)
def test_a_converted_model_has_the_logits_of_its_safetensors(kind: str, tmp_path: Path):
    from safetensors.numpy import save_file

    arch, config, shift, keys = CONVERTED[kind]
    gain = GENERATOR.normal(size=DIM).astype(np.float32)
    tensors = {"model.embed_tokens.weight": ROWS, "model.norm.weight": gain}
    others = {"output_norm.weight": gain + np.float32(shift)}
    if arch in LN - NO_SHIFT:
        tensors["model.norm.bias"] = others["output_norm.bias"] = GENERATOR.normal(size=DIM).astype(np.float32)
    if arch == "phi2":
        tensors |= {"lm_head.weight": ROWS, "lm_head.bias": GENERATOR.normal(size=VOCAB).astype(np.float32)}
        others["output.bias"] = tensors["lm_head.bias"]
    folder = tmp_path / "plain"
    folder.mkdir()
    save_file(tensors, folder / "model.safetensors")
    (folder / "config.json").write_text(json.dumps({"model_type": kind, **config}))
    eps = "layer_norm_epsilon" if arch in LN else "layer_norm_rms_epsilon"
    path = write_gguf(
        tmp_path / "m.gguf", arch, head=ROWS, tensors=others,
        keys={f"{arch}.attention.{eps}": 0.03, **{f"{arch}.{key}": value for key, value in keys.items()}},
    )  # fmt: skip
    x = GENERATOR.normal(size=(4, DIM)).astype(np.float32)
    np.testing.assert_allclose(geo.open_head(path).logits(x), geo.open_head(folder).logits(x), rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize(
    ("arch", "keys", "reason"),
    [
        ("gemma3n", {}, "the GGUF architecture \"gemma3n\" is not in the readout table"),
        ("bert", {}, "is not in the readout table"),
        ("llama", {}, "lacks llama.attention.layer_norm_rms_epsilon"),
        ("llama", {"llama.attention.layer_norm_rms_epsilon": 1e5}, "the GGUF file gives 100000.0 for llama.attention."),
        ("granite", {"granite.attention.layer_norm_rms_epsilon": 0.1}, "lacks granite.logit_scale"),
        ("llama", {**EPS, "llama.logit_scale": 0.5}, "has llama.logit_scale, which is not known to be used"),
        ("llama", {**EPS, "llama.final_logit_softcapping": 5.0}, "has llama.final_logit_softcapping"),
    ],
)  # fmt: skip
def test_logits_are_closed_where_they_are_not_known(arch: str, keys: dict[str, Any], reason: str, tmp_path: Path):
    head = geo.open_head(write_gguf(tmp_path / "m.gguf", arch, head=ROWS, tensors=NORM, keys=keys))
    assert reason in head.readout.reason
    with pytest.raises(ReadoutError, match="logits are not available"):
        head.logits(np.ones((1, DIM), np.float32))
    assert head.rows([3]).shape == (1, DIM)
    assert len(head.land("#3 + #5").to_dict()["landings"]) == 10


# memory


def test_a_block_is_decoded_without_a_copy_of_the_matrix(tmp_path: Path):
    rows = np.tile(ROWS, (60, 1))
    head = geo.open_head(write_gguf(tmp_path / "m.gguf", head=rows, kind=Kind.Q8_0), max_memory=2_000_000)
    for _, block in head.opened.matrix.blocks(256):
        size = block.nbytes
    tracemalloc.start()
    for _ in head.opened.matrix.blocks(256):
        pass
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 2 * 256 * DIM * 4 + 16 * ggml.STEP * DIM * 4
    assert size <= 256 * DIM * 4


# where it lies


def test_a_folder_with_one_file(tmp_path: Path):
    path = write_gguf(tmp_path / "m.gguf", head=ROWS, tensors=NORM, keys=EPS)
    assert geo.open_head(tmp_path).fingerprint == geo.open_head(path).fingerprint
    assert geo.open_head(tmp_path).name == tmp_path.name
    write_gguf(tmp_path / "n.gguf", head=ROWS)
    with pytest.raises(CheckpointError, match=r"holds 2 GGUF files .*give the file itself"):
        geo.open_head(tmp_path)


def test_safetensors_come_before_a_file_beside_them(tmp_path: Path):
    from safetensors.numpy import save_file

    write_gguf(tmp_path / "m.gguf", head=ROWS)
    save_file({"lm_head.weight": ROWS[:, :32].copy()}, tmp_path / "model.safetensors")
    assert geo.open_head(tmp_path).dim == 32


def test_a_link_out_of_the_folder_is_not_followed(tmp_path: Path):
    path = write_gguf(tmp_path / "m.gguf", head=ROWS)
    folder = tmp_path / "folder"
    folder.mkdir()
    (folder / "m.gguf").symlink_to(path)
    with pytest.raises(CheckpointError, match="outside its folder"):
        geo.open_head(folder)


def test_what_the_commands_ask(tmp_path: Path):
    tokens = ["▁", "w", "▁w", *"0123456789", *(f"▁w{n}" for n in range(10)), *(f"{n}" for n in range(10, 57))]
    path = write_gguf(
        tmp_path / "m.gguf", head=ROWS, kind=Kind.Q8_0, tensors=NORM, keys=EPS,
        model="llama", tokens=tokens, types=[1] * VOCAB, scores=[-float(n) for n in range(VOCAB)],
    )  # fmt: skip

    head = geo.open_head(path)
    value = describe(head).to_dict()
    assert (value["dtype"], value["head_tensor"], value["norm"]) == ("Q8_0", "output.weight", "output_norm.weight")
    assert value["readout"]["known"]
    assert value["bytes_read"] <= value["bytes_total"] == path.stat().st_size
    assert head.land("w1 + w2").to_dict()["terms"][0]["tokens"] == [{"id": 14, "text": " w1"}]
    assert open_words(str(path)).ids(" w5") == (18,)
    assert open_words(str(tmp_path)).ids(" w5") == (18,)


def test_without_the_package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    path = write_gguf(tmp_path / "m.gguf", head=ROWS)
    monkeypatch.setitem(sys.modules, "gguf", None)
    ggml._type_sizes.cache_clear()
    with pytest.raises(CheckpointError, match=r'needs the package gguf: pip install "unembedding-geometry\[gguf\]"'):
        geo.open_head(path)


def test_the_page_names_every_format_and_architecture():
    page = (Path(__file__).resolve().parent.parent / "docs" / "checkpoints.md").read_text("utf-8")
    section = page.partition("## GGUF")[2]
    told = set(re.findall(r"`([\w.-]+)`", section))
    assert {key.removeprefix("gguf/") for key in ARCHITECTURES} <= told
    assert set(SPLITTINGS) <= told
    assert {kind.name for kind in DECODED} <= told
