"""What llama.cpp does around the head, one row a ``general.architecture``; the numbers are the file's own keys.

Its converter bakes into the tensors what it can: Gemma's and Nemotron's 1 + w is stored as the gain, Jais's output
multiplier in the head's rows. What is left is a norm, a scale and a cap.
"""

from collections.abc import Mapping
from typing import Any

from geometry.checkpoint.header import short
from geometry.errors import ReadoutError
from geometry.recipes.formulas import Formula, Key, Presence, Recipe

# fmt: off
_RMS = (
    "afmoe", "apertus", "arcee", "arctic", "bailingmoe", "bailingmoe2", "chatglm", "deci", "deepseek", "deepseek2",
    "dots1", "dream", "ernie4_5", "ernie4_5-moe", "exaone", "exaone4", "gemma", "glm4", "glm4moe", "gpt-oss",
    "hunyuan-dense", "hunyuan-moe", "internlm2", "jamba", "llada", "llama", "llama4", "mamba", "mamba2", "minimax-m2",
    "mistral3", "nemotron_h", "olmo2", "olmoe", "openelm", "phi3", "plamo", "qwen", "qwen2moe", "qwen2vl", "qwen3",
    "qwen3moe", "qwen3next", "qwen3vl", "qwen3vlmoe", "refact", "seed_oss", "smollm3", "xverse",
)
_LN = (
    "bloom", "codeshell", "falcon", "gpt2", "gptneox", "jais", "nemotron", "orion", "stablelm", "starcoder",
    "starcoder2",
)
# fmt: on


def _rms_eps(name: str) -> Key:
    return Key(f"{name}.attention.layer_norm_rms_epsilon", None)


def _ln_eps(name: str) -> Key:
    return Key(f"{name}.attention.layer_norm_epsilon", None)


def _scaled(name: str, norm: Formula, eps: Key, *, divides: bool = False) -> Recipe:
    return Recipe(norm, eps, scale=Key(f"{name}.logit_scale", None), divides=divides)


def _capped(name: str, default: float | None) -> Recipe:
    return Recipe(Formula.RMS, _rms_eps(name), cap=Key(f"{name}.final_logit_softcapping", default))


_ROWS: Mapping[str, Recipe] = {
    **{name: Recipe(Formula.RMS, _rms_eps(name)) for name in _RMS},
    **{name: Recipe(Formula.LN, _ln_eps(name)) for name in _LN},
    **{name: Recipe(Formula.LN_NO_BIAS, _ln_eps(name)) for name in ("dbrx", "mpt")},
    **{name: _scaled(name, Formula.LN_NO_BIAS, _ln_eps(name)) for name in ("cohere2", "command-r")},
    # the converter writes the reciprocal of what MiniCPM multiplies by, and Granite's own divisor
    **{
        name: _scaled(name, Formula.RMS, _rms_eps(name), divides=True)
        for name in ("granite", "granitehybrid", "granitemoe", "minicpm")
    },
    "gemma2": _capped("gemma2", 30.0),
    "gemma3": _capped("gemma3", None),
    "gemma4": _capped("gemma4", 30.0),
    "olmo": Recipe(Formula.LN_PLAIN, _ln_eps("olmo")),
    "phi2": Recipe(Formula.LN, _ln_eps("phi2"), bias=Presence.ALWAYS),
    "qwen2": Recipe(Formula.RMS, _rms_eps("qwen2"), bias=Presence.SOME),
}

ARCHITECTURES: Mapping[str, Recipe] = {f"gguf/{name}": row for name, row in _ROWS.items()}

_AFTER = ("logit_scale", "final_logit_softcapping")
"""Keys that change the logits, whatever the architecture."""


def architecture_row(config: Mapping[str, Any]) -> Recipe:
    """Return the row of a GGUF file's architecture.

    Args:
        config: The file's keys, ``model_type`` being ``gguf/`` and the architecture.

    Raises:
        ReadoutError: there is none for this file; the message says why.
    """
    kind = str(config.get("model_type", ""))
    name = kind.removeprefix("gguf/")
    if kind not in ARCHITECTURES:
        raise ReadoutError(f"the GGUF architecture {short(name)} is not in the readout table")
    row = ARCHITECTURES[kind]
    needed = [key.name for key in (row.eps, row.scale) if isinstance(key, Key)]
    missing = [key for key in needed if key not in config]
    if missing:
        raise ReadoutError(f"the GGUF file lacks {missing[0]}, which its architecture needs")
    read = {key.name for key in row.keys}
    for ending in _AFTER:
        if f"{name}.{ending}" in config and f"{name}.{ending}" not in read:
            raise ReadoutError(f"the GGUF file has {name}.{ending}, which is not known to be used by its architecture")
    return row
