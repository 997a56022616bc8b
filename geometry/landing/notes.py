"""The sentences below a landing: what was sampled, what the null was, what is left out and why."""

from collections import Counter
from collections.abc import Iterator, Sequence

from geometry.head import Head
from geometry.landing.nulls import NullSums
from geometry.landing.options import LandingOptions
from geometry.landing.record import LandedToken, text_of

SHOWN_SAMPLES = 12
"""Different tokens of a sample that are named; the record holds them all."""


def landing_notes(
    head: Head,
    options: LandingOptions,
    landed: Sequence[LandedToken],
    samples: Sequence[int],
    null: NullSums | None,
    unmasked: Sequence[int],
    *,
    uses_masked: bool = False,
) -> Iterator[str]:
    """Yield what a reader should know of one landing.

    Args:
        landed: its lines.
        samples: the tokens drawn.
        null: its random sums, if they were asked for and there are any.
        unmasked: the first k as they would come without the under-trained mask; empty where it masks nothing.
        uses_masked: a term of the sum is itself a masked row.
    """
    if options.sample:
        yield _sample_note(head, options, samples)
    if null is not None:
        yield null.note
    elif options.null:
        yield "no null: the expression has no word that a random word could stand in for"
    if not landed:
        among = "" if options.among == "all" else f" among its {options.among}"
        yield f"nothing is left to land on{among}"
    if head.readout.note:
        yield head.readout.note
    if head.readout.why_unfolded and head.space.name != "raw":
        yield f"no probabilities, and rows are not folded: {head.readout.why_unfolded}"
    unreadable = int((~head.opened.finite).sum())
    if unreadable:
        yield f"{unreadable:,} rows hold NaN, infinity or numbers beyond use and are left out"
    yield _mask_note(head, options, landed, unmasked, uses_masked=uses_masked)


def _sample_note(head: Head, options: LandingOptions, samples: Sequence[int]) -> str:
    counts = Counter(samples).most_common()
    shown = ", ".join(f"{text_of(head, token)!r} {times}" for token, times in counts[:SHOWN_SAMPLES])
    more = f" and {len(counts) - SHOWN_SAMPLES} others" if len(counts) > SHOWN_SAMPLES else ""
    return f"sampled {len(samples):,} at T = {options.temperature:g}, seed {options.seed}: {shown}{more}"


def _mask_note(
    head: Head,
    options: LandingOptions,
    landed: Sequence[LandedToken],
    unmasked: Sequence[int],
    *,
    uses_masked: bool,
) -> str:
    """What the under-trained mask does to this landing, or did not do."""
    undertrained = head.undertrained
    if not len(undertrained.ids):
        return undertrained.reason
    if options.keep_undertrained:
        hits = sum(one.undertrained for one in landed)
        return f"{hits} of these {len(landed)} are rows that are hidden by default: {undertrained.reason}"
    masked = set(undertrained.ids.tolist())
    hidden = [(rank, token) for rank, token in enumerate(unmasked, 1) if token in masked]
    if not hidden:
        hint = ", where rows' lengths count: --metric cosine asks without them" if options.metric == "logit" else ""
        return f"{undertrained.reason}; none of them would rank here{hint if uses_masked else ''}"
    rank, token = hidden[0]
    return (
        f"{undertrained.reason}; without the mask {len(hidden)} of the first {len(unmasked)} would be such rows, "
        f"{text_of(head, token)!r} at rank {rank}: --keep-undertrained shows them"
    )
