"""GGUF files that lie: keys, texts, lists, tensors and places, written by hand so that each of them can."""

import struct
from random import Random
from typing import Any

import numpy as np

from geometry.tokens.pieces import BYTE_TO_CHARACTER, bytes_to_piece

Key = tuple[bytes, int, Any]
Tensor = tuple[bytes, list[int], int, int, bytes]

U8, U32, F32, BOOL, STRING, ARRAY, U64 = 0, 4, 6, 7, 8, 9, 10
NUMBERS = {U8: "<B", U32: "<I", F32: "<f", BOOL: "<B", U64: "<Q"}
DIM, BLOCK_Q8 = 32, 34
COUNTS = (0, 1, 2, 2**16, 2**20, 2**31, 2**32, 2**40, 2**61, 2**63, 2**64 - 1)


def seed(random: Random) -> tuple[list[Key], list[Tensor]]:
    """Return the keys and tensors of one of three honest files."""
    kind = random.choice([b"gpt2", b"llama", b"bert"])
    words = [" sea", " horse", " fish", " 🐠"]
    if kind == b"gpt2":
        pieces = [*BYTE_TO_CHARACTER.values(), *map(bytes_to_piece, (word.encode() for word in words))]
    else:
        pieces = ["<unk>", *(f"<0x{byte:02X}>" for byte in range(256)), *(word.replace(" ", "▁") for word in words)]
        pieces += list("abcdefghijklmnopqrstuvwxyz▁123")
    texts = [piece.encode() for piece in pieces]
    types = [2] + [6] * 256 + [1] * (len(texts) - 257) if kind == b"llama" else [1] * len(texts)
    merges = [b"\xc4\xa0 s", b"\xc4\xa0s e"] if kind == b"gpt2" else []
    keys: list[Key] = [
        (b"general.architecture", STRING, random.choice([b"llama", b"gemma2", b"qwen2", b"bert"])),
        (b"general.alignment", U32, 32), (b"llama.attention.layer_norm_rms_epsilon", F32, 1e-5),
        (b"tokenizer.ggml.model", STRING, kind), (b"tokenizer.ggml.pre", STRING, b"gpt-2"),
        (b"tokenizer.ggml.tokens", ARRAY, (STRING, texts)), (b"tokenizer.ggml.token_type", ARRAY, (U32, types)),
        (b"tokenizer.ggml.scores", ARRAY, (F32, [-float(n) for n in range(len(texts))])),
        (b"tokenizer.ggml.merges", ARRAY, (STRING, merges)), (b"tokenizer.ggml.unknown_token_id", U32, 0),
    ]  # fmt: skip
    vocab = len(texts)
    numbers = np.random.default_rng(random.randrange(99))
    packed = numbers.integers(0, 100, size=vocab * BLOCK_Q8, dtype=np.uint8).tobytes()
    plain = numbers.normal(size=(vocab, DIM)).astype("<f2").tobytes()
    tensors: list[Tensor] = [
        (b"token_embd.weight", [DIM, vocab], 1, -1, plain), (b"output.weight", [DIM, vocab], 8, -1, packed),
        (b"output_norm.weight", [DIM], 0, -1, np.ones(DIM, "<f4").tobytes()),
    ]  # fmt: skip
    return keys, tensors


def forged_gguf(random: Random) -> bytes:
    """Return a GGUF file with some of its keys, tensors or bytes changed."""
    keys, tensors = seed(random)
    counts: list[int | None] = [None, None]
    for _ in range(random.choice([0, 1, 1, 2, 4])):
        at, where = random.randrange(len(keys)), random.randrange(len(tensors))
        name, kind, value = keys[at]
        tensor = list(tensors[where])
        match random.randrange(9):
            case 0:
                keys[at] = (name, random.choice([*NUMBERS, STRING]), random.choice(COUNTS) if kind != STRING else value)
            case 1 if kind == ARRAY:
                values = list(value[1])
                for _ in range(random.choice([1, 3])):
                    odd = (
                        [b"\xff", b"", b"a" * 70_000, b"\xed\xa0\x80", b"<0xFF>", b"\n"]
                        if value[0] == STRING
                        else COUNTS
                    )
                    values[random.randrange(len(values)) if values else 0 :][:1] = [random.choice(odd)]
                    values.insert(random.randrange(len(values) + 1), random.choice(odd))
                keys[at] = (name, kind, (value[0], values))
            case 2:
                keys[at] = (random.choice([name + b"x", b"", b"\xff", b"split.count", b"a" * 70_000]), kind, value)
            case 3:
                keys.append(keys[at])
            case 4:
                tensor[1] = [random.choice([0, 1, DIM, *COUNTS]) for _ in range(random.choice([0, 1, 2, 2, 4, 5]))]
            case 5:
                tensor[2] = random.choice([*range(45), 2**31])
            case 6:
                tensor[3] = random.choice([0, 1, 32, 2**20, 2**63, 2**64 - 32])
            case 7:
                tensor[0] = random.choice(
                    [b"output.weight", b"token_embd.weight", b"", b"\xff", b"output.bias", b"x\n"]
                )
            case 8 if random.random() < 0.3:
                counts[random.randrange(2)] = random.choice(COUNTS)
            case _:
                pass
        tensors[where] = (tensor[0], tensor[1], tensor[2], tensor[3], tensor[4])
    data = bytearray(_written(keys, tensors, counts))
    for _ in range(random.choice([0, 0, 0, 1, 8])):
        data[random.randrange(min(len(data), random.choice([64, 4_000, 10**9])))] = random.choice([0, 1, 0x7F, 0xFF, 9])
    return bytes(data[: random.randrange(len(data))] if random.random() < 0.1 else data)


def _written(keys: list[Key], tensors: list[Tensor], counts: list[int | None]) -> bytes:
    claimed = [len(tensors) if counts[0] is None else counts[0], len(keys) if counts[1] is None else counts[1]]
    out = b"GGUF" + struct.pack("<IQQ", 3, *claimed)
    for name, kind, value in keys:
        out += _text(name) + struct.pack("<I", kind) + _value(kind, value)
    at, body = 0, b""
    for name, shape, kind, offset, content in tensors:
        out += _text(name) + struct.pack(f"<I{len(shape)}Q", len(shape), *shape)
        out += struct.pack("<IQ", kind, at if offset < 0 else offset)
        padded = content + bytes(-len(content) % 32)
        at, body = at + len(padded), body + padded
    return out + bytes(-len(out) % 32) + body


def _value(kind: int, value: Any) -> bytes:
    if kind == ARRAY:
        inner, values = value
        return struct.pack("<IQ", inner, len(values)) + b"".join(_value(inner, one) for one in values)
    if kind == STRING:
        return _text(value if isinstance(value, bytes) else b"x")
    form = NUMBERS[kind]
    plain = value if isinstance(value, int | float) else 0
    if form == "<f":
        return struct.pack(form, float(plain))
    return struct.pack(form, int(plain) & (2 ** (8 * struct.calcsize(form)) - 1))


def _text(content: bytes) -> bytes:
    return struct.pack("<Q", len(content)) + content
