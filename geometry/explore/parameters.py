"""A question's parameters: each known by name, given once, of bounded length; none of them is ever a path."""

from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import parse_qsl

from geometry.choices import AMONG, SPACES, Among, SpaceName, check_choice
from geometry.explore import limits
from geometry.explore.refusals import RefusedError

LENGTHS: Mapping[str, int] = {
    "head": 200,
    "q": limits.EXPRESSION,
    "space": 20,
    "among": 20,
    "weights": 30 * limits.TERMS,
    "vary": limits.EXPRESSION,
    "method": 20,
    "prompt": limits.PROMPT,
    "k": 3,
    "steps": 3,
    "between": limits.BETWEEN,
}
"""Every parameter that there is, and how many characters it may have."""


@dataclass(frozen=True)
class Parameters:
    """The parameters of one question, by name; what was not given, or empty, is missing."""

    given: Mapping[str, str]

    def text(self, name: str, default: str = "") -> str:
        """Return one as text."""
        return self.given.get(name, default)

    def needed(self, name: str, example: str) -> str:
        """Return one that the question makes no sense without.

        Raises:
            RefusedError: It is missing.
        """
        found = self.given.get(name, "")
        if not found.strip():
            raise RefusedError(f"no {name} arrived; expected a text such as {example!r}")
        return found

    def whole(self, name: str, default: int, most: int) -> int:
        """Return one as a whole number from 1 to ``most``.

        Raises:
            RefusedError: It is none.
        """
        found = self.given.get(name, str(default))
        if not (found.isascii() and found.isdigit()) or not 1 <= int(found) <= most:
            raise RefusedError(f"{name}={found!r} arrived; expected a whole number from 1 to {most}")
        return int(found)

    def space(self) -> SpaceName | None:
        """Return the space asked for, None for the default one."""
        found = self.given.get("space")
        if found is None:
            return None
        check_choice("space", found, SPACES)
        return next(space for space in SPACES if space == found)

    def among(self) -> Among:
        """Return the candidates asked for."""
        found = self.given.get("among", "all")
        check_choice("among", found, AMONG)
        return next(among for among in AMONG if among == found)


def read_parameters(query: bytes, allowed: tuple[str, ...]) -> Parameters:
    """Read what stands behind the question mark.

    Args:
        query: As it came, percent signs and all.
        allowed: The names that this question has.

    Raises:
        RefusedError: A name that it has not or that comes twice, too much text, or no UTF-8.
    """
    try:
        pairs = parse_qsl(
            query.decode("ascii"), keep_blank_values=True, errors="strict", max_num_fields=limits.PARAMETERS
        )
    except UnicodeDecodeError as error:
        raise RefusedError("parameters that are no UTF-8 arrived; expected percent-encoded UTF-8") from error
    except ValueError as error:
        raise RefusedError(f"more than {limits.PARAMETERS} parameters arrived; expected {_some(allowed)}") from error
    found: dict[str, str] = {}
    for name, value in pairs:
        if name not in allowed:
            raise RefusedError(f"the parameter {name!r:.40} arrived; expected {_some(allowed)}")
        if name in found:
            raise RefusedError(f"the parameter {name} arrived twice; expected it once")
        if len(value) > LENGTHS[name]:
            raise RefusedError(
                f"{name} of {len(value):,} characters arrived; at most {LENGTHS[name]} are read: shorten it", 413
            )
        if "\0" in value:
            raise RefusedError(f"{name} with a NUL character arrived; expected text that a command line can hold")
        found[name] = value
    return Parameters({name: value for name, value in found.items() if value})


def _some(allowed: tuple[str, ...]) -> str:
    return ", ".join(allowed) if allowed else "none"
