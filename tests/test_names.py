"""Names as a head holds them: their words' tokens, and their sums beside those of the expression language."""

import doctest

import numpy as np
import pytest

import geometry as geo
from geometry import families, intervals, names
from geometry.concepts import evaluate
from geometry.errors import TokenError
from geometry.head import Head
from geometry.linalg import unit
from geometry.names import name_queries, name_sums, near_ids, spell_name, whole_words, words_of
from geometry.phantoms import catalogue

SPACES = ["raw", "folded", "centered", "whitened"]


@pytest.mark.parametrize("module", [names, families, catalogue, intervals])
def test_the_examples_hold(module) -> None:
    assert doctest.testmod(module).failed == 0


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("Jack-o-lantern", ["jack", "o", "lantern"]),
        ("  sea \t horse ", ["sea", "horse"]),
        ("crème brûlée", ["crème", "brûlée"]),
        ("T-Rex 2", ["t", "rex", "2"]),
        ("snake_case", ["snake", "case"]),
        ("Łódź", ["łódź"]),
        ("…!", []),
        ("", []),
    ],
)
def test_words_are_runs_of_letters_and_digits(name: str, words: list[str]) -> None:
    assert words_of(name) == words


def test_a_word_is_its_token_or_its_pieces(make_head) -> None:
    head = make_head()
    sea, unknown = head.words().word("sea"), head.words().word("qqzx")
    assert (len(sea), len(unknown) > 1) == (1, True)
    assert spell_name(head, "Sea-qqzx") == (tuple(sea), tuple(unknown))
    assert spell_name(head, "sea") == spell_name(head, "SEA") != spell_name(head, "Seas")
    assert b"".join(head.words().bytes_of(token) for token in unknown) == b" qqzx"


def test_nothing_is_spelt_where_a_row_is_missing(make_head) -> None:
    assert spell_name(make_head(), "…") == spell_name(make_head(), "") == ()
    rows = np.random.default_rng(0).normal(size=(420, 16))
    sea = make_head(rows).words().word("sea")[0]
    rows[sea] = np.nan
    head = make_head(rows)
    assert spell_name(head, "sea horse") == ()
    assert len(spell_name(head, "horse")) == 1


def test_unit_rows_in_raw_are_added_on_request(composing: Head) -> None:
    """The expression language has no such sum; a vacancy's name rows need one."""
    name = spell_name(composing, "sea horse")
    rows = unit(composing.rows([token for (token,) in name]))
    np.testing.assert_allclose(name_sums(composing, [name], as_stored=False)[0], rows.sum(axis=0))


def test_whole_words_are_one_token_each(make_head) -> None:
    head = make_head()
    assert whole_words(head, "sea horse") == tuple(head.words().word(word)[0] for word in ("sea", "horse"))
    assert whole_words(head, "sea qqzx") == whole_words(head, "") == ()


@pytest.mark.parametrize(
    ("space", "as_stored"),
    [(space, keep) for space in SPACES for keep in (None, False, True) if (space, keep) != ("raw", False)],
)
def test_sums_are_those_of_the_same_words_added_up(composing: Head, space: str, as_stored: bool | None) -> None:
    head = composing.in_space(space)
    asked = ["sea horse", "seahorse", "fox", "wheelbarrow sea", "sea sea", "qqzx sea"]
    found = name_sums(head, [spell_name(head, name) for name in asked], as_stored=as_stored)
    for name, row in zip(asked, found, strict=True):
        expected = evaluate(head, " + ".join(name.split()), as_stored=bool(as_stored)).vector
        np.testing.assert_allclose(row, expected, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("space", SPACES)
def test_queries_are_those_of_the_words_and_emoji(composing: Head, space: str) -> None:
    head = composing.in_space(space)
    asked = [spell_name(head, name) for name in ("sea horse", "walrus", "qqzx")]
    found = name_queries(head, asked)
    for name, row in zip(("sea + horse", "walrus", "qqzx"), found, strict=True):
        np.testing.assert_allclose(row, evaluate(head, f"{name} + emoji").vector, rtol=1e-9, atol=1e-12)
    half = name_queries(head, asked, 0.5)
    np.testing.assert_allclose(half[1], evaluate(head, "walrus + 0.5*emoji").vector, rtol=1e-9, atol=1e-12)
    np.testing.assert_array_equal(name_queries(head, asked, 0.0), name_sums(head, asked))


def test_sums_are_linear_in_names(composing: Head) -> None:
    head = composing.centered()
    one, other = spell_name(head, "sea horse"), spell_name(head, "fox")
    sums = name_sums(head, [one, other, one + other, other + one, ()])
    np.testing.assert_allclose(sums[2], sums[0] + sums[1])
    np.testing.assert_allclose(sums[2], sums[3])
    assert not sums[4].any()
    assert name_sums(head, []).shape == (0, head.dim)


def test_a_word_in_pieces_enters_with_the_length_of_one(composing: Head) -> None:
    head = composing.folded()
    word = spell_name(head, "qqzx")
    assert len(word[0]) > 1
    row = name_sums(head, [word])[0]
    assert np.linalg.norm(row) == pytest.approx(1)
    np.testing.assert_allclose(row, unit(head.rows(list(word[0])).astype(np.float64).sum(axis=0)), atol=1e-6)


def test_no_direction_is_said(make_head) -> None:
    head = make_head().folded()
    with pytest.raises(TokenError, match="at least 50 whole-emoji tokens"):
        name_queries(head, [spell_name(head, "sea")])
    assert name_queries(head, [spell_name(head, "sea")], 0.0).any()


def test_near_ids_are_the_tokens_and_their_variants(make_head) -> None:
    head: geo.Head = make_head()
    sea = head.words().word("sea")[0]
    found = near_ids(head, [(sea,)])
    texts = {head.words().bytes_of(token).decode() for token in found}
    assert {" sea", " Sea", " seas"} <= texts
    assert all(text.strip().lower() in ("sea", "seas") for text in texts)
    both = near_ids(head, spell_name(head, "sea horse"))
    assert both == found | near_ids(head, spell_name(head, "horse"))
    assert near_ids(head, []) == frozenset()


def test_variants_past_the_rows_are_no_rows(make_head) -> None:
    """A tokenizer may know more tokens than the head has rows."""
    full = make_head()
    variants = sorted(near_ids(full, spell_name(full, "sea")))
    short = make_head(vocab=variants[-1])
    kept = near_ids(short, [(variants[0],)])
    assert kept == frozenset(variants[:-1])
