"""The sentences below a sum of words: what the target was, what was left out, what the numbers cannot say."""

from collections.abc import Iterator

from geometry.concepts import Concept
from geometry.head import Head
from geometry.landing.record import text_of
from geometry.madeof.names import spelt_emoji
from geometry.tokens.printable import dotted

SHOWN_WORDS = 12
"""Words left out that are named."""


def made_of_notes(
    head: Head, concept: Concept, left_out: frozenset[int], *, asked: int, entered: int, kept: int
) -> Iterator[str]:
    """Yield what a reader should know of one sum.

    Args:
        left_out: words the target may not be made of.
        asked: how many words were asked for.
        entered: how many entered the path.
        kept: how many have a weight.
    """
    yield from concept.notes
    if len(concept.terms) > 1 or concept.terms[0].weight != 1.0:
        length = "as stored" if head.space.name == "raw" else "at unit length"
        yield f"the target is the sum {concept.expression}, its terms {length}"
    emoji = spelt_emoji(head, concept.terms[0].ids)
    if len(concept.terms) == 1 and emoji is not None:
        why = f"as words of its own name, {emoji.name}, and their variants"
    else:
        why = "as the target's own words and their variants"
    if left_out:
        shown = " ".join(dotted(text_of(head, token)) for token in sorted(left_out)[:SHOWN_WORDS])
        more = f" and {len(left_out) - SHOWN_WORDS} more" if len(left_out) > SHOWN_WORDS else ""
        yield f"left out {why}: {shown}{more}"
    if entered < asked:
        yield f"only {entered} of {asked} words: no other would come nearer"
    if kept < entered:
        yield f"{entered - kept} of the first {entered} words got no weight in the refit"
    if head.space.name in ("raw", "folded"):
        yield f"in space {head.space.name} rows share their mean, which can make every R² high: see the comparisons"
    if head.readout.why_unfolded and head.space.name != "raw":
        yield f"rows are not folded: {head.readout.why_unfolded}"
    if len(head.undertrained.ids):
        yield head.undertrained.reason
