"""What may be asked of a landing, checked when it is asked."""

from dataclasses import dataclass

from geometry.errors import OptionError
from geometry.head import Among, Metric
from geometry.spaces import SpaceName

DEFAULT_SPACE: SpaceName = "centered"
"""Chosen by measurement on half of the organism's emoji and confirmed on the other half: docs/default-space.md."""


@dataclass(frozen=True, kw_only=True)
class LandingOptions:
    """What may be asked of a landing besides its expression and space.

    Attributes:
        k: how many tokens to rank.
        metric: ``logit``, ``cosine`` or ``euclidean``; higher is better in each.
        among: candidates: ``all``, ``words`` or ``emoji``.
        exclude_inputs: drop the inputs and their variants (case, leading space, plural) from the ranking.
        fold_variants: let variants of a token share its line.
        keep_undertrained: rank rows that the under-trained rule masks, too.
        as_stored: let terms keep their lengths outside space ``raw``.
        null: measure how often random sums land on the same token (``null_share``).
        temperature: T > 0 of the probabilities, softmax(z / T).
        sample: how many tokens to draw from the candidates' probabilities, besides the ranking.
        seed: of the samples and of the null.
    """

    k: int = 10
    metric: Metric = "logit"
    among: Among = "all"
    exclude_inputs: bool = False
    fold_variants: bool = False
    keep_undertrained: bool = False
    as_stored: bool = False
    null: bool = False
    temperature: float = 1.0
    sample: int = 0
    seed: int = 0

    def __post_init__(self) -> None:
        if self.k < 1:
            raise OptionError(f"k={self.k} arrived; expected at least 1 token to rank")
        if self.sample < 0:
            raise OptionError(f"sample={self.sample} arrived; expected 0 (none) or more")
        if not 0.0 < self.temperature < float("inf"):
            raise OptionError(f"temperature={self.temperature} arrived; expected a finite number above 0")
        if self.seed < 0:
            raise OptionError(f"seed={self.seed} arrived; expected 0 or more")
