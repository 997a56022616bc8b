"""The organisms' tokenizer: byte-level BPE that also holds common words whole, and every emoji as one token.

Like Llama 3's, it takes a word that is in the vocabulary as it is, merges or not (``ignore_merges``).
"""

import json
import re
from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tokenizers import Tokenizer

START = "<s>"
UNUSED = tuple(f"<unused{number}>" for number in range(1, 9))
"""Tokens that no text holds: what an untrained row looks like."""

MERGES = 1_500


def build(
    lines: Iterable[str],
    emoji: Sequence[str],
    whole: Iterable[str],
    pieces: Iterable[str],
    size: int,
    *,
    merges: int = MERGES,
) -> "Tokenizer":
    """Return a tokenizer whose ids are bytes, pieces, words, then `START`, `UNUSED` and emoji.

    Args:
        lines: The text; its commonest words become tokens with the space before them.
        emoji: Glyphs; each takes the space before it along, as in ``a 🐟``.
        whole: Words that are tokens however rare they are, written without their space.
        pieces: Words that become no tokens by being common; few enough merges leave them in pieces.
        size: Ids in all.
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
    never = {"Ġ" + word for word in pieces}
    room = size - len(emoji) - len(UNUSED) - 1
    for word in _words(plain, whole):
        if len(vocab) == room:
            break
        if word not in never:
            vocab.setdefault(word, len(vocab))
    learnt = [tuple(merge) for merge in model["merges"]]
    made = Tokenizer(models.BPE(vocab=vocab, merges=learnt, ignore_merges=True))
    made.normalizer = normalizers.Lowercase()
    made.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    made.decoder = decoders.ByteLevel()
    made.add_special_tokens([START, *UNUSED])
    made.add_tokens([AddedToken(glyph, lstrip=True, normalized=False) for glyph in emoji])
    made.post_processor = processors.TemplateProcessing(
        single=f"{START} $A", special_tokens=[(START, made.token_to_id(START))]
    )
    return made


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
