"""What can go wrong, each with one line a person can act on."""

LONGEST_LINE = 2_000
JOINER = "\u200d"


class GeometryError(Exception):
    """Base of every error this package raises on bad input.

    The message is one line: what arrived, what was expected, what to do next. A stranger's file may name its files
    and tensors as it likes, so what a terminal would act on is escaped here, whoever wrote the message, and of a line
    that nobody would read the middle is left out.
    """

    def __init__(self, message: str) -> None:
        super().__init__(_one_line(message))


def _one_line(message: str) -> str:
    if not message.isprintable():
        # the joiner inside an emoji is no printable character by itself
        shown = (
            one if one.isprintable() or one == JOINER else one.encode("unicode_escape").decode() for one in message
        )
        message = "".join(shown)
    half = LONGEST_LINE // 2
    return message if len(message) <= LONGEST_LINE else f"{message[:half]} … {message[-half:]}"


def what_to_type(extra: str) -> str:
    """Return the command that adds an extra, in the quotes that every shell takes."""
    return f'pip install "unembedding-geometry[{extra}]"'


class CheckpointError(GeometryError):
    """A folder, a file or a name that no head can be read from."""


class TokenError(GeometryError):
    """A text, an id or a byte string that the vocabulary does not hold."""


class ExpressionError(GeometryError):
    """A concept expression that does not parse or cannot be evaluated.

    Attributes:
        place: Where in its text, (first character, how many), for what can mark it there; None where no one place is
            to blame.
    """

    def __init__(self, message: str, place: tuple[int, int] | None = None) -> None:
        super().__init__(message)
        self.place = place


class ReadoutError(GeometryError):
    """Logits, spaces or metrics asked of a head that cannot give them exactly."""


class ResidualsError(GeometryError):
    """Residuals that cannot be read, or that do not belong to the head they are held against."""


class MapError(GeometryError):
    """A file that no map can be read from, or that is of another head."""


class PlanError(GeometryError):
    """A batch's plan that cannot be read, or a folder that holds the batch of another one."""


class WorkerError(GeometryError):
    """A worker of a batch, in a process or on a cluster, that went away while it worked."""


class OptionError(GeometryError):
    """An option whose value makes no sense, such as ``k=0``."""
