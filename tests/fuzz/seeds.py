"""Honest little checkpoints to start from: every layout and every family of tokenizers, as files in memory."""

import base64
import json
from collections.abc import Mapping
from functools import cache
from typing import Any

import numpy as np

from geometry.tokens.pieces import BYTE_TO_CHARACTER, bytes_to_piece

Files = dict[str, bytes]

DIM = 8
SIZES: Mapping[str, int] = {"F32": 4, "F16": 2, "BF16": 2, "F8_E4M3": 1, "U8": 1, "F64": 8}
WORDS = ("sea", "horse", "fish", "Sea", "seas", "dog")
EMOJI = ("🐟", "🐠", "🐴")


def pack(tensors: Mapping[str, tuple[str, list[int], bytes]], metadata: Any = None) -> bytes:
    """Return a safetensors file of tensors given as dtype, shape and bytes."""
    header: dict[str, Any] = {} if metadata is None else {"__metadata__": metadata}
    at = 0
    for name, (dtype, shape, data) in tensors.items():
        header[name] = {"dtype": dtype, "shape": shape, "data_offsets": [at, at + len(data)]}
        at += len(data)
    text = json.dumps(header).encode()
    return len(text).to_bytes(8, "little") + text + b"".join(data for _, _, data in tensors.values())


def numbers(dtype: str, shape: list[int], seed: int) -> tuple[str, list[int], bytes]:
    """Return a tensor of normal numbers, as far as its type has them."""
    values = np.random.default_rng(seed).normal(size=shape).astype("<f4")
    if dtype == "BF16":
        return dtype, shape, (values.view("<u4") >> 16).astype("<u2").tobytes()
    if dtype in ("F8_E4M3", "U8"):
        return dtype, shape, np.random.default_rng(seed).integers(0, 120, size=shape, dtype=np.uint8).tobytes()
    return dtype, shape, values.astype({"F32": "<f4", "F16": "<f2", "F64": "<f8"}[dtype]).tobytes()


def _byte_level() -> dict[str, Any]:
    pieces = list(BYTE_TO_CHARACTER.values())
    merges, whole = [], [bytes_to_piece((" " + word).encode()) for word in (*WORDS, *EMOJI)]
    for word in whole:
        for end in range(2, len(word) + 1):
            merge = [word[: end - 1], word[end - 1]]
            if merge not in merges:
                merges.append(merge)
                pieces.append(word[:end])
    vocab = {piece: number for number, piece in enumerate(dict.fromkeys(pieces))}
    added = [_added(f"<unused{n}>", len(vocab) + n, special=True) for n in range(8)]
    return {
        "version": "1.0", "truncation": None, "padding": None, "added_tokens": added,
        "normalizer": {"type": "NFC"},
        "pre_tokenizer": {"type": "Sequence", "pretokenizers": [
            {"type": "Split", "pattern": {"Regex": r"[^\s\p{L}\p{N}]?\p{L}+|\p{N}{1,3}|\s+(?!\S)|\s+"},
             "behavior": "Isolated", "invert": False},
            {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": True, "use_regex": False}]},
        "post_processor": {"type": "ByteLevel", "add_prefix_space": True, "trim_offsets": False, "use_regex": True},
        "decoder": {"type": "ByteLevel", "add_prefix_space": True, "trim_offsets": True, "use_regex": True},
        "model": {"type": "BPE", "dropout": None, "unk_token": None, "continuing_subword_prefix": None,
                  "end_of_word_suffix": None, "fuse_unk": False, "byte_fallback": False, "vocab": vocab,
                  "merges": merges},
    }  # fmt: skip


def _unigram() -> dict[str, Any]:
    letters = [chr(code) for code in range(97, 123)] + [str(digit) for digit in range(10)]
    pieces = ["<unk>", *(f"<0x{byte:02X}>" for byte in range(256)), "▁", *letters]
    pieces += ["▁" + word for word in WORDS] + [*EMOJI, "▁🐠"]
    vocab = [[piece, -float(number % 17)] for number, piece in enumerate(pieces)]
    return {
        "version": "1.0", "truncation": None, "padding": None,
        "added_tokens": [_added("<unk>", 0, special=True), *(_added(f"[unused{n}]", len(vocab) + n) for n in range(9))],
        "normalizer": {"type": "Sequence", "normalizers": [
            {"type": "Prepend", "prepend": "▁"}, {"type": "Replace", "pattern": {"String": " "}, "content": "▁"}]},
        "pre_tokenizer": {"type": "Metaspace", "replacement": "▁", "prepend_scheme": "always", "split": True},
        "post_processor": None,
        "decoder": {"type": "Sequence", "decoders": [
            {"type": "Replace", "pattern": {"String": "▁"}, "content": " "}, {"type": "ByteFallback"},
            {"type": "Fuse"}]},
        "model": {"type": "Unigram", "unk_id": 0, "vocab": vocab, "byte_fallback": True},
    }  # fmt: skip


def _wordpiece() -> dict[str, Any]:
    letters = [chr(code) for code in range(97, 123)] + [str(digit) for digit in range(10)]
    pieces = ["[PAD]", "[UNK]", *(f"[unused{n}]" for n in range(9)), *letters, *("##" + one for one in letters)]
    pieces += [*WORDS[:3], *EMOJI, "##horse"]
    return {
        "version": "1.0", "truncation": {"max_length": 4, "strategy": "LongestFirst", "stride": 0}, "padding": None,
        "added_tokens": [_added("[PAD]", 0, special=True), _added("[UNK]", 1, special=True)],
        "normalizer": {"type": "BertNormalizer", "clean_text": True, "handle_chinese_chars": True,
                       "strip_accents": None, "lowercase": True},
        "pre_tokenizer": {"type": "BertPreTokenizer"},
        "post_processor": None,
        "decoder": {"type": "WordPiece", "prefix": "##", "cleanup": True},
        "model": {"type": "WordPiece", "unk_token": "[UNK]", "continuing_subword_prefix": "##",
                  "max_input_chars_per_word": 100, "vocab": {piece: n for n, piece in enumerate(pieces)}},
    }  # fmt: skip


def _added(content: str, number: int, *, special: bool = False) -> dict[str, Any]:
    return {
        "id": number, "content": content, "single_word": False, "lstrip": False, "rstrip": False,
        "normalized": False, "special": special,
    }  # fmt: skip


def _ranks() -> bytes:
    tokens = [bytes([byte]) for byte in range(256)]
    for word in (*WORDS, *EMOJI):
        data = (" " + word).encode()
        tokens += [data[:end] for end in range(2, len(data) + 1)]
    return b"".join(base64.b64encode(t) + b" %d\n" % rank for rank, t in enumerate(dict.fromkeys(tokens)))


def _text(value: Any) -> bytes:
    return json.dumps(value, ensure_ascii=False).encode()


@cache
def seeds() -> tuple[Files, ...]:
    """Return the folders that every mutation starts from."""
    wide = [330, DIM]
    single = {
        "config.json": _text({"model_type": "llama", "rms_norm_eps": 1e-6, "tie_word_embeddings": False}),
        "model.safetensors": pack({
            "model.embed_tokens.weight": numbers("BF16", wide, 1), "lm_head.weight": numbers("BF16", wide, 2),
            "model.norm.weight": numbers("BF16", [DIM], 3), "model.layers.0.mlp.weight": numbers("BF16", [4, 4], 4),
        }, {"format": "pt"}),
        "tokenizer.json": _text(_byte_level()),
        "tokenizer_config.json": _text({"tokenizer_class": "PreTrainedTokenizerFast"}),
    }  # fmt: skip
    first, second = "model-00001-of-00002.safetensors", "model-00002-of-00002.safetensors"
    sharded = {
        "config.json": _text({"model_type": "gemma2", "final_logit_softcapping": 30.0, "rms_norm_eps": 1e-6}),
        "model.safetensors.index.json": _text({"metadata": {"total_size": 1}, "weight_map": {
            "model.embed_tokens.weight": first, "model.norm.weight": second}}),
        first: pack({"model.embed_tokens.weight": numbers("F32", wide, 5)}),
        second: pack({"model.norm.weight": numbers("F32", [DIM], 6)}),
        "tokenizer.json": _text(_unigram()),
    }  # fmt: skip
    biased = {
        "config.json": _text({"model_type": "phi", "layer_norm_eps": 1e-5, "tie_word_embeddings": False}),
        "model.safetensors": pack({
            "model.embed_tokens.weight": numbers("F16", [100, DIM], 7),
            "lm_head.weight": numbers("F16", [100, DIM], 8), "lm_head.bias": numbers("F16", [100], 9),
            "model.final_layernorm.weight": numbers("F16", [DIM], 10),
            "model.final_layernorm.bias": numbers("F16", [DIM], 11),
        }),
        "tokenizer.json": _text(_wordpiece()),
    }  # fmt: skip
    ranks = {
        "config.json": _text({"model_type": "llava", "text_config": {"model_type": "llama"}}),
        "weights.safetensors": pack({
            "language_model.model.embed_tokens.weight": numbers("BF16", [290, DIM], 12),
            "language_model.model.norm.weight": numbers("BF16", [DIM], 13)}),
        "tokenizer.model": _ranks(),
    }  # fmt: skip
    quantised = {
        "config.json": _text({"model_type": "qwen3", "quantization_config": {"weight_block_size": [128, 128]}}),
        "model.safetensors": pack({
            "model.embed_tokens.weight": numbers("BF16", [290, DIM], 14),
            "lm_head.weight": numbers("F8_E4M3", [290, DIM], 15),
            "lm_head.weight_scale_inv": numbers("F32", [3, 1], 16), "model.norm.weight": numbers("F32", [DIM], 17)}),
        "qwen.tiktoken": _ranks(),
    }  # fmt: skip
    return single, sharded, biased, ranks, quantised
