"""What may be asked of an explanation, checked when it is asked."""

from dataclasses import dataclass

from geometry.choices import AMONG, Among, check_choice
from geometry.errors import OptionError

MOST = 1_000

LIGHTEST, HEAVIEST = 1e-6, 1e6
"""Weights between which a sum can be explained."""

HULL_NUMBERS = 32_000 * 1_024


@dataclass(frozen=True, kw_only=True)
class WhyOptions:
    """What may be asked of an explanation besides its expression and space.

    Attributes:
        k: How many rivals are told, the best first.
        rivals: Terms such as ``🐠`` whose tokens are told as rivals besides, wherever they rank.
        among: Candidates: ``all``, ``words`` or ``emoji``.
        keep_undertrained: Let rows that the under-trained rule masks take part.
        as_stored: Let terms keep their lengths outside space ``raw``.
        cascade: Steps of the cascade.
        vary: Labels of the two or three terms that the phase diagram varies; by default all, if they are so many.
        vacancy: Predict the row that the name would have, where the head has the emoji for it.
        hull: With it, measure how far that row stands out of the hull of the others; by default where the head has at
            most `HULL_NUMBERS` numbers, since on larger ones it takes minutes.
        seed: Of everything drawn.
    """

    k: int = 5
    rivals: tuple[str, ...] = ()
    among: Among = "all"
    keep_undertrained: bool = False
    as_stored: bool = False
    cascade: int = 12
    vary: tuple[str, ...] = ()
    vacancy: bool = True
    hull: bool | None = None
    seed: int = 0

    def __post_init__(self) -> None:
        check_choice("among", self.among, AMONG)
        for name, least in (("k", 1), ("cascade", 0), ("seed", 0)):
            value = getattr(self, name)
            if isinstance(value, bool) or not isinstance(value, int):
                raise OptionError(f"{name}={value!r} arrived; expected a whole number")
            if name == "seed" and value < least:
                raise OptionError(f"seed={value} arrived; expected 0 or more")
            if name != "seed" and not least <= value <= MOST:
                raise OptionError(f"{name}={value} arrived; expected {least} to {MOST:,}")
