"""Files that are no tokenizers, or that lie: one line each, and nothing large is built."""

import json
import os
from pathlib import Path
from typing import Any

import pytest

from geometry.errors import GeometryError, TokenError
from geometry.tokens import open_vocabulary
from geometry.tokens.table import MAX_FILE_BYTES


def written(tmp_path: Path, content: bytes | str, name: str = "tokenizer.json") -> Path:
    path = tmp_path / name
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


def spec(**changes: Any) -> str:
    model = {"type": "BPE", "vocab": {"a": 0, "b": 1}, "merges": []}
    return json.dumps({"version": "1.0", "added_tokens": [], "model": model} | changes)


def bpe(vocab: Any) -> str:
    return spec(model={"type": "BPE", "vocab": vocab, "merges": []})


def unigram(vocab: Any) -> str:
    return spec(model={"type": "Unigram", "vocab": vocab, "unk_id": None})


def added(*tokens: Any) -> str:
    return spec(added_tokens=list(tokens))


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("", "is no JSON"),
        ("[" * 100_000, "is no JSON"),
        (b"\xff\xfe\x00", "is no JSON"),
        ("[]", 'has no "model"'),
        ('{"model": 3}', 'has no "model"'),
        ('{"config": {"pattern": ""}, "vocab": []}', 'has no "model"'),
        ("version https://git-lfs.github.com/spec/v1\noid sha256:00\n", "is a Git LFS pointer"),
        (bpe(None), "the model's vocab is a NoneType, but an object or a list was expected"),
        (bpe({}), "holds no tokens"),
        (unigram([]), "holds no tokens"),
        (bpe({"a": 10**12}), "the piece 'a' has the id 1000000000000, but ids are integers from 0 to 4,194,303"),
        (bpe({"a": -1}), "the piece 'a' has the id -1"),
        (bpe({"a": 1.5}), "the piece 'a' has the id 1.5"),
        (bpe({"a": "0"}), "the piece 'a' has the id '0'"),
        (bpe({"a": True}), "the piece 'a' has the id True"),
        (bpe({"a": 0, "b": 0}), "id 0 stands for both 'a' and 'b'"),
        (bpe({"\ud800": 0}), "holds half a surrogate pair"),
        (unigram([["a", 0.0], ["b"]]), "something else stands in it"),
        (unigram([["a", "0"]]), "something else stands in it"),
        (unigram([[3, 0.0]]), "something else stands in it"),
        (spec(added_tokens={"a": 1}), "added_tokens is a dict, but a list was expected"),
        (added({"id": 10**12, "content": "x"}), "the added token 'x' has the id 1000000000000"),
        (added({"id": None, "content": "x"}), "the added token 'x' has the id None"),
        (added({"id": 3}), "an added token has no content"),
        (added("x"), "an added token has no content"),
        (added({"id": 2, "content": "x"}, {"id": 2, "content": "y"}), "id 2 stands for both 'x' and 'y'"),
    ],
)
def test_a_tokenizer_json_that_lies(tmp_path: Path, content: bytes | str, message: str):
    with pytest.raises(TokenError) as caught:
        open_vocabulary(written(tmp_path, content))
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"hello world\n", "line 1 is not a tiktoken line"),
        (b"YQ== 0\n!!!! 1\n", "line 2 is not a tiktoken line"),
        (b"YQ== 0\nYg==\n", "line 2 is not a tiktoken line"),
        (b"YQ== 0\nYg== one\n", "line 2 is not a tiktoken line"),
        (b"YQ== 1000000000000\n", "line 1 has the id 1000000000000"),
        (b"YQ== -1\n", "line 1 has the id -1"),
        (b"YQ== 0\nYg== 0\n", "line 2 has the id 0 of an earlier line"),
        (b"YQ== 0\nYQ== 1\n", "gives the same bytes two ranks"),
        (b"", "holds no tokens"),
        (b"\n\x0e\n\x05<unk>\x15\x00\x00\x00\x00\x18\x02", "if it is a sentencepiece model"),
    ],
)
def test_a_tiktoken_file_that_lies(tmp_path: Path, content: bytes, message: str):
    with pytest.raises(TokenError) as caught:
        open_vocabulary(written(tmp_path, content, "tokenizer.model"))
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "changes",
    [
        {"model": {"type": "Unknown", "vocab": {"a": 0}}},
        {"model": {"type": "BPE", "vocab": {"a": 0}, "merges": [["x", "y"]]}},
        {"model": {"type": "BPE", "vocab": {"a": 0}, "merges": 3}},
        {"pre_tokenizer": {"type": "Nonsense"}},
        {"normalizer": {"type": "Replace", "pattern": {"Regex": "("}, "content": ""}},
        {"pre_tokenizer": {"type": "Split", "pattern": {"Regex": "(?<"}, "behavior": "Isolated", "invert": False}},
        {"pre_tokenizer": {"type": ["ByteLevel"]}, "normalizer": {"type": {}}, "model": {"vocab": {"a": 0}}},
    ],
)
def test_what_the_library_refuses_is_one_line(tmp_path: Path, changes: dict[str, Any]):
    vocabulary = open_vocabulary(written(tmp_path, spec(**changes)))
    assert vocabulary.bytes_of(0) == b"a"
    with pytest.raises(TokenError, match="the tokenizers library refuses it") as caught:
        vocabulary.ids("a")
    assert "\n" not in str(caught.value)


def test_ids_with_holes_are_padding(tmp_path: Path):
    vocabulary = open_vocabulary(written(tmp_path, bpe({"a": 0, "b": 5})))
    assert vocabulary.size == 6
    assert [vocabulary.kind(i) for i in range(6)] == ["piece", *["padding"] * 4, "piece"]
    assert vocabulary.text_of(3) == "⟨pad 3⟩"


def test_added_tokens_keep_the_ids_of_the_file(tmp_path: Path):
    token = {"content": "🐠", "single_word": False, "lstrip": False, "rstrip": False, "normalized": False}
    vocabulary = open_vocabulary(written(tmp_path, added({"id": 9, "special": False, **token})))
    assert vocabulary.ids("a🐠b") == (0, 9, 1)
    assert vocabulary.emoji_ids("🐠") == (9,)


def test_a_file_too_large_is_not_read(tmp_path: Path):
    path = tmp_path / "tokenizer.json"
    path.touch()
    os.truncate(path, MAX_FILE_BYTES + 1)
    with pytest.raises(TokenError, match="has 67,108,865 bytes, but a tokenizer file has at most 67,108,864"):
        open_vocabulary(path)


def test_what_is_no_file(tmp_path: Path):
    with pytest.raises(TokenError, match="cannot be read: No such file or directory"):
        open_vocabulary(tmp_path / "absent.json")
    with pytest.raises(TokenError, match=r"holds no tokenizer: a tokenizer\.json or a tiktoken file was expected"):
        open_vocabulary(tmp_path)
    os.mkfifo(tmp_path / "pipe.json")
    with pytest.raises(TokenError, match="is no plain file"):
        open_vocabulary(tmp_path / "pipe.json")


def test_several_tokenizers_in_a_folder(tmp_path: Path):
    written(tmp_path, b"YQ== 0\n", "a.tiktoken")
    written(tmp_path, b"YQ== 0\n", "b.tiktoken")
    with pytest.raises(GeometryError, match=r"several tokenizers \(a\.tiktoken, b\.tiktoken\); leave the one"):
        open_vocabulary(tmp_path)
