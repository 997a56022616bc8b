"""Words that checkpoints use, for mutations that get further than chance would."""

from random import Random
from typing import Any

from geometry.checkpoint.naming import BIASES, EMBEDDINGS, HEADS, NORMS, WEAK_HEADS

COMPANIONS = ("qweight", "scales", "biases", "weight_scale", "weight_scale_inv", "SCB", "trellis", "qzeros", "g_idx")

DTYPES = ("F32", "F16", "BF16", "F64", "F8_E4M3", "F8_E5M2", "F4", "F6_E2M3", "U8", "I8", "BOOL", "I64", "C64", "F128")

TENSOR_NAMES = tuple(
    [f"{name}.weight" for name in (*HEADS, *WEAK_HEADS, *(f"model.{one}" for one in EMBEDDINGS), *EMBEDDINGS)]
    + [f"{name}.{last}" for name in ("lm_head", "model.embed_tokens") for last in COMPANIONS]
    + [f"{place}{name}.{last}" for place in ("", "model.") for name in NORMS for last in ("weight", "bias", "gamma")]
    + list(BIASES)
    + ["", ".", "..", "a" * 3_000, "\n", "\u202e", "model.layers.0.lm_head.weight", "mtp.lm_head.weight", "../x"]
)

MODEL_TYPES = (
    "llama", "gemma", "gemma2", "gemma3_text", "gemma3", "phi", "phi3", "gpt2", "gpt_neox", "bloom", "falcon", "mpt",
    "olmo",
    "olmo2", "cohere", "granite", "nemotron", "qwen2", "qwen3", "qwen2_vl", "llava", "mistral3", "mamba", "stablelm",
    "recurrent_gemma", "codegen", "bert", "roberta", "t5", "deepseek_v3", "minicpm", "baichuan", "bailing", "gemma3n",
    "xlstm",
)  # fmt: skip

CONFIG_WORDS: tuple[Any, ...] = (
    *MODEL_TYPES, "text_config", "llm_config", {"model_type": "llama"}, {}, [], 0, 1,
    1e-6, -1e-6, 1e308, 1e-320, True, False, None, 330, 32_000, "", "llama\n", {"model_type": "gemma2"},
    {"text_config": {"model_type": "gemma3_text", "vocab_size": 330}}, {"bits": 4, "group_size": 64},
)  # fmt: skip

FILE_NAMES = (
    "config.json", "tokenizer.json", "tokenizer.model", "x.tiktoken", "model.safetensors", "y.safetensors",
    "model.safetensors.index.json", "tokenizer_config.json", "pytorch_model.bin", "z\n.tiktoken",
    "\x1b[31m.safetensors",
)  # fmt: skip

PATTERNS: tuple[Any, ...] = (
    {"String": " "}, {"String": ""}, {"String": "▁"}, {"String": "a" * 5_000}, {"Regex": ""}, {"Regex": "("},
    {"Regex": "(a*)*b"}, {"Regex": "(.*)*x"}, {"Regex": "(\\w+\\s?)*!"}, {"Regex": "(?:a|a)*$x"},
    {"Regex": ".*.*.*.*.*.*x"}, {"Regex": "(?=(a+))"}, {"Regex": "\\p{L}+"}, {"Regex": "a{1,30000}"},
    {"Regex": "((a{1,200}){1,200}){1,200}"}, {"Regex": "(" * 3_000 + ")" * 3_000}, {"Regex": "\\1"},
    {"Regex": "(?<n>a)\\g<n>"},
    {"Regex": "(?<n>a\\g<n>?b)"}, {"Regex": "(?:(?:(?:.+)+)+)+\\d\\d\\d"}, {"Regex": " {2,}"}, "a", {}, {"Regex": None},
    {"Regex": "(?i)\\s*[\\r\\n]+|(?!\\S)"}, {"Regex": "(?:\\p{L}|\\p{L}\\p{M}*)+#"}, {"Regex": "(?:\\w|\\w)*\\d"},
    {"Regex": "(.+)+\\d"}, {"Regex": "(?<n>.\\g<n>?|.\\g<n>?|.)\\d"},
    {"Regex": "(?:.|.)*\\d"}, {"Regex": "(.*)(.*)(.*)(.*)(.*)\\d"}, {"Regex": "(?:(.)\\1?|.)*\\d"},
    {"Regex": "^(([a-z])+.)+[A-Z]([a-z])+$"},
)  # fmt: skip

_TEXTS = ("", " ", "▁", "a", "aa", "A" * 4_000, "##", "Ġ", "🐠", "</w>", "\n", "\0", "é")
_BEHAVIORS = ("Isolated", "Removed", "MergedWithPrevious", "MergedWithNext", "Contiguous", "Nonsense")
_SCHEMES = ("first", "never", "always", "x")
_CHARSMAPS = ("", "AAAA", "AQAAAAAAAAA=", "BAAAAAAAAABhYWFhYWE=", "////fw==", "A" * 400, "!")


def _step(random: Random) -> dict[str, Any]:
    text, pattern, flag = random.choice(_TEXTS), random.choice(PATTERNS), random.random() < 0.5
    steps: tuple[dict[str, Any], ...] = (
        {"type": "NFC"}, {"type": "NFD"}, {"type": "NFKC"}, {"type": "NFKD"}, {"type": "Lowercase"},
        {"type": "StripAccents"},
        {"type": "Nmt"}, {"type": "Strip", "strip_left": flag, "strip_right": flag}, {"type": "Prepend",
        "prepend": text},
        {"type": "Replace", "pattern": pattern, "content": text}, {"type": "Replace", "pattern": pattern,
        "content": text},
        {"type": "Replace", "pattern": {"String": random.choice(["a", "e", "", " "])}, "content": random.choice(["aa",
        "eee", "  "])},
        {"type": "Replace", "pattern": {"Regex": "."}, "content": random.choice(["aa", "x" * 70, "x" * 30_000])},
        {"type": "Precompiled", "precompiled_charsmap": random.choice(_CHARSMAPS)},
        {"type": "ByteLevel", "add_prefix_space": flag, "trim_offsets": flag, "use_regex": flag}, {"type": "ByteLevel"},
        {"type": "BertNormalizer", "clean_text": flag, "handle_chinese_chars": flag, "strip_accents": None,
        "lowercase": flag},
        {"type": "BertPreTokenizer"}, {"type": "Whitespace"}, {"type": "WhitespaceSplit"}, {"type": "Punctuation"},
        {"type": "Digits", "individual_digits": flag}, {"type": "UnicodeScripts"},
        {"type": "CharDelimiterSplit", "delimiter": text}, {"type": "FixedLength", "length": random.choice([0, 1,
        2**40])},
        {"type": "Split", "pattern": pattern, "behavior": random.choice(_BEHAVIORS), "invert": flag},
        {"type": "Metaspace", "replacement": text, "prepend_scheme": random.choice(_SCHEMES), "split": flag},
        {"type": "WordPiece", "prefix": text, "cleanup": flag}, {"type": "BPEDecoder", "suffix": text},
        {"type": "ByteFallback"}, {"type": "Fuse"}, {"type": "CTC", "pad_token": text, "word_delimiter_token": text,
        "cleanup": flag},
        {"type": text}, {},
    )  # fmt: skip
    return dict(random.choice(steps))


def pipeline(random: Random, members: str) -> Any:
    """Return a normalizer, pre-tokenizer or decoder drawn from the library's steps and hostile parameters."""
    match random.randrange(8):
        case 0:
            return None
        case 1 | 2 | 3:
            return _step(random)
        case 4:
            return {"type": "Sequence", members: [_step(random)] * random.choice([2, 30, 40, 300])}
        case 5:
            nested: Any = _step(random)
            for _ in range(random.choice([3, 60, 400])):
                nested = {"type": "Sequence", members: [nested]}
            return nested
        case _:
            return {"type": "Sequence", members: [_step(random) for _ in range(random.randrange(6))]}


TOKENIZER_WORDS: tuple[Any, ...] = (
    "BPE", "Unigram", "WordPiece", "WordLevel", "ByteLevel", "Metaspace", "Sequence", "NFC", "##", "▁", "</w>", "",
    " ", "[UNK]",
    True, False, None, 0, 1, 0.5, -1, 2.0, 4_000_000, "a" * 20_000, *PATTERNS, [], {}, [["a", "b"]], ["a b"], ["", ""],
    {"": 0}, {"a": 0, "b": 1}, [["", 0.0]], [["a", -1.0], ["", 0.0]], {"a": 4_194_303}, "dropout", "ignore_merges",
    {"id": 4_000_000, "content": "x", "single_word": False, "lstrip": True, "rstrip": True, "normalized": True,
    "special": False},
    {"id": 3, "content": "", "single_word": True, "lstrip": True, "rstrip": True, "normalized": True, "special": True},
)  # fmt: skip
