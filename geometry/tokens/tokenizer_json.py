"""Reading ``tokenizer.json``: the file is taken as untrusted data, and only its tables are used here."""

import json
import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from geometry.errors import TokenError
from geometry.tokens.pieces import Alphabet
from geometry.tokens.table import AddedToken, TokenTable, check_holes, check_id, read_bounded

Json = dict[str, Any]

# Where a Sequence node keeps its members, for each part of the pipeline.
_MEMBERS = ("normalizers", "pretokenizers", "decoders", "processors")


def read_tokenizer_json(path: Path) -> tuple[TokenTable, Json]:
    """Return the tokens of a ``tokenizer.json`` and its parsed content.

    Raises:
        TokenError: if the file cannot be read, is no tokenizer, or lies about its ids.
    """
    content = read_bounded(path)
    try:
        spec = json.loads(content)
    except (ValueError, RecursionError) as error:
        raise TokenError(f"{path} is no JSON ({str(error)[:80]}), but a tokenizer.json was expected") from error
    if not isinstance(spec, dict) or not isinstance(spec.get("model"), dict):
        raise TokenError(f'{path} has no "model", but a tokenizer.json was expected')
    alphabet = find_alphabet(spec)
    table, scores = _pieces(spec["model"].get("vocab"), path)
    added = _added_tokens(spec, path)
    table |= {token.id: token.content for token in added.values()}
    if not table:
        raise TokenError(f"{path} holds no tokens")
    size = check_holes(len(table), max(table) + 1, path)
    try:
        data = tuple(
            _added_bytes(added[i], alphabet) if i in added else alphabet.to_bytes(table[i]) if i in table else b""
            for i in range(size)
        )
    except UnicodeEncodeError as error:
        raise TokenError(f"{path}: the piece {error.object!r:.40} holds half a surrogate pair") from error
    unknown = _unknown(spec["model"], table)
    special = {token.id for token in added.values() if token.special}
    if unknown is not None:
        special.add(unknown)
    return (
        TokenTable(
            source=path,
            bytes_read=len(content),
            alphabet=alphabet,
            pieces=tuple(map(table.get, range(size))),
            data=data,
            added=added,
            special=frozenset(special),
            unknown=unknown,
            scores=scores,
        ),
        spec,
    )


def flatten(node: object) -> Iterator[Json]:
    """Yield the steps of a normalizer, pre-tokenizer or decoder in order, whatever Sequences they stand in."""
    waiting = [node]
    while waiting:
        step = waiting.pop()
        if not isinstance(step, dict):
            continue
        members = next((step[name] for name in _MEMBERS if isinstance(step.get(name), list)), None)
        if members is None:
            if isinstance(step.get("type"), str):
                yield step
        else:
            waiting.extend(reversed(members))


def find_alphabet(spec: Json) -> Alphabet:
    """Return how the pieces write bytes: the decoder decides; where there is none, the pre-tokenizer, the model."""
    model = spec["model"]
    steps = list(flatten(spec.get("decoder"))) or list(flatten(spec.get("pre_tokenizer")))
    by_type = {step.get("type"): step for step in steps}
    byte_fallback = model.get("byte_fallback") is True or "ByteFallback" in by_type
    if "ByteLevel" in by_type:
        return Alphabet("bytelevel")
    if "WordPiece" in by_type or (model.get("type") == "WordPiece" and not spec.get("decoder")):
        prefix = by_type.get("WordPiece", {}).get("prefix") or model.get("continuing_subword_prefix")
        return Alphabet("wordpiece", prefix if isinstance(prefix, str) else "##")
    if "Metaspace" in by_type:
        mark = by_type["Metaspace"].get("replacement")
        return Alphabet("sentencepiece", mark if isinstance(mark, str) and mark else "▁", byte_fallback)
    for step in steps:
        pattern = step.get("pattern")
        mark = pattern.get("String") if isinstance(pattern, dict) else None
        if step.get("type") == "Replace" and step.get("content") == " " and isinstance(mark, str) and mark:
            return Alphabet("sentencepiece", mark, byte_fallback)
    if "BPEDecoder" in by_type:
        suffix = by_type["BPEDecoder"].get("suffix")
        return Alphabet("suffix", suffix if isinstance(suffix, str) and suffix else "</w>")
    if model.get("type") == "WordLevel" and not spec.get("decoder"):
        return Alphabet("words")
    return Alphabet("plain", byte_fallback=byte_fallback)


def _pieces(vocab: Any, path: Path) -> tuple[dict[int, str], tuple[float, ...] | None]:
    """Return the model's pieces by their ids, and the scores that a Unigram gives them."""
    if isinstance(vocab, list):
        return _unigram(vocab, path)
    if not isinstance(vocab, dict):
        raise TokenError(f"{path}: the model's vocab is a {type(vocab).__name__}, but an object or a list was expected")
    table: dict[int, str] = {}
    for piece, value in vocab.items():
        token_id = check_id(value, f"the piece {piece!r:.40}", path)
        if token_id in table:
            raise TokenError(f"{path}: id {token_id} stands for both {table[token_id]!r:.40} and {piece!r:.40}")
        table[token_id] = piece
    return table, None


def _unigram(vocab: list[Any], path: Path) -> tuple[dict[int, str], tuple[float, ...]]:
    if not all(
        isinstance(entry, list) and len(entry) == 2 and isinstance(entry[0], str) and isinstance(entry[1], int | float)
        for entry in vocab
    ):
        raise TokenError(f"{path}: a Unigram vocab lists [piece, score] pairs, but something else stands in it")
    if vocab:
        check_id(len(vocab) - 1, "the last piece", path)
    try:
        scores = tuple(float(entry[1]) for entry in vocab)
    except OverflowError:
        scores = (math.inf,)
    if not all(map(math.isfinite, scores)):
        raise TokenError(f"{path}: a Unigram piece has a score that is no finite number; the file is damaged")
    return {i: entry[0] for i, entry in enumerate(vocab)}, scores


def _added_tokens(spec: Json, path: Path) -> dict[int, AddedToken]:
    listed = spec.get("added_tokens") or []
    added: dict[int, AddedToken] = {}
    if not isinstance(listed, list):
        raise TokenError(f"{path}: added_tokens is a {type(listed).__name__}, but a list was expected")
    for entry in listed:
        if not isinstance(entry, dict) or not isinstance(entry.get("content"), str):
            raise TokenError(f"{path}: an added token has no content")
        content = entry["content"]
        token_id = check_id(entry.get("id"), f"the added token {content!r:.40}", path)
        if token_id in added and added[token_id].content != content:
            raise TokenError(
                f"{path}: id {token_id} stands for both {added[token_id].content!r:.40} and {content!r:.40}"
            )
        special, swallows_space = entry.get("special") is True, entry.get("lstrip") is True
        added[token_id] = AddedToken(token_id, content, special, swallows_space)
    return added


def _added_bytes(token: AddedToken, alphabet: Alphabet) -> bytes:
    # Added tokens are never in the byte alphabet, but Gemma adds runs of sentencepiece's mark: spaces.
    if alphabet.family == "sentencepiece" and not token.special:
        return token.content.replace(alphabet.mark, " ").encode()
    return token.content.encode()


def _unknown(model: Json, table: dict[int, str]) -> int | None:
    if type(unk_id := model.get("unk_id")) is int:  # true and false are integers elsewhere
        return unk_id if unk_id in table else None
    if not isinstance(unk_token := model.get("unk_token"), str):
        return None
    return next((token_id for token_id, piece in table.items() if piece == unk_token), None)
