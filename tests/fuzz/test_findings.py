"""What forged checkpoints have broken so far, each as small as it could be made. None of it may come back."""

import base64
import json
import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from journey import check_message
from mutations import write
from seeds import DIM, Files, numbers, pack, seeds

import geometry as geo
from geometry.errors import CheckpointError, GeometryError, OptionError, TokenError
from geometry.info import describe
from geometry.tokens import open_vocabulary
from geometry.tokens.emoji import catalogue

BPE, UNIGRAM, WORDPIECE = 0, 1, 2


def folder(tmp_path: Path, files: Files) -> Path:
    write(tmp_path, dict(files))
    return tmp_path


def refusal(error: type[GeometryError], action: Any) -> str:
    with pytest.raises(error) as caught:
        action()
    check_message(str(caught.value))
    return str(caught.value)


def spec(number: int = BPE, **changes: Any) -> dict[str, Any]:
    return json.loads(seeds()[number]["tokenizer.json"]) | changes


def model(number: int = BPE, **changes: Any) -> dict[str, Any]:
    honest = spec(number)
    return honest | {"model": honest["model"] | changes}


def tokenizer(tmp_path: Path, content: Any) -> Path:
    path = tmp_path / "tokenizer.json"
    path.write_text(json.dumps(content), encoding="utf-8")
    return path


def steps(kind: str, *members: dict[str, Any]) -> dict[str, Any]:
    return {"type": "Sequence", kind: list(members)}


def replace(pattern: dict[str, str], content: str) -> dict[str, Any]:
    return {"type": "Replace", "pattern": pattern, "content": content}


def charsmap(table: int, rest: bytes) -> dict[str, str]:
    return {
        "type": "Precompiled",
        "precompiled_charsmap": base64.b64encode(table.to_bytes(4, "little") + rest).decode(),
    }


# Headers, indexes, names


def test_a_shape_whose_size_is_no_float(tmp_path: Path):
    files = {"model.safetensors": pack({"lm_head.weight": ("F32", [2**62] * 32, b"")})}
    assert "takes" in refusal(CheckpointError, lambda: geo.open_head(folder(tmp_path, files)))


def test_a_shard_name_longer_than_any_file_has(tmp_path: Path):
    index = {"weight_map": {"lm_head.weight": "a" * 5_000 + ".safetensors"}}
    files = {"model.safetensors.index.json": json.dumps(index).encode()}
    assert "which is not there" in refusal(CheckpointError, lambda: geo.open_head(folder(tmp_path, files)))


@pytest.mark.parametrize("name", ["z\n.tiktoken", "\x1b[31m.tiktoken", "\u202e.tiktoken"])
def test_file_names_that_a_terminal_would_act_on(name: str, tmp_path: Path):
    files = {key: one for key, one in seeds()[0].items() if key != "tokenizer.json"} | {name: b"", "a.tiktoken": b""}
    assert "several tokenizers" in refusal(CheckpointError, lambda: geo.open_head(folder(tmp_path, files)))


def test_a_file_name_in_no_encoding(tmp_path: Path):
    name = os.fsdecode(b"\xff\xfe.safetensors")
    write(tmp_path, {name: b"\x80\x02."})
    assert "\\udcff" in refusal(CheckpointError, lambda: geo.open_head(tmp_path))


def test_messages_are_one_line_and_keep_their_end():
    message = str(GeometryError("what arrived\r\n\x1b[2J" + "x" * 10_000 + "; do this next"))
    check_message(message)
    assert message.startswith("what arrived\\r\\n\\x1b[2J")
    assert message.endswith("; do this next")
    assert len(message) < 2_010
    assert str(GeometryError("no 👩\u200d🚀 here")) == "no 👩\u200d🚀 here"


# Numbers


def test_a_norm_that_leaves_float32(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    few = catalogue()[::200]
    monkeypatch.setattr("geometry.tokens.regime.catalogue", lambda: few)
    wide = np.full(DIM, 1e38, dtype="<f4").tobytes()
    tensors = {"lm_head.weight": numbers("F32", [330, DIM], 1), "model.norm.weight": ("F32", [DIM], wide)}
    files = seeds()[0] | {"model.safetensors": pack(tensors)}
    head = geo.open_head(folder(tmp_path, files))
    assert "numbers beyond 1,000,000" in head.readout.reason
    json.dumps(head.land("sea + #3").to_dict(), allow_nan=False)
    json.dumps(describe(head).to_dict(), allow_nan=False)


def test_whitening_makes_no_matrix_larger_than_the_head(tmp_path: Path):
    files = {"model.safetensors": pack({"lm_head.weight": numbers("BF16", [8, 5_000], 1)})}
    head = geo.open_head(folder(tmp_path, files))
    message = refusal(OptionError, lambda: head.land("#1 + #2", space="whitened", metric="cosine"))
    assert message.startswith("8 real rows of 5,000 numbers have no full covariance; expected more rows than numbers")


# Tokenizers: what Python would build


@pytest.mark.parametrize("far", [4_194_303, 70_000])
def test_an_id_far_beyond_the_others(far: int, tmp_path: Path):
    path = tokenizer(tmp_path, {"model": {"type": "BPE", "vocab": {"a": 0, "b": far}, "merges": []}})
    assert f"2 tokens with ids up to {far:,}" in refusal(TokenError, lambda: open_vocabulary(path))
    ranks = tmp_path / "x.tiktoken"
    ranks.write_bytes(b"YQ== 0\nYg== %d\n" % far)
    assert f"2 tokens with ids up to {far:,}" in refusal(TokenError, lambda: open_vocabulary(ranks))


def test_ids_with_some_holes_are_let_be(tmp_path: Path):
    path = tokenizer(tmp_path, {"model": {"type": "BPE", "vocab": {"a": 0, "b": 60_000}, "merges": []}})
    assert open_vocabulary(path).tokenizer_size == 60_001


@pytest.mark.parametrize("score", [10**400, float("inf"), float("nan")])
def test_a_score_that_is_no_finite_number(score: Any, tmp_path: Path):
    path = tokenizer(tmp_path, model(UNIGRAM, vocab=[["<unk>", 0.0], ["a", score]]))
    assert "no finite number" in refusal(TokenError, lambda: open_vocabulary(path))


@pytest.mark.parametrize("number", [True, False])
def test_an_unknown_token_that_is_true(number: bool, tmp_path: Path):
    # no normalizer: "A" is no token then, and the unknown one stands for it
    content = model(WORDPIECE, unk_id=number) | {"normalizer": None, "pre_tokenizer": None}
    vocabulary = open_vocabulary(tokenizer(tmp_path, content), rows=100)
    assert not any(isinstance(token, bool) for token in vocabulary.encode("A"))
    files = seeds()[2] | {"tokenizer.json": json.dumps(content).encode()}
    assert geo.open_head(folder(tmp_path, files)).candidates().any()


def test_words_of_bytes_that_are_no_text(tmp_path: Path):
    # NFKC mangles what ByteLevel made: "Ĳ" comes apart into "IJ"
    steps = [{"type": "ByteLevel"}, {"type": "NFKC"}]
    content = model(WORDPIECE) | {"normalizer": {"type": "Sequence", "normalizers": steps}}
    vocabulary = open_vocabulary(tokenizer(tmp_path, content), rows=100)
    assert "bytes that are no text" in refusal(TokenError, lambda: vocabulary.encode("🐠"))


# Tokenizers: what the library would do. Each of these took gigabytes, minutes, or the whole process with it.

DOUBLE = replace({"String": "a"}, "aa")
BYTE_LEVEL = {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": True, "use_regex": False}


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (spec(normalizer=steps("normalizers", *[DOUBLE] * 40)), "may make a text 2,199,023,255,552 times as long"),
        (spec(normalizer=replace({"Regex": "."}, "A" * 100_000)), "may make a text 200,002 times as long"),
        (spec(normalizer=steps("normalizers", *[replace({"String": ""}, "x" * 8)] * 9)), "times as long"),
        (spec(normalizer=steps("normalizers", *[{"type": "ByteLevel"}] * 40)), "times as long"),
        (spec(pre_tokenizer=steps("pretokenizers", *[BYTE_LEVEL] * 30)), "times as long"),
        (spec(normalizer=charsmap(4, bytes(4) + b"x" * 9_000)), "may make a text 18,000 times as long"),
        (spec(normalizer=steps("normalizers", *[{"type": "NFKC"}] * 20_000)), "its normalizer has 20,000 steps"),
        (spec(pre_tokenizer={"type": "Split", "pattern": {"Regex": r"(?<n>.\g<n>?|.\g<n>?|.)\d"},
                             "behavior": "Isolated", "invert": False}), "calls itself"),
        (spec(normalizer=charsmap(0x7FFFFFFF, b"")), "a table of 2,147,483,647; expected a whole one"),
        (spec(normalizer=charsmap(5, bytes(9))), "a table of 5; expected a whole one"),
        (model(continuing_subword_prefix=" "), "the merge ['Ġ', 's'] does not go on with ' '"),
        (model(continuing_subword_prefix="▁", merges=["a ▁b"]), "the merge 'a ▁b' does not go on with '▁'"),
        (model(end_of_word_suffix="a" * 100_000), "its end_of_word_suffix has 100,000 characters"),
        (model(WORDPIECE, continuing_subword_prefix="a" * 100), "its continuing_subword_prefix has 100 characters"),
    ],
)  # fmt: skip
def test_what_a_tokenizer_may_not_ask_of_the_library(content: Any, message: str, tmp_path: Path):
    vocabulary = open_vocabulary(tokenizer(tmp_path, content))
    assert vocabulary.bytes_of(0)
    assert message in refusal(TokenError, lambda: vocabulary.ids("sea"))


@pytest.mark.parametrize(
    "content",
    [
        spec(
            normalizer=steps(
                "normalizers", replace({"String": " "}, "▁"), replace({"Regex": " {2,}"}, " "), {"type": "NFKD"}
            )
        ),
        spec(normalizer=charsmap(4, bytes(4) + b"a\0" + b"x" * 33 + b"\0")),
        spec(normalizer=charsmap(4, bytes(4))),
        model(continuing_subword_prefix="##", vocab={"a": 0, "##b": 1, "ab": 2}, merges=[["a", "##b"]]),
    ],
)
def test_what_real_tokenizers_ask_is_let_be(content: Any, tmp_path: Path):
    from geometry.tokens.bounds import check_bounds

    check_bounds(content, tmp_path)


@pytest.mark.parametrize("pattern", [r"(?:\w|\w)*\d", r"(.+)+\d"])
def test_a_pattern_that_never_ends_is_given_up_by_the_library(pattern: str, tmp_path: Path):
    split = {"type": "Split", "pattern": {"Regex": pattern}, "behavior": "Isolated", "invert": False}
    vocabulary = open_vocabulary(tokenizer(tmp_path, spec(pre_tokenizer=split)))
    assert "retry-limit-in-match over" in refusal(TokenError, lambda: vocabulary.ids("a" * 64))


def test_a_tokenizer_slower_than_any_is_given_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    vocabulary = open_vocabulary(tokenizer(tmp_path, spec()))
    assert vocabulary.ids("sea")
    monkeypatch.setattr("geometry.tokens.encoding.PATIENCE_SECONDS", -1.0)
    assert "its patterns take" in refusal(TokenError, lambda: vocabulary.ids("sea"))


def test_merges_are_never_left_out_at_random(tmp_path: Path):
    sure = open_vocabulary(tokenizer(tmp_path, spec())).ids(" sea horse fish")
    vocabulary = open_vocabulary(tokenizer(tmp_path, model(dropout=0.9)))
    assert {vocabulary.ids(" sea horse fish") for _ in range(20)} == {sure}
