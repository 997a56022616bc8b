"""What a ``config.json`` says, whatever tensors lie beside it: type, text model, tying, and the class that saved it."""

import re
from collections.abc import Mapping
from typing import Any

# the language model's part of a config
TEXT_PARTS = ("text_config", "llm_config", "language_config", "thinker_config", "decoder", "decoder_config")

# these take tie_word_embeddings for something else, such as a scale: head and embedding are one unless both lie there
_ALWAYS_TIED = frozenset({"longt5", "mt5", "t5", "udop", "umt5"})

# of the types around a language model most go by their own flag; these go by that model's
# fmt: off
_BY_INNER = frozenset({
    "blip-2", "encoder-decoder", "instructblip", "instructblipvideo", "kosmos-2.5", "speech-encoder-decoder",
    "vibevoice", "vision-encoder-decoder",
})

# and for these it is enough that one of the two flags says tied
_BY_EITHER = frozenset({
    "glm4v", "glm4v_moe", "glm_ocr", "hunyuan_vl", "kosmos-2", "llava", "llava_next_video", "llava_onevision",
    "minimax_m3_vl", "paddleocr_vl", "qwen2_5_vl", "qwen2_vl", "shieldgemma2", "video_llama_3",
})
# fmt: on

# names of classes without an unembedding; a few that end in Model have one
_HEADLESS = re.compile(
    r"(?<!LMHead)(?<!DoubleHeads)(?<!MarianMT)(?<!VLChat)(?<!EncoderDecoder)Model$|Encoder$"
    r"|For(Sequence|Token|Image|Audio|Video)?Classification$|For(Extractive)?QuestionAnswering(Simple)?$"
    r"|ForMultipleChoice$|ForNextSentencePrediction$"
)


def model_type(config: Mapping[str, Any]) -> str:
    """Return a config's ``model_type``; an empty string where there is none, or one that is no name."""
    value = config.get("model_type")
    return value if isinstance(value, str) else ""


def text_config(config: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return the language model's part of a config that has several, else the config itself."""
    for key in TEXT_PARTS:
        inner = config.get(key)
        if isinstance(inner, Mapping):
            # an omni model's thinker holds a text model in turn
            nested = inner.get("text_config") if key == "thinker_config" else None
            return nested if isinstance(nested, Mapping) else inner
    return config


def says_tied(config: Mapping[str, Any]) -> bool | None:
    """Return whether head and embedding are one by the flag that the type's class goes by; None where none is set.

    A missing flag says nothing, as the defaults of classes vary.
    """
    kind, inner = model_type(config), text_config(config)
    told = [_own_flag(part) for part in ((inner,) if kind in _BY_INNER else (config, inner))]
    flags = [flag for flag in told if flag is not None]
    if not flags:
        return None
    return any(flags) if kind in _BY_EITHER else flags[0]


def _own_flag(part: Mapping[str, Any]) -> bool | None:
    if model_type(part) in _ALWAYS_TIED:
        return True
    flag = part.get("tie_word_embeddings")
    return flag if isinstance(flag, bool) else None


def headless_class(config: Mapping[str, Any]) -> str:
    """Return the class without a head that saved a checkpoint, by ``architectures``; an empty string otherwise."""
    names = config.get("architectures")
    if not isinstance(names, list) or not names or not all(isinstance(name, str) for name in names):
        return ""
    return names[0] if all(_HEADLESS.search(name) for name in names) else ""


def token_counts(config: Mapping[str, Any]) -> list[int]:
    """Return the numbers of tokens that a config tells: its own and its text model's."""
    sizes = (part.get("vocab_size") for part in (config, text_config(config)))
    return [size for size in sizes if isinstance(size, int)]


def told_width(config: Mapping[str, Any]) -> int | None:
    """Return the length of a row that a config tells."""
    widths = (text_config(config).get(key) for key in ("hidden_size", "d_model", "n_embd", "dim"))
    return next((width for width in widths if type(width) is int and width > 0), None)
