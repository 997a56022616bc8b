"""Text → ids by the ``tokenizers`` library, with nothing added to the text and nothing taken away."""

import json
import time
from collections.abc import Callable
from typing import Any, TypeVar

from geometry.errors import TokenError
from geometry.tokens.bounds import check_bounds
from geometry.tokens.pieces import piece_to_bytes
from geometry.tokens.table import TokenTable
from geometry.tokens.tokenizer_json import Json, flatten

Result = TypeVar("Result")

PATIENCE_SECONDS, SECONDS_A_BYTE = 5.0, 1e-4
"""CPU time after which a tokenizer is given up, and what it has besides for every byte: real ones take 1e-6."""


class TokenizerJsonEncoder:
    """The canonical encoding of a ``tokenizer.json``, freed of everything that is not the text.

    Special tokens, padding, truncation and the space that some tokenizers put before a text are off; the
    normalizer is on.
    Control tokens written out in a text are read as text; other added tokens, emoji among them, are found.
    """

    note = ""

    def __init__(self, table: TokenTable, spec: Json) -> None:
        import tokenizers

        self._table = table
        bare = without_additions(spec, table)
        check_bounds(bare, table.source)
        self._byte_level_normalizer = any(step.get("type") == "ByteLevel" for step in flatten(bare["normalizer"]))
        self._tokenizer: Any = self._guard(lambda: tokenizers.Tokenizer.from_str(json.dumps(bare)))
        self._tokenizer.encode_special_tokens = True
        # The library numbers added tokens itself, whatever the file says; the head's rows go by the file.
        numbered = {self._tokenizer.token_to_id(token.content): token.id for token in table.added.values()}
        self._renumbered = {theirs: ours for theirs, ours in numbered.items() if theirs != ours}
        self._spent = 0.0

    def normalise(self, text: str) -> bytes:
        """Return the bytes that the tokens of ``text`` spell, as far as its normalizer decides that."""
        normalizer = self._tokenizer.normalizer
        if normalizer is not None:
            text = self._guard(lambda: normalizer.normalize_str(text))
        if self._byte_level_normalizer:
            return piece_to_bytes(text)
        alphabet = self._table.alphabet
        return (text.replace(alphabet.mark, " ") if alphabet.family == "sentencepiece" else text).encode()

    def encode(self, text: str) -> list[int]:
        """Return the canonical token ids of exactly this text; what has no token gives the unknown token, if any."""
        if self._table.alphabet.family == "wordpiece" and text and not text[0].isspace():
            return self._encode_continuation(text)
        return self._encode(text)

    def _encode(self, text: str) -> list[int]:
        start = time.thread_time()
        ids = self._guard(lambda: self._tokenizer.encode(text, add_special_tokens=False).ids)
        self._spent = max(0.0, self._spent + time.thread_time() - start - SECONDS_A_BYTE * len(text))
        if self._spent > PATIENCE_SECONDS:
            raise TokenError(
                f"{self._table.source}: its patterns take {self._spent:.0f} s over a few texts; expected far less than "
                "one; do not trust this tokenizer"
            )
        return [self._renumbered.get(token_id, token_id) for token_id in ids] if self._renumbered else list(ids)

    def _encode_continuation(self, text: str) -> list[int]:
        # Whether this text would go on with a word that stands before it is asked of the tokenizer itself:
        # does a letter written before it become part of the same word?
        letter = "a"
        try:
            normalised = self.normalise(letter + text).decode()
        except UnicodeDecodeError as error:
            raise TokenError(
                f"{self._table.source}: its normalizer turns {text!r:.40} into bytes that are no text, and its model "
                "is one of words; name tokens by id"
            ) from error
        pre_tokenizer = self._tokenizer.pre_tokenizer
        words = self._guard(lambda: pre_tokenizer.pre_tokenize_str(normalised)) if pre_tokenizer else []
        first, (_, end) = words[0] if words else (normalised, (0, len(normalised)))
        if first == letter or not first.startswith(letter):
            return self._encode(text)
        rest = normalised[end:]
        return self._continue_word(first.removeprefix(letter)) + (self._encode(rest) if rest else [])

    def _continue_word(self, word: str) -> list[int]:
        # WordPiece's own rule, longest piece first (Wu et al. 2016), every piece with the prefix.
        ids = []
        while word:
            for end in range(len(word), 0, -1):
                token_id = self._tokenizer.token_to_id(self._table.alphabet.mark + word[:end])
                if token_id is not None:
                    break
            else:
                return [] if self._table.unknown is None else [self._table.unknown]
            ids.append(self._renumbered.get(token_id, token_id))
            word = word[end:]
        return ids

    def _guard(self, call: Callable[[], Result]) -> Result:
        try:
            return call()
        except (KeyboardInterrupt, SystemExit):
            raise
        except BaseException as error:  # a panic in the library's Rust code is no Exception
            reason = " ".join(str(error).split())[:120]
            raise TokenError(f"{self._table.source}: the tokenizers library refuses it: {reason}") from error


def without_additions(spec: Json, table: TokenTable) -> Json:
    """Return a copy of a tokenizer's JSON that encodes exactly the text it is given."""
    bare = {**spec, "truncation": None, "padding": None, "post_processor": None, "decoder": None}
    bare["normalizer"] = _sequence("normalizers", map(_edited, flatten(spec.get("normalizer"))))
    steps = list(flatten(spec.get("pre_tokenizer")))
    if any(step.get("type") == "Metaspace" for step in steps):
        # T5 throws every space away here and lets Metaspace put one before each word.
        steps = [step for step in steps if step.get("type") not in {"WhitespaceSplit", "Whitespace"}]
    bare["pre_tokenizer"] = _sequence("pretokenizers", map(_edited, steps))
    model = spec["model"]
    if model.get("dropout"):
        # merges left out at random are for training
        bare["model"] = model = {**model, "dropout": None}
    if isinstance(model.get("vocab"), list):
        # Unigram would find a control token in a text by its piece.
        vocab = [
            ["\U0010ffff" + entry[0] if i in table.special else entry[0], entry[1]]
            for i, entry in enumerate(model["vocab"])
        ]
        bare["model"] = {**model, "vocab": vocab}
    return bare


def _edited(step: Json) -> Json | None:
    match step.get("type"):
        case "Prepend" | "Strip":
            return None
        case "Metaspace":
            kept = {name: value for name, value in step.items() if name != "add_prefix_space"}
            return {**kept, "prepend_scheme": "never"}
        case "ByteLevel" if "add_prefix_space" in step:
            return {**step, "add_prefix_space": False}
        case _:
            return step


def _sequence(members: str, steps: Any) -> Json | None:
    kept = [step for step in steps if step is not None]
    return {"type": "Sequence", members: kept} if kept else None
