"""The parts that a readout is made of: a norm, and what a config says around it."""

from dataclasses import dataclass
from enum import StrEnum


class Formula(StrEnum):
    """The final norm: ``rms`` divides by the root mean square, ``ln`` standardises.

    ``none`` is what a model does whose last block ends in a norm of its own: its head takes what that gives.
    """

    RMS = "rms·w"
    RMS_PLUS_ONE = "rms·(1+w)"
    RMS_PLAIN = "rms"
    LN = "ln·w+b"
    LN_NO_BIAS = "ln·w"
    LN_PLUS_ONE = "ln·(1+w)+b"
    LN_PLAIN = "ln"
    NONE = "none"
    UNKNOWN = "unknown"


CENTERING = {Formula.LN, Formula.LN_NO_BIAS, Formula.LN_PLUS_ONE, Formula.LN_PLAIN}
WITH_GAIN = {Formula.RMS, Formula.RMS_PLUS_ONE, Formula.LN, Formula.LN_NO_BIAS, Formula.LN_PLUS_ONE}
WITH_SHIFT = {Formula.LN, Formula.LN_PLUS_ONE}
PLUS_ONE = {Formula.RMS_PLUS_ONE, Formula.LN_PLUS_ONE}


class Presence(StrEnum):
    """Whether checkpoints of a type hold a tensor; ``some`` do where the config or the class decides."""

    NEVER = "never"
    ALWAYS = "always"
    SOME = "some"


@dataclass(frozen=True)
class Key:
    """A number in the config, and what the model's class takes where the config is silent.

    Attributes:
        name: the key.
        default: the class's own number; None where there is none.
        also: another key that the class takes for this one.
    """

    name: str
    default: float | None
    also: str = ""


@dataclass(frozen=True)
class Prescale:
    """What the normed residual is multiplied by before the head: (key ÷ over) ^ power.

    Attributes:
        key: the number.
        power: its exponent.
        over: what it is divided by.
        flags: config keys of which the first that is there says whether the model multiplies at all; it does
            where none of them is.
    """

    key: Key
    power: float = 1.0
    over: Key | None = None
    flags: tuple[str, ...] = ()


@dataclass(frozen=True)
class Refusal:
    """What makes one checkpoint of a type another thing than its row says.

    A kept head comes without the checkpoint's other tensors, so that its config must tell.

    Attributes:
        reason: why its logits cannot be given.
        key: a config key that must be absent, null, false or 0, or equal to that of another.
        equals: that other key.
        tensor: the module of a tensor that must not be there, where the config is silent.
    """

    reason: str
    key: str
    equals: str = ""
    tensor: str = ""


@dataclass(frozen=True)
class Recipe:
    """One row of the table: what a model type does around its head.

    Attributes:
        norm: the final norm's formula.
        eps: its epsilon: a config key, or a number that the class fixes.
        bias: whether the head has a bias.
        prescale: what the normed residual is multiplied by.
        scale: the config key of what the logits are multiplied by.
        divides: the scale divides instead.
        cap: the config key of c in c·tanh(z/c).
        bare: config keys and the values with which there is no final norm: the formula is ``none`` then.
        unless: what closes the readout of one checkpoint.
    """

    norm: Formula
    eps: Key | float = 0.0
    bias: Presence = Presence.NEVER
    prescale: Prescale | None = None
    scale: Key | None = None
    divides: bool = False
    cap: Key | None = None
    bare: tuple[tuple[str, bool], ...] = ()
    unless: tuple[Refusal, ...] = ()

    @property
    def keys(self) -> tuple[Key, ...]:
        """Every config key that the row reads."""
        prescale = (self.prescale.key, self.prescale.over) if self.prescale else ()
        return tuple(key for key in (self.eps, self.scale, self.cap, *prescale) if isinstance(key, Key))


@dataclass(frozen=True)
class Wrapper:
    """A type around a language model of another type, whose norm and numbers are that model's.

    Attributes:
        text: the language model's type where the config names none.
        scales_and_caps: the head's product is scaled and capped as that model does it; otherwise it goes out as it
            is, which is known for ``text`` only.
    """

    text: str
    scales_and_caps: bool = False
