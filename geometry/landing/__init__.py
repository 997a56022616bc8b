"""Landings: which real tokens a sum of concepts is nearest to, with the controls beside them."""

from collections.abc import Sequence

from geometry.choices import DEFAULT_SPACE, SpaceName
from geometry.concepts import Concept, check_direction, evaluate
from geometry.errors import GeometryError, OptionError
from geometry.head import Head
from geometry.landing.options import LandingOptions
from geometry.landing.record import LandedToken, Landing
from geometry.landing.scans import LandingScan

__all__ = ["LandedToken", "Landing", "LandingOptions", "land_many"]


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
    if isinstance(expressions, str):
        raise OptionError(f"the text {expressions!r} arrived; expected a list of expressions")
    options = options or LandingOptions()
    if space is None:
        space = DEFAULT_SPACE if head.space.name == "raw" else head.space.name
    viewed = head.in_space(space)
    concepts = [_evaluate(viewed, expression, options, of=len(expressions)) for expression in expressions]
    if not concepts:
        return []
    scans = LandingScan(viewed, concepts, options)
    scans.run()
    return [scans.landing(index, expression) for index, expression in enumerate(expressions)]


def _evaluate(head: Head, expression: str, options: LandingOptions, *, of: int) -> Concept:
    """Evaluate one of several expressions, so that an error says which one it was."""
    try:
        concept = evaluate(head, expression, as_stored=options.as_stored)
        check_direction(concept)
    except GeometryError as error:
        if of == 1 or repr(expression) in str(error):
            raise
        raise type(error)(f"in {expression!r}: {error}") from error
    return concept
