"""Do the ways of asking an organism agree, beside chance? And the head's phantoms against what the model says."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from itertools import combinations
from typing import Any

import numpy as np
from jaxtyping import Int64

from geometry.chance import compare
from geometry.head import Head
from geometry.intervals import rank_correlation, resampled
from geometry.organism.answers import Answer
from geometry.organism.listen import Listener
from geometry.phantoms import find_phantoms

NAMES = 1_000
"""Names of the lexicon, drawn by seed, that the running model is asked for."""


def agreements(said: Mapping[str, Mapping[str, Sequence[Answer]]]) -> list[dict[str, Any]]:
    """Return how often two ways of asking land in the same subgroup, for every two ways and each list of names.

    Args:
        said: Way → list → answers, the names of a list in the same order for all ways.

    Returns:
        ``n``, ``hits``, ``chance`` and ``p``, exact, from dealing one way's landings out again over the names; and how
        often both, and only one of them, are in the name's own subgroup.
    """
    found = []
    for one, other in combinations(said, 2):
        for kind in said[one]:
            pairs = list(zip(said[one][kind], said[other][kind], strict=True))
            hits = compare([a.emoji[0].subgroup for a, _ in pairs], [b.emoji[0].subgroup for _, b in pairs])
            right = [(_is_right(a), _is_right(b)) for a, b in pairs]
            found.append(
                {
                    "ways": [one, other],
                    "list": kind,
                    **hits.to_dict(),
                    "both_right": right.count((True, True)),
                    "first_only": right.count((True, False)),
                    "second_only": right.count((False, True)),
                }
            )
    return found


def _is_right(answer: Answer) -> bool:
    return answer.emoji[0].subgroup == answer.name.subgroup


def phantom_beliefs(head: Head, listener: Listener, templates: Sequence[str], seed: int) -> dict[str, Any]:
    """Hold the head's E of lexicon names without an emoji against the running model's, on prompts it never saw.

    The running model's E is the best emoji's logit less the best other token's, after the prompt, averaged over the
    templates.

    Args:
        head: In the space wanted.
        listener: The running organism.
        templates: Prompts that its text never held.
        seed: Of the names drawn and the resamples.
    """
    phantoms = find_phantoms(head, seed=seed).phantoms
    drawn = np.sort(np.random.default_rng(seed).choice(len(phantoms), min(NAMES, len(phantoms)), replace=False))
    asked = [phantoms[i] for i in drawn]
    alone = np.array([one.lead for one in asked])
    said = [listener.lead(one.name, templates) for one in asked]
    running = np.array([one.lead for one in said])

    def correlation(places: Int64[np.ndarray, " drawn"]) -> float:
        return rank_correlation(alone[places], running[places])

    same = [a.subgroup == b.emoji.subgroup for a, b in zip(asked, said, strict=True)]
    chance = compare([one.subgroup for one in asked], [one.emoji.subgroup for one in said])
    return {
        "n": len(asked),
        "templates": list(templates),
        "space": head.space.name,
        "rank_correlation": asdict(resampled(correlation, np.arange(len(asked)), seed)),
        "same_subgroup": int(sum(same)),
        "same_subgroup_chance": chance.chance,
        "same_subgroup_p": chance.p,
        "emoji_first_head": float((alone > 0).mean()),
        "emoji_first_running": float((running > 0).mean()),
    }
