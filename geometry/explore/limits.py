"""How much may be asked at once: of a question, of a head, of the machine."""

EXPRESSION = 300
"""Characters of an expression."""

TERMS = 12
"""Terms of an expression: what is told of each takes some milliseconds."""

PROMPT = 400
"""Characters of a prompt."""

BETWEEN = 120
"""Characters put behind each emoji before the next try."""

STEPS = 8
"""Tries of the try-again loop."""

TOP = 20
"""Tokens read at each layer and position."""

QUERY = 8_192
"""Bytes of a question's parameters as they come, all percent signs included."""

PARAMETERS = 12
"""Parameters of a question."""

HEADERS = 16_384
"""Bytes of a request's line and headers."""

CONNECTIONS = 128
"""Connections open at once."""

PATIENCE = 20.0
"""Seconds that a connection has for asking its next question, and for reading on in an answer."""


def to_dict() -> dict[str, int]:
    """Return what the page has to know of them."""
    return {"expression": EXPRESSION, "terms": TERMS, "prompt": PROMPT, "between": BETWEEN, "steps": STEPS, "top": TOP}
