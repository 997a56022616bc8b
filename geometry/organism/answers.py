"""What an organism answers to names it never met with an emoji: its head alone, and running."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Float64

from geometry.chance import Hits, compare
from geometry.concepts import evaluate
from geometry.head import Head
from geometry.linalg import unit
from geometry.organism.listen import Listener
from geometry.organism.lists import Lists
from geometry.tokens.emoji import Emoji
from geometry.vacancy import find_vacancy, fit_vacancies

SHOWN = "seahorse"
"""The illustration, counted nowhere."""

TOP = 5


@dataclass(frozen=True, slots=True)
class Name:
    """A tested name and where its emoji would stand."""

    name: str
    group: str
    subgroup: str


@dataclass(frozen=True, slots=True)
class Answer:
    """The emoji that one way of asking gives for a name, best first."""

    name: Name
    emoji: tuple[Emoji, ...]

    def to_dict(self) -> dict[str, Any]:
        """Return what a table needs: the name, its place, the first emoji with its place, the ones behind it."""
        first = self.emoji[0]
        return {
            "name": self.name.name,
            "subgroup": self.name.subgroup,
            "landing": first.text,
            "landing_name": first.name,
            "landing_subgroup": first.subgroup,
            "same_subgroup": first.subgroup == self.name.subgroup,
            "same_group": first.group == self.name.group,
            "next": [entry.text for entry in self.emoji[1:]],
        }


def tested(lists: Lists) -> dict[str, tuple[Name, ...]]:
    """Return the names that claims rest on, by list: drawn held-out names, phantoms, nonce words."""
    return {
        "held-out": tuple(Name(x.name, x.group, x.subgroup) for x in lists.drawn),
        "phantoms": tuple(Name(x.name, x.group, x.subgroup) for x in lists.phantoms if x.name != SHOWN),
        "nonce": tuple(Name(x.word, x.group, x.subgroup) for x in lists.nonce),
    }


def illustration(lists: Lists) -> Name:
    """Return the phantom that is shown and not counted."""
    found = next(entry for entry in lists.phantoms if entry.name == SHOWN)
    return Name(found.name, found.group, found.subgroup)


def ways(lists: Lists, listener: Listener, head: Head) -> Mapping[str, Callable[[Name], Answer]]:
    """Return the ways of asking: the running model's prompts of both kinds, the head alone, the vacancy."""
    known = [prompt.template for prompt in lists.prompts if prompt.known]
    unknown = [prompt.template for prompt in lists.prompts if not prompt.known]
    emoji = tuple(head.words().emoji[int(token)] for token in head.opened.emoji_ids)

    def run(templates: Sequence[str]) -> Callable[[Name], Answer]:
        def said(name: Name) -> Answer:
            return _answer(name, listener.emoji, listener.beliefs(name.name, templates))

        return said

    def alone(name: Name) -> Answer:
        return _answer(name, emoji, static_scores(head, name.name))

    model = fit_vacancies(head)
    rows = unit(model.view.rows(head.opened.emoji_ids).astype(np.float64))

    def vacancy(name: Name) -> Answer:
        concept = evaluate(head, " + ".join([*name.name.split(), "emoji"]))
        return _answer(name, emoji, rows @ unit(find_vacancy(model, concept, hull=False).row))

    return {
        "running, known prompts": run(known),
        "running, unknown prompts": run(unknown),
        "head alone": alone,
        "vacancy": vacancy,
    }


def static_scores(head: Head, name: str) -> Float64[np.ndarray, " emoji"]:
    """Return the head's score of each emoji for a name's words plus the emoji direction.

    The words of several tokens enter as one unit-length term; up to a positive factor the scores are logits, in
    ``whitened`` cosines.
    """
    raw = head.space.name == "raw"
    total = head.emoji_direction if raw else unit(head.emoji_direction)
    for word in name.split():
        summed = head.rows(list(head.words().word(word))).astype(np.float64).sum(axis=0)
        total = total + (summed if raw else unit(summed))
    rows = head.rows(head.opened.emoji_ids).astype(np.float64)
    scores: Float64[np.ndarray, " emoji"] = (unit(rows) if head.space.name == "whitened" else rows) @ total
    return scores


def count(answers: Sequence[Answer]) -> dict[str, Hits]:
    """Return how many answers are in the right subgroup and group, each with its exact permutation p."""
    return {
        "subgroup": compare([a.name.subgroup for a in answers], [a.emoji[0].subgroup for a in answers]),
        "group": compare([a.name.group for a in answers], [a.emoji[0].group for a in answers]),
    }


def _answer(name: Name, emoji: Sequence[Emoji], scores: Float64[np.ndarray, " emoji"]) -> Answer:
    order = np.argsort(-scores, kind="stable")[:TOP]
    return Answer(name, tuple(emoji[i] for i in order))
