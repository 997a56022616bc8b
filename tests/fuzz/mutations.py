"""Checkpoint folders that lie, made from honest ones: by bytes, by JSON, by header, by number, by link."""

import json
import math
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Any

from dictionary import CONFIG_WORDS, DTYPES, FILE_NAMES, MODEL_TYPES, TENSOR_NAMES, TOKENIZER_WORDS, pipeline
from gguf_mutations import forged_gguf
from json_mutations import raw, replace_somewhere, written
from seeds import DIM, SIZES, Files, numbers, pack, seeds

INDEX = "model.safetensors.index.json"

PARTS = (("normalizer", "normalizers"), ("pre_tokenizer", "pretokenizers"), ("decoder", "decoders"))


@dataclass(frozen=True)
class Link:
    """A symbolic link in place of a file."""

    target: str


@dataclass(frozen=True)
class Other:
    """Something in place of a file that is none: a folder or a pipe."""

    kind: str


Folder = dict[str, bytes | Link | Other]
Mutation = Callable[[Files, Random], Folder]


def flip_bytes(files: Files, random: Random) -> Folder:
    """Change a few bytes of one file."""
    name = random.choice(sorted(files))
    data = bytearray(files[name])
    # the first kilobyte holds what the rest hangs on
    reach = len(data) if random.random() < 0.5 else min(len(data), 1_000)
    for _ in range(random.choice([1, 1, 2, 8, 64])):
        if reach:
            data[random.randrange(reach)] = random.choice(
                [0, 0xFF, 0x7F, 0x80, 0x22, 0x7B, 0x5D, random.randrange(256)]
            )
    return {**files, name: bytes(data)}


def cut(files: Files, random: Random) -> Folder:
    """Truncate one file, take a piece out of it, or add to its end."""
    name = random.choice(sorted(files))
    data, at = files[name], random.randrange(len(files[name]) + 1)
    match random.randrange(4):
        case 0:
            data = data[:at]
        case 1:
            data = data[:at] + data[at + random.choice([1, 4, 16, 500]) :]
        case 2:
            data += random.choice([b"\0", b"x" * 7, data, b"\n" * 3])
        case _:
            data = data[:at] + data[random.randrange(len(data) + 1) :]
    return {**files, name: data}


def splice(files: Files, random: Random) -> Folder:
    """Put a piece of another file into one, or another checkpoint's file in its place."""
    name, other = random.choice(sorted(files)), random.choice(seeds())
    donor = other[random.choice(sorted(other))]
    if random.random() < 0.4:
        return {**files, random.choice([name, *FILE_NAMES]): donor}
    data, at, start = files[name], random.randrange(len(files[name]) + 1), random.randrange(len(donor) + 1)
    piece = donor[start : start + random.choice([1, 8, 64, 4_000])]
    return {**files, name: data[:at] + piece + data[at + len(piece) * random.randrange(2) :]}


def header_length(files: Files, random: Random) -> Folder:
    """Lie about the length of a header."""
    name = _safetensors(files, random)
    data, real = files[name], int.from_bytes(files[name][:8], "little")
    lies = (
        0,
        1,
        2,
        7,
        real - 1,
        real + 1,
        real + 8,
        len(data),
        len(data) - 8,
        10**8,
        10**8 + 1,
        2**32,
        2**63,
        2**64 - 1,
    )
    return {**files, name: min(max(random.choice(lies), 0), 2**64 - 1).to_bytes(8, "little") + data[8:]}


def header_entries(files: Files, random: Random) -> Folder:
    """Change a header's entries, with the length before it kept right."""
    name = _safetensors(files, random)
    header, body = _unpack(files[name])
    for _ in range(random.choice([1, 1, 2, 4])):
        tensor = random.choice(sorted(header))
        entry = header[tensor]
        match random.randrange(8):
            case 0 if isinstance(entry, dict):
                entry["dtype"] = random.choice([*DTYPES, raw(random)])
            case 1 if isinstance(entry, dict):
                sizes: list[Any] = [0, 1, 2, DIM, 330, 2**31, 2**62, 2**63, -1, raw(random)]
                entry["shape"] = [random.choice(sizes) for _ in range(random.choice([0, 1, 2, 2, 3, 33]))]
            case 2 if isinstance(entry, dict):
                entry["shape"] = [2**62] * random.choice([2, 16, 17, 32])
            case 3 if isinstance(entry, dict):
                offsets: list[Any] = [0, 1, len(body), len(body) + 1, 2**62, -1, raw(random)]
                entry["data_offsets"] = [random.choice(offsets) for _ in range(random.choice([1, 2, 2, 2, 3]))]
            case 4:
                header[random.choice(TENSOR_NAMES)] = header.pop(tensor)
            case 5:
                header[random.choice(TENSOR_NAMES)] = entry
            case _:
                replace_somewhere(header, random, (*DTYPES, 0, 1, DIM, 330))
        if not header:
            break
    return {**files, name: _packed(written(header, random), body)}


def tensors(files: Files, random: Random) -> Folder:
    """Write an honest file of unlikely tensors: names, types, shapes and numbers of all kinds."""
    found = {}
    vocab = random.choice([1, 2, 4, 40, 330, 330, 2_000])
    dim = random.choice([1, 2, DIM, DIM, 33]) if vocab > 40 or random.random() < 0.8 else 5_000
    names = ["lm_head.weight", "model.embed_tokens.weight", "model.norm.weight", random.choice(TENSOR_NAMES)]
    for name in random.sample(names, random.randrange(1, 5)):
        dtype = random.choice(["F32", "F16", "BF16", "BF16", "F8_E4M3", "U8", "F64"])
        shape = random.choice([[vocab, dim], [vocab, dim], [dim], [vocab], [1, vocab], [dim, vocab], [], [0, dim]])
        if "norm" in name and random.random() < 0.8:
            shape = [dim]
        found[name] = (dtype, shape, _numbers(dtype, shape, random))
    target = random.choice([name for name in files if name.endswith(".safetensors")])
    return {**files, target: pack(found, random.choice([None, {}, {"format": "pt"}, 3, "x"]))}


def data(files: Files, random: Random) -> Folder:
    """Fill the tensors of a file with numbers that are hard to compute with, and leave its header as it is."""
    name = _safetensors(files, random)
    header, body = _unpack(files[name])
    filled = bytearray(body)
    for entry in header.values():
        if "dtype" in entry and random.random() < 0.5:
            start, stop = entry["data_offsets"]
            filled[start:stop] = _numbers(entry["dtype"], entry["shape"], random)
    return {**files, name: _packed(json.dumps(header).encode(), bytes(filled))}


def json_values(files: Files, random: Random) -> Folder:
    """Change values in one of the JSON files."""
    name = random.choice([name for name in sorted(files) if name.endswith(".json")])
    words = TOKENIZER_WORDS if name == "tokenizer.json" else CONFIG_WORDS
    value: Any = json.loads(files[name])
    for _ in range(random.choice([1, 1, 1, 2, 3, 6])):
        value = replace_somewhere(value, random, words)
        if not isinstance(value, dict | list):
            break
    return {**files, name: written(value, random)}


def config(files: Files, random: Random) -> Folder:
    """Write a config of known keys and unlikely values."""
    keys = ("model_type", "rms_norm_eps", "layer_norm_eps", "layer_norm_epsilon", "final_logit_softcapping",
    "logit_scale",
            "logits_scaling", "tie_word_embeddings", "vocab_size", "text_config", "quantization_config")  # fmt: skip
    value = {key: raw(random) if random.random() < 0.3 else random.choice(CONFIG_WORDS) for key in keys}
    if random.random() < 0.7:
        value["model_type"] = random.choice(MODEL_TYPES)
    return {**files, "config.json": written(dict(random.sample(sorted(value.items()), random.randrange(12))), random)}


def steps(files: Files, random: Random) -> Folder:
    """Give a tokenizer another normalizer, pre-tokenizer, decoder, or model options."""
    files = files if "tokenizer.json" in files else random.choice([one for one in seeds() if "tokenizer.json" in one])
    spec = json.loads(files["tokenizer.json"])
    for part, members in PARTS:
        if random.random() < 0.5:
            spec[part] = pipeline(random, members)
    options = ("dropout", "unk_token", "unk_id", "continuing_subword_prefix", "end_of_word_suffix", "byte_fallback",
               "fuse_unk", "ignore_merges", "max_input_chars_per_word", "type")  # fmt: skip
    for option in options:
        if random.random() < 0.1:
            spec["model"][option] = raw(random) if random.random() < 0.3 else random.choice(TOKENIZER_WORDS)
    return {**files, "tokenizer.json": written(spec, random)}


def ranks(files: Files, random: Random) -> Folder:
    """Change the lines of a tiktoken file."""
    source = random.choice([one for one in seeds() if "tokenizer.json" not in one])
    name = next(name for name in source if name.startswith("tokenizer.model") or name.endswith(".tiktoken"))
    lines = source[name].split(b"\n")
    for _ in range(random.choice([1, 2, 5, 50])):
        at = random.randrange(len(lines))
        coded, _, rank = lines[at].partition(b" ")
        odd_ranks = (
            b"-1",
            b"0",
            b"4194303",
            b"4194304",
            b"9" * 30,
            b"9" * 5_000,
            b"1_0",
            b"\xd9\xa1",
            b"0x1",
            b"",
            b"1.0",
        )
        odd_lines = (coded, coded + b" " + rank + b" 1", b"====" + b" 1", b"\0", b"\xff\xfe", b"A" * 60_000 + b" 7",
        b"",
                     b"\x0b", b"Y Q== 3", "IPCfkKA= ５".encode())  # fmt: skip
        lines[at] = coded + b" " + random.choice(odd_ranks) if random.random() < 0.5 else random.choice(odd_lines)
    ending = random.choice([b"\n", b"\n", b"\r\n", b"\r", b"\x0b", b"\x85"])
    return {**source, name: ending.join(lines)}


def index(files: Files, random: Random) -> Folder:
    """Change which shards an index names."""
    files = seeds()[1]
    shards = ("../canary.safetensors", "/tmp/canary.safetensors", "sub/../../canary.safetensors",
    "canary.safetensors", "",
              ".", "..", "model.safetensors.index.json", "config.json", "a\\b.safetensors", "C:x.safetensors",
              "x\0.safetensors",
              "a" * 5_000 + ".safetensors", "\n.safetensors", "~/x.safetensors", ".safetensors", "\ud800.safetensors",
              "./" * 2_000 + "a.safetensors", *files)  # fmt: skip
    value, honest = json.loads(files[INDEX]), sorted({*json.loads(files[INDEX])["weight_map"].values()})
    for _ in range(random.choice([1, 1, 2, 30])):
        names, share = [*value["weight_map"], *TENSOR_NAMES], random.random()
        shard = raw(random) if share < 0.05 else random.choice(honest if share < 0.8 else shards)
        value["weight_map"][random.choice(names)] = shard
    if random.random() < 0.2:
        replace_somewhere(value, random, shards)
    return {**files, INDEX: written(value, random)}


def folder(files: Files, random: Random) -> Folder:
    """Put links, folders, pipes, nothing or other files in the place of files."""
    changed: Folder = dict(files)
    targets = ("../canary.safetensors", "../canary/tokenizer.json", "/etc/passwd", "/dev/zero", "/dev/stdin",
    "/proc/self/mem",
               ".", "..", "nothing", "../../../../../../etc", "{self}", "{other}", "{canary}")  # fmt: skip
    for _ in range(random.choice([1, 1, 2, 3])):
        name = random.choice([*files, *FILE_NAMES])
        match random.randrange(6):
            case 0 | 1 | 2:
                target = random.choice(targets)
                changed[name] = Link(
                    name if target == "{self}" else random.choice(sorted(files)) if target == "{other}" else target
                )
            case 3:
                changed[name] = Other(random.choice(["folder", "pipe"]))
            case 4:
                changed.pop(name, None)
            case _:
                changed[name] = random.choice([b"", b"version https://git-lfs.github.com/spec/v1\n", b"\x80\x02."])
    return changed


def gguf(files: Files, random: Random) -> Folder:
    """Write a GGUF file in the place of everything, or beside another tokenizer."""
    beside = {
        name: files[name] for name in ("config.json", "tokenizer.json") if name in files and random.random() < 0.2
    }
    return {**beside, random.choice(["model.gguf", "x.gguf", "y-00001-of-00001.gguf"]): forged_gguf(random)}


def several(files: Files, random: Random) -> Folder:
    """Change several files at once, each in its own way."""
    changed: Folder = dict(files)
    for _ in range(random.choice([2, 2, 3])):
        plain = {name: one for name, one in changed.items() if isinstance(one, bytes) and one[8:]}
        if not any(name.endswith(".safetensors") for name in plain) or not any(n.endswith(".json") for n in plain):
            break
        odd = {name: one for name, one in changed.items() if not isinstance(one, bytes)}
        try:
            changed = {**_KINDS[random.choice(sorted(_KINDS))](plain, random), **odd}
        except (ValueError, KeyError, TypeError, AttributeError, IndexError, RecursionError):
            continue  # what an earlier change broke, a later one cannot read
    return changed


_KINDS: Mapping[str, Mutation] = {
    "bytes flipped": flip_bytes, "cut": cut, "spliced": splice, "header length": header_length,
    "header entries": header_entries, "odd tensors": tensors, "odd numbers": data, "JSON values": json_values,
    "odd config": config, "tokenizer steps": steps, "tiktoken lines": ranks, "index": index, "links and names": folder,
}  # fmt: skip
KINDS: Mapping[str, Mutation] = {**_KINDS, "several files": several, "GGUF": gguf}


def mutated(seed: int, number: int) -> tuple[str, Folder, Random]:
    """Return the kind and the files of one input of a run, and the random numbers that its journey goes on with."""
    random = Random(f"{seed}:{number}")
    kind = list(KINDS)[number % len(KINDS)]
    return kind, KINDS[kind](random.choice(seeds()), random), random


def write(folder: Path, files: Folder) -> int:
    """Write an input's files and return how many bytes they have; what is no file counts nothing."""
    size = 0
    for name, content in files.items():
        path = folder / name
        match content:
            case Link(target):
                path.symlink_to(target.replace("{canary}", str(folder.parent / "canary.safetensors")))
            case Other("pipe"):
                os.mkfifo(path)
            case Other():
                path.mkdir()
            case _:
                path.write_bytes(content)
                size += len(content)
    return size


def _safetensors(files: Files, random: Random) -> str:
    return random.choice([name for name in sorted(files) if name.endswith(".safetensors")])


def _unpack(content: bytes) -> tuple[dict[str, Any], bytes]:
    length = int.from_bytes(content[:8], "little")
    return json.loads(content[8 : 8 + length]), content[8 + length :]


def _packed(header: bytes, body: bytes) -> bytes:
    return len(header).to_bytes(8, "little") + header + body


MOST_NUMBERS = 2**20
"""A shape that lies is not filled."""


def _numbers(dtype: str, shape: list[int], random: Random) -> bytes:
    sizes = [size for size in shape if type(size) is int and size >= 0]
    if len(sizes) < len(shape) or math.prod(sizes) > MOST_NUMBERS:
        return b""
    honest = numbers(dtype if dtype in SIZES else "U8", shape, random.randrange(1_000))[2]
    size = SIZES.get(dtype, 1)
    count = len(honest) // size
    if not count:
        return b""
    match random.randrange(6):
        case 0:
            return honest
        case 1:
            return random.randbytes(size) * count
        case 2:
            return bytes(len(honest))
        case 3:
            return random.randbytes(len(honest))
        case 4:
            odd = random.choice([b"\xff\x7f", b"\x80\x7f", b"\x7f\x7f", b"\x01\x00", b"\x80\xff", b"\x00\x80"])
            return (
                (b"\0" * 6 + odd)[-size:] if dtype != "F16" else random.choice([b"\0\x7c", b"\xff\x7b", b"\1\0"])
            ) * count
        case _:
            spots = bytearray(honest)
            for _ in range(random.choice([1, 4, 40])):
                at = random.randrange(count) * size
                spots[at : at + size] = (
                    b"\0" * 6 + random.choice([b"\x80\x7f", b"\x80\xff", b"\xc0\x7f", b"\x7f\x7f"])
                )[-size:]
            return bytes(spots)
