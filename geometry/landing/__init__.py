"""Landings: which real tokens a sum of concepts is nearest to, with the controls beside them."""

from collections.abc import Sequence

from geometry.concepts import evaluate
from geometry.head import Head
from geometry.landing.options import DEFAULT_SPACE, LandingOptions
from geometry.landing.record import LandedToken, Landing
from geometry.landing.scans import LandingScan
from geometry.spaces import SpaceName

__all__ = ["DEFAULT_SPACE", "LandedToken", "Landing", "LandingOptions", "land", "land_many"]


def land(
    head: Head, expression: str, *, space: SpaceName | None = None, options: LandingOptions | None = None
) -> Landing:
    """Land one expression: :func:`land_many` with a list of one."""
    return land_many(head, [expression], options, space=space)[0]


def land_many(
    head: Head,
    expressions: Sequence[str],
    options: LandingOptions | None = None,
    *,
    space: SpaceName | None = None,
) -> list[Landing]:
    """Land many expressions in one scan of the head.

    Each sum is put on the sphere where the final norm's output lies, u = √d·q/‖q‖; its logits are z = W̃u + b, its
    probabilities softmax of the head's own logits (scaled and capped) over every finite row.

    Args:
        head: the head; in another space than ``raw`` it answers in its own.
        space: overrides that.
        options: see :class:`LandingOptions`.

    Raises:
        GeometryError: an expression cannot be read or evaluated here, or options do not fit the head or space.
    """
    options = options or LandingOptions()
    viewed = head.in_space(space or (DEFAULT_SPACE if head.space.name == "raw" else head.space.name))
    concepts = [evaluate(viewed, expression, as_stored=options.as_stored) for expression in expressions]
    if not concepts:
        return []
    scans = LandingScan(viewed, concepts, options)
    scans.run()
    return [scans.landing(index, expression) for index, expression in enumerate(expressions)]
