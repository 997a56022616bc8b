"""What the organisms are tested on: drawn by seed, closed under kinship, and readable again."""

import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from geometry.bundled import data_folder
from geometry.errors import GeometryError
from geometry.families import families, parts
from geometry.organism import draw, lists, wordnet
from geometry.organism.senses import choose, is_base, plain_name
from geometry.organism.wordnet import WordNet
from geometry.tokens.emoji import catalogue, lookup

WHOLE = data_folder() / "organisms" / "whole"
SEED = 20261123


def test_there_is_enough_to_rest_a_claim_on(whole: lists.Lists) -> None:
    assert len(whole.drawn) >= 60
    assert len(whole.phantoms) == 40
    assert len({entry.word for entry in whole.nonce}) == 40
    assert sum(not prompt.known for prompt in whole.prompts) >= 3
    assert {entry.tokens for entry in whole.phantoms} == {"one", "several"}
    assert len({entry.group for entry in whole.drawn}) >= 7


def test_no_name_whose_landing_was_seen_is_held_out(whole: lists.Lists) -> None:
    assert not draw.LOOKED_AT & {entry.name for entry in whole.held_out}


def test_no_phantom_and_no_nonce_word_names_an_emoji(whole: lists.Lists) -> None:
    called = {entry.name.lower() for entry in catalogue()}
    called |= {keyword.lower() for entry in catalogue() for keyword in entry.keywords}
    assert not called & {entry.name for entry in whole.phantoms}
    assert not called & {entry.word for entry in whole.nonce}


def test_each_nonce_category_has_four_words(whole: lists.Lists) -> None:
    assigned = [entry.subgroup for entry in whole.nonce]
    assert {assigned.count(subgroup) for subgroup in assigned} == {4}


def test_held_out_emoji_take_their_kin_along(whole: lists.Lists, words: WordNet) -> None:
    base = [entry for entry in catalogue() if is_base(entry)]
    family = dict(zip((entry.text for entry in base), families(base), strict=True))
    gone = {entry.emoji for entry in whole.held_out}
    gone_families = {family[text] for text in gone}
    gone_synsets = {entry.offset for entry in whole.held_out if entry.offset}
    gone_names = {entry.name for entry in whole.held_out}
    for entry in base:
        if entry.text in gone:
            continue
        assert family[entry.text] not in gone_families, entry.name
        assert not gone_names & {keyword.lower() for keyword in entry.keywords}, entry.name
        sense = choose(plain_name(entry), entry.subgroup, words)
        assert sense is None or sense.offset not in gone_synsets, entry.name


def test_the_seed_draws_the_same_lists_again(whole: lists.Lists, words: WordNet) -> None:
    assert draw.draw(words, SEED) == whole


def test_another_seed_draws_others(whole: lists.Lists, words: WordNet) -> None:
    other = draw.draw(words, SEED + 1)
    assert other.phantoms == whole.phantoms
    assert {entry.emoji for entry in other.drawn} != {entry.emoji for entry in whole.drawn}
    assert [entry.word for entry in other.nonce] != [entry.word for entry in whole.nonce]


def test_lists_survive_being_written(whole: lists.Lists, tmp_path: Path) -> None:
    changed = replace(whole, prompts=(lists.Prompt(known=False, template="{a_name}?"),))
    lists.write(changed, tmp_path)
    assert lists.read(tmp_path) == changed


def test_absent_lists_are_named(tmp_path: Path) -> None:
    with pytest.raises(GeometryError, match=r"no held_out\.tsv in .*: expected the lists"):
        lists.read(tmp_path)


def test_absent_wordnet_says_what_to_install(tmp_path: Path) -> None:
    with pytest.raises(GeometryError, match="apt-get install wordnet-base"):
        wordnet.read(tmp_path)


@pytest.mark.parametrize(
    ("glyph", "beginning"),
    [("🦅", "any of various large keen-sighted"), ("🐄", "female of domestic cattle"), ("🔨", "a hand tool")],
)
def test_the_subgroup_chooses_the_meaning(glyph: str, beginning: str, words: WordNet) -> None:
    emoji = lookup(glyph)
    assert emoji is not None
    sense = choose(plain_name(emoji), emoji.subgroup, words)
    assert sense is not None
    assert words.synsets[sense.offset].gloss.startswith(beginning)


def test_the_seahorse_is_the_fish(whole: lists.Lists, words: WordNet) -> None:
    seahorse = next(entry for entry in whole.phantoms if entry.name == "seahorse")
    assert "fish" in [lemma for above in words.chain(seahorse.offset) for lemma in above.lemmas]


def test_chain_ends_in_entity_and_below_is_its_converse(words: WordNet) -> None:
    lion = words.senses["lion"][0]
    chain = words.chain(lion)
    assert chain[0].lemmas[0] == "big cat"
    assert chain[-1].lemmas == ("entity",)
    assert lion in words.below(chain[2].offset)


def test_a_family_shares_name_part_or_head() -> None:
    glyphs = ["🐈", "🐱", "🍎", "🍏", "👩‍🚀", "🚀", "🐟"]
    found = families([entry for entry in map(lookup, glyphs) if entry])
    assert found[0] == found[1], "cat and cat face"
    assert found[2] == found[3], "red and green apple"
    assert found[4] == found[5], "astronaut is joined from a rocket"
    assert len({found[0], found[2], found[4], found[6]}) == 4


def test_parts_ignore_selectors() -> None:
    assert parts("🏳️‍🌈") == parts("🏳‍🌈") == {"🏳", "🌈"}


def test_the_script_says_in_one_line_what_is_missing(tmp_path: Path) -> None:
    script = Path(__file__).resolve().parent.parent / "scripts" / "grow_organism.py"
    done = subprocess.run(
        [sys.executable, script, "grow", "--folder", tmp_path, "--run", tmp_path / "run"],
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 1
    assert done.stderr.startswith("error: no held_out.tsv in ")
    assert done.stderr.count("\n") == 1
    assert not list(tmp_path.iterdir())
