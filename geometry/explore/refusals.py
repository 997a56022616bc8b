"""What the server says no to: one line, and the HTTP status that goes with it."""

import json

from geometry.errors import GeometryError

Place = tuple[int, int]


class RefusedError(GeometryError):
    """A question that is not answered.

    Attributes:
        status: 400 for one that makes no sense, 404 for what is not there, 413 for too much, 429 and 503 for too many
            at once.
        place: Where in the expression, (first character, how many), counted in code points; None where no one place is
            to blame.
    """

    def __init__(self, message: str, status: int = 400, place: Place | None = None) -> None:
        super().__init__(message)
        self.status = status
        self.place = place


def refusal(line: str, place: Place | None = None) -> bytes:
    """Return the body of a refusal, as the page reads it."""
    told = {"error": line, "place": None if place is None else list(place)}
    return json.dumps(told, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "replace")


class GoneError(Exception):
    """Whoever asked went away before the answer was begun: nobody is to be told."""
