"""Small random causal LMs that transformers opens, with the tests' own tokenizer."""

import shutil
from pathlib import Path
from typing import Any

TOKENS = 420


def write_causal(folder: Path, tokenizer: Path, kind: str = "llama", *, seed: int = 0, **config: Any) -> Path:
    """Write a random model of a type into a folder; returns it.

    Args:
        folder: To be made.
        tokenizer: A ``tokenizer.json`` of at most `TOKENS` tokens.
        kind: A ``model_type`` with a causal class.
        seed: Of the weights, which are large enough for decided answers.
        config: Beside the sizes.
    """
    import torch
    from transformers import AutoConfig, AutoModelForCausalLM

    # a name that a type does not know stays in its config as it is
    sizes = {"hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 4, "max_position_embeddings": 64}
    sizes |= {"intermediate_size": 48, "num_key_value_heads": 2, "head_dim": 8, "vocab_size": TOKENS}
    sizes |= {"bos_token_id": 0, "eos_token_id": 1, "pad_token_id": 2}
    torch.manual_seed(seed)
    made = AutoConfig.for_model(kind, **{**sizes, **config})
    model = AutoModelForCausalLM.from_config(made, dtype=torch.float32).eval()
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(0.3 * torch.randn_like(parameter))
    model.save_pretrained(folder)
    shutil.copy(tokenizer, folder / "tokenizer.json")
    # without this some types' own tokenizer classes would be taken, and they look for tokens of theirs
    (folder / "tokenizer_config.json").write_text('{"tokenizer_class": "PreTrainedTokenizerFast"}')
    return folder
