"""The words a caller may choose from, spelt once for Python, the shell and every record."""

from typing import Literal, get_args

from geometry.errors import OptionError

SpaceName = Literal["raw", "folded", "centered", "whitened"]
Metric = Literal["logit", "cosine", "euclidean", "csls"]
Among = Literal["all", "words", "emoji"]

SPACES: tuple[SpaceName, ...] = get_args(SpaceName)
METRICS: tuple[Metric, ...] = get_args(Metric)
AMONG: tuple[Among, ...] = get_args(Among)

DEFAULT_SPACE: SpaceName = "folded"
"""Chosen by measurement on half of the organism's emoji and confirmed on the other half: docs/default-space.md."""


def check_seed(seed: int) -> None:
    """Refuse a seed that is none.

    Raises:
        OptionError: it is negative.
    """
    if seed < 0:
        raise OptionError(f"seed={seed} arrived; expected 0 or more")


def check_choice(what: str, given: object, choices: tuple[str, ...]) -> None:
    """Refuse a word that is none of the choices.

    Raises:
        OptionError: says which word arrived for what, and what was expected.
    """
    if given not in choices:
        raise OptionError(f"{what} {given!r} arrived; expected one of {', '.join(choices)}")
