"""What can go wrong, each with one line a person can act on."""


class GeometryError(Exception):
    """Base of every error this package raises on bad input.

    The message is one line: what arrived, what was expected, what to do next.
    """


class CheckpointError(GeometryError):
    """A folder, a file or a name that no head can be read from."""


class TokenError(GeometryError):
    """A text, an id or a byte string that the vocabulary does not hold."""


class ExpressionError(GeometryError):
    """A concept expression that does not parse or cannot be evaluated."""


class ReadoutError(GeometryError):
    """Logits, spaces or metrics asked of a head that cannot give them exactly."""


class OptionError(GeometryError):
    """An option whose value makes no sense, such as ``k=0``."""
