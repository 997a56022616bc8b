"""Vocabularies inside GGUF files: bytes and kinds, and texts to ids as the model's own tokenizer gives them."""

import base64
import json
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tokenizers
from gguf_files import write_gguf
from hypothesis import given, settings
from hypothesis import strategies as st

import geometry as geo
from geometry.errors import TokenError
from geometry.info import describe
from geometry.tokens import Vocabulary, open_vocabulary
from geometry.tokens.scored import merge_best
from geometry.tokens.splitting import SPLITTINGS

NORMAL, UNKNOWN, CONTROL, USER_DEFINED, UNUSED, BYTE = range(1, 7)
TEXTS = [
    "Once upon a time, a seahorse said: 'It's 12345 o'clock!'", "  two\n\nlines\t", "naïve 🐠 and ❤️", "日本語", "",
    "a <s> b </s> <|endoftext|>", "ﬁancé e\u0301 ½ 🇩🇪👩‍👩‍👧", "aaaaaaaaaaaaaaaaaaaaaab", "     five spaces",
]  # fmt: skip


def write(path: Path, **vocabulary: Any) -> Path:
    count = len(vocabulary["tokens"])
    rows = np.random.default_rng(count).normal(size=(count, 32))
    return write_gguf(path, head=rows, name="token_embd.weight", **vocabulary)


def converted(file: Path, path: Path) -> tuple[Vocabulary, Vocabulary]:
    """A tokenizer.json, and a GGUF file of it made as llama.cpp's converter makes it."""
    spec = json.loads(file.read_text("utf-8"))
    model = spec["model"]
    tokens = [""] * len(model["vocab"])
    for piece, token in model["vocab"].items():
        tokens[token] = piece
    types = [NORMAL] * len(tokens)
    for one in spec["added_tokens"]:
        types[one["id"]] = CONTROL
    merges = [merge if isinstance(merge, str) else " ".join(merge) for merge in model["merges"]]
    if not model.get("byte_fallback"):
        write(path, model="gpt2", pre="gpt-2", tokens=tokens, types=types, merges=merges)
        return open_vocabulary(file), open_vocabulary(path)
    # sentencepiece's scores fall with the order of merges, which is all that their use depends on
    first: dict[str, int] = {}
    for rank, merge in enumerate(merges):
        first.setdefault(merge.replace(" ", "", 1), rank)
    types = [BYTE if piece.startswith("<0x") else kind for piece, kind in zip(tokens, types, strict=True)]
    types[0] = UNKNOWN
    scores = [-float(first.get(piece, 0)) for piece in tokens]
    write(path, model="llama", tokens=tokens, types=types, scores=scores, unknown=0)
    return open_vocabulary(file), open_vocabulary(path)


@pytest.mark.parametrize("name", ["gpt-2", "llama-2"])
def test_real_vocabularies_are_those_of_their_tokenizer_json(name: str, test_data: Path, tmp_path: Path):
    theirs, mine = converted(test_data / "tokenizers" / f"{name}.tokenizer.json", tmp_path / "m.gguf")
    assert mine.tokenizer_size == theirs.tokenizer_size
    for token in [*range(300), *range(300, theirs.tokenizer_size, 13)]:
        assert mine.bytes_of(token) == theirs.bytes_of(token)
        assert mine.kind(token) == theirs.kind(token)
    for text in TEXTS:
        assert mine.encode(text) == theirs.encode(text)
    assert mine.word("seahorse") == theirs.word("seahorse")
    assert mine.emoji_ids("🐠") == theirs.emoji_ids("🐠")


# byte-level


@pytest.fixture(scope="module")
def byte_level(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """A small byte-level BPE: its tokens and merges."""
    tokenizer = tokenizers.Tokenizer(tokenizers.models.BPE())
    tokenizer.pre_tokenizer = tokenizers.pre_tokenizers.ByteLevel(add_prefix_space=False)
    trainer = tokenizers.trainers.BpeTrainer(
        vocab_size=600, initial_alphabet=tokenizers.pre_tokenizers.ByteLevel.alphabet(), show_progress=False
    )
    tokenizer.train_from_iterator(
        [*TEXTS, "sea horse 🐠 2024 don't isn't DON'T 1234 5678", "the sea the horse"] * 5, trainer
    )
    spec = json.loads(tokenizer.to_str())
    tokens = sorted(spec["model"]["vocab"], key=spec["model"]["vocab"].get)
    return {"tokens": tokens, "merges": [" ".join(merge) for merge in spec["model"]["merges"]]}


def library(byte_level: dict[str, Any], pre: str) -> tokenizers.Tokenizer:
    """The library's own tokenizer of a row, built from parts rather than from JSON."""
    parts, models = tokenizers.pre_tokenizers, tokenizers.models
    vocab = {piece: token for token, piece in enumerate(byte_level["tokens"])}
    merges = [tuple(merge.split(" ")) for merge in byte_level["merges"]]
    ignores = pre in {"llama3", "llama-v3", "llama-bpe", "tekken"}
    made = tokenizers.Tokenizer(models.BPE(vocab=vocab, merges=merges, ignore_merges=ignores))
    plain = parts.ByteLevel(add_prefix_space=False)
    digits = parts.Sequence([parts.Digits(individual_digits=True), plain])
    falcon = [
        parts.Punctuation("contiguous"), plain, parts.Digits(individual_digits=False),
        parts.Split(tokenizers.Regex("[0-9][0-9][0-9]"), "isolated"),
    ]  # fmt: skip
    made.pre_tokenizer = {
        "gpt-2": plain, "phi-2": plain, "mpt": plain, "olmo": plain, "starcoder": digits, "refact": digits,
        "smollm": digits, "command-r": digits, "falcon": parts.Sequence(falcon),
    }[pre]  # fmt: skip
    if pre in {"mpt", "olmo", "command-r"}:
        made.normalizer = tokenizers.normalizers.NFC()
    return made


@pytest.mark.parametrize(
    "pre", ["gpt-2", "phi-2", "mpt", "olmo", "starcoder", "refact", "smollm", "command-r", "falcon"]
)
def test_ways_of_cutting_are_the_librarys(pre: str, byte_level: dict[str, Any], tmp_path: Path):
    mine = open_vocabulary(write(tmp_path / "m.gguf", model="gpt2", pre=pre, **byte_level))
    theirs = library(byte_level, pre)
    for text in TEXTS:
        assert list(mine.encode(text)) == theirs.encode(text).ids


@pytest.mark.parametrize(
    ("pre", "file"), [("llama-bpe", "llama-3.tiktoken.model"), ("qwen2", "qwen.tiktoken"), ("gpt-4o", None)]
)
def test_patterns_cut_as_those_of_tiktoken(
    pre: str, file: str | None, byte_level: dict[str, Any], tmp_path: Path
):  # fmt: skip
    import regex

    from geometry.tokens.tiktoken import KNOWN

    known = KNOWN[{"llama-bpe": 128_000, "qwen2": 151_643, "gpt-4o": 199_998}[pre]]
    mine = open_vocabulary(write(tmp_path / "m.gguf", model="gpt2", pre=pre, **byte_level))
    for text in TEXTS:
        whole = mine._encoder.normalise(text).decode()
        parts = regex.findall(known.pattern, whole)
        # encoding the parts one by one gives the encoding of the whole, only where it is cut there
        assert list(mine.encode(text)) == [token for part in parts for token in mine._encoder._encode(part)]
    assert mine.encode("e\u0301") == mine.encode("é") or pre != "qwen2"


def test_every_way_of_cutting_is_taken_by_the_library(byte_level: dict[str, Any], tmp_path: Path):
    for pre in SPLITTINGS:
        mine = open_vocabulary(write(tmp_path / "m.gguf", model="gpt2", pre=pre, **byte_level))
        for text in TEXTS:
            spelled = b"".join(map(mine.bytes_of, mine.encode(text)))
            assert spelled == mine._encoder.normalise(text)


@pytest.mark.parametrize("pre", ["deepseek-llm", "default", "", None])
def test_an_unknown_way_of_cutting_leaves_single_tokens(pre: str | None, byte_level: dict[str, Any], tmp_path: Path):
    path = write(tmp_path / "m.gguf", model="gpt2", pre=pre, **byte_level)
    mine = open_vocabulary(path)
    token = byte_level["tokens"].index("Ġsea")
    assert mine.word("sea") == mine.ids(" sea") == (token,)
    assert mine.bytes_of(token) == b" sea"
    with pytest.raises(TokenError, match=r"is no single token, and the way .* cuts texts before merging is not known"):
        mine.ids("sea horse sea")
    head = geo.open_head(path)
    told = describe(head).to_dict()
    assert told["regime"] is None
    assert "Only texts of one token can be encoded" in told["note"]
    assert str(describe(head))
    assert head.land("sea + horse").to_dict()["landings"]
    assert head.land("sea + horse").why()


def test_added_tokens_are_their_own_text(byte_level: dict[str, Any], tmp_path: Path):
    tokens = [*byte_level["tokens"], "<|end|>", "  ", "é", "[PAD603]", "<unused1>"]
    kinds = [NORMAL] * len(byte_level["tokens"]) + [CONTROL, USER_DEFINED, USER_DEFINED, UNUSED, UNUSED]
    first = len(byte_level["tokens"])
    tokens[first + 3] = f"[PAD{first + 3}]"
    path = write(
        tmp_path / "m.gguf", model="gpt2", pre="gpt-2", tokens=tokens, types=kinds, merges=byte_level["merges"]
    )
    mine = open_vocabulary(path)
    assert [mine.bytes_of(first + n) for n in range(3)] == [b"<|end|>", b"  ", "é".encode()]
    assert [mine.kind(first + n) for n in range(5)] == ["special", "piece", "piece", "padding", "special"]
    assert mine.encode("é") == (first + 2,)
    assert first not in mine.encode("<|end|>")


# sentencepiece


def brute_force(parts: list[str], scores: dict[str, float]) -> list[str]:
    parts = list(parts)
    while True:
        pairs = [(-scores[a + b], n) for n, (a, b) in enumerate(pairwise(parts)) if a + b in scores]
        if not pairs:
            return parts
        at = min(pairs)[1]
        parts[at : at + 2] = [parts[at] + parts[at + 1]]


@settings(deadline=None, max_examples=200)
@given(
    st.text("ab▁", max_size=40),
    st.dictionaries(st.text("ab▁", min_size=1, max_size=5), st.integers(-5, 0).map(float), max_size=25),
)
def test_merging_by_score_is_that_of_brute_force(text: str, scores: dict[str, float]):
    assert merge_best(list(text), scores) == brute_force(list(text), scores)


def test_merging_a_long_text_takes_no_square_of_steps():
    scores = {"a" * 2**n: -float(n) for n in range(12)}
    assert len(merge_best(["a"] * 20_000, scores)) == 20_000 // 2048 + bin(20_000 % 2048).count("1")


def test_sentencepiece_spells_what_it_lacks_in_bytes(tmp_path: Path):
    tokens = ["<unk>", "<s>", *(f"<0x{n:02X}>" for n in range(256)), "▁", "a", "b", "▁a", "ab", "▁ab", "▁▁", "<x>"]
    types = [UNKNOWN, CONTROL, *[BYTE] * 256, *[NORMAL] * 6, USER_DEFINED, USER_DEFINED]
    scores = [0.0] * 258 + [-10.0, -11.0, -12.0, -1.0, -2.0, -3.0, 0.0, 0.0]
    mine = open_vocabulary(write(tmp_path / "m.gguf", model="llama", tokens=tokens, types=types, scores=scores))
    assert mine.encode(" ab") == (263,)
    assert mine.encode(" aab") == (261, 262)  # "▁a" has a better score than "ab", and both than what is left
    assert mine.encode("ab") == (262,)
    assert mine.encode("  a") == (264, 259)
    assert mine.encode("a<x>b") == (259, 265, 260)
    assert mine.encode("<s>") == tuple(2 + byte for byte in b"<s>")
    assert b"".join(map(mine.bytes_of, mine.encode("🐠 Ω"))) == "🐠 Ω".encode()
    assert mine.bytes_of(2 + 0xF0) == b"\xf0"
    assert mine.kind(0) == mine.kind(1) == "special"


def test_the_longest_added_token_is_found_and_many_cost_no_more_than_few(tmp_path: Path):
    added = ["😀", "😀a", "😀ab", *(f"😀{n}" for n in range(3000))]
    tokens, types = ["a", "b", *added], [NORMAL, NORMAL, *[USER_DEFINED] * len(added)]
    mine = open_vocabulary(
        write(tmp_path / "m.gguf", model="llama", tokens=tokens, types=types, scores=[0.0] * len(tokens))
    )
    assert mine.encode("a😀abb😀a😀😀2999b") == (0, 4, 1, 3, 2, len(tokens) - 1, 1)
    assert max(map(len, mine._encoder._lengths.values())) == 5


def test_without_byte_tokens_there_is_the_unknown_token(tmp_path: Path):
    mine = open_vocabulary(
        write(tmp_path / "m.gguf", model="llama", tokens=["<unk>", "a"], types=[2, 1], scores=[0.0, 0.0])
    )
    assert mine.encode("ab") == (1, 0)
    with pytest.raises(TokenError, match="no token of this vocabulary spells"):
        mine.ids("ab")


def test_without_scores_single_tokens_are_left(tmp_path: Path):
    mine = open_vocabulary(write(tmp_path / "m.gguf", model="llama", tokens=["▁sea", "▁horse"]))
    assert mine.word("horse") == (1,)
    with pytest.raises(TokenError, match="holds no scores"):
        mine.ids("sea horse")


# Unigram and WordPiece


def test_unigram_is_the_librarys(tmp_path: Path):
    pieces = [("<pad>", 0.0), ("</s>", 0.0), ("<unk>", 0.0), ("▁", -2.0), ("▁sea", -4.0), ("horse", -5.0), ("▁s", -3.0),
              ("ea", -3.1), ("s", -6.0), ("e", -6.0), ("a", -6.0), ("h", -7.0)]  # fmt: skip
    path = write(
        tmp_path / "m.gguf", model="t5", tokens=[piece for piece, _ in pieces], types=[3, 3, 2, *[1] * 9],
        scores=[score for _, score in pieces], unknown=2,
    )  # fmt: skip
    mine = open_vocabulary(path)
    theirs = tokenizers.Tokenizer(tokenizers.models.Unigram(pieces, unk_id=2))
    theirs.pre_tokenizer = tokenizers.pre_tokenizers.Metaspace(prepend_scheme="never", split=False)
    for text in (" sea", "seahorse", " seahorse sea", "", "xyz", " sea x"):
        assert list(mine.encode(text)) == theirs.encode(text).ids
    assert mine.word("sea") == (4,)
    assert mine.kind(1) == "special"
    assert mine.bytes_of(4) == b" sea"
    assert mine.rank(3) < mine.rank(5)


def test_word_pieces_are_written_with_their_prefix_again(minilm: Path, tmp_path: Path):
    spec = json.loads((minilm / "tokenizer.json").read_text("utf-8"))
    vocab = sorted(spec["model"]["vocab"], key=spec["model"]["vocab"].get)
    special = {one["content"] for one in spec["added_tokens"]}

    def stored(piece: str) -> str:
        if piece.startswith("[") and piece.endswith("]"):
            return piece
        return piece.removeprefix("##") if piece.startswith("##") else f"▁{piece}"

    path = write(
        tmp_path / "m.gguf", arch="bert", model="bert", tokens=[stored(piece) for piece in vocab],
        types=[CONTROL if piece in special else NORMAL for piece in vocab], unknown=vocab.index("[UNK]"),
    )  # fmt: skip
    mine, theirs = open_vocabulary(path), open_vocabulary(minilm / "tokenizer.json")
    for token in [*range(1200), *range(1200, len(vocab), 13)]:
        assert (mine.piece_of(token), mine.bytes_of(token)) == (theirs.piece_of(token), theirs.bytes_of(token))
        assert mine.kind(token) == theirs.kind(token)
    for text in TEXTS:
        assert mine.encode(text) == theirs.encode(text)
        assert mine.encode(" " + text) == theirs.encode(" " + text)


def test_a_vocabulary_with_capitals_keeps_them(tmp_path: Path):
    tokens = ["[UNK]", "▁Sea", "▁sea", "horse", "s"]
    mine = open_vocabulary(write(tmp_path / "m.gguf", model="bert", tokens=tokens, types=[2, 1, 1, 1, 1], unknown=0))
    assert (mine.encode(" Sea"), mine.encode(" seahorses")) == ((1,), (2, 3, 4))


def test_a_charsmap_that_is_none_is_refused_in_one_line(tmp_path: Path):
    path = write(
        tmp_path / "m.gguf", model="t5", tokens=["a", "b"], types=[1, 1], scores=[0.0, 0.0],
        keys={"tokenizer.ggml.precompiled_charsmap": list(base64.b64decode("////////"))},
    )  # fmt: skip
    with pytest.raises(TokenError) as caught:
        open_vocabulary(path).encode("ab ba")
    assert "\n" not in str(caught.value)
