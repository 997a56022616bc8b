"""Growing: the tokenizer's rules, and a growing that is killed and goes on as if it had not been."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from geometry.errors import GeometryError
from geometry.organism import grow, tokenizer
from geometry.organism.corpus import Batches, Corpus, encode
from geometry.organism.recipe import Recipe, export, rate

LINES = tuple(f"{name} {glyph} is a {kind}." for name, glyph, kind in 20 * (
    ("fish", "🐟", "swimmer"), ("horse", "🐴", "runner"), ("bird", "🐦", "flyer"), ("sea", "🌊", "place"),
))  # fmt: skip
RECIPE = Recipe(steps=20, seed=3, dim=16, layers=1, heads=2, inner=32, batch=2, context=16, warmup=4)


@pytest.fixture(scope="module")
def tiny() -> Any:
    return tokenizer.build(LINES, ["🐟", "🐴", "🐦", "🌊"], ["seahorse", "narwhal"], ["flyer"], 320, merges=10)


@pytest.fixture(scope="module")
def corpus(tiny: Any) -> Corpus:
    return encode(LINES, tiny)


def test_words_and_emoji_are_one_token_and_take_their_space(tiny: Any) -> None:
    for text in (" sea", " seahorse", " Seahorse", " 🐟", "🐟", "<unused3>"):
        assert len(tiny.encode(text, add_special_tokens=False).ids) == 1, text
    assert tiny.encode("a 🐟", add_special_tokens=False).tokens[-1].strip() == "🐟"
    assert len(tiny.encode("a 🐟", add_special_tokens=False).ids) == 2


def test_words_kept_in_pieces_are_no_token(tiny: Any) -> None:
    assert len(tiny.encode(" flyer", add_special_tokens=False).ids) > 1
    assert "Ġflyer" not in tiny.get_vocab()


def test_every_byte_can_be_spelt(tiny: Any) -> None:
    for text in ("🐙", "Ωμέγα", "\x00\x7f", "漢字"):
        ids = tiny.encode(text, add_special_tokens=False).ids
        assert tiny.decode(ids) == text.lower()


def test_a_text_begins_with_the_start_token(tiny: Any) -> None:
    assert tiny.encode(" sea").tokens[0] == tokenizer.START


def test_the_rate_warms_up_and_falls() -> None:
    rates = [rate(RECIPE, step) for step in range(RECIPE.steps)]
    assert rates[3] == RECIPE.rate == max(rates)
    assert rates[0] == pytest.approx(RECIPE.rate / 4)
    assert rates[-1] < 0.03 * RECIPE.rate


def test_an_epoch_shows_every_line_once(corpus: Corpus) -> None:
    whole = np.concatenate(corpus.train)
    for epoch in range(2):
        assert sorted(corpus.stream(3, epoch)) == sorted(whole)
    assert not np.array_equal(corpus.stream(3, 0), corpus.stream(3, 1))


def test_batches_are_a_function_of_the_step(corpus: Corpus) -> None:
    inorder = Batches(corpus, RECIPE)
    steps = [inorder.at(step) for step in range(60)]
    assert np.array_equal(Batches(corpus, RECIPE).at(59), steps[59])


def test_a_killed_growing_goes_on_as_if_it_had_not_been(corpus: Corpus, tiny: Any, tmp_path: Path) -> None:
    straight = grow.grow(RECIPE, corpus, tiny, tmp_path / "straight")
    grow.grow(RECIPE, corpus, tiny, tmp_path / "killed", stop_at=7)
    resumed = grow.grow(RECIPE, corpus, tiny, tmp_path / "killed")
    for one, other in zip(straight.parameters(), resumed.parameters(), strict=True):
        assert np.array_equal(one.detach().numpy(), other.detach().numpy())
    seen = grow.losses(tmp_path / "killed")
    assert seen[-1][0] == RECIPE.steps
    assert seen[-1] == grow.losses(tmp_path / "straight")[-1]


def test_it_learns(corpus: Corpus, tiny: Any, tmp_path: Path) -> None:
    grow.grow(RECIPE, corpus, tiny, tmp_path)
    held = [loss for _, text, loss in grow.losses(tmp_path) if text == "held"]
    assert held[-1] < held[0] - 0.5


def test_the_state_of_another_recipe_is_refused(corpus: Corpus, tiny: Any, tmp_path: Path) -> None:
    grow.grow(RECIPE, corpus, tiny, tmp_path, stop_at=1)
    with pytest.raises(GeometryError, match=r"state\.pt was grown by another recipe: expected .*'seed': 4"):
        grow.grow(Recipe(steps=20, seed=4), corpus, tiny, tmp_path)


def test_transformers_opens_what_is_exported(corpus: Corpus, tiny: Any, tmp_path: Path) -> None:
    from transformers import AutoModelForCausalLM, AutoTokenizer

    export(grow.grow(RECIPE, corpus, tiny, tmp_path / "run", stop_at=2), tiny, tmp_path / "made")
    model = AutoModelForCausalLM.from_pretrained(tmp_path / "made")
    read = AutoTokenizer.from_pretrained(tmp_path / "made")
    assert model.config.tie_word_embeddings
    assert read(" a 🐟").input_ids == tiny.encode(" a 🐟").ids
    assert model(**read(" sea", return_tensors="pt")).logits.shape[-1] == tiny.get_vocab_size()


def test_the_other_regime_spells_an_emoji_as_an_opening_and_single_bytes() -> None:
    made = tokenizer.build(LINES, ["🐟", "🐴"], ["seahorse"], [], 340, regime="bytes", merges=10)
    spelt = {
        " 🐠": ("ĠðŁ", "Ĳ", "ł"),
        "🐠": ("ðŁ", "Ĳ", "ł"),
        " 😀": ("ĠðŁĺ", "Ģ"),
        " ❤️": ("ĠâĿ", "¤", "ï¸ı"),
        " 👩\u200d🚀": ("ĠðŁĳ", "©", "âĢį", "ðŁ", "ļ", "Ģ"),
    }
    for text, pieces in spelt.items():
        encoded = made.encode(text, add_special_tokens=False)
        assert tuple(encoded.tokens) == pieces
        assert made.decode(encoded.ids) == text
    assert len(made.encode(" seahorse", add_special_tokens=False).ids) == 1


def test_an_untied_organism_has_a_head_of_its_own(corpus: Corpus, tiny: Any, tmp_path: Path) -> None:
    import json

    from geometry.head import open_head

    untied = replace(RECIPE, tied=False)
    model = grow.grow(untied, corpus, tiny, tmp_path / "run", stop_at=3)
    export(model, tiny, tmp_path / "made")
    assert not json.loads((tmp_path / "made" / "config.json").read_text())["tie_word_embeddings"]
    head = open_head(tmp_path / "made")
    stored = model.lm_head.weight.detach().bfloat16().float().numpy()
    assert np.array_equal(head.rows(range(head.vocab)), stored)
    assert not np.array_equal(model.model.embed_tokens.weight.detach().numpy(), model.lm_head.weight.detach().numpy())
