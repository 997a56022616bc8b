"""An expression with other weights: what the sliders of the page move."""

import math
import re

from geometry.errors import OptionError
from geometry.expressions import Mean, Node, Scaled, Sum, parse

_NUMBER = re.compile(r"-?(\d{1,16}(\.\d{0,20})?|\.\d{1,20})([eE][+-]?\d{1,3})?", re.ASCII)


def summands(tree: Node) -> list[tuple[float, Node]]:
    """Return the terms that a sum is made of at its top, each with its signed weight; of anything else the one term.

    What stands in parentheses or in ``mean()`` is one term.
    """
    parts = tree.parts if isinstance(tree, Sum) else ((1, tree),)
    return [
        (sign * node.weight, node.node) if isinstance(node, Scaled) else (float(sign), node) for sign, node in parts
    ]


def reweighted(tree: Node, weights: list[float]) -> Node:
    """Return the sum with other weights, so that `summands` of the result are the same terms with these.

    Args:
        tree: As `geometry.expressions.parse` gives it.
        weights: One for each of `summands`; a negative one takes its term away.

    Raises:
        OptionError: Another number of weights, or one that is not finite.
    """
    terms = summands(tree)
    if len(weights) != len(terms):
        raise OptionError(f"{len(weights)} weights arrived; expected one for each of the {len(terms)} terms")
    if not all(map(math.isfinite, weights)):
        raise OptionError("a weight that is no finite number arrived; expected such as 0.5")
    alone = len(terms) == 1
    parts = tuple(
        (-1 if weight < 0 else 1, _scaled(abs(weight), node, alone=alone))
        for weight, (_, node) in zip(weights, terms, strict=True)
    )
    return parts[0][1] if alone and parts[0][0] > 0 else Sum(parts)  # type: ignore[arg-type]


def _scaled(weight: float, node: Node, *, alone: bool) -> Node:
    # without its factor a scaled term would give up a second one, and a sum that stands alone would fall apart
    bare = weight == 1 and not isinstance(node, Scaled) and not (alone and isinstance(node, Sum))
    return node if bare else Scaled(weight, node)


def read_weights(text: str) -> list[float]:
    """Read weights as the page sends them: numbers with commas between them.

    Raises:
        OptionError: They are something else.
    """
    pieces = text.split(",")
    wrong = [piece for piece in pieces if not _NUMBER.fullmatch(piece.strip())]
    if wrong:
        raise OptionError(f"weights {text!r:.80} arrived; expected numbers such as 1,0.5,-2, one for each term")
    return [float(piece) for piece in pieces]


def rewrite(expression: str, weights: str) -> str:
    """Return an expression in its canonical spelling, with other weights if some are given.

    Raises:
        GeometryError: The expression does not parse, or the weights do not fit it.
    """
    tree = parse(expression)
    return str(reweighted(tree, read_weights(weights)) if weights else tree)


def count_terms(tree: Node) -> int:
    """Return how many operands an expression has, without walking through one that has too many."""
    match tree:
        case Scaled(_, node):
            return count_terms(node)
        case Mean(nodes):
            return sum(map(count_terms, nodes))
        case Sum(parts):
            return sum(count_terms(node) for _, node in parts)
    return 1
