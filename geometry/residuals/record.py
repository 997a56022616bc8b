"""The residual stream of one forward pass: its states, and what is known of them."""

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
from jaxtyping import Float32, Shaped

from geometry.errors import ResidualsError


@dataclass(frozen=True, eq=False)
class Residuals:
    """The residual stream of one forward pass.

    Attributes:
        states: (layers, positions, dim): index 0 is what the embedding gave, n what block n gave, as transformers'
            ``hidden_states`` have them; an 80-layer model has 81.
        token_ids: The token read at each position; None where that is not known.
        last_is_normed: The last state has been through the final norm already, as it has in most models of
            transformers; None where nobody said, and the head is asked.
        model: What the model is called, where the file says.
        source: Where the states came from.
        about: What else the file says, such as the prompt.

    Raises:
        ResidualsError: No three axes, an empty one, states that are not finite, or ids that do not fit.
    """

    states: Float32[np.ndarray, "layers positions dim"] = field(repr=False)
    token_ids: tuple[int, ...] | None = None
    last_is_normed: bool | None = None
    model: str | None = None
    source: str = "memory"
    about: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        layers, positions, _ = checked_shape(self.states.shape, self.source)
        for layer in range(layers):
            broken = ~np.isfinite(self.states[layer]).all(axis=1)
            if broken.any():
                raise ResidualsError(
                    f"{self.source}: the state of layer {layer} at position {int(broken.argmax())} holds NaN or "
                    "infinity; expected finite numbers: capture in float32 or bfloat16 (float16 overflows)"
                )
        if self.token_ids is not None and len(self.token_ids) != positions:
            raise ResidualsError(
                f"{self.source}: {len(self.token_ids):,} token_ids arrived for {positions:,} positions; expected one "
                "a position: save those of the same tokens, or leave token_ids out"
            )
        if self.token_ids is not None and min(self.token_ids) < 0:
            raise ResidualsError(f"{self.source}: the token id {min(self.token_ids)} arrived; expected 0 or more")

    @property
    def shape(self) -> tuple[int, int, int]:
        """(layers, positions, dim)."""
        layers, positions, dim = self.states.shape
        return layers, positions, dim

    @property
    def where(self) -> tuple[int, ...]:
        """Where in the text each position stood, as ``about`` has it; all of it in order where it does not say."""
        listed = self.about.get("positions", "").split(",")
        if len(listed) == self.shape[1] and all(one.isascii() and one.isdigit() and len(one) < 10 for one in listed):
            return tuple(map(int, listed))
        return tuple(range(self.shape[1]))

    def __repr__(self) -> str:
        layers, positions, dim = self.shape
        return f"Residuals({layers} layers × {positions} positions × {dim}, {self.source!r})"


def as_residuals(states: Shaped[np.ndarray, "..."], *, source: str = "array") -> Residuals:
    """Return an array of states as residuals; of two axes, they are the layers and dim of one position.

    Raises:
        ResidualsError: No floats, or an array that residuals cannot be.
    """
    if states.dtype.kind != "f":
        raise ResidualsError(f"{source}: states of type {states.dtype} arrived; expected floats: save them as float32")
    stacked = states[:, None, :] if states.ndim == 2 else states
    checked_shape(stacked.shape, source)
    with np.errstate(over="ignore"):  # what float32 cannot hold becomes infinity, and is refused
        return Residuals(np.asarray(stacked, dtype=np.float32), source=source)


def checked_shape(shape: tuple[int, ...], source: str) -> tuple[int, int, int]:
    """Refuse states that are not (layers, positions, dim), whatever they hold."""
    if len(shape) != 3:
        hint = "take one prompt's, states[:, 0]" if len(shape) == 4 else "stack the layers' states of one prompt"
        raise ResidualsError(
            f"{source}: states of shape {list(shape)} arrived; expected (layers, positions, dim): {hint}"
        )
    if 0 in shape:
        raise ResidualsError(f"{source}: states of shape {list(shape)} arrived; expected at least one number an axis")
    return shape[0], shape[1], shape[2]
