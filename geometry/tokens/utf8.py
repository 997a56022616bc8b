"""Where a token's bytes stand in UTF-8: whole characters, or parts of some."""

from codecs import getincrementaldecoder
from typing import Literal, get_args

Utf8State = Literal["complete", "opens", "continues", "never"]
UTF8_STATES: tuple[Utf8State, ...] = get_args(Utf8State)

_MOST_CONTINUATIONS = 3  # a character has at most four bytes


def utf8_state(data: bytes) -> Utf8State:
    r"""Return what some bytes are in a text.

    - ``complete``: whole characters, or nothing.
    - ``opens``: whole characters, if any, and then the beginning of one.
    - ``continues``: they begin within a character.
    - ``never``: no valid UTF-8 holds these bytes in this order (C0, C1, F5–FF, a lone lead byte within).

    >>> [utf8_state(data) for data in ("é".encode(), b" \xf0\x9f", b"\x90\xa0", b"\xff")]
    ['complete', 'opens', 'continues', 'never']
    """
    rest = data.lstrip(bytes(range(0x80, 0xC0)))
    within = len(data) - len(rest)
    if within > _MOST_CONTINUATIONS:
        return "never"
    decoder = getincrementaldecoder("utf-8")()
    try:
        decoder.decode(rest)
    except UnicodeDecodeError:
        return "never"
    if within:
        return "continues"
    return "opens" if decoder.getstate()[0] else "complete"
