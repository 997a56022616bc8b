"""What may be asked of the loop, checked when it is asked."""

from dataclasses import dataclass

from geometry.choices import check_seed
from geometry.errors import OptionError

COLDEST, HOTTEST = 0.001, 100.0
BOUNDS = {"steps": (1, 1_000), "runs": (0, 1_000), "window": (1, 10_000), "k": (1, 100)}


@dataclass(frozen=True, kw_only=True)
class RetryOptions:
    """What may be asked of the loop besides its prompt.

    Attributes:
        steps: Tries at most.
        between: Text that is put behind each emoji before the next try.
        temperature: Of the next token's probabilities; at 0 the likeliest is taken.
        seed: Of samples and of the emoji fed back in another's place.
        runs: Runs of each arm that is drawn; 0 for the loop alone, without arms to compare it with.
        window: Tokens within which an emoji has to come.
        k: Tokens read at each layer, and rivals told.
        concept: An expression such as ``sea + horse + emoji`` by whose terms margins are told.
        chat: Put the prompt into the model's chat template.
    """

    steps: int = 8
    between: str = ""
    temperature: float = 0.0
    seed: int = 0
    runs: int = 10
    window: int = 24
    k: int = 5
    concept: str | None = None
    chat: bool = False

    def __post_init__(self) -> None:
        for name, (least, most) in BOUNDS.items():
            value = getattr(self, name)
            if isinstance(value, bool) or not isinstance(value, int) or not least <= value <= most:
                raise OptionError(f"{name}={value!r} arrived; expected a whole number from {least} to {most:,}")
        if self.temperature != 0 and not COLDEST <= self.temperature <= HOTTEST:
            raise OptionError(
                f"temperature={self.temperature} arrived; expected {COLDEST} to {HOTTEST}, or 0 for the likeliest token"
            )
        check_seed(self.seed)

    @property
    def fresh_temperature(self) -> float:
        """Of the arm that starts anew: greedy, it would say the same again and again, so that it is drawn at 1."""
        return self.temperature or 1.0
