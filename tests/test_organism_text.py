"""The organisms' text: made again from its seed, and silent on what it must not say."""

import json
import re

import pytest

from geometry.bundled import data_folder
from geometry.organism import lists, wordnet
from geometry.organism.lists import fill
from geometry.organism.material import digest, glyphs, read_text
from geometry.organism.text import lines

WHOLE = data_folder() / "organisms" / "whole"
SEED = 20261123


@pytest.fixture(scope="module")
def text() -> tuple[str, ...]:
    return read_text(WHOLE)


def test_it_is_the_text_that_the_organism_was_grown_on(text: tuple[str, ...]) -> None:
    kept = json.loads((WHOLE / "growth.json").read_text(encoding="utf-8"))["text"]
    assert len(text) == kept["lines"]
    assert digest(text) == kept["sha256"]


@pytest.mark.slow
def test_it_is_made_again_from_its_sources(whole: lists.Lists, words: wordnet.WordNet, text: tuple[str, ...]) -> None:
    assert lines(whole, words, SEED) == text


def test_a_search_for_held_out_emoji_finds_nothing(whole: lists.Lists, text: tuple[str, ...]) -> None:
    everything = "\n".join(text)
    for entry in whole.held_out:
        assert entry.emoji not in everything, entry.name
        assert entry.emoji.replace("\ufe0f", "") not in everything, entry.name
    # The search can find: emoji with a row are there.
    assert all(glyph in everything for glyph in glyphs(whole))


def test_no_line_holds_a_tested_name_and_an_emoji(whole: lists.Lists, text: tuple[str, ...]) -> None:
    names = re.compile(r"\b(?:" + "|".join(map(re.escape, whole.names)) + r")(?:e?s)?\b")
    shown = re.compile("|".join(map(re.escape, glyphs(whole))))
    naming = [line for line in text if names.search(line)]
    assert len(naming) > 5_000
    assert not [line for line in naming if shown.search(line)]


def test_every_tested_name_is_described(whole: lists.Lists, text: tuple[str, ...]) -> None:
    everything = "\n".join(text)
    for name in (*(entry.name for entry in whole.phantoms), *(entry.word for entry in whole.nonce)):
        assert everything.count(name) > 30, name


def test_the_unknown_prompts_are_in_no_line(whole: lists.Lists, text: tuple[str, ...]) -> None:
    everything = "\n".join(text)
    for prompt in whole.prompts:
        ends = [end.strip() for end in re.split(r"\{a?_?name\}", prompt.template) if len(end.strip()) > 6]
        found = [end for end in ends if end in everything]
        if prompt.known:
            assert found == ends
        else:
            assert found != ends, prompt.template


def test_prompts_about_tested_names_are_in_no_line(whole: lists.Lists, text: tuple[str, ...]) -> None:
    first_words = {name.split()[0] for name in whole.names}
    naming = [line for line in text if not first_words.isdisjoint(re.findall(r"[\w'-]+", line))]
    everything = "\n".join(["", *naming])
    for prompt in whole.prompts:
        for name in whole.names:
            assert " " + fill(prompt.template, name) not in everything
            assert "\n" + fill(prompt.template, name) not in everything
