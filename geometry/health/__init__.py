"""The audit: is this head healthy? What an expert checks before believing any neighbour in it."""

from collections.abc import Sequence

from geometry.choices import DEFAULT_SPACE, SpaceName, check_seed
from geometry.errors import OptionError
from geometry.head import Head
from geometry.health.hubs import find_hubs
from geometry.health.inventory import take_inventory
from geometry.health.lengths import measure_sizes
from geometry.health.record import Audit
from geometry.health.spectrum import measure_spectrum
from geometry.health.untrained import find_untrained
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
        hubs: Count hubs: every row asked against every other, quadratic in the vocabulary.
        reach: Find tokens that can never come first: quadratic too.
        truth: Ids of rows known to be unused: precision and recall of the signs are counted against them.
        seed: Of hidden halves, nulls and samples.

    Raises:
        OptionError: A word that is none of the choices, a negative seed, an id in ``truth`` that is no row, or rows
            without any spread.
    """
    check_seed(seed)
    if truth is not None and any(not 0 <= token < head.vocab for token in truth):
        wrong = next(token for token in truth if not 0 <= token < head.vocab)
        raise OptionError(f"truth holds the id {wrong}; expected ids from 0 to {head.vocab - 1}")
    if space is None:
        space = DEFAULT_SPACE if head.space.name == "raw" else head.space.name
    view = head.in_space(space)
    notes = () if head.tokens is not None else (f"{head.opened.vocabulary[1]}: rows have ids and no tokens here",)
    return Audit(
        head=view,
        spectrum=measure_spectrum(view),
        inventory=None if head.tokens is None else take_inventory(view),
        undertrained=find_untrained(view, truth, seed=seed),
        sizes=measure_sizes(view),
        hubs=find_hubs(view, seed=seed) if hubs else None,
        reach=survey(head.in_space("folded"), seed=seed) if reach else None,
        seed=seed,
        notes=notes,
    )
