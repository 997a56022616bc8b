"""The groups of a map: their order, their colours, and how far neighbours share them."""

from collections import Counter
from dataclasses import dataclass

import numpy as np
from jaxtyping import Int64

from geometry.figures.colors import SERIES

BLUE, ORANGE, GREEN, PINK, SKY, RED, YELLOW = SERIES
BROWN, GREY, PALE = "#7a5230", "#9aa1a9", "#c9ced4"

COLORS = {
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
    "word": BLUE,
    "piece": SKY,
    "emoji_prefix": ORANGE,
    "continuation": PINK,
    "bytes": BROWN,
    "special": GREY,
    "padding": PALE,
    "token": BLUE,
}
"""Unicode's groups in Unicode's order, then kinds of tokens. No two of a row's neighbours are told by hue alone."""


def in_order(groups: tuple[str, ...]) -> tuple[str, ...]:
    """Return the groups that occur, each once, in the order of legends."""
    there = set(groups)
    return (*(name for name in COLORS if name in there), *sorted(there - COLORS.keys()))


def color_of(group: str) -> str:
    """Return a group's colour, ``#rrggbb``."""
    return COLORS.get(group, PALE)


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
