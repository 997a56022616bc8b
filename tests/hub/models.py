"""Small checkpoints as the files of a repository: a head among other tensors, in one file or in shards."""

import json

import numpy as np
from safetensors.numpy import save

DIM, VOCAB = 64, 420


def tensors(*, tied: bool = False, vocab: int = VOCAB, dim: int = DIM) -> dict[str, np.ndarray]:
    """A llama's tensors, most of which no head needs."""
    draw = np.random.default_rng(11)
    found = {
        "model.embed_tokens.weight": draw.normal(size=(vocab, dim)),
        "model.layers.0.mlp.up_proj.weight": draw.normal(size=(9 * dim, 9 * dim)),
        "model.layers.1.mlp.up_proj.weight": draw.normal(size=(9 * dim, 9 * dim)),
        "model.norm.weight": draw.uniform(0.5, 2.0, size=dim),
    }
    if not tied:
        found["lm_head.weight"] = draw.normal(size=(vocab, dim))
    return {name: value.astype(np.float32) for name, value in found.items()}


def config(*, tied: bool = False) -> bytes:
    return json.dumps({"model_type": "llama", "rms_norm_eps": 1e-5, "tie_word_embeddings": tied}).encode()


def single(tokenizer: bytes | None = None, **kind: bool) -> dict[str, bytes]:
    """One file of weights."""
    files = {"README.md": b"# a model", "config.json": config(**kind), "model.safetensors": save(tensors(**kind))}
    return files if tokenizer is None else {**files, "tokenizer.json": tokenizer}


def sharded(tokenizer: bytes | None = None, **kind: bool) -> dict[str, bytes]:
    """Four shards, of which the head, the embedding, and each block have one."""
    held = tensors(**kind)
    parts: dict[str, dict[str, np.ndarray]] = {f"model-{n}.safetensors": {} for n in range(4)}
    for name, value in held.items():
        place = {"model.embed_tokens.weight": 0, "model.layers.0.mlp.up_proj.weight": 1}.get(
            name, 2 if "1.mlp" in name else 3
        )
        parts[f"model-{place}.safetensors"][name] = value
    placed = {name: shard for shard, part in parts.items() for name in part}
    index = {"metadata": {"total_size": sum(value.nbytes for value in held.values())}, "weight_map": placed}
    files = {shard: save(part) for shard, part in parts.items()}
    files |= {"config.json": config(**kind), "model.safetensors.index.json": json.dumps(index).encode()}
    return files if tokenizer is None else {**files, "tokenizer.json": tokenizer}
