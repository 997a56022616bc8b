"""Permutation tests against every permutation."""

import doctest
from importlib import import_module
from itertools import permutations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from geometry.chance import compare

LABELS = st.lists(st.tuples(st.sampled_from("abc"), st.sampled_from("abcd")), min_size=1, max_size=6)


@given(LABELS)
def test_it_is_the_share_of_all_permutations(pairs: list[tuple[str, str]]) -> None:
    expected, answers = [a for a, _ in pairs], [b for _, b in pairs]
    hits = [sum(a == b for a, b in zip(order, answers, strict=True)) for order in permutations(expected)]
    found = compare(expected, answers)
    assert found.hits == sum(a == b for a, b in pairs)
    assert found.chance == pytest.approx(sum(hits) / len(hits))
    assert found.p == pytest.approx(sum(hit >= found.hits for hit in hits) / len(hits))


def test_it_is_exact_at_the_size_that_is_reported() -> None:
    expected = [str(number % 10) for number in range(74)]
    assert compare(expected, expected).p < 1e-40
    assert compare(expected, ["0"] * 74).p == 1.0


@pytest.mark.parametrize(
    "name",
    ["families", "chance", "organism.lists", "organism.senses", "organism.wordnet"],
)
def test_examples_in_docstrings_hold(name: str) -> None:
    tried = doctest.testmod(import_module(f"geometry.{name}"))
    assert tried.attempted
    assert not tried.failed
