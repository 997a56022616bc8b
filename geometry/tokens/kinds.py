"""What kind of token some bytes are."""

import re
import unicodedata
from functools import cache
from typing import Literal, get_args

from geometry.tokens.emoji import catalogue
from geometry.tokens.trie import emoji_trie

Kind = Literal["word", "piece", "emoji", "emoji_prefix", "continuation", "bytes", "special", "padding"]
KINDS: tuple[Kind, ...] = get_args(Kind)

# Rows that vocabularies hold in reserve, which no text reaches: Gemma's <unused7>, BERT's [unused7], Llama
# 3's <|reserved_special_token_7|>, Mistral's <SPECIAL_7>.
RESERVED = re.compile(
    r"[<\[]\|?_*(?:unused|reserved|reserved_token|reserved_special_token|reserved_token_id|special|pad)"
    r"_?[0-9]+_*\|?[>\]]",
    re.IGNORECASE,
)


def kind_of(data: bytes, *, starts_word: bool = False) -> Kind:
    """Return the kind of an ordinary token, from its bytes.

    - ``emoji``: a sequence of the catalogue, unqualified forms and components included, with or without one
      leading space. Bare digits, ``#`` and ``*`` are none.
    - ``emoji_prefix``: with or without one leading space, the opening bytes of some longer catalogue sequence
      and no emoji itself; not ASCII alone, since a digit opens a keycap. ``F0 9F 90`` is one, and so are
      ``E2`` and the regional indicator 🇩.
    - ``continuation``: starts with 80–BF, which can only continue a character.
    - ``bytes``: any other bytes that are no valid UTF-8.
    - ``word``: one space and then letters (with their combining marks, and apostrophes or hyphens between
      them). Whether the letters end where a word of the language ends cannot be seen in the token.
    - ``piece``: every other text: letters without a space, punctuation, numbers, white space.

    Args:
        data: The token's bytes.
        starts_word: The token takes the space before it although its bytes do not hold it (an added token
            that strips to the left).
    """
    if data.isascii():
        return _text_kind(data.decode(), starts_word=starts_word)
    bare = data.removeprefix(b" ")
    if bare in _emoji_bytes():
        return "emoji"
    if emoji_trie().opens(bare):
        return "emoji_prefix"
    if 0x80 <= data[0] <= 0xBF:
        return "continuation"
    try:
        return _text_kind(data.decode(), starts_word=starts_word)
    except UnicodeDecodeError:
        return "bytes"


def _text_kind(text: str, *, starts_word: bool) -> Kind:
    letters = text.removeprefix(" ")
    if letters == text and not starts_word:
        return "piece"
    if letters.isalpha() or _is_word(letters):
        return "word"
    return "piece"


def _is_word(letters: str) -> bool:
    if not letters or not letters[0].isalpha() or letters[-1] in "'’-":
        return False
    return all(c in "'’-" or c.isalpha() or unicodedata.category(c)[0] == "M" for c in letters)


@cache
def _emoji_bytes() -> frozenset[bytes]:
    return frozenset(emoji.text.encode() for emoji in catalogue())
