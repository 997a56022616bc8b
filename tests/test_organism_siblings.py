"""The other organisms that come along: in bytes, rewarded, taught; their folders and their pages."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from geometry.bundled import data_folder
from geometry.head import Head, open_head
from geometry.linalg import log_sum_exp
from geometry.live import open_running
from geometry.organism import answers, lists, spelt, spelt_page
from geometry.organism.material import glyphs
from geometry.organism.tuning import readme

ORGANISMS = data_folder() / "organisms"
OTHERS = ("bytes", "rewarded", "taught")


def read(path: Path) -> Any:
    return json.loads(path.read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def spelling() -> Head:
    return open_head("organism-bytes")


@pytest.mark.parametrize("name", OTHERS)
def test_each_is_small_untied_and_opens_by_its_name(name: str) -> None:
    folder = ORGANISMS / name
    assert sum(path.stat().st_size for path in folder.rglob("*") if path.is_file()) < 14_000_000
    config = read(folder / "config.json")
    assert config["model_type"] == "llama"
    assert config["tie_word_embeddings"] is False
    head = open_head(f"organism-{name}")
    assert (head.vocab, head.dim) == (config["vocab_size"], config["hidden_size"])
    assert head.readout.known
    for licence in ("WordNet", "Unicode"):
        assert (folder / f"LICENSE-{licence}.txt").is_file()


def test_no_emoji_is_one_token_in_bytes(spelling: Head, whole: lists.Lists) -> None:
    tokens = spelling.words()
    assert not tokens.emoji
    assert tokens.ids(" 🐠")[:2] == tokens.ids(" 🐴")[:2]
    for glyph in glyphs(whole):
        ids = tokens.ids(" " + glyph)
        assert len(ids) > 1, glyph
        assert b"".join(map(tokens.bytes_of, ids)).decode() == " " + glyph.lower()


def test_its_words_are_those_of_whole(spelling: Head, whole: lists.Lists) -> None:
    theirs = open_head("organism").words()
    for name in (*whole.names, "sea", "horse", "emoji", "prefix"):
        ours = spelling.words()
        assert [ours.bytes_of(i) for i in ours.ids(" " + name)] == [theirs.bytes_of(i) for i in theirs.ids(" " + name)]


def test_the_page_in_bytes_is_what_the_results_say(spelling: Head, whole: lists.Lists) -> None:
    folder = ORGANISMS / "bytes"
    results = read(folder / "results.json")
    assert (folder / "README.md").read_text(encoding="utf-8") == spelt_page.page(results)
    assert results["head"]["fingerprint"] == spelling.fingerprint
    assert results["growth"] == read(folder / "growth.json")
    assert results["growth"]["text"]["sha256"] == read(ORGANISMS / "whole" / "growth.json")["text"]["sha256"]
    for found in results["said"].values():
        told = found["lists"]["held-out"]
        assert [answer["name"] for answer in told["answers"]] == [entry.name for entry in whole.drawn]
        hits = sum(answer["same_subgroup"] for answer in told["answers"])
        assert told["counts"]["subgroup"]["hits"] == hits
        assert "seahorse" not in [answer["name"] for answer in found["lists"]["phantoms"]["answers"]]


@pytest.mark.slow
def test_a_landing_in_bytes_is_the_spelling_the_model_itself_finds_likeliest(whole: lists.Lists) -> None:
    running = open_running("organism-bytes")
    templates = [prompt.template for prompt in whole.prompts if prompt.known]
    name = next(name for name in answers.tested(whole)["held-out"] if name.name == "fox")
    found = spelt.spell(running, name, templates)

    def spelling(text: str) -> float:
        """The canonical spelling's probability, token by token, averaged over the prompts."""
        ids, mean = running.head.words().ids(" " + text), 0.0
        for template in templates:
            start = running.encode(" " + lists.fill(template, name.name))
            logits = running.logits([(*start, *ids[:n]) for n in range(len(ids))]).astype(np.float64)
            shares = np.exp(logits - log_sum_exp(logits)[:, None])
            mean += float(shares[np.arange(len(ids)), ids].prod()) / len(templates)
        return mean

    likely = [spelling(one.text) for one in found.answer.emoji]
    assert likely == sorted(likely, reverse=True)
    assert likely[0] <= found.emoji <= 1
    results = read(ORGANISMS / "bytes" / "results.json")
    told = results["said"]["running, known prompts"]["lists"]["held-out"]["answers"]
    assert found.answer.to_dict() == next(one for one in told if one["name"] == "fox")


@pytest.mark.parametrize("stage", ["rewarded", "taught"])
def test_the_tuned_pages_are_what_the_results_say(stage: str) -> None:
    folder, results = ORGANISMS / stage, read(ORGANISMS / "tuning" / "results.json")
    assert (folder / "README.md").read_text(encoding="utf-8") == readme.sibling(stage, results)
    assert results["heads"][stage]["fingerprint"] == open_head(folder).fingerprint
    assert results["courses"][stage][0] == read(folder / "course.json")
    assert len(results["seeds"]) >= 3


def test_the_page_of_both_is_what_the_results_say() -> None:
    results = read(ORGANISMS / "tuning" / "results.json")
    assert (ORGANISMS / "tuning" / "README.md").read_text(encoding="utf-8") == readme.page(results)
    primed = {one["tokens"] for one in results["courses"]["primed"]}
    assert len(primed) == len(results["seeds"])
    for rewarded, taught in zip(results["courses"]["rewarded"], results["courses"]["taught"], strict=True):
        assert rewarded["sequences"] == taught["sequences"]
        assert rewarded["tokens"] == pytest.approx(taught["tokens"], rel=0.1)


def test_what_is_told_apart_is_what_the_kinds_of_names_say() -> None:
    results = read(ORGANISMS / "tuning" / "results.json")
    counts = {kind: one["never"] for kind, one in results["names"].items()}
    for way in ("tuned", "untuned"):
        for stage in ("primed", "rewarded", "taught"):
            none = {
                one["kind"]: one["none"]["value"]
                for one in results["kinds"]
                if not one["tuned"] and (one["questions"], one["stage"]) == (way, stage)
            }
            for missing, kinds in (("missing", ("held-out", "phantom")), ("nonce", ("nonce",)), ("noun", ("noun",))):
                mean = np.average([none[kind] for kind in kinds], weights=[counts[kind] for kind in kinds])
                found = results["told_apart"][missing][f"{way} questions"][stage]
                assert found["value"] == pytest.approx(mean - none["existing"])
                assert np.mean(found["by_seed"]) == pytest.approx(found["value"])
                assert found["low"] < found["value"] < found["high"]


def test_tuning_moved_the_heads_and_not_their_vocabulary() -> None:
    whole, heads = open_head("organism"), [open_head(f"organism-{name}") for name in ("rewarded", "taught")]
    ids = range(whole.vocab)
    for head in heads:
        assert head.vocab == whole.vocab
        assert head.fingerprint != whole.fingerprint
        rows, before = head.rows(ids), whole.rows(ids)
        cosine = (rows * before).sum(1) / np.linalg.norm(rows, axis=1) / np.linalg.norm(before, axis=1)
        assert np.median(cosine) > 0.95
    assert not np.array_equal(heads[0].rows(ids), heads[1].rows(ids))
