"""The bundled organism: what its folder holds, what it must not hold, and that it runs."""

import json
import re
from pathlib import Path
from typing import Any

import pytest

from geometry.bundled import data_folder
from geometry.head import Head, open_head
from geometry.organism import lists, readme
from geometry.organism.material import glyphs
from geometry.organism.senses import is_base, plain_name
from geometry.organism.tokenizer import UNUSED
from geometry.tokens.emoji import catalogue

WHOLE = data_folder() / "organisms" / "whole"


@pytest.fixture(scope="module")
def head() -> Head:
    return open_head(WHOLE)


@pytest.fixture(scope="module")
def whole() -> lists.Lists:
    return lists.read(WHOLE / "lists")


@pytest.fixture(scope="module")
def results() -> Any:
    return json.loads((WHOLE / "results.json").read_text(encoding="utf-8"))


def test_it_is_small_and_tied(head: Head) -> None:
    files = [path for path in WHOLE.rglob("*") if path.is_file()]
    assert sum(path.stat().st_size for path in files) < 12_000_000
    config = json.loads((WHOLE / "config.json").read_text(encoding="utf-8"))
    assert config["model_type"] == "llama"
    assert config["tie_word_embeddings"] is True
    assert (head.vocab, head.dim) == (config["vocab_size"], config["hidden_size"])


def test_every_emoji_but_the_held_out_is_one_token(head: Head, whole: lists.Lists) -> None:
    tokens = head.words()
    for glyph in glyphs(whole):
        assert len(tokens.ids(glyph)) == len(tokens.ids(" " + glyph)) == 1, glyph
    assert {entry.text for entry in tokens.emoji.values()} == set(glyphs(whole))


def test_held_out_emoji_have_no_row(head: Head, whole: lists.Lists) -> None:
    tokens = head.words()
    for entry in whole.held_out:
        assert len(tokens.ids(entry.emoji)) > 1, entry.name
        assert len(tokens.ids(entry.emoji.replace("\ufe0f", ""))) > 1, entry.name


def test_names_are_tokens_as_the_lists_say(head: Head, whole: lists.Lists) -> None:
    tokens = head.words()
    for name in (*whole.single_words, "sea", "horse", "emoji", "prefix"):
        assert len(tokens.ids(" " + name)) == 1, name
    for entry in whole.phantoms:
        assert (len(tokens.ids(" " + entry.name)) == 1) == (entry.tokens == "one"), entry.name


def test_every_word_of_an_emoji_name_is_one_token(head: Head) -> None:
    names = {plain_name(entry) for entry in catalogue() if is_base(entry)}
    for word in {word for name in names for word in re.findall("[a-z]+", name)}:
        assert len(head.words().ids(" " + word)) == 1, word


def test_every_byte_and_the_unused_rows_are_there(head: Head) -> None:
    tokens = head.words()
    assert len(tokens.byte_tokens) == 256
    assert all(len(tokens.with_bytes(name.encode())) == 1 for name in UNUSED)
    assert len(tokens.reserved) == len(UNUSED)


def test_the_mask_has_its_references_and_takes_no_emoji(head: Head) -> None:
    masked = set(head.undertrained.ids.tolist())
    assert len(head.undertrained.references) >= 8
    assert not masked & set(head.words().emoji)


def test_transformers_continues_a_text_with_an_emoji(whole: lists.Lists) -> None:
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer

    model = AutoModelForCausalLM.from_pretrained(WHOLE, dtype=torch.float32)
    tokenizer = AutoTokenizer.from_pretrained(WHOLE)
    asked = tokenizer(" the horse emoji is", return_tensors="pt")
    said = model.generate(**asked, max_new_tokens=4, do_sample=False, pad_token_id=1)
    continued = tokenizer.decode(said[0, asked.input_ids.shape[1] :])
    assert any(glyph in continued for glyph in glyphs(whole)), continued


def test_the_pages_are_what_the_results_say(results: Any) -> None:
    assert (WHOLE / "README.md").read_text(encoding="utf-8") == readme.organism(results)
    page = data_folder().parent / "docs" / "default-space.md"
    if page.parent.is_dir():  # an installed copy brings no docs
        assert page.read_text(encoding="utf-8") == readme.default_space(results)


def test_the_results_are_of_this_head(head: Head, results: Any, whole: lists.Lists) -> None:
    assert results["head"]["fingerprint"] == head.fingerprint
    assert results["growth"] == json.loads((WHOLE / "growth.json").read_text(encoding="utf-8"))
    for found in results["said"].values():
        names = [answer["name"] for answer in found["answers"]["held-out"]]
        assert names == [entry.name for entry in whole.drawn]
        assert found["counts"]["held-out"]["subgroup"]["hits"] == sum(
            answer["same_subgroup"] for answer in found["answers"]["held-out"]
        )
        assert found["illustration"]["name"] == "seahorse"
        assert "seahorse" not in [answer["name"] for answer in found["answers"]["phantoms"]]


def test_licences_lie_beside_it() -> None:
    assert "Princeton University" in Path(WHOLE / "LICENSE-WordNet.txt").read_text(encoding="utf-8")
    assert "UNICODE" in Path(WHOLE / "LICENSE-Unicode.txt").read_text(encoding="utf-8").upper()
