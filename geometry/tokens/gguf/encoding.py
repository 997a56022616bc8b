"""From what a GGUF file stores to an encoder: the tokenizer.json that it was made from, as far as it can be told."""

import base64
import re
from typing import Any

from geometry.tokens.encoding import TokenizerJsonEncoder
from geometry.tokens.gguf.single import SingleTokens
from geometry.tokens.gguf.stored import BRACKETS, BYTE, NORMAL, StoredVocabulary
from geometry.tokens.scored import ScoredEncoder
from geometry.tokens.splitting import SPLITTINGS
from geometry.tokens.table import TokenTable
from geometry.tokens.tokenizer_json import Json
from geometry.tokens.vocabulary import Encoder

_CAPITAL = re.compile("[A-Z]")


def make_encoder(stored: StoredVocabulary, table: TokenTable) -> Encoder:
    match stored.model:
        case "llama":
            return _scored(stored, table)
        case "t5":
            return _unigram(stored, table)
        case "bert":
            return TokenizerJsonEncoder(table, _word_pieces(stored, table))
        case _:
            return _byte_pairs(stored, table)


def _scored(stored: StoredVocabulary, table: TokenTable) -> Encoder:
    if stored.scores is None:
        return SingleTokens(table, "the file holds no scores to merge by")
    ordinary = {piece: token for token, piece in enumerate(stored.pieces) if stored.types[token] == NORMAL}
    scores = {piece: stored.scores[token] for piece, token in ordinary.items()}
    by_byte = {
        table.data[token][0]: token for token, kind in enumerate(stored.types) if kind == BYTE and table.data[token]
    }
    return ScoredEncoder(table, scores, ordinary, by_byte)


def _byte_pairs(stored: StoredVocabulary, table: TokenTable) -> Encoder:
    splitting = SPLITTINGS.get(stored.pre)
    if splitting is None:
        named = f"the way {stored.pre!r:.40} cuts texts" if stored.pre else "the way this file's tokenizer cuts texts"
        return SingleTokens(table, f"{named} before merging is not known")
    if not stored.merges:
        return SingleTokens(table, "the file holds no merges")
    vocab = {piece: token for token, piece in enumerate(table.pieces) if piece is not None}
    merges = []
    for merge in stored.merges:
        # a piece may begin with a space of its own, and never ends with one
        left, _, right = merge[1:].partition(" ")
        left = merge[:1] + left
        if left in vocab and right in vocab and left + right in vocab:
            merges.append([left, right])
    model = {"type": "BPE", "vocab": vocab, "merges": merges, "ignore_merges": splitting.ignores_merges}
    return TokenizerJsonEncoder(table, _spec(table, model, splitting.steps, splitting.normalizer))


def _unigram(stored: StoredVocabulary, table: TokenTable) -> Encoder:
    if stored.scores is None:
        return SingleTokens(table, "the file holds no scores")
    vocab = [[piece, score] for piece, score in zip(stored.pieces, stored.scores, strict=True)]
    model = {"type": "Unigram", "unk_id": table.unknown, "vocab": vocab, "byte_fallback": False}
    steps = [{"type": "Metaspace", "replacement": "▁", "prepend_scheme": "never", "split": False}]
    charsmap = base64.b64encode(stored.charsmap).decode()
    return TokenizerJsonEncoder(
        table,
        _spec(table, model, steps, {"type": "Precompiled", "precompiled_charsmap": charsmap} if charsmap else None),
    )


def _word_pieces(stored: StoredVocabulary, table: TokenTable) -> Json:
    vocab = {piece: token for token, piece in enumerate(table.pieces) if piece is not None}
    unknown = "[UNK]" if table.unknown is None else str(table.pieces[table.unknown])
    # the file does not say whether texts are brought to lower case; a vocabulary with capital letters is for those that
    # are not, while capital symbols, such as ℝ, stand in both
    ordinary = (piece for piece, kind in zip(stored.pieces, stored.types, strict=True) if kind == NORMAL)
    lowers = not any(_CAPITAL.search(piece) and not BRACKETS.fullmatch(piece) for piece in ordinary)
    model = {
        "type": "WordPiece", "vocab": vocab, "unk_token": unknown, "continuing_subword_prefix": "##",
        "max_input_chars_per_word": 100,
    }  # fmt: skip
    normalizer = {
        "type": "BertNormalizer", "clean_text": True, "handle_chinese_chars": True, "strip_accents": None,
        "lowercase": lowers,
    }  # fmt: skip
    return _spec(table, model, [{"type": "BertPreTokenizer"}], normalizer)


def _spec(table: TokenTable, model: Json, steps: list[Json], normalizer: Json | None) -> Json:
    """Return what a ``tokenizer.json`` of these parts holds."""
    added: list[dict[str, Any]] = [
        {
            "id": token.id, "content": token.content, "special": token.special, "normalized": False,
            "single_word": False, "lstrip": False, "rstrip": False,
        }
        for token in table.added.values()
    ]  # fmt: skip
    return {
        "version": "1.0",
        "added_tokens": added,
        "normalizer": normalizer,
        "pre_tokenizer": {"type": "Sequence", "pretokenizers": steps},
        "model": model,
    }
