"""The census: does adding concepts up work in this head? Asked of everything whose answer is known."""

from typing import Literal

from geometry.choices import SpaceName, check_choice, check_seed
from geometry.head import Head
from geometry.recall.emoji import SpaceChoice, choose_space, emoji_census
from geometry.recall.measures import GroupRecall, Recall
from geometry.recall.record import Census
from geometry.recall.words import word_census

__all__ = ["Census", "GroupRecall", "Recall", "SpaceChoice", "census", "choose_space"]


def census(
    head: Head, *, space: SpaceName | None = None, among: Literal["emoji", "words"] = "emoji", seed: int = 0
) -> Census:
    """Ask for every emoji of a head by its own name, or for compounds by their parts, beside the baselines.

    Args:
        head: In another space than ``raw`` it is asked in its own.
        space: Where to ask. Without it, and on a head just opened, the space with the best recall@1 on a seeded half
            of the families is taken, and the figures are those of the other half.
        among: ``emoji``, or ``words`` for the bundled list of compounds (rainbow from rain + bow).
        seed: Of halves, permuted names and resampled families.

    Returns:
        Recall@1, recall@5 and MRR, for emoji vacated recall too, each with a 95% interval by bootstrap over families;
        the same for baselines; recall by group with exact permutation p and false discovery rate.

    Raises:
        OptionError: A word that is none of the choices, or a negative seed.
        TokenError: The head has too few items to ask for, or no emoji direction.
    """
    check_choice("among", among, ("emoji", "words"))
    check_seed(seed)
    if space is None and head.space.name != "raw":
        space = head.space.name
    asked = {"emoji": emoji_census, "words": word_census}[among]
    return asked(head.in_space("raw"), space, seed)
