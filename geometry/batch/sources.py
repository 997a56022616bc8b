"""Where a batch's expressions come from: a list, a file of one a line, or templates filled with words.

Each is streamed in a fixed order, as often as it is asked, so that memory does not grow with how many there are.
"""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice, product
from pathlib import Path
from string import Formatter

from geometry.errors import PlanError

COMMENT = "//"


@dataclass(frozen=True)
class Listed:
    """Expressions that stand in the plan itself."""

    expressions: tuple[str, ...]

    def __iter__(self) -> Iterator[str]:
        return iter(self.expressions)


@dataclass(frozen=True)
class Lines:
    """A file of one expression a line; empty lines and those that start with ``//`` are passed over."""

    path: Path

    def __iter__(self) -> Iterator[str]:
        number = 0
        try:
            with self.path.open(encoding="utf-8-sig") as file:
                for line in file:
                    number += 1
                    text = line.strip()
                    if text and not text.startswith(COMMENT):
                        yield text
        except UnicodeDecodeError as error:
            raise PlanError(
                f"{str(self.path)!r} is no UTF-8 after line {number} ({error.reason}); expected text, one a line; "
                "save it as UTF-8"
            ) from error
        except (OSError, ValueError) as error:
            why = getattr(error, "strerror", None) or error  # no file's name holds a zero byte: that is no OSError
            raise PlanError(
                f"{str(self.path)!r} cannot be read ({why}); expected a text file, one a line; "
                "paths are relative to the plan's folder"
            ) from error


@dataclass(frozen=True)
class Filled:
    """Templates such as ``{a} + {b}``, each filled with every combination of its words, the last one fastest.

    Attributes:
        templates: In order.
        words: For every name in braces, what it stands for.
    """

    templates: tuple[str, ...]
    words: dict[str, tuple[str, ...]]

    def __iter__(self) -> Iterator[str]:
        for template in self.templates:
            names = fields(template)
            for filling in product(*(self.words[name] for name in names)):
                yield template.format(**dict(zip(names, filling, strict=True)))


Source = Listed | Lines | Filled
"""What gives the same expressions in the same order whenever it is asked."""


def fields(template: str) -> tuple[str, ...]:
    """Return the names in a template's braces, each once, in order.

    Raises:
        PlanError: The braces do not pair, or hold something else than a plain name.
    """
    try:
        parts = list(Formatter().parse(template))
    except ValueError as error:
        raise PlanError(
            f"the template {template!r} arrived ({error}); expected names in braces: {{a}} + {{b}}"
        ) from None
    names = [name for _, name, form, conversion in parts if name is not None]
    if any(form or conversion for _, _, form, conversion in parts) or not all(map(str.isidentifier, names)):
        raise PlanError(f"the template {template!r} arrived; expected plain names in braces, such as {{a}} + {{b}}")
    return tuple(dict.fromkeys(names))


@dataclass(frozen=True)
class Tally:
    """How many expressions a source gives, and a digest that tells whether they are still the same."""

    count: int
    digest: str


def tally(source: Source) -> Tally:
    """Go through a source once.

    Raises:
        PlanError: It cannot be read.
    """
    count, digest = 0, hashlib.sha256()
    for expression in source:
        count += 1
        digest.update(expression.encode("utf-8", "surrogatepass") + b"\n")
    return Tally(count, digest.hexdigest())


def chunks(source: Source, size: int) -> Iterator[tuple[str, ...]]:
    """Yield a source's expressions, ``size`` at a time."""
    stream = iter(source)
    while chunk := tuple(islice(stream, size)):
        yield chunk
