"""The groups of a map: their order, their colours, and how far neighbours share them."""

from collections import Counter
from dataclasses import dataclass

import numpy as np
from jaxtyping import Int64

from geometry.figures.colors import SERIES

BLUE, ORANGE, GREEN, PINK, SKY, RED, YELLOW = SERIES
BROWN, GREY, PALE = "#7a5230", "#9aa1a9", "#c9ced4"

GROUPS = {
    "Smileys & Emotion": YELLOW,
    "People & Body": ORANGE,
    "Animals & Nature": GREEN,
    "Food & Drink": RED,
    "Travel & Places": SKY,
    "Activities": PINK,
    "Objects": BLUE,
    "Symbols": GREY,
    "Flags": BROWN,
    "Component": PALE,
}
"""Unicode's groups in Unicode's order, and the colours of the discs behind their emoji."""

KINDS = {
    "word": "#5f6b7a",
    "piece": "#93a1b0",
    "emoji_prefix": "#a4835f",
    "continuation": "#8f7399",
    "bytes": "#5f8a80",
    "special": "#8a6363",
    "padding": "#b9b39f",
    "token": "#5f6b7a",
}
"""Kinds of tokens that are no emoji: nearly neutral, and marked by squares, so that none is taken for a group."""


def is_kind(group: str) -> bool:
    """Whether a group is none of Unicode's, and marked by a square."""
    return group not in GROUPS


def in_order(groups: tuple[str, ...]) -> tuple[str, ...]:
    """Return the groups that occur, each once, in the order of legends."""
    there, known = set(groups), (*GROUPS, *KINDS)
    return (*(name for name in known if name in there), *sorted(there.difference(known)))


def color_of(group: str) -> str:
    """Return a group's colour, ``#rrggbb``; one that is not known is pale."""
    return GROUPS.get(group) or KINDS.get(group, PALE)


def name_of(group: str) -> str:
    """Return a group as a reader is told it: ``emoji prefix`` for ``emoji_prefix``."""
    return group.replace("_", " ") if is_kind(group) else group


@dataclass(frozen=True)
class GroupShare:
    """One group on a map.

    Attributes:
        group: its name.
        n: how many points it has.
        own: share of their nearest, in full dimension, that are of the group too.
        chance: the same if groups were dealt out again at random: the mean over all permutations.
    """

    group: str
    n: int
    own: float
    chance: float


def shares(groups: tuple[str, ...], nearest: Int64[np.ndarray, "points k"]) -> tuple[GroupShare, ...]:
    """Return how far each group keeps to itself, and last, as ``all``, how far all do."""
    names, count = np.array(groups), len(groups)
    same = names[nearest] == names[:, None]
    sizes = Counter(groups)
    others = max(count - 1, 1)
    found = [
        GroupShare(name, sizes[name], float(same[names == name].mean()), (sizes[name] - 1) / others)
        for name in in_order(groups)
    ]
    chance = sum(n * (n - 1) for n in sizes.values()) / (count * others)
    return (*found, GroupShare("all", count, float(same.mean()), chance))
