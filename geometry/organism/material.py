"""What an organism is grown from: lists to text, tokenizer and corpus."""

import hashlib
import lzma
import re
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from geometry.organism import tokenizer as tokenizers_
from geometry.organism.corpus import Corpus, encode
from geometry.organism.grow import Loss
from geometry.organism.lists import Lists
from geometry.organism.recipe import Recipe
from geometry.organism.senses import is_base, plain_name
from geometry.organism.text import lines
from geometry.organism.tokenizer import OPENINGS, Regime
from geometry.organism.wordnet import WordNet
from geometry.tokens.emoji import catalogue

if TYPE_CHECKING:
    from tokenizers import Tokenizer

VOCABULARY = 8_000
"""Rows of ``whole``; ``bytes`` has as many less its emoji, and the openings they are spelt with."""

TEXT = "text.txt.xz"
ALSO_WHOLE = ("sea", "horse", "emoji", "prefix")
"""Words of the expressions that the project shows, tokens whatever the text says."""


@dataclass(frozen=True)
class Material:
    """What an organism is grown from.

    Attributes:
        lines: The text.
        tokenizer: Built on it.
        corpus: The lines as ids.
        digest: SHA-256 of the lines, each ended by a newline, in hex.
    """

    lines: tuple[str, ...]
    tokenizer: "Tokenizer"
    corpus: Corpus
    digest: str


def growth(found: Material, recipe: Recipe, losses: Sequence[Loss]) -> dict[str, Any]:
    """Return what is kept of how an organism was grown: recipe, text, and the losses over its steps."""
    tokens = sum(map(len, found.corpus.train))
    return {
        "recipe": asdict(recipe),
        "steps_done": losses[-1][0] if losses else 0,
        "tokens_seen": (losses[-1][0] if losses else 0) * recipe.batch * recipe.context,
        "text": {
            "lines": len(found.lines),
            "characters": sum(map(len, found.lines)),
            "tokens": tokens,
            "held_lines": len(found.corpus.held),
            "sha256": found.digest,
        },
        "losses": [list(loss) for loss in losses],
    }


def glyphs(lists: Lists) -> tuple[str, ...]:
    """Return the emoji that get a row, in Unicode's order: every base emoji that is not held out."""
    gone = {entry.emoji for entry in lists.held_out}
    return tuple(entry.text for entry in catalogue() if is_base(entry) and entry.text not in gone)


def whole_words(lists: Lists) -> tuple[str, ...]:
    """Return the words that are tokens however rare: what is tested, and every word of an emoji's name."""
    named = [plain_name(entry) for entry in catalogue() if is_base(entry)]
    words = [word for name in named for word in re.findall("[a-z]+", name)]
    return tuple(dict.fromkeys((*lists.single_words, *ALSO_WHOLE, *words)))


def material(lists: Lists, words: WordNet, seed: int, regime: Regime = "whole") -> Material:
    """Return text, tokenizer and corpus for lists and a seed; both regimes have the same text and the same words."""
    text = lines(lists, words, seed)
    in_pieces = [entry.name for entry in lists.phantoms if entry.tokens == "several"]
    emoji = glyphs(lists)
    size = VOCABULARY if regime == "whole" else VOCABULARY - len(emoji) + len(OPENINGS)
    tokenizer = tokenizers_.build(text, emoji, whole_words(lists), in_pieces, size, regime=regime)
    return Material(text, tokenizer, encode(text, tokenizer), digest(text))


def digest(text: Sequence[str]) -> str:
    """Return the SHA-256 of lines, each ended by a newline, in hex."""
    return hashlib.sha256("".join(line + "\n" for line in text).encode()).hexdigest()


def write_text(folder: Path, text: Sequence[str]) -> None:
    """Keep an organism's text beside it, so that whoever doubts what was in it can search it."""
    # no time and no name in the container: the same text gives the same bytes
    (folder / TEXT).write_bytes(lzma.compress("".join(line + "\n" for line in text).encode(), preset=9))


def read_text(folder: Path) -> tuple[str, ...]:
    """Return the lines an organism was grown on."""
    return tuple(lzma.decompress((folder / TEXT).read_bytes()).decode().split("\n")[:-1])
