"""Quantised checkpoints: plain heads among quantised blocks, heads of codes and scales, and heads that are refused."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from faults.forged import forge

import geometry as geo
from geometry.checkpoint import open_checkpoint
from geometry.checkpoint.scaled import code_values, power_values
from geometry.errors import CheckpointError
from geometry.search import neighbors

VOCAB, DIM = 300, 200
FLOAT8 = {"F8_E4M3": torch.float8_e4m3fn, "F8_E5M2": torch.float8_e5m2}
GENERATOR = np.random.default_rng(3)


def write(folder: Path, tensors: dict[str, tuple[str, list[int], bytes]], **config: Any) -> Path:
    """Write a folder of tensors, each a dtype, a shape and bytes."""
    header, at = {}, 0
    for name, (dtype, shape, data) in tensors.items():
        header[name] = {"dtype": dtype, "shape": shape, "data_offsets": [at, at + len(data)]}
        at += len(data)
    forge(folder / "model.safetensors", header, b"".join(data for *_, data in tensors.values()))
    (folder / "config.json").write_text(json.dumps({"model_type": "llama", "rms_norm_eps": 1e-5, **config}))
    return folder


def floats(values: np.ndarray) -> tuple[str, list[int], bytes]:
    return "F32", list(values.shape), values.astype("<f4").tobytes()


def octets(values: np.ndarray, dtype: str = "U8") -> tuple[str, list[int], bytes]:
    return dtype, list(values.shape), values.tobytes()


def beside(dim: int = DIM) -> dict[str, tuple[str, list[int], bytes]]:
    return {"model.norm.weight": floats(np.linspace(0.5, 2, dim))}


def codes(vocab: int = VOCAB, dim: int = DIM) -> np.ndarray:
    """Every finite byte of both float8 types, and the two NaNs of E4M3 in the last row."""
    drawn = GENERATOR.integers(0, 0x7C, size=(vocab, dim)) | (GENERATOR.integers(0, 2, size=(vocab, dim)) << 7)
    drawn[-1, :2] = 0x7F, 0xFF
    return drawn.astype(np.uint8)


def decoded(raw: np.ndarray, dtype: str) -> np.ndarray:
    return torch.from_numpy(raw.copy()).view(FLOAT8[dtype]).to(torch.float32).numpy()


def check_rows(folder: Path, expected: np.ndarray, label: str) -> geo.Head:
    """The head's rows and blocks, however they are asked for, are the expected ones bit by bit."""
    head = geo.open_head(folder)
    matrix = head.opened.matrix
    assert matrix.dtype == label
    assert (head.vocab, head.dim) == expected.shape
    ids = np.array([0, len(expected) - 1, 1, 130, 127, 128, 1])
    np.testing.assert_array_equal(head.rows(ids), expected[ids])
    np.testing.assert_array_equal(matrix.block(100, 140), expected[100:140])
    for size in (1, 7, 128, 1000):
        for start, block in matrix.blocks(size):
            assert block.dtype == np.float32
            np.testing.assert_array_equal(block, expected[start : start + size])
    return head


@pytest.mark.parametrize("dtype", FLOAT8)
def test_all_codes_are_those_of_torch(dtype: Any):
    np.testing.assert_array_equal(code_values(dtype), decoded(np.arange(256, dtype=np.uint8), dtype))


def test_int8_and_power_of_two_scales():
    every = np.arange(256, dtype=np.uint8)
    np.testing.assert_array_equal(code_values("I8"), every.view(np.int8).astype(np.float32))
    np.testing.assert_array_equal(
        power_values(every), torch.from_numpy(every).view(torch.float8_e8m0fnu).to(torch.float32).numpy()
    )


# heads stored in float8


@pytest.mark.parametrize("dtype", FLOAT8)
@pytest.mark.parametrize("block", [(128, 128), (64, 32), (7, 9), (300, 200)])
def test_float8_by_blocks(dtype: str, block: tuple[int, int], tmp_path: Path):
    raw = codes()
    scales = GENERATOR.uniform(0.01, 3, (-(-VOCAB // block[0]), -(-DIM // block[1]))).astype(np.float32)
    expected = decoded(raw, dtype)
    for row in range(VOCAB):
        for column in range(DIM):
            expected[row, column] *= scales[row // block[0], column // block[1]]
    told = {} if block == (128, 128) else {"quantization_config": {"weight_block_size": list(block)}}
    folder = write(
        tmp_path,
        {"lm_head.weight": octets(raw, dtype), "lm_head.weight_scale_inv": floats(scales), **beside()},
        **told,
    )
    label = f"{dtype} × one scale" if scales.size == 1 else f"{dtype} × {block[0]}×{block[1]} scales"
    head = check_rows(folder, expected, label)
    assert head.logits(np.ones((1, DIM), np.float32)).shape == (1, VOCAB)


@pytest.mark.parametrize("shape", [[VOCAB], [VOCAB, 1], [1], [], [1, 1]])
@pytest.mark.parametrize("scale_dtype", ["F32", "BF16", "F16", "F8_E8M0"])
@pytest.mark.parametrize("name", ["weight_scale", "weight_scale_inv"])
def test_float8_by_row_and_by_tensor(shape: list[int], scale_dtype: str, name: str, tmp_path: Path):
    raw, count = codes(), int(np.prod(shape))
    drawn = torch.from_numpy(GENERATOR.uniform(0.01, 3, count))
    types = {"F32": torch.float32, "BF16": torch.bfloat16, "F16": torch.float16, "F8_E8M0": torch.float8_e8m0fnu}
    stored = drawn.to(torch.float32).to(types[scale_dtype])
    scales = stored.to(torch.float32).numpy()
    folder = write(
        tmp_path,
        {
            "lm_head.weight": octets(raw, "F8_E4M3"),
            f"lm_head.{name}": (scale_dtype, shape, stored.view(torch.uint8).numpy().tobytes()),
            "lm_head.input_scale": floats(np.ones(1)),
            **beside(),
        },
    )
    label = "row scales" if count == VOCAB else "one scale"
    check_rows(folder, decoded(raw, "F8_E4M3") * scales.reshape(-1, 1), f"F8_E4M3 × {label}")


@pytest.mark.parametrize(
    "told",
    [
        {"config_groups": {"group_0": {"weights": {"block_structure": [32, 64]}}}},
        {"config_groups": {"group_0": {"weights": {"group_size": 16}}}},
    ],
)
def test_block_sizes_of_compressed_tensors(told: dict[str, Any], tmp_path: Path):
    weights = told["config_groups"]["group_0"]["weights"]
    down, across = weights.get("block_structure", [1, weights.get("group_size")])
    raw = codes()
    scales = GENERATOR.uniform(1, 2, (-(-VOCAB // down), -(-DIM // across))).astype(np.float32)
    spread = np.repeat(np.repeat(scales, down, axis=0), across, axis=1)[:VOCAB, :DIM]
    folder = write(
        tmp_path,
        {"lm_head.weight": octets(raw, "F8_E4M3"), "lm_head.weight_scale": floats(scales), **beside()},
        text_config={"quantization_config": told},
    )
    check_rows(folder, decoded(raw, "F8_E4M3") * spread, f"F8_E4M3 × {down}×{across} scales")


def test_scales_are_in_the_fingerprint_and_the_account(tmp_path: Path):
    raw, scales = codes(), np.ones((3, 2), dtype=np.float32)
    heads = []
    for number, scale in enumerate((1.0, 1.0, 2.0)):
        scales[2, 1] = scale
        tensors = {"lm_head.weight": octets(raw, "F8_E4M3"), "lm_head.weight_scale_inv": floats(scales), **beside()}
        heads.append(geo.open_head(write(tmp_path / str(number), tensors)))
    assert heads[0].fingerprint == heads[1].fingerprint != heads[2].fingerprint
    assert heads[0].full_hash() == heads[1].full_hash() != heads[2].full_hash()
    small = heads[0].opened.checkpoint.reads.small
    assert small["lm_head.weight_scale_inv"] == 24
    assert heads[0].opened.matrix.bytes_touched == VOCAB * DIM


def test_an_embedding_in_float8_serves_as_head(tmp_path: Path):
    raw = codes()
    tensors = {
        "model.embed_tokens.weight": octets(raw, "F8_E4M3"),
        "model.embed_tokens.weight_scale": floats(np.full(VOCAB, 0.5)),
        **beside(),
    }
    head = check_rows(write(tmp_path, tensors), decoded(raw, "F8_E4M3") * np.float32(0.5), "F8_E4M3 × row scales")
    assert head.opened.layout.tied


# bitsandbytes


@pytest.mark.parametrize("name", ["SCB", "weight_scale"])
def test_int8(name: str, tmp_path: Path):
    raw = GENERATOR.integers(-128, 128, size=(VOCAB, DIM)).astype(np.int8)
    largest = GENERATOR.uniform(0.1, 4, VOCAB).astype(np.float32)
    expected = raw.astype(np.float32) * largest[:, None]
    if name == "SCB":
        expected *= np.float32(1 / 127)
        np.testing.assert_allclose(expected, raw * (largest.astype(float)[:, None] / 127), rtol=2e-7)
    tensors = {
        "lm_head.weight": octets(raw, "I8"),
        f"lm_head.{name}": floats(largest),
        "lm_head.weight_format": octets(np.zeros((), np.uint8)),
        **beside(),
    }
    check_rows(write(tmp_path / "a", tensors), expected, "I8 × row scales")
    if name == "SCB":
        tensors["lm_head.weight_format"] = octets(np.full((), 2, np.uint8))
        with pytest.raises(CheckpointError, match="not stored row by row"):
            geo.open_head(write(tmp_path / "b", tensors))


def four_bits(
    kind: str, *, nested: bool, block: int = 64, vocab: int = VOCAB, dim: int = 192, **state: Any
) -> tuple[dict[str, tuple[str, list[int], bytes]], np.ndarray]:
    """A head in bitsandbytes' four bits and, by brute force, its rows."""
    count = vocab * dim // block
    halves = GENERATOR.integers(0, 16, size=vocab * dim)
    packed = (halves[::2] * 16 + halves[1::2]).astype(np.uint8)
    table = GENERATOR.uniform(-1, 1, 16).astype(np.float32)
    told = {"quant_type": kind, "blocksize": block, "dtype": "bfloat16", "shape": [vocab, dim]}
    tensors = {"lm_head.weight": octets(packed[:, None]), "lm_head.weight.quant_map": floats(table), **beside(dim)}
    if nested:
        inner = -(-count // 256)
        bytes_, outer = GENERATOR.integers(0, 256, count).astype(np.uint8), GENERATOR.uniform(0.1, 1, inner)
        inner_table = np.linspace(-1, 1, 256).astype(np.float32)
        told |= {"nested_blocksize": 256, "nested_dtype": "float32", "nested_offset": 2.6055710315704346}
        tensors["lm_head.weight.absmax"] = octets(bytes_)
        tensors["lm_head.weight.nested_absmax"] = floats(outer)
        tensors["lm_head.weight.nested_quant_map"] = floats(inner_table)
        outer = outer.astype(np.float32)
        absmax = [
            inner_table[one] * outer[at // 256] + np.float32(told["nested_offset"]) for at, one in enumerate(bytes_)
        ]
    else:
        absmax = list(GENERATOR.uniform(0.1, 2, count).astype(np.float32))
        tensors["lm_head.weight.absmax"] = floats(np.array(absmax))
    text = json.dumps(told | state).encode()
    tensors[f"lm_head.weight.quant_state.bitsandbytes__{kind}"] = octets(np.frombuffer(text, np.uint8))
    expected = np.array([table[half] * absmax[at // block] for at, half in enumerate(halves)], dtype=np.float32)
    return tensors, expected.reshape(vocab, dim)


@pytest.mark.parametrize("kind", ["nf4", "fp4"])
@pytest.mark.parametrize("nested", [False, True])
def test_four_bits(kind: str, nested: bool, tmp_path: Path):
    tensors, expected = four_bits(kind, nested=nested)
    head = check_rows(write(tmp_path, tensors, hidden_size=192), expected, f"{kind.upper()} × 1×64 scales")
    assert head.opened.layout.norm == "model.norm.weight"
    assert head.readout.known
    assert head.logits(np.ones((2, 192), np.float32)).shape == (2, VOCAB)


@pytest.mark.parametrize(
    ("state", "message"),
    [
        ({"shape": [VOCAB, 190]}, "tells shape"),
        ({"shape": [192, VOCAB]}, "reach from one row into the next"),
        ({"shape": "many"}, "tells shape"),
        ({"shape": [VOCAB * 192]}, "tells shape"),
        ({"shape": [-VOCAB, -192]}, "tells shape"),
        ({"blocksize": 0}, "tells shape"),
        ({"blocksize": 128}, "reach from one row into the next"),
        ({"blocksize": 32}, "absmax"),
        ({"nested_blocksize": None}, "nested_blocksize"),
        ({"nested_blocksize": 16}, "nested_absmax"),
        ({"nested_offset": float("nan")}, "nested_offset"),
    ],
)
def test_four_bits_that_contradict_themselves(state: dict[str, Any], message: str, tmp_path: Path):
    tensors, _ = four_bits("nf4", nested=True, **state)
    with pytest.raises(CheckpointError, match=message) as caught:
        geo.open_head(write(tmp_path, tensors, hidden_size=192))
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("lost", ["absmax", "quant_map", "nested_absmax", "nested_quant_map"])
def test_four_bits_without_a_table(lost: str, tmp_path: Path):
    tensors, _ = four_bits("nf4", nested=True)
    del tensors[f"lm_head.weight.{lost}"]
    with pytest.raises(CheckpointError, match=lost):
        geo.open_head(write(tmp_path, tensors, hidden_size=192))


# heads that are refused


def test_float8_without_scales_is_not_cast(tmp_path: Path):
    folder = write(tmp_path, {"lm_head.weight": octets(codes(), "F8_E4M3"), **beside()})
    with pytest.raises(CheckpointError, match="F8_E4M3 without its scales") as caught:
        geo.open_head(folder)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("shape", [[3, 3], [2, 3], [DIM], [1, DIM], [VOCAB, 2], [3, 2, 1], [0], [6]])
def test_scales_that_do_not_fit(shape: list[int], tmp_path: Path):
    scales = np.ones(shape, dtype=np.float32)
    folder = write(
        tmp_path, {"lm_head.weight": octets(codes(), "F8_E4M3"), "lm_head.weight_scale_inv": floats(scales), **beside()}
    )
    with pytest.raises(CheckpointError, match=r"expected one, one a row, or \[3, 2\] for blocks of 128×128"):
        geo.open_head(folder)


PACKED_HEADS = {
    "MLX": {"weight": ("U32", [VOCAB, 25]), "scales": ("F16", [VOCAB, 4]), "biases": ("F16", [VOCAB, 4])},
    "GPTQ": {"qweight": ("I32", [25, VOCAB]), "scales": ("F16", [2, VOCAB]), "g_idx": ("I32", [DIM])},
    "GPTQ or AWQ": {"qweight": ("I32", [DIM, 38]), "qzeros": ("I32", [2, 38]), "scales": ("F16", [2, VOCAB])},
    "EETQ": {"qweight": ("I8", [DIM, VOCAB]), "weight_scales": ("F16", [VOCAB])},
    "EXL2": {"q_weight": ("I32", [25, VOCAB]), "q_scale": ("I32", [2, 38])},
    "EXL3": {"trellis": ("I16", [12, 18, 64]), "suh": ("F16", [DIM])},
    "compressed-tensors, packed": {"weight_packed": ("I32", [VOCAB, 25]), "weight_scale": ("F16", [VOCAB, 2])},
    "compressed-tensors, with zero points": {
        "weight": ("I8", [VOCAB, DIM]),
        "weight_scale": ("F16", [VOCAB, 1]),
        "weight_zero_point": ("I8", [VOCAB, 1]),
    },
    "compressed-tensors, reordered": {
        "weight": ("I8", [VOCAB, DIM]),
        "weight_scale": ("F16", [VOCAB, 25]),
        "weight_g_idx": ("I32", [DIM]),
    },
    "NVFP4": {
        "weight": ("U8", [VOCAB, 100]),
        "weight_scale": ("F8_E4M3", [VOCAB, 12]),
        "weight_scale_2": ("F32", []),
    },
}


@pytest.mark.parametrize("form", PACKED_HEADS)
@pytest.mark.parametrize("module", ["lm_head", "output"])
def test_packed_heads_are_named(form: str, module: str, tmp_path: Path):
    sizes = {"U32": 4, "I32": 4, "F32": 4, "F16": 2, "I16": 2, "U8": 1, "I8": 1, "F8_E4M3": 1}
    tensors = {
        f"{module}.{name}": (dtype, shape, bytes(int(np.prod(shape)) * sizes[dtype]))
        for name, (dtype, shape) in PACKED_HEADS[form].items()
    }
    embedding = {"model.embed_tokens.weight": floats(np.ones((VOCAB, DIM)))}
    folder = write(tmp_path, {**tensors, **embedding, **beside()})
    with pytest.raises(CheckpointError, match="the head is quantised as") as caught:
        geo.open_head(folder)
    assert f"as {form} (" in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("dtype", ["F64", "I64", "I8", "U8", "F8_E8M0", "C64"])
def test_other_types_are_refused(dtype: str, tmp_path: Path):
    size = {"F64": 8, "I64": 8, "C64": 8}.get(dtype, 1)
    folder = write(tmp_path, {"lm_head.weight": (dtype, [VOCAB, DIM], bytes(VOCAB * DIM * size)), **beside()})
    with pytest.raises(CheckpointError, match=f"is stored as {dtype}"):
        geo.open_head(folder)


def test_a_plain_head_beside_scales_is_ambiguous(tmp_path: Path):
    tensors = {"lm_head.weight": floats(np.ones((VOCAB, DIM))), "lm_head.weight_scale": floats(np.ones(1)), **beside()}
    with pytest.raises(CheckpointError, match=r'stored as F32 beside "lm_head.weight_scale"'):
        geo.open_head(write(tmp_path, tensors))


# plain heads in checkpoints whose blocks are quantised

PROJECTION = "model.layers.0.self_attn.q_proj"
BLOCKS: dict[str, tuple[dict[str, Any], dict[str, tuple[str, list[int]]]]] = {
    "bitsandbytes 8-bit": (
        {"quant_method": "bitsandbytes", "load_in_8bit": True},
        {"weight": ("I8", [64, 64]), "SCB": ("F32", [64]), "weight_format": ("U8", [])},
    ),
    "bitsandbytes 4-bit": (
        {"quant_method": "bitsandbytes", "load_in_4bit": True, "bnb_4bit_quant_type": "nf4"},
        {
            "weight": ("U8", [2048, 1]),
            "weight.absmax": ("U8", [64]),
            "weight.quant_map": ("F32", [16]),
            "weight.nested_absmax": ("F32", [1]),
            "weight.nested_quant_map": ("F32", [256]),
            "weight.quant_state.bitsandbytes__nf4": ("U8", [8]),
        },
    ),
    "AWQ": (
        {"quant_method": "awq", "bits": 4, "group_size": 128},
        {"qweight": ("I32", [64, 8]), "qzeros": ("I32", [1, 8]), "scales": ("F16", [1, 64])},
    ),
    "GPTQ": (
        {"quant_method": "gptq", "bits": 4, "lm_head": False},
        {
            "qweight": ("I32", [8, 64]),
            "qzeros": ("I32", [1, 8]),
            "scales": ("F16", [1, 64]),
            "g_idx": ("I32", [64]),
        },
    ),
    "compressed-tensors": (
        {"quant_method": "compressed-tensors", "ignore": ["lm_head"], "config_groups": {"group_0": {"weights": None}}},
        {"weight_packed": ("I32", [64, 8]), "weight_scale": ("BF16", [64, 1]), "weight_shape": ("I64", [2])},
    ),
    "float8": (
        {"quant_method": "fp8", "weight_block_size": [128, 128]},
        {"weight": ("F8_E4M3", [64, 64]), "weight_scale_inv": ("F32", [1, 1])},
    ),
    "MXFP4": (
        {"quant_method": "mxfp4", "modules_to_not_convert": ["lm_head"]},
        {"experts_blocks": ("U8", [2, 64, 2, 16]), "experts_scales": ("U8", [2, 64, 2])},
    ),
}


@pytest.mark.parametrize("form", BLOCKS)
@pytest.mark.parametrize("tied", [False, True])
def test_plain_heads_among_quantised_blocks(form: str, tied: bool, tmp_path: Path):
    told, inside = BLOCKS[form]
    bits = {"F32": 4, "I32": 4, "F16": 2, "BF16": 2, "I64": 8, "I8": 1, "U8": 1, "F8_E4M3": 1}
    quantised = {
        f"{PROJECTION}.{name}": (dtype, shape, bytes(int(np.prod(shape)) * bits[dtype]))
        for name, (dtype, shape) in inside.items()
    }
    rows = GENERATOR.normal(size=(VOCAB, DIM)).astype(np.float32)
    name = "model.embed_tokens.weight" if tied else "lm_head.weight"
    plain = {name: floats(rows), **beside()}
    head = geo.open_head(write(tmp_path / "quantised", {**quantised, **plain}, quantization_config=told))
    same = geo.open_head(write(tmp_path / "plain", plain))
    assert head.opened.matrix.dtype == "F32"
    assert head.fingerprint == same.fingerprint
    np.testing.assert_array_equal(head.rows(range(VOCAB)), rows)
    residuals = GENERATOR.normal(size=(2, DIM)).astype(np.float32)
    np.testing.assert_array_equal(head.logits(residuals), same.logits(residuals))


def test_a_vector_of_codes_is_no_vector(tmp_path: Path):
    tensors = {"lm_head.weight": floats(np.ones((VOCAB, DIM))), "a": octets(np.zeros(4, np.uint8), "F8_E4M3")}
    checkpoint = open_checkpoint(write(tmp_path, tensors))
    for read in (checkpoint.vector, checkpoint.matrix):
        with pytest.raises(CheckpointError, match="stored as F8_E4M3"):
            read("a")


@pytest.mark.parametrize("metric", ["logit", "cosine"])
def test_quantised_rows_are_searched_exactly_whichever_way(metric: Any, tmp_path: Path):
    """By products of decoded rows in float32, on the device at hand, through FAISS, by a scan: as in float64."""
    tensors, expected = four_bits("nf4", nested=True)
    head = geo.open_head(write(tmp_path, tensors, hidden_size=192))
    vectors = np.random.default_rng(0).normal(size=(40, 192))
    rows = expected.astype(np.float64)
    truth = vectors @ rows.T
    if metric == "cosine":
        truth /= np.linalg.norm(vectors, axis=1)[:, None] * np.linalg.norm(rows, axis=1)
    truth[:, ~head.candidates()] = -np.inf
    for backend in ("narrow", "faiss", "scan"):
        for one, scores in zip(neighbors(head, vectors, 5, metric=metric, backend=backend), truth, strict=True):
            assert one.ids.tolist() == np.argsort(-scores, kind="stable")[:5].tolist()
            np.testing.assert_allclose(one.scores, scores[one.ids], rtol=1e-9)
