"""Every emoji of a head, asked for by its own name.

*Self-recall*: the words of an emoji's name plus the emoji direction; does its own row come first? *Vacated recall*:
the rows of its whole family taken away; does the sum land in its Unicode group and subgroup?

A text that pairs each name with its emoji makes self-recall: it measures association, not composition.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float64, Int64

from geometry.asking import Asked, Items, ask, asking_seconds, halves, items
from geometry.choices import SPACES, SpaceName
from geometry.head import Head
from geometry.intervals import Figure, mean_figure
from geometry.landing.record import text_of
from geometry.progress import track
from geometry.recall.measures import Recall, Values, by_group, rank_values, recall
from geometry.recall.record import Answer, Census


@dataclass(frozen=True, slots=True)
class SpaceChoice:
    """Which space answers best: chosen on one half of the emoji, confirmed on the other.

    Attributes:
        space: The one with the best recall@1 on the first half.
        chosen, confirmed: Space → recall on the first and on the second half.
        n: Emoji in the first and in the second half.
        lead: Other space → recall@1 of the chosen space less its own on the second half, paired emoji by emoji.
    """

    space: SpaceName
    chosen: Mapping[SpaceName, Recall]
    confirmed: Mapping[SpaceName, Recall]
    n: tuple[int, int]
    lead: Mapping[SpaceName, Figure]


def choose_space(head: Head, *, seed: int = 0) -> SpaceChoice:
    """Return the space with the best self-recall on a seeded half of the families, and what the other half says."""
    first, second = halves(items(head), seed)
    chosen: dict[SpaceName, Recall] = {}
    confirmed: dict[SpaceName, Recall] = {}
    hits: dict[SpaceName, Float64[np.ndarray, " emoji"]] = {}
    seconds = len(SPACES) * (asking_seconds(head, first) + asking_seconds(head, second))
    for space in track(SPACES, "spaces", total=len(SPACES), seconds=seconds):
        view = head.in_space(space)
        for half, found in ((first, chosen), (second, confirmed)):
            values = _values(ask(view, half, half.words), half)
            found[space] = recall(values, values, half.family, seed)
        hits[space] = np.array(values["recall_at_1"])
    # On a tie the simpler space, which comes first, is taken.
    best = max(chosen, key=lambda space: chosen[space].recall_at_1.value)
    lead = {one: mean_figure(hits[best] - hits[one], second.family, seed) for one in SPACES if one != best}
    return SpaceChoice(best, chosen, confirmed, (len(first), len(second)), lead)


def emoji_census(head: Head, space: SpaceName | None, seed: int) -> Census:
    """Ask for every emoji, or in the best space of one half for those of the other half."""
    if space is not None:
        every = items(head)
        note = f"all {len(every):,} emoji with names in single words of this head, in the space asked for"
        return _measure(head.in_space(space), every, seed, (note,))
    choice = choose_space(head, seed=seed)
    led = ", ".join(f"{one} {choice.chosen[one].recall_at_1.value:.3f}" for one in SPACES)
    note = (
        f"space {choice.space} chosen by recall@1 on one half of the families ({choice.n[0]:,} emoji: {led}); all "
        f"figures here are of the other half ({choice.n[1]:,} emoji)"
    )
    return _measure(head.in_space(choice.space), halves(items(head), seed)[1], seed, (note,))


def _measure(head: Head, asked: Items, seed: int, notes: tuple[str, ...]) -> Census:
    rng = np.random.default_rng(seed)
    groups = [entry.group for entry in asked.emoji]
    shuffled, within = rng.permutation(len(asked)), _within_groups(groups, rng)
    ways: dict[str, Sequence[tuple[int, ...]]] = {
        "head noun alone": asked.head_words,
        "direction alone": [()] * len(asked),
        "names permuted": [asked.words[i] for i in shuffled],
        "names permuted within group": [asked.words[i] for i in within],
    }
    answers = ask(head, asked, asked.words)
    own = _values(answers, asked)
    seconds = len(ways) * asking_seconds(head, asked)
    baselines = {
        name: recall(_values(ask(head, asked, words), asked), own, asked.family, seed)
        for name, words in track(ways.items(), "baselines", total=len(ways), seconds=seconds)
    }
    told = tuple(
        Answer(entry.text, entry.name, entry.group, int(rank), int(token), text_of(head, int(token)))
        for entry, rank, token in zip(asked.emoji, answers.rank, answers.first, strict=True)
    )
    return Census(
        head=head,
        among="emoji",
        n=len(asked),
        families=len(set(asked.family.tolist())),
        seed=seed,
        own=recall(own, own, asked.family, seed),
        baselines=baselines,
        by_group=by_group(groups, asked.ids, answers.first, asked.family, seed),
        answers=told,
        notes=(
            *notes,
            "asked with the words of its name and the emoji direction; words, their variants and other rows of the "
            "emoji are no candidates; vacated: its family's rows deleted too. A text that pairs names with emoji makes "
            "this association, not composition",
        ),
    )


def _within_groups(groups: Sequence[str], rng: np.random.Generator) -> Int64[np.ndarray, " emoji"]:
    order = np.arange(len(groups))
    for group in dict.fromkeys(groups):
        members = np.flatnonzero([entry == group for entry in groups])
        order[members] = rng.permutation(members)
    return order


def _values(answers: Asked, asked: Items) -> Values:
    """Return each measure's value for every emoji."""
    landed = [asked.emoji[i] for i in answers.vacated]
    pairs = list(zip(landed, asked.emoji, strict=True))
    return {
        **rank_values(answers.rank),
        "emoji_recall_at_1": (answers.rank_emoji <= 1).astype(np.float64),
        "emoji_first": answers.emoji_first.astype(np.float64),
        "same_group": np.array([a.group == b.group for a, b in pairs], dtype=np.float64),
        "same_subgroup": np.array([a.subgroup == b.subgroup for a, b in pairs], dtype=np.float64),
    }
