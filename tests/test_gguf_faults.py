"""Hostile and damaged GGUF files: one clear line each, no hang, nothing read or allocated beyond the file."""

import random
import struct
import time
import tracemalloc
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from gguf import GGMLQuantizationType as Kind
from gguf_files import write_gguf

import geometry as geo
from geometry.checkpoint.gguf import read_gguf
from geometry.errors import CheckpointError, GeometryError
from geometry.info import describe

U32, I32, F32, BOOL, STRING, ARRAY, U64 = 4, 5, 6, 7, 8, 9, 10


def text(value: str | bytes) -> bytes:
    data = value if isinstance(value, bytes) else value.encode()
    return struct.pack("<Q", len(data)) + data


def key(name: str | bytes, kind: int, data: bytes) -> bytes:
    return text(name) + struct.pack("<I", kind) + data


def tensor(name: str, shape: list[int], kind: int = 0, offset: int = 0) -> bytes:
    return text(name) + struct.pack(f"<I{len(shape)}QIQ", len(shape), *shape, kind, offset)


def forge(
    path: Path, keys: list[bytes] = [], tensors: list[bytes] = [], data: bytes = b"", **start: Any  # noqa: B006
) -> Path:  # fmt: skip
    """Write a file whose every part can lie."""
    head = start.get("magic", b"GGUF") + struct.pack(
        "<IQQ", start.get("version", 3), start.get("tensor_count", len(tensors)), start.get("key_count", len(keys))
    )
    body = head + b"".join(keys) + b"".join(tensors)
    path.write_bytes(body + bytes(-len(body) % 32) + data)
    return path


HEAD = tensor("output.weight", [8, 4])
ROWS = np.arange(32, dtype="<f4").tobytes()
ARCH = key("general.architecture", STRING, text("llama"))


def refused(path: Path, match: str) -> None:
    """The file is refused with one line, quickly and in little memory."""
    tracemalloc.start()
    began = time.process_time()
    try:
        with pytest.raises(CheckpointError, match=match) as caught:
            geo.open_head(path)
    finally:
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
    assert "\n" not in str(caught.value)
    assert str(caught.value).isprintable()
    assert time.process_time() - began < 1
    assert peak < 1_000_000 + 20 * path.stat().st_size


def test_an_honest_forgery_opens(tmp_path: Path):
    head = geo.open_head(forge(tmp_path / "m.gguf", [ARCH], [HEAD], ROWS))
    np.testing.assert_array_equal(head.rows(range(4)), np.frombuffer(ROWS, "<f4").reshape(4, 8))


def test_starts(tmp_path: Path):
    path = tmp_path / "m.gguf"
    refused(forge(path, magic=b"GGML"), "is no GGUF file: it starts with")
    refused(forge(path, magic=b"\x00\x1b\n\xff"), "is no GGUF file")
    refused(forge(path, version=1), "version 1; expected version 2 or 3")
    refused(forge(path, version=99), "version 99")
    refused(forge(path, version=3 << 24), "big-endian")
    for content in (b"", b"GGUF", b"GGUF\x03\0\0\0" + bytes(8)):
        path.write_bytes(content)
        refused(path, "no GGUF file|truncated")
    path.write_bytes(b"version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 5\n")
    refused(path, "Git LFS pointer")


def test_counts_and_lengths_that_lie(tmp_path: Path):
    path = tmp_path / "m.gguf"
    for huge in (2**16 + 1, 2**32, 2**63, 2**64 - 1):
        refused(forge(path, key_count=huge), "claims [0-9,]+ keys")
        refused(forge(path, tensor_count=huge), "claims [0-9,]+ tensors|truncated")
        refused(forge(path, [struct.pack("<Q", huge)], data=bytes(64), key_count=1), "a key has|truncated")
        refused(forge(path, [key("a", STRING, struct.pack("<Q", huge))]), "claims [0-9,]+ more")
        for kind in (U32, U64, BOOL, STRING):
            refused(forge(path, [key("a", ARRAY, struct.pack("<IQ", kind, huge))]), "claims [0-9,]+ (more|texts)")
        lying = struct.pack("<IQQ", STRING, 3, huge)
        refused(forge(path, [key("a", ARRAY, lying)], data=bytes(64)), "claims [0-9,]+ more")
        refused(forge(path, [ARCH], [tensor("output.weight", [huge, 4])]), "truncated|has the shape")
        refused(forge(path, [ARCH], [tensor("output.weight", [8, 4], offset=huge - huge % 32)], ROWS), "truncated")
        refused(
            forge(path, [ARCH], [struct.pack("<Q", huge)], bytes(64), tensor_count=1), "a tensor's name has|truncated"
        )
    refused(forge(path, [ARCH], [tensor("output.weight", [2**40, 2**40])]), "has the shape")


def test_many_empty_texts_cost_what_they_weigh(tmp_path: Path):
    count = 50_000
    path = forge(tmp_path / "m.gguf", [ARCH, key("a", ARRAY, struct.pack("<IQ", STRING, count) + bytes(8 * count))])
    refused(path, "no head and no embedding")


def test_values_of_unknown_and_nested_kinds(tmp_path: Path):
    path = tmp_path / "m.gguf"
    refused(forge(path, [key("a", 77, b"")]), "unknown type 77")
    refused(forge(path, [key("a", ARRAY, struct.pack("<IQ", 77, 1))]), "unknown type 77")
    nested = struct.pack("<IQ", ARRAY, 1) * 2000
    refused(forge(path, [key("a", ARRAY, nested)]), "list of lists")


def test_names(tmp_path: Path):
    path = tmp_path / "m.gguf"
    refused(forge(path, [ARCH, ARCH]), "stands in it twice")
    refused(forge(path, [ARCH], [HEAD, HEAD], ROWS), "stands in it twice")
    refused(forge(path, [key(b"\xff\xfe", U32, bytes(4))]), "is no UTF-8")
    refused(forge(path, [key("\x1b[2J\n", 77, b"")]), "unknown type 77")
    refused(forge(path, [ARCH], [tensor("\x1b[2J\n.weight", [8, 4])], ROWS), "no head and no embedding")


def test_tensors_that_cannot_be(tmp_path: Path):
    path = tmp_path / "m.gguf"
    refused(forge(path, [ARCH], [tensor("output.weight", [8, 4, 1, 1, 1])], ROWS), "5 axes")
    refused(forge(path, [ARCH], [tensor("output.weight", [8, 4], offset=4)], ROWS), "multiple of 32")
    refused(forge(path, [ARCH], [tensor("output.weight", [8, 4], offset=32)], ROWS), "truncated")
    refused(forge(path, [ARCH], [HEAD], ROWS[:-1]), "is truncated: its tensor")
    refused(forge(path, [ARCH], [tensor("output.weight", [8, 4], int(Kind.Q8_0))], ROWS), "has the shape")
    refused(forge(path, [ARCH], [tensor("output.weight", [8, 4], 999)], ROWS), "stored as GGML type 999")
    refused(forge(path, [ARCH], [tensor("output.weight", [8, 4], int(Kind.I32))], ROWS), "stored as I32")
    refused(forge(path, [ARCH], [tensor("token_embd.weight", [8, 0])]), r"has shape \[0, 8\]")
    refused(forge(path, [ARCH], [tensor("output.weight", [])], ROWS), "no head")
    refused(forge(path, [ARCH], [HEAD, tensor("output_norm.weight", [8])], ROWS), "overlaps")
    scale = [HEAD, tensor("output.scale", [1], offset=128)]
    refused(forge(path, [ARCH], scale, ROWS + bytes(32)), "output.scale")
    for alignment in (0, 3, 2**31):
        refused(
            forge(path, [ARCH, key("general.alignment", U32, struct.pack("<I", alignment))], [HEAD], ROWS),
            "no power of two",
        )


def test_parts_of_a_split_model(tmp_path: Path):
    split = key("split.count", U32, struct.pack("<I", 2))
    refused(forge(tmp_path / "m.gguf", [ARCH, split], [HEAD], ROWS), "one of 2 parts of a split model")
    refused(forge(tmp_path / "m-00001-of-00003.gguf", [ARCH], [HEAD], ROWS), "one of 3 parts")
    geo.open_head(forge(tmp_path / "m-00001-of-00001.gguf", [ARCH], [HEAD], ROWS))


def test_a_folder_or_a_pipe_by_that_name(tmp_path: Path):
    (tmp_path / "folder.gguf").mkdir()
    with pytest.raises(CheckpointError):
        geo.open_head(tmp_path / "folder.gguf")
    import os

    os.mkfifo(tmp_path / "pipe.gguf")
    with pytest.raises(CheckpointError, match="not a regular file"):
        geo.open_head(tmp_path / "pipe.gguf")


def listed(name: str, kind: int, count: int, data: bytes = b"") -> bytes:
    return key(f"tokenizer.ggml.{name}", ARRAY, struct.pack("<IQ", kind, count) + data)


@pytest.mark.parametrize(
    ("edit", "match"),
    [
        (key("tokenizer.ggml.tokens", U32, bytes(4)), "holds no vocabulary"),
        (listed("tokens", U32, 1, bytes(4)), "no list"),
        (listed("tokens", STRING, 0), "holds 0 tokens"),
        (listed("tokens", STRING, 1, text(b"\xff")), "no UTF-8"),
        (key("tokenizer.ggml.model", STRING, text("rwkv")), "of the kind 'rwkv'"),
        (key("tokenizer.ggml.model", U32, bytes(4)), "of the kind 0"),
        (listed("token_type", I32, 1, bytes(4)), "1 values for 4 tokens"),
        (listed("scores", F32, 4, struct.pack("<4f", 0, float("nan"), 0, 0)), "no finite number"),
    ],
)
def test_vocabularies_that_cannot_be(edit: bytes, match: str, tmp_path: Path):
    pieces = listed("tokens", STRING, 4, b"".join(map(text, ("a", "b", "ab", "▁"))))
    honest = [ARCH, key("tokenizer.ggml.model", STRING, text("llama")), pieces]
    name = edit[8 : 8 + edit[0]]
    keys = [one for one in honest if one[8 : 8 + one[0]] != name]
    head = geo.open_head(forge(tmp_path / "m.gguf", [*keys, edit], [HEAD], ROWS))
    assert head.tokens is None
    tokens, reason = head.opened.vocabulary
    assert tokens is None
    assert match in reason
    assert "\n" not in reason
    assert head.rows([1]).shape == (1, 8)


# mutations


def seeds(folder: Path) -> list[bytes]:
    """Small honest files with every kind of vocabulary and head."""
    rows = np.random.default_rng(0).normal(size=(20, 32))
    around = {"output_norm.weight": np.ones(32), "blk.0.attn_norm.weight": np.ones(32)}
    pieces = [f"▁{c}" for c in "abcdefgh"] + list("abcdefgh") + ["▁", "<0x41>", "<s>", "##x"]
    common: dict[str, Any] = {
        "head": rows, "tensors": around, "tokens": pieces, "types": [1] * 17 + [6, 3, 4],
        "scores": [-float(n) for n in range(20)], "unknown": 18,
        "keys": {"llama.attention.layer_norm_rms_epsilon": 1e-5, "llama.list": [1, 2, 3]},
    }  # fmt: skip
    made = []
    for n, (model, kind) in enumerate(
        [("llama", Kind.Q8_0), ("gpt2", Kind.F16), ("t5", Kind.BF16), ("bert", Kind.F32), ("llama", Kind.Q4_0)]
    ):
        more: dict[str, Any] = {"merges": ["a b", "▁ a"], "pre": "gpt-2"} if model == "gpt2" else {}
        made.append(write_gguf(folder / f"{n}.gguf", model=model, kind=kind, **common, **more).read_bytes())
    return made


NUMBERS = (0, 1, 2, 3, 7, 8, 9, 31, 255, 2**16, 2**31 - 1, 2**31, 2**32 - 1, 2**40, 2**63 - 1, 2**63, 2**64 - 1)


def mutate(data: bytes, dice: random.Random) -> bytes:
    """Change a file in one to four places: bits, numbers that lie, cuts, splices of itself."""
    changed = bytearray(data)
    for _ in range(dice.randint(1, 4)):
        at = dice.randrange(min(len(changed), dice.choice((64, 512, len(changed)))))
        match dice.randrange(6):
            case 0:
                changed[at] ^= 1 << dice.randrange(8)
            case 1:
                changed[at : at + 8] = struct.pack("<Q", dice.choice(NUMBERS))
            case 2:
                changed[at : at + 4] = struct.pack("<I", dice.choice(NUMBERS) % 2**32)
            case 3:
                del changed[at:]
            case 4:
                start = dice.randrange(len(changed))
                changed[at:at] = changed[start : start + dice.randint(1, 64)]
            case _:
                del changed[at : at + dice.randint(1, 16)]
        if not changed:
            return b""
    return bytes(changed)


def drive(path: Path, *, thorough: bool = False) -> str:
    """Use a file as a person would; return the one line that it was refused with, or nothing."""
    try:
        head = geo.open_head(path)
        if thorough:
            describe(head)
        head.rows([0, head.vocab - 1])
        if head.tokens is not None:
            head.tokens.encode("ab abc 🐠")
        head.land("#0 + #1", space="raw")
        head.logits(np.ones((1, head.dim), np.float32))
    except GeometryError as error:
        return str(error)
    return ""


def run_mutations(folder: Path, count: int, seed: int, *, thorough: bool = False) -> int:
    """Drive mutated files; return how many were refused. Any other exception or slowness is a failure."""
    originals, dice, refusals = seeds(folder), random.Random(seed), 0
    for number in range(count):
        path = folder / "mutated.gguf"
        path.write_bytes(mutate(dice.choice(originals), dice))
        began = time.process_time()
        line = drive(path, thorough=thorough)
        assert time.process_time() - began < 2, f"slow: input {number} of seed {seed}"
        assert "\n" not in line, f"more than one line: input {number} of seed {seed}"
        refusals += bool(line)
    return refusals


@pytest.mark.parametrize("seed", [0])
def test_mutated_files_are_read_or_refused(seed: int, tmp_path: Path):
    assert all(drive(tmp_path / f"{n}.gguf") == "" for n, _ in enumerate(seeds(tmp_path)))
    assert 20 < run_mutations(tmp_path, 150, seed) < 150


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(1, 5))
def test_many_mutated_files(seed: int, tmp_path: Path):
    assert run_mutations(tmp_path, 2500, seed) > 250


def test_reading_the_tables_reads_no_tensor(tmp_path: Path):
    path = forge(tmp_path / "m.gguf", [ARCH], [HEAD], ROWS)
    assert read_gguf(path).bytes_read < path.stat().st_size - len(ROWS) + 32


def test_a_link_out_of_the_folder_is_not_followed(tmp_path: Path):
    from geometry.tokens import open_vocabulary

    folder = tmp_path / "model"
    folder.mkdir()
    outside = tmp_path / "outside.gguf"
    outside.write_bytes(b"GGUF")
    (folder / "model.gguf").symlink_to(outside)
    for action in (geo.open_head, open_vocabulary):
        with pytest.raises(CheckpointError, match="outside its folder"):
            action(folder)
