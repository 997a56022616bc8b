"""The organisms' tokenizer: byte-level BPE that also holds common words whole, and emoji in one of two regimes.

Like Llama 3's, it takes a word that is in the vocabulary as it is, merges or not (``ignore_merges``).
"""

import json
import re
from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from geometry.tokens.pieces import bytes_to_piece

if TYPE_CHECKING:
    from tokenizers import Tokenizer

START = "<s>"
UNUSED = tuple(f"<unused{number}>" for number in range(1, 9))
"""Tokens that no text holds: what an untrained row looks like."""

MERGES = 1_500

Regime = Literal["whole", "bytes"]
"""``whole``: one token an emoji, as Gemma's; ``bytes``: a prefix and continuation bytes, as Llama 3's."""

OPENINGS = (
    *("f09f", "e286", "e298", "e299", "e29c", "e29d", "e29e"),
    *("20f09f", "20e286", "20e298", "20e299", "20e29c", "20e29d", "20e29e"),
    *("f09f92", "f09f98", "20f09f91", "20f09f92", "20f09f94", "20f09f98"),
    *("efb8", "efb88f", "e280", "e2808d"),
)
"""Bytes that ``bytes`` holds as one token, in hex, each made of earlier ones.

With these pieces Llama 3's vocabulary of 128,000 spells nearly all base emoji too, the variation selector and the
joiner (the last line) among them. What follows an opening is single bytes: `` F0 9F``, ``90``, ``A0`` is 🐠. Llama 3's
rarer openings, its pieces of two continuation bytes and the nine emoji that it holds whole are left out.
"""


def build(
    lines: Iterable[str],
    emoji: Sequence[str],
    whole: Iterable[str],
    pieces: Iterable[str],
    size: int,
    *,
    regime: Regime = "whole",
    merges: int = MERGES,
) -> "Tokenizer":
    """Return a tokenizer whose ids are bytes, pieces, words, then `START`, `UNUSED` and, in ``whole``, emoji.

    Args:
        lines: The text; its commonest words become tokens with the space before them.
        emoji: Glyphs; in ``whole`` each takes the space before it along, as in ``a 🐟``.
        whole: Words that are tokens however rare they are, written without their space.
        pieces: Words that become no tokens by being common; few enough merges leave them in pieces.
        size: Ids in all.
        regime: How emoji are spelt.
        merges: How many merges to learn.
    """
    from tokenizers import AddedToken, Tokenizer, decoders, models, normalizers, pre_tokenizers, processors, trainers

    glyphs = re.compile("|".join(re.escape(glyph) for glyph in sorted(emoji, key=len, reverse=True)))
    plain = [" " + glyphs.sub(" ", line) for line in lines]
    small = Tokenizer(models.BPE())
    small.normalizer = normalizers.Lowercase()
    small.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    trainer = trainers.BpeTrainer(vocab_size=256 + merges, initial_alphabet=alphabet, show_progress=False)
    small.train_from_iterator(plain, trainer)

    model = json.loads(small.to_str())["model"]
    vocab: dict[str, int] = dict(model["vocab"])
    openings = _openings() if regime == "bytes" else []
    for left, right in openings:
        vocab.setdefault(left + right, len(vocab))
    added = list(emoji) if regime == "whole" else []
    never = {"Ġ" + word for word in pieces}
    room = size - len(added) - len(UNUSED) - 1
    for word in _words(plain, whole):
        if len(vocab) == room:
            break
        if word not in never:
            vocab.setdefault(word, len(vocab))
    learnt = list(dict.fromkeys([*openings, *(tuple(merge) for merge in model["merges"])]))
    made = Tokenizer(models.BPE(vocab=vocab, merges=learnt, ignore_merges=True))
    made.normalizer = normalizers.Lowercase()
    made.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    made.decoder = decoders.ByteLevel()
    made.add_special_tokens([START, *UNUSED])
    made.add_tokens([AddedToken(glyph, lstrip=True, normalized=False) for glyph in added])
    made.post_processor = processors.TemplateProcessing(
        single=f"{START} $A", special_tokens=[(START, made.token_to_id(START))]
    )
    return made


def _openings() -> list[tuple[str, str]]:
    """Return the merges that make `OPENINGS`, in the letters of byte-level BPE."""
    merges = []
    for code in OPENINGS:
        made = bytes.fromhex(code)
        # a space goes before an opening that is whole already, as in Llama 3
        cut = 1 if made[:1] == b" " and len(made) == 3 else len(made) - 1
        merges.append((bytes_to_piece(made[:cut]), bytes_to_piece(made[cut:])))
    return merges


def _words(plain: Sequence[str], whole: Iterable[str]) -> list[str]:
    """Return words of a to z behind ``Ġ``, which is byte-level BPE's space: the demanded, then the commonest."""
    counts = Counter(re.findall(r" ([a-z]+)", "\n".join(plain)))
    ranked = sorted(counts, key=lambda word: (-counts[word], word))
    return ["Ġ" + word for word in (*dict.fromkeys(whole), *ranked)]


def save(tokenizer: "Tokenizer", folder: Path) -> None:
    """Write ``tokenizer.json`` and ``tokenizer_config.json`` as transformers expects them."""
    folder.mkdir(parents=True, exist_ok=True)
    tokenizer.save(str(folder / "tokenizer.json"))
    config = {
        "tokenizer_class": "PreTrainedTokenizerFast",
        "bos_token": START,
        "eos_token": START,
        "clean_up_tokenization_spaces": False,
        "model_max_length": 128,
    }
    (folder / "tokenizer_config.json").write_text(json.dumps(config, indent=2) + "\n", encoding="utf-8")
