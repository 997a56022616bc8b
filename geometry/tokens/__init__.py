"""Tokens: id ↔ bytes ↔ printable text, token kinds, words → ids, the emoji catalogue and its byte trie."""

from geometry.tokens.emoji import Emoji, catalogue, lookup
from geometry.tokens.kinds import KINDS, Kind
from geometry.tokens.opening import open_vocabulary
from geometry.tokens.printable import printable
from geometry.tokens.regime import Holding, Regime
from geometry.tokens.spelling import SpelledPiece, Spelling, decode, spell
from geometry.tokens.vocabulary import Vocabulary

__all__ = [
    "KINDS",
    "Emoji",
    "Holding",
    "Kind",
    "Regime",
    "SpelledPiece",
    "Spelling",
    "Vocabulary",
    "catalogue",
    "decode",
    "lookup",
    "open_vocabulary",
    "printable",
    "spell",
]
