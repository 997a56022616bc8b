"""The audit: is this head healthy? What an expert checks before believing any neighbour in it."""

from collections.abc import Iterator, Sequence
from numbers import Integral

from geometry.choices import DEFAULT_SPACE, SpaceName, check_seed
from geometry.errors import OptionError
from geometry.head import Head
from geometry.health.hubs import find_hubs
from geometry.health.inventory import take_inventory
from geometry.health.lengths import measure_sizes
from geometry.health.record import Audit
from geometry.health.spectrum import measure_spectrum
from geometry.health.suspects import Suspects, find_suspects
from geometry.hubness import NEIGHBORS
from geometry.reachability import survey

__all__ = ["Audit", "audit"]


def audit(
    head: Head,
    *,
    space: SpaceName | None = None,
    hubs: bool = True,
    reach: bool = True,
    truth: Sequence[int] | None = None,
    seed: int = 0,
) -> Audit:
    """Examine a head: its tokens, under-trained rows, lengths, spectrum, hubs, and tokens that can never come first.

    Args:
        head: In another space than ``raw`` neighbours are asked in its own.
        space: Overrides that; the default space otherwise. Lengths are of rows as stored, the spectrum is that of the
            folded rows, reachability asks with the residuals that the model's norm puts out, whatever the space.
        hubs: Count hubs: every row asked against every other, quadratic in the vocabulary. Heads of no more rows than
            are counted as near have none.
        reach: Find tokens that can never come first: quadratic too.
        truth: Ids of rows known to be unused: precision and recall of the signs are counted against them.
        seed: Of hidden halves, nulls and samples.

    Raises:
        OptionError: A word that is none of the choices, a negative seed, an id in ``truth`` that is no row, fewer than
            two rows, or rows that are all the same.
    """
    check_seed(seed)
    _check_truth(truth, head.vocab)
    if space is None:
        space = DEFAULT_SPACE if head.space.name == "raw" else head.space.name
    spectrum = measure_spectrum(head)  # first of all: what has none is no head to examine
    view = head.in_space(space)
    undertrained = find_suspects(view, truth, seed=seed)
    enough = int(view.candidates().sum()) > NEIGHBORS
    return Audit(
        head=view,
        spectrum=spectrum,
        inventory=None if head.tokens is None else take_inventory(view),
        undertrained=undertrained,
        sizes=measure_sizes(view),
        hubs=find_hubs(view, seed=seed) if hubs and enough else None,
        reach=survey(head.in_space("folded"), seed=seed) if reach else None,
        seed=seed,
        notes=tuple(_notes(head, undertrained, truth=truth is not None, hubs=hubs and not enough)),
    )


def _check_truth(truth: Sequence[int] | None, vocab: int) -> None:
    if truth is None:
        return
    if not len(truth):
        raise OptionError("truth=[] arrived; expected ids of rows known to be unused, or no truth at all")
    wrong = next((token for token in truth if not isinstance(token, Integral) or not 0 <= token < vocab), None)
    if wrong is not None:
        raise OptionError(f"truth holds the id {wrong}; expected whole numbers from 0 to {vocab - 1}")


def _notes(head: Head, undertrained: Suspects, *, truth: bool, hubs: bool) -> Iterator[str]:
    """What was asked for and could not be had, and what was left out."""
    if head.tokens is None:
        yield f"{head.opened.vocabulary[1]}: rows have ids and no tokens here"
    broken = int((~head.opened.finite).sum())
    if broken:
        yield f"left out of everything: {broken:,} of the rows, which hold NaN, infinity or far too large numbers"
    if truth and undertrained.hidden is None:
        yield f"the truth that was given is not held against anything: {undertrained.reason}"
    if hubs:
        yield f"hubs are left out: they are counted among the {NEIGHBORS} nearest, and there are no more rows than that"
