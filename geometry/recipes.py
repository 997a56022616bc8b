"""What each model type does around its head, one row a ``model_type``.

None of it can be seen in the tensors, so it is written down here. A type without a row is not guessed at.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum


class Formula(StrEnum):
    """The final norm: ``rms`` divides by the root mean square, ``ln`` standardises."""

    RMS = "rms·w"
    RMS_PLUS_ONE = "rms·(1+w)"
    RMS_PLAIN = "rms"
    LN = "ln·w+b"
    LN_NO_BIAS = "ln·w"
    LN_PLUS_ONE = "ln·(1+w)+b"
    LN_PLAIN = "ln"
    UNKNOWN = "unknown"


CENTERING = {Formula.LN, Formula.LN_NO_BIAS, Formula.LN_PLUS_ONE, Formula.LN_PLAIN}
WITH_GAIN = {Formula.RMS, Formula.RMS_PLUS_ONE, Formula.LN, Formula.LN_NO_BIAS, Formula.LN_PLUS_ONE}
WITH_SHIFT = {Formula.LN, Formula.LN_PLUS_ONE}
PLUS_ONE = {Formula.RMS_PLUS_ONE, Formula.LN_PLUS_ONE}


@dataclass(frozen=True)
class Key:
    """A number in the config, and what the model's class takes where the config is silent."""

    name: str
    default: float | None


@dataclass(frozen=True)
class Recipe:
    """One row of the table: what a model type does around its head.

    Attributes:
        norm: the final norm's formula.
        eps: its epsilon: a config key, or a number that the class fixes.
        bias: whether the head has a bias.
        scale: the config key of what the logits are multiplied by.
        divides: the scale divides instead.
        cap: the config key of c in c·tanh(z/c).
    """

    norm: Formula
    eps: Key | float
    bias: bool = False
    scale: Key | None = None
    divides: bool = False
    cap: Key | None = None


_RMS_6 = Key("rms_norm_eps", 1e-6)
_RMS_5 = Key("rms_norm_eps", 1e-5)
_LN_5 = Key("layer_norm_eps", 1e-5)
_LN_EPSILON_5 = Key("layer_norm_epsilon", 1e-5)
_LLAMA_6 = Recipe(Formula.RMS, _RMS_6)
_LLAMA_5 = Recipe(Formula.RMS, _RMS_5)
_GPT = Recipe(Formula.LN, _LN_EPSILON_5)

# defaults are those of the config classes in transformers 5; a test compares every row with a running model
RECIPES: Mapping[str, Recipe] = {
    "arcee": _LLAMA_5,
    "bloom": _GPT,
    "codegen": Recipe(Formula.LN, _LN_EPSILON_5, bias=True),
    "cohere": Recipe(Formula.LN_NO_BIAS, _LN_5, scale=Key("logit_scale", 0.0625)),
    "cohere2": Recipe(Formula.LN_NO_BIAS, _LN_5, scale=Key("logit_scale", 0.0625)),
    "deepseek_v2": _LLAMA_6,
    "deepseek_v3": _LLAMA_6,
    "ernie4_5": _LLAMA_5,
    "exaone4": _LLAMA_5,
    "falcon": _GPT,
    "gemma": Recipe(Formula.RMS_PLUS_ONE, _RMS_6),
    "gemma2": Recipe(Formula.RMS_PLUS_ONE, _RMS_6, cap=Key("final_logit_softcapping", 30.0)),
    "gemma3_text": Recipe(Formula.RMS_PLUS_ONE, _RMS_6, cap=Key("final_logit_softcapping", None)),
    "glm": Recipe(Formula.RMS, Key("rms_norm_eps", 1.5625e-7)),
    "glm4": Recipe(Formula.RMS, Key("rms_norm_eps", 1.5625e-7)),
    "glm4_moe": _LLAMA_5,
    "gpt2": _GPT,
    "gpt_bigcode": _GPT,
    "gpt_neo": _GPT,
    "gpt_neox": Recipe(Formula.LN, _LN_5),
    "gpt_oss": _LLAMA_5,
    "gptj": Recipe(Formula.LN, _LN_EPSILON_5, bias=True),
    "granite": Recipe(Formula.RMS, _RMS_6, scale=Key("logits_scaling", 1.0), divides=True),
    "granitemoe": Recipe(Formula.RMS, _RMS_6, scale=Key("logits_scaling", 1.0), divides=True),
    "helium": Recipe(Formula.RMS, Key("rms_norm_eps", 1e-8)),
    "llama": _LLAMA_6,
    "mamba": Recipe(Formula.RMS, _LN_EPSILON_5),
    "ministral": _LLAMA_6,
    "mistral": _LLAMA_6,
    "mixtral": _LLAMA_5,
    "mpt": Recipe(Formula.LN_NO_BIAS, _LN_EPSILON_5),
    "nemotron": Recipe(Formula.LN_PLUS_ONE, Key("norm_eps", 1e-5)),
    "olmo": Recipe(Formula.LN_PLAIN, 1e-5),
    "olmo2": _LLAMA_5,
    "olmo3": _LLAMA_5,
    "olmoe": _LLAMA_5,
    "persimmon": Recipe(Formula.LN, _LN_5),
    "phi": Recipe(Formula.LN, _LN_5, bias=True),
    "phi3": _LLAMA_5,
    "qwen2": _LLAMA_6,
    "qwen2_moe": _LLAMA_6,
    "qwen3": _LLAMA_6,
    "qwen3_moe": _LLAMA_6,
    "qwen3_next": Recipe(Formula.RMS_PLUS_ONE, _RMS_6),
    "recurrent_gemma": Recipe(Formula.RMS_PLUS_ONE, _RMS_6, cap=Key("logits_soft_cap", 30.0)),
    "seed_oss": _LLAMA_6,
    "smollm3": _LLAMA_6,
    "stablelm": Recipe(Formula.LN, _LN_5),
    "starcoder2": Recipe(Formula.LN, Key("norm_epsilon", 1e-5)),
}

# multimodal types: the norm is that of their text model, and the head's product goes out as it is
WRAPPERS: Mapping[str, str] = {
    "gemma3": "gemma3_text",
    "llava": "llama",
    "mistral3": "mistral",
    "qwen2_5_vl": "qwen2",
    "qwen2_vl": "qwen2",
    "qwen3_vl": "qwen3",
}

# between the last block and the head these have a dense layer, an activation and a norm, which are not read
# fmt: off
TRANSFORMED = frozenset((
    "albert", "bert", "big_bird", "camembert", "convbert", "data2vec-text", "deberta", "deberta-v2",
    "distilbert", "electra", "ernie", "esm", "fnet", "layoutlm", "longformer", "luke",
    "megatron-bert", "mobilebert", "modernbert", "mpnet", "mra", "nomic_bert", "nystromformer",
    "rembert", "roberta", "roberta-prelayernorm", "roc_bert", "roformer", "squeezebert", "tapas",
    "xlm-roberta", "xlm-roberta-xl", "xmod", "yoso",
))
# fmt: on
