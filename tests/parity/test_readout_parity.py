"""Every row of the readout table against the running model: its residual in, its logits out."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from geometry.checkpoint import find_layout, open_checkpoint
from geometry.checkpoint.layout import NORMS
from geometry.readout import make_readout
from geometry.recipes import RECIPES, WRAPPERS, Formula, Key

FAST = ["cohere", "gemma2", "gemma3_text", "gpt2", "gpt_neo", "gpt_neox", "llama", "mistral", "phi", "qwen3"]

VOCAB, DIM = 67, 32
TINY: dict[str, Any] = {
    "vocab_size": VOCAB,
    "hidden_size": DIM,
    "intermediate_size": 48,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "head_dim": 8,
    "max_position_embeddings": 64,
    "pad_token_id": 0,
    "bos_token_id": 1,
    "eos_token_id": 2,
}
GPT: dict[str, Any] = {"n_embd": DIM, "n_layer": 2, "n_head": 4, "n_positions": 64, "n_inner": 48}
MOE: dict[str, Any] = {
    "num_experts": 4,
    "num_local_experts": 4,
    "n_routed_experts": 4,
    "num_experts_per_tok": 2,
    "moe_intermediate_size": 16,
    "shared_expert_intermediate_size": 16,
}
LATENT: dict[str, Any] = {
    **MOE,
    "n_group": 1,
    "topk_group": 1,
    "num_key_value_heads": 4,
    "kv_lora_rank": 8,
    "q_lora_rank": 8,
    "qk_nope_head_dim": 8,
    "qk_rope_head_dim": 8,
    "v_head_dim": 8,
    "head_dim": 8,
}
VISION: dict[str, Any] = {
    "hidden_size": 16,
    "intermediate_size": 16,
    "num_hidden_layers": 1,
    "num_attention_heads": 2,
    "image_size": 28,
    "patch_size": 14,
    "depth": 1,
    "num_heads": 2,
    "out_hidden_size": DIM,
}

# what a type needs beside the common sizes
EXTRA: dict[str, dict[str, Any]] = {
    "bloom": {"n_head": 4, "n_layer": 2},
    "codegen": {**GPT, "rotary_dim": 4},
    "deepseek_v2": LATENT,
    "deepseek_v3": LATENT,
    "falcon": {"head_dim": None},
    "glm4_moe": MOE,
    "gpt2": GPT,
    "gpt_bigcode": GPT,
    "gpt_neo": {"attention_types": [[["global", "local"], 1]], "num_layers": 2, "num_heads": 4},
    "gpt_oss": MOE,
    "gptj": {**GPT, "rotary_dim": 4},
    "granitemoe": MOE,
    "mixtral": MOE,
    "mpt": {"d_model": DIM, "n_layers": 2, "n_heads": 4},
    "olmoe": MOE,
    "persimmon": {"num_key_value_heads": 4},
    "qwen2_moe": MOE,
    "qwen3_moe": MOE,
    "qwen3_next": {
        **MOE,
        "linear_num_value_heads": 2,
        "linear_num_key_heads": 2,
        "linear_key_head_dim": 8,
        "linear_value_head_dim": 8,
    },
    "recurrent_gemma": {"lru_width": DIM, "num_hidden_layers": 3, "attention_window_size": 16},
}


def tiny_config(kind: str) -> Any:
    """Return a tiny config in which every number that the readout reads differs from its default."""
    from transformers import AutoConfig

    if kind in WRAPPERS:
        text = tiny_config("llama" if kind == "llava" else WRAPPERS[kind]).to_dict()
        text.pop("model_type")
        text["final_logit_softcapping"] = None
        if kind.startswith("qwen2"):
            text["rope_parameters"] = {"rope_type": "default", "rope_theta": 1e4, "mrope_section": [1, 1, 2]}
        blank = AutoConfig.for_model(kind)
        named = type(blank.text_config)(**text).to_dict()
        return AutoConfig.for_model(kind, text_config=named, vision_config=VISION | vision_type(blank))
    recipe = RECIPES[kind]
    numbers = {}
    for key, value in ((recipe.eps, 0.03), (recipe.scale, 1.7), (recipe.cap, 1.5)):
        if isinstance(key, Key):
            numbers[key.name] = value
    sizes = {name: size for name, size in (TINY | EXTRA.get(kind, {}) | numbers).items() if size is not None}
    return AutoConfig.for_model(kind, **sizes)


def vision_type(blank: Any) -> dict[str, Any]:
    return {"model_type": blank.vision_config.model_type}


def tiny_model(config: Any) -> Any:
    """Return a model with every parameter random, gains, shifts and biases included."""
    import torch
    from transformers import AutoModelForCausalLM, AutoModelForImageTextToText

    torch.manual_seed(7)
    auto = AutoModelForImageTextToText if config.model_type in WRAPPERS else AutoModelForCausalLM
    model = auto.from_config(config, attn_implementation="eager").float().eval()
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.copy_(0.4 * torch.randn_like(parameter))
    return model


def run(model: Any) -> tuple[np.ndarray, np.ndarray]:
    """Return what enters the final norm, (positions, dim), and the logits, (positions, vocab)."""
    import torch

    entered: list[Any] = []
    for name, module in model.named_modules():
        parts = name.split(".")
        outside = not any(part.isdigit() for part in parts) and "vision" not in name and "visual" not in name
        if outside and parts[-1] in NORMS:
            module.register_forward_pre_hook(lambda _, args: entered.append(args[0]))
    ids = torch.arange(3, 12)[None]
    with torch.no_grad():
        logits = model(input_ids=ids, use_cache=False).logits
    return entered[-1][0].float().numpy(), logits[0].float().numpy()


def both_logits(model: Any, folder: Path) -> tuple[np.ndarray, np.ndarray]:
    """Return the logits by the readout table and the model's own, each (positions, vocab)."""
    residuals, logits = run(model)
    model.save_pretrained(folder)
    checkpoint = open_checkpoint(folder)
    layout = find_layout(checkpoint.tensors, checkpoint.config)
    readout = make_readout(checkpoint.config, layout, checkpoint)
    assert readout.known, readout.reason
    matrix = checkpoint.matrix(layout.head)
    z = (readout.normed(residuals) * np.float32(readout.prescale)) @ matrix.block(0, matrix.shape[0]).T
    return readout.finish(z if readout.bias is None else z + readout.bias), logits


@pytest.mark.parametrize(
    "kind",
    [
        pytest.param(kind, marks=() if kind in FAST else pytest.mark.slow)
        for kind in [*sorted(RECIPES), *sorted(WRAPPERS)]
    ],
)
def test_logits_are_the_models_own(kind: str, tmp_path: Path) -> None:
    mine, logits = both_logits(tiny_model(tiny_config(kind)), tmp_path)
    assert np.ptp(logits) > 0.5, "logits this flat would match any formula"
    np.testing.assert_allclose(mine, logits, atol=1e-4, rtol=1e-4)


@pytest.mark.parametrize("kind", sorted(RECIPES))
def test_defaults_are_those_of_the_config_class(kind: str) -> None:
    from transformers import AutoConfig

    config = AutoConfig.for_model(kind)
    recipe = RECIPES[kind]
    for key in (recipe.eps, recipe.scale, recipe.cap):
        if isinstance(key, Key):
            assert getattr(config, key.name) == key.default, key.name


@pytest.mark.parametrize(
    "wrong",
    [
        {"norm": Formula.RMS},
        {"eps": 1e-5},
        {"cap": None},
        {"scale": Key("final_logit_softcapping", 1.0)},
    ],
    ids=lambda wrong: next(iter(wrong)),
)
def test_a_wrong_row_does_not_pass(wrong: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    model = tiny_model(tiny_config("gemma2"))
    monkeypatch.setitem(RECIPES, "gemma2", replace(RECIPES["gemma2"], **wrong))
    mine, logits = both_logits(model, tmp_path)
    assert not np.allclose(mine, logits, atol=1e-4, rtol=1e-4)
