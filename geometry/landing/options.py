"""What may be asked of a landing, checked when it is asked."""

from dataclasses import dataclass

from geometry.choices import AMONG, METRICS, Among, Metric, check_choice
from geometry.errors import OptionError

MOST_SAMPLES = 100_000
COLDEST, HOTTEST = 1e-3, 1e3
"""Temperatures between which float32 logits still give every probability to about one part in a hundred."""


@dataclass(frozen=True, kw_only=True)
class LandingOptions:
    """What may be asked of a landing besides its expression and space.

    Attributes:
        k: how many tokens to rank.
        metric: ``logit``, ``cosine``, ``euclidean`` or, in ``folded`` and ``centered``, ``csls``; higher is better in
            each.
        among: candidates: ``all``, ``words`` or ``emoji``.
        exclude_inputs: drop the inputs and their variants (case, leading space, plural) from the ranking.
        fold_variants: let variants of a token share its line.
        keep_undertrained: rank rows that the under-trained rule masks, too.
        as_stored: let terms keep their lengths outside space ``raw``.
        null: measure how often random sums land on the same token (``null_share``).
        temperature: T of the probabilities, 0.001 to 1,000, softmax(z / T).
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
        check_choice("metric", self.metric, METRICS)
        check_choice("among", self.among, AMONG)
        for name in ("k", "sample", "seed"):
            value = getattr(self, name)
            if isinstance(value, bool) or not isinstance(value, int):
                raise OptionError(f"{name}={value!r} arrived; expected a whole number")
        if self.k < 1:
            raise OptionError(f"k={self.k} arrived; expected at least 1 token to rank")
        if not 0 <= self.sample <= MOST_SAMPLES:
            raise OptionError(f"sample={self.sample} arrived; expected 0 (none) to {MOST_SAMPLES:,}")
        if not COLDEST <= self.temperature <= HOTTEST:
            raise OptionError(
                f"temperature={self.temperature} arrived; expected {COLDEST:g} to {HOTTEST:g} (rank 1 is T → 0)"
            )
        if self.seed < 0:
            raise OptionError(f"seed={self.seed} arrived; expected 0 or more")
