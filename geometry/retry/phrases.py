"""How a model says that there is no such emoji: a small table of English phrases, and nothing cleverer."""

import re
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Phrase:
    """One way to say so.

    Attributes:
        name: What it is called in records.
        pattern: As a regular expression over lower-case text with straight apostrophes and single spaces.
        example: A text that it is found in.
    """

    name: str
    pattern: str
    example: str


PHRASES: tuple[Phrase, ...] = (
    Phrase("there is none", r"\bthere(?: is|'s| are| was) none\b", "no, there is none"),
    Phrase(
        "there is no … emoji", r"\bthere(?: is|'s| are)(?: no| not an?)\b[^.!?\n]*\bemojis?\b", "there's no yak emoji"
    ),
    Phrase("there isn't …", r"\bthere (?:isn't|aren't) (?:one|any|an?\b[^.!?\n]*\bemoji)\b", "there isn't one"),
    Phrase("no such emoji", r"\bno such emoji\b", "i know no such emoji"),
    Phrase("does not exist", r"\b(?:does not|doesn't|do not|don't) (?:\w+ )?exist\b", "it does not actually exist"),
    Phrase("has no emoji", r"\b(?:has|have) no (?:\w+ )*?emoji\b", "seahorses have no emoji"),
    Phrase("is no emoji", r"\bis (?:no|not an) (?:\w+ )*?emoji\b[^.!?\n]*\bfor\b", "this is no emoji for a seahorse"),
)
"""What counts as saying that there is none. English only; a sentence that says so in other words is not noticed."""

CONTEXT_CHARACTERS = 200
"""How much of what stands before is looked at too: a prompt may open the sentence that the model ends."""


def says_none(text: str, before: str = "") -> str | None:
    """Return the name of the first phrase that ends within ``text``, or None.

    Args:
        text: What was written.
        before: What stood before it; a phrase may begin there, and does not count if it ends there too.

    >>> says_none(" none.", before="is there a seahorse emoji? no, there is")
    'there is none'
    >>> says_none(" yes.", before="there is none") is None
    True
    """
    start = _plain(before[-CONTEXT_CHARACTERS:])
    whole = _plain(before[-CONTEXT_CHARACTERS:] + text)
    ends = {
        phrase.name: found.end()
        for phrase in PHRASES
        for found in re.finditer(phrase.pattern, whole)
        if found.end() > len(start)
    }
    return min(ends, key=lambda name: ends[name]) if ends else None


def _plain(text: str) -> str:
    return re.sub(r"[^\S\n]+", " ", text.lower().replace("’", "'"))
