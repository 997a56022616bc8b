"""Heads whose truth is known: emoji rows that are their names' rows added up, or that are anything at all."""

import json
from functools import cache
from pathlib import Path

import numpy as np
from safetensors.numpy import save_file

from geometry.head import Head, open_head
from geometry.linalg import unit
from geometry.organism import tokenizer
from geometry.tokens.emoji import Emoji, catalogue

DIM = 48
SPARE = ("sea", "horse", "seahorse", "walrus", "lasagna", "hammock", "papaya", "wheelbarrow", "platypus", "fox")
"""Words beside those of the names."""


@cache
def some_emoji(count: int = 120) -> tuple[Emoji, ...]:
    """Return emoji of every group, each named in plain words."""
    plain = [
        entry
        for entry in catalogue()
        if entry.status == "fully-qualified" and entry.name.replace(" ", "").isalpha() and len(entry.text) == 1
    ]
    return tuple(plain[:: len(plain) // count][:count])


def simulated(folder: Path, *, composes: bool, count: int = 120) -> Head:
    """Write a head whose emoji rows are their name's rows plus a direction, or are anything at all."""
    emoji = some_emoji(count)
    words = list(dict.fromkeys(word for entry in emoji for word in entry.name.lower().split()))
    words += [word for word in SPARE if word not in words]
    # The name comes before the emoji so that no emoji is met without its space.
    made = tokenizer.build(["the sea"] * 3, [entry.text for entry in emoji], words, [], 2_000, merges=5)
    tokenizer.save(made, folder)
    rng = np.random.default_rng(7)
    rows = rng.normal(size=(made.get_vocab_size(), DIM)) / np.sqrt(DIM)
    direction = unit(rng.normal(size=DIM))
    for entry in emoji:
        token = made.token_to_id(entry.text)
        parts = [made.token_to_id("Ġ" + word) for word in entry.name.lower().split()]
        if composes:
            rows[token] = 1.2 * unit(
                unit(rows[parts]).sum(axis=0) + direction + 0.2 * rng.normal(size=DIM) / np.sqrt(DIM)
            )
        else:
            rows[token] = rows[token] + direction
    tensors = {
        "model.embed_tokens.weight": rows.astype(np.float32),
        "model.norm.weight": np.ones(DIM, dtype=np.float32),
    }
    save_file(tensors, folder / "model.safetensors")
    config = {"model_type": "llama", "tie_word_embeddings": True, "rms_norm_eps": 1e-6, "hidden_size": DIM}
    config["vocab_size"] = len(rows)
    (folder / "config.json").write_text(json.dumps(config))
    return open_head(folder)
