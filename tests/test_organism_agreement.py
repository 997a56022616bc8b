"""The organism's ways of asking against each other, with answers made up so that the truth is known."""

from collections.abc import Sequence

import numpy as np
import pytest

import geometry as geo
from geometry.lexicon import nouns
from geometry.organism import agreement
from geometry.organism.answers import Answer, Name
from geometry.organism.listen import Lead, Listener
from geometry.phantoms import find_phantoms
from geometry.tokens.emoji import catalogue, lookup


def answered(landings: str) -> list[Answer]:
    """Answers to a cat, a dog and an apple."""
    names = [("cat", "animal-mammal"), ("dog", "animal-mammal"), ("apple", "food-fruit")]
    found = []
    for (name, subgroup), text in zip(names, landings, strict=True):
        emoji = lookup(text)
        assert emoji is not None
        found.append(Answer(Name(name, "", subgroup), (emoji,)))
    return found


def test_agreement_is_counted_by_subgroup() -> None:
    said = {"one": {"list": answered("🐱🐶🍎")}, "other": {"list": answered("🐴🚗🍌")}}
    (found,) = agreement.agreements(said)
    assert (found["hits"], found["n"]) == (2, 3)
    assert (found["both_right"], found["first_only"], found["second_only"]) == (2, 1, 0)
    assert found["p"] == pytest.approx(1 / 3)  # of 6 deals, 2 match in two places


def test_ways_of_asking_are_all_held_against_each_other() -> None:
    said = {way: {"list": answered("🐱🐶🍎")} for way in ("a", "b", "c")}
    assert [one["ways"] for one in agreement.agreements(said)] == [["a", "b"], ["a", "c"], ["b", "c"]]


class Echo(Listener):
    """A listener that says of each name what the head's own ranking says, or the opposite."""

    def __init__(self, leads: dict[str, float]) -> None:
        super().__init__(None, None, (), ())
        object.__setattr__(self, "_leads", leads)

    def lead(self, name: str, templates: Sequence[str]) -> Lead:
        return Lead(self._leads[name], catalogue()[0])


@pytest.mark.parametrize("sign", [1.0, -1.0])
@pytest.mark.slow
def test_a_model_that_says_what_the_head_says_agrees_with_it(
    composing: geo.Head, sign: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    head, lexicon = composing.in_space("folded"), [noun for noun in nouns() if noun.concrete][:400]
    ranked = find_phantoms(head, lexicon)
    monkeypatch.setattr(agreement, "find_phantoms", lambda head, seed: ranked)
    leads = np.array([one.lead for one in ranked.phantoms])
    echo = Echo({one.name: sign * one.lead for one in ranked.phantoms})
    found = agreement.phantom_beliefs(head, echo, ["the {name} emoji"], 0)
    assert found["rank_correlation"]["value"] == pytest.approx(sign)
    assert found["n"] == len(leads)
    assert found["emoji_first_head"] == pytest.approx((leads > 0).mean())
    assert found["emoji_first_running"] == pytest.approx((sign * leads > 0).mean())
