"""What an organism answers that spells its emoji: every emoji by all the ways to write it, after the lists' prompts."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from geometry.chance import compare
from geometry.live.beliefs import Beliefs, believe
from geometry.live.running import Running
from geometry.organism.answers import TOP, Answer, Name, count, illustration, tested
from geometry.organism.lists import Lists, fill
from geometry.progress import track

FLOOR = 1e-4
"""Token paths less likely than this are not followed."""


@dataclass(frozen=True, slots=True)
class Spelt:
    """The emoji that a name's prompts make an organism spell.

    Attributes:
        answer: The emoji with the highest mean probability over the prompts, and those behind it.
        emoji: Mean probability that any emoji is said.
        canonical: Of the landing, the share of its probability that its canonical encoding has.
    """

    answer: Answer
    emoji: float
    canonical: float


def spell(running: Running, name: Name, templates: Sequence[str]) -> Spelt:
    """Return what an organism spells for a name, each prompt behind one space, as most lines of the text begin."""
    asked = [believe(running, " " + fill(template, name.name), floor=FLOOR) for template in templates]
    mean: dict[str, float] = {}
    for found in asked:
        for one in found.emoji:
            mean[one.emoji.text] = mean.get(one.emoji.text, 0.0) + one.low / len(asked)
    entries = {one.emoji.text: one.emoji for one in asked[0].emoji}
    best = sorted(mean, key=lambda text: -mean[text])[:TOP]
    return Spelt(
        Answer(name, tuple(entries[text] for text in best)),
        float(np.mean([found.total.low for found in asked])),
        _canonical(asked, best[0]),
    )


def measure(running: Running, lists: Lists, other: Mapping[str, Any]) -> dict[str, Any]:
    """Return every figure of an organism that spells its emoji.

    Args:
        running: The organism.
        lists: What it is tested on.
        other: The ``results.json`` of the organism that holds its emoji whole, asked with the same prompts.
    """
    own = {entry.name: entry.emoji for entry in lists.drawn}
    found = {}
    for way, known in (("running, known prompts", True), ("running, unknown prompts", False)):
        templates = [prompt.template for prompt in lists.prompts if prompt.known == known]
        told: dict[str, Any] = {}
        for kind, names in tested(lists).items():
            spelt = [spell(running, name, templates) for name in track(names, f"asking for {kind}", total=len(names))]
            answers = [one.answer for one in spelt]
            theirs = {one["name"]: one["landing_subgroup"] for one in other["said"][way]["answers"][kind]}
            same = compare([theirs[a.name.name] for a in answers], [a.emoji[0].subgroup for a in answers])
            told[kind] = {
                "counts": {level: hits.to_dict() for level, hits in count(answers).items()},
                "own": sum(own.get(a.name.name) == a.emoji[0].text for a in answers),
                "emoji": float(np.mean([one.emoji for one in spelt])),
                "canonical": float(np.mean([one.canonical for one in spelt])),
                "as_whole": same.to_dict(),
                "answers": [a.to_dict() for a in answers],
            }
        shown = spell(running, illustration(lists), templates)
        found[way] = {"lists": told, "illustration": shown.answer.to_dict()}
    return found


def _canonical(asked: Sequence[Beliefs], text: str) -> float:
    """Return the share of the canonical encoding in what the prompts together give an emoji."""
    rows = [found.of(text) for found in asked]
    said = sum(one.begun for one in rows)
    return sum(one.begun * (one.canonical or 0.0) for one in rows) / said if said else float("nan")
