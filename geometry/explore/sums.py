"""A sum as the page asks for it: read, bounded, given other weights, explained, and blamed where it fails."""

from dataclasses import dataclass
from functools import lru_cache

from geometry.choices import DEFAULT_SPACE, Among, SpaceName
from geometry.concepts import evaluate
from geometry.errors import ExpressionError, GeometryError, TokenError
from geometry.explore import limits
from geometry.explore.parameters import Parameters
from geometry.explore.refusals import Place, RefusedError
from geometry.explore.rewriting import count_terms, rewrite
from geometry.explore.shelf import Volume
from geometry.expressions import located, parse
from geometry.head import Head
from geometry.why import Why, WhyOptions, explain

RIVALS = 7
"""Candidates told beside the winner."""

KEPT = 64
"""Explanations kept, so that the phase diagram of a sum just landed costs nothing."""


@dataclass(frozen=True)
class AskedSum:
    """A sum as the page asks for it.

    Attributes:
        given: As it was typed.
        expression: In its canonical spelling, with the weights of the sliders.
        space, among: Where it is made, and what it may land on.
        vary: What the phase diagram varies; empty for all terms, if they are two or three.
    """

    given: str
    expression: str
    space: SpaceName
    among: Among
    vary: tuple[str, ...] = ()

    @property
    def options(self) -> WhyOptions:
        """What is asked of the explanation."""
        return WhyOptions(k=RIVALS, among=self.among, vary=self.vary, vacancy=False)


def read_sum(parameters: Parameters, volume: Volume) -> AskedSum:
    """Read a sum from a question.

    Raises:
        RefusedError: It has too many terms, or does not parse, with the place where it stops making sense.
    """
    given = parameters.needed("q", volume.example)
    try:
        tree = parse(given)
        if (terms := count_terms(tree)) > limits.TERMS:
            raise RefusedError(f"a sum of {terms} terms arrived; at most {limits.TERMS} are taken here: shorten it")
        expression = rewrite(given, parameters.text("weights"))
        vary = tuple(filter(None, parameters.text("vary").split(",")))
        space = parameters.space() or DEFAULT_SPACE
        return AskedSum(given, expression, space, parameters.among(), vary)
    except ExpressionError as error:
        raise RefusedError(str(error), place=error.place) from error


def explained(volume: Volume, asked: AskedSum) -> Why:
    """Explain a sum; one asked a moment ago is remembered.

    Raises:
        RefusedError: It cannot be evaluated on this head, with the term that is to blame.
    """
    try:
        return _explained(volume.head, asked.expression, asked.options, asked.space)
    except GeometryError as error:
        raise RefusedError(str(error), place=blamed(volume, asked, error)) from error


@lru_cache(maxsize=KEPT)
def _explained(head: Head, expression: str, options: WhyOptions, space: SpaceName) -> Why:
    return explain(head, expression, options, space=space)


def blamed(volume: Volume, asked: AskedSum, error: GeometryError) -> Place | None:
    """Return where in the text as typed the term stands that the head does not have; None if all are there."""
    if not isinstance(error, TokenError):
        return None
    viewed = volume.head.in_space(asked.space)
    for leaf, start, length in located(asked.given):
        try:
            evaluate(viewed, str(leaf))
        except TokenError:
            return start, length
        except GeometryError:
            continue
    return None
