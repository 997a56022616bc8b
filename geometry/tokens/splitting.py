"""How byte-level tokenizers cut a text before they merge, by the names that llama.cpp gives them.

One row a ``tokenizer.ggml.pre``, as the model's own tokenizer cuts. A name that is not here is not guessed at.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from geometry.tokens.tiktoken import KNOWN
from geometry.tokens.tokenizer_json import Json


@dataclass(frozen=True, eq=False)
class Cutting:
    """One row: the steps of a ``tokenizer.json``.

    Attributes:
        steps: The pre-tokenizer's steps.
        normalizer: What the text is brought to first.
        ignores_merges: A part that is a token as a whole is taken as it is, whatever the merges would make of it.
    """

    steps: list[Json]
    normalizer: Json | None = None
    ignores_merges: bool = False


def _by_pattern(pattern: str) -> list[Json]:
    """Return the steps that cut by one pattern and write bytes."""
    return [
        {"type": "Split", "pattern": {"Regex": pattern}, "behavior": "Isolated", "invert": False},
        {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": False, "use_regex": False},
    ]


_GPT_2: list[Json] = [{"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": False, "use_regex": True}]
_DIGITS: list[Json] = [{"type": "Digits", "individual_digits": True}, *_GPT_2]
_FALCON: list[Json] = [
    {"type": "Punctuation", "behavior": "Contiguous"},
    *_GPT_2,
    {"type": "Digits", "individual_digits": False},
    {"type": "Split", "pattern": {"Regex": "[0-9][0-9][0-9]"}, "behavior": "Isolated", "invert": False},
]
_NFC: Json = {"type": "NFC"}

_UPPER, _LOWER = r"[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]", r"[\p{Ll}\p{Lm}\p{Lo}\p{M}]"
_TEKKEN = (
    rf"[^\r\n\p{{L}}\p{{N}}]?{_UPPER}*{_LOWER}+|[^\r\n\p{{L}}\p{{N}}]?{_UPPER}+{_LOWER}*"
    r"|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+"
)

_LLAMA_3 = Cutting(_by_pattern(KNOWN[128_000].pattern), ignores_merges=True)
_QWEN = Cutting(_by_pattern(KNOWN[151_643].pattern), _NFC)
_O200K = Cutting(_by_pattern(KNOWN[199_998].pattern))

SPLITTINGS: Mapping[str, Cutting] = {
    "command-r": Cutting(_DIGITS, _NFC),
    "falcon": Cutting(_FALCON),
    "gpt-2": Cutting(_GPT_2),
    "gpt-4o": _O200K,
    "llama-bpe": _LLAMA_3,
    "llama-v3": _LLAMA_3,
    "llama3": _LLAMA_3,
    "llama4": _O200K,
    "mpt": Cutting(_GPT_2, _NFC),
    "olmo": Cutting(_GPT_2, _NFC),
    "phi-2": Cutting(_GPT_2),
    "qwen2": _QWEN,
    "refact": Cutting(_DIGITS),
    "smollm": Cutting(_DIGITS),
    "stablelm2": _QWEN,
    "starcoder": Cutting(_DIGITS),
    "tekken": Cutting(_by_pattern(_TEKKEN), ignores_merges=True),
}
