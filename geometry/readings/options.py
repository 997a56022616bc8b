"""What may be asked of a lens, checked when it is asked."""

from dataclasses import dataclass
from typing import Literal, get_args

from geometry.choices import SpaceName, check_choice, check_seed
from geometry.errors import OptionError

NormName = Literal["normed", "raw"]
NORMS: tuple[NormName, ...] = get_args(NormName)

LENS_SPACES: tuple[SpaceName, ...] = ("folded", "centered", "whitened")
MOST_TOKENS = 100
MOST_TRACKED = 50


@dataclass(frozen=True, kw_only=True)
class LensOptions:
    """What may be asked of a lens besides head and residuals.

    Attributes:
        k: Tokens told a cell, 1 to 100.
        norm: ``normed``: every state through the final norm at its own scale; ``raw``: none is.
        track: Tokens, words, emoji and sums whose rank is followed; see `geometry.readings.tracking`.
        positions: Which to read, from 0, or from the end if negative; None for all.
        concept: A sum whose direction every residual is held against, beside random sums.
        explain: A sum whose terms' span is measured in the residuals, beside random words' spans.
        space: Where sums are made: ``folded``, ``centered`` or ``whitened``; None for the default.
        last_is_normed: Overrules what the residuals say of their last state.
        seed: Of the random sums.
    """

    k: int = 5
    norm: NormName = "normed"
    track: tuple[str, ...] = ()
    positions: tuple[int, ...] | None = None
    concept: str | None = None
    explain: str | None = None
    space: SpaceName | None = None
    last_is_normed: bool | None = None
    seed: int = 0

    def __post_init__(self) -> None:
        check_choice("norm", self.norm, NORMS)
        check_seed(self.seed)
        if self.space is not None:
            check_choice("space", self.space, LENS_SPACES)
        if not 1 <= self.k <= MOST_TOKENS:
            raise OptionError(f"k={self.k} arrived; expected 1 to {MOST_TOKENS} tokens a cell")
        if len(self.track) > MOST_TRACKED:
            raise OptionError(f"{len(self.track)} tokens to track arrived; expected at most {MOST_TRACKED}")

    def places(self, positions: int) -> tuple[int, ...]:
        """Return the positions asked for, from 0, in the order of the text.

        Raises:
            OptionError: One of them is not there.
        """
        if self.positions is None:
            return tuple(range(positions))
        wrong = [place for place in self.positions if not -positions <= place < positions]
        if wrong or not self.positions:
            what = f"position {wrong[0]}" if wrong else "no position"
            raise OptionError(
                f"{what} arrived; these residuals have {positions:,}: 0 to {positions - 1}, or -1 for the last"
            )
        return tuple(sorted({place % positions for place in self.positions}))
