"""Heads to measure on: rows drawn by seed, and a tokenizer with words and whole emoji for every one of them."""

import json
from pathlib import Path

import torch
from safetensors.torch import save_file

from geometry.bundled import data_folder

BLOCK = 8_192


def write_head(folder: Path, vocab: int, dim: int, *, words: bool = False) -> None:
    """Write a bf16 checkpoint that holds a head of random rows.

    Args:
        folder: Where to.
        vocab, dim: The head's shape.
        words: Bring the bundled organism's tokenizer, and a norm, so that names can be asked for; ids past its own get
            made-up words, so that no row is padding.
    """
    generator = torch.Generator().manual_seed(0)
    weight = torch.empty(vocab, dim, dtype=torch.bfloat16)
    for start in range(0, vocab, BLOCK):
        part = weight[start : start + BLOCK]
        part.copy_(torch.randn(part.shape, generator=generator))
    tensors, config = {"lm_head.weight": weight}, {"model_type": "llama", "tie_word_embeddings": False}
    if words:
        tensors["model.norm.weight"] = torch.rand(dim, generator=generator).to(torch.bfloat16) + 0.5
        config["rms_norm_eps"] = 1e-5
        (folder / "tokenizer.json").write_text(words_tokenizer(vocab), encoding="utf-8")
    save_file(tensors, folder / "model.safetensors")
    (folder / "config.json").write_text(json.dumps(config))


def words_tokenizer(vocab: int) -> str:
    """The organism's tokenizer, with made-up words up to ``vocab`` ids."""
    path = data_folder() / "organisms" / "whole" / "tokenizer.json"
    tokenizer = json.loads(path.read_text(encoding="utf-8"))
    held = len(tokenizer["model"]["vocab"]) + len(tokenizer["added_tokens"])
    for token in range(held, vocab):
        tokenizer["model"]["vocab"]["Ġzq" + _letters(token)] = token
    return json.dumps(tokenizer, ensure_ascii=False)


def _letters(number: int) -> str:
    """A number in letters, so that the token is a word."""
    return "".join(chr(ord("a") + int(digit)) for digit in str(number))
