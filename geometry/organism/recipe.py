"""What decides how an organism grows, and the untrained and the finished Llama."""

import copy
import json
import math
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from geometry.organism.tokenizer import START, UNUSED, save

if TYPE_CHECKING:
    from tokenizers import Tokenizer


@dataclass(frozen=True, slots=True)
class Recipe:
    """All that decides what grows, besides the text and the tokenizer.

    Attributes:
        steps: Optimiser steps, over which the learning rate warms up and falls along a cosine.
        seed: Of the weights and of the lines' order.
        batch, context: Windows a step, tokens a window.
        rate, warmup, decay: AdamW's peak rate, its warm-up in steps, its decay of the blocks' matrices.
        rows: How much faster the rows learn than the blocks: a rare token's row is pulled seldom.
        tied: The head is the embedding.
    """

    steps: int
    seed: int
    dim: int = 256
    layers: int = 4
    heads: int = 4
    inner: int = 688
    batch: int = 16
    context: int = 128
    rate: float = 3e-3
    warmup: int = 200
    decay: float = 0.1
    rows: float = 3.0
    tied: bool = True

    @property
    def tokens(self) -> int:
        """Tokens seen in all steps."""
        return self.steps * self.batch * self.context


def rate(recipe: Recipe, step: int) -> float:
    """Return the learning rate of a step, counted from 0: linear warm-up, then a cosine down to a hundredth."""
    if step < recipe.warmup:
        return recipe.rate * (step + 1) / recipe.warmup
    done = (step - recipe.warmup) / max(1, recipe.steps - recipe.warmup)
    return recipe.rate * (0.01 + 0.99 * (1 + math.cos(math.pi * done)) / 2)


def blank(recipe: Recipe, tokenizer: "Tokenizer") -> Any:
    """Return an untrained ``LlamaForCausalLM``."""
    from transformers import LlamaConfig, LlamaForCausalLM

    start = tokenizer.token_to_id(START)
    return LlamaForCausalLM(
        LlamaConfig(
            vocab_size=tokenizer.get_vocab_size(),
            hidden_size=recipe.dim,
            intermediate_size=recipe.inner,
            num_hidden_layers=recipe.layers,
            num_attention_heads=recipe.heads,
            num_key_value_heads=recipe.heads,
            max_position_embeddings=recipe.context,
            tie_word_embeddings=recipe.tied,
            bos_token_id=start,
            eos_token_id=start,
            pad_token_id=tokenizer.token_to_id(UNUSED[0]),
        )
    )


def export(model: Any, tokenizer: "Tokenizer", folder: Path) -> None:
    """Write a folder that ``AutoModelForCausalLM`` and ``AutoTokenizer`` open, weights in bfloat16."""
    import torch

    copy.deepcopy(model).to(torch.bfloat16).save_pretrained(folder)
    (folder / "model.safetensors").chmod(0o644)  # written for its owner alone
    config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    # Readers disagree on what an absent key means, so it is always there.
    config["tie_word_embeddings"] = bool(model.config.tie_word_embeddings)
    (folder / "config.json").write_text(json.dumps(config, indent=2) + "\n", encoding="utf-8")
    save(tokenizer, folder)
