"""The expression language: text → tree → text, knowing no head.

The grammar is ``expression.lark``. A tree is made of :class:`Leaf`, :class:`Scaled`, :class:`Mean` and
:class:`Sum`; ``str(tree)`` is the canonical spelling, and parsing that gives the same tree again.
"""

import math
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Literal

from geometry.errors import ExpressionError

LeafKind = Literal["word", "quoted", "id", "bytes"]

MAX_LENGTH = 4096
"""Longest expression that is read, in characters."""

MAX_DEPTH = 32
"""Deepest nesting of parentheses and ``mean()``."""

_NUMBER = re.compile(r"(\d+(\.\d*)?|\.\d+)([eE][+-]?\d+)?")
_OPERANDS = ("word", "quoted", "token_id", "token_bytes")
_ESCAPES = {"n": "\n", "t": "\t", "'": "'", "\\": "\\"}


@dataclass(frozen=True)
class Leaf:
    """One operand: a word, a quoted text, a token id (in decimal) or a token's bytes (in lower-case hex)."""

    kind: LeafKind
    text: str

    def __str__(self) -> str:
        match self.kind:
            case "quoted":
                return "'" + re.sub(r"['\\\n\t]", _escape, self.text) + "'"
            case "id":
                return f"#{self.text}"
            case "bytes":
                return f"<{bytes.fromhex(self.text).hex(' ').upper()}>"
        return self.text


@dataclass(frozen=True)
class Scaled:
    """A finite, non-negative number times a node."""

    weight: float
    node: "Node"

    def __str__(self) -> str:
        inner = f"({self.node})" if isinstance(self.node, (Sum, Scaled)) else str(self.node)
        return f"{_number(self.weight)}*{inner}"


@dataclass(frozen=True)
class Mean:
    """The arithmetic mean of one or more nodes."""

    nodes: tuple["Node", ...]

    def __str__(self) -> str:
        return f"mean({', '.join(map(str, self.nodes))})"


@dataclass(frozen=True)
class Sum:
    """Signed nodes added up; a lone positive node is never wrapped in a sum."""

    parts: tuple[tuple[Literal[1, -1], "Node"], ...]

    def __str__(self) -> str:
        pieces: list[str] = []
        for index, (sign, node) in enumerate(self.parts):
            text = f"({node})" if isinstance(node, Sum) else str(node)
            mark = "-" if sign < 0 else "+"
            pieces.append(f" {mark} {text}" if index else text if sign > 0 else f"-{text}")
        return "".join(pieces)


Node = Leaf | Scaled | Mean | Sum


def parse(text: str) -> Node:
    """Read an expression.

    Raises:
        ExpressionError: one line that quotes the expression and points at the column where reading stopped.
    """
    from lark.exceptions import UnexpectedInput

    if len(text) > MAX_LENGTH:
        raise ExpressionError(
            f"an expression of {len(text)} characters arrived; at most {MAX_LENGTH} are read: shorten it"
        )
    if any("\ud800" <= character <= "\udfff" for character in text):
        raise ExpressionError("an expression that is no valid UTF-8 arrived; give bytes as <FF>, a token as #id")
    _check_depth(text)
    try:
        tree = _parser().parse(text)
    except UnexpectedInput as error:
        ended = getattr(getattr(error, "token", None), "type", "") == "$END"
        raise _fault(text, len(text) if ended else error.pos_in_stream or 0) from None
    return _build(tree.children[0], text)


def leaves(node: Node, weight: float = 1.0) -> Iterator[tuple[Leaf, float]]:
    """Yield every leaf with its weight in the flattened sum, in reading order."""
    match node:
        case Leaf():
            yield node, weight
        case Scaled(factor, inner):
            yield from leaves(inner, weight * factor)
        case Mean(nodes):
            for inner in nodes:
                yield from leaves(inner, weight / len(nodes))
        case Sum(parts):
            for sign, inner in parts:
                yield from leaves(inner, weight * sign)


def located(text: str) -> tuple[tuple[Leaf, int, int], ...]:
    """Return every leaf of an expression in reading order, with its first character's place and its length.

    Raises:
        ExpressionError: As `parse`.
    """
    parse(text)
    operands = [node for node in _parser().parse(text).iter_subtrees() if node.data in _OPERANDS]
    tokens = sorted(((node.children[0], node.data) for node in operands), key=lambda one: int(one[0].start_pos))
    return tuple((_leaf(rule, token, text), token.start_pos, token.end_pos - token.start_pos) for token, rule in tokens)


@cache
def _parser() -> Any:
    from lark import Lark

    grammar = Path(__file__).with_name("expression.lark").read_text("utf-8")
    return Lark(grammar, parser="lalr", lexer="contextual")


def _build(tree: Any, text: str) -> Node:
    """Turn lark's tree into ours."""
    match tree.data:
        case "sum" | "negative_sum":
            signs: list[Literal[1, -1]] = [1]
            nodes: list[Node] = []
            for child in tree.children:
                if getattr(child, "type", None) == "LEADING_MINUS":
                    signs[0] = -1
                elif child.data == "sign":
                    signs.append(-1 if "-" in child.children[0] else 1)
                else:
                    nodes.append(_build(child, text))
            if len(nodes) == 1 and signs[0] == 1:
                return nodes[0]
            return Sum(tuple(zip(signs, nodes, strict=True)))
        case "scaled":
            scale, inner = tree.children
            weight = float(scale.rstrip(" \t\n*"))
            if not math.isfinite(weight):
                raise _fault(text, scale.start_pos, "a weight must be a finite number")
            return Scaled(weight, _build(inner, text))
        case "mean":
            return Mean(tuple(_build(child, text) for child in tree.children[1:]))
    return _leaf(tree.data, tree.children[0], text)


def _leaf(rule: str, token: Any, text: str) -> Leaf:
    match rule:
        case "quoted":
            inner = re.sub(r"\\(.)", lambda found: _ESCAPES.get(found[1], found[0]), token[1:-1])
            if not inner:
                raise _fault(text, token.start_pos, "an empty quoted text names no token")
            return Leaf("quoted", inner)
        case "token_id":
            return Leaf("id", token[1:].lstrip("0") or "0")
        case "token_bytes":
            return Leaf("bytes", re.sub(r"\s+", "", token[1:-1]).lower())
    if _NUMBER.fullmatch(token):
        raise _fault(text, token.start_pos, f"a bare number must be quoted, '{token}', or weigh a term, {token}*king")
    return Leaf("word", str(token))


def _check_depth(text: str) -> None:
    depth = 0
    for place, character in enumerate(re.sub(r"'(\\.|[^'\\])*'", lambda quoted: "_" * len(quoted[0]), text)):
        depth += (character == "(") - (character == ")")
        if depth > MAX_DEPTH:
            raise _fault(text, place, f"more than {MAX_DEPTH} parentheses stand open here")


def _fault(text: str, place: int, reason: str | None = None) -> ExpressionError:
    """Say in one line where an expression stops making sense, and what would do there."""
    rest = text[place:].lstrip()
    start = len(text) - len(rest)
    shown = " ".join(text.split())
    shown = shown if len(shown) <= 60 else shown[:57] + "…"
    if not text.strip():
        return ExpressionError('an empty expression arrived; expected terms such as "sea + horse + emoji"')
    where = f"at column {start + 1}, {_clip(rest)!r}" if rest else "at its end"
    message = f"cannot read the expression {shown!r} {where}: {reason or _hint(text[:place], rest)}"
    return ExpressionError(message, (start, len(rest.split(None, 1)[0]) if rest else 0))


def _hint(before: str, rest: str) -> str:
    if not rest:
        return "a term or a closing bracket is missing"
    if rest.rstrip() in ("+", "-"):
        return "a term is missing after the sign"
    if rest[0] in "+-":
        touching = (len(rest) > 1 and not rest[1].isspace()) or (bool(before) and not before[-1].isspace())
        if touching and before.strip() and before.rstrip()[-1] not in "+-(,*":
            return f"'{rest[0]}' needs a space on both sides between terms (or quote a text that holds it)"
        return "a term was expected, not a sign (there is no unary plus, and a minus stands between terms or first)"
    if rest[0] in "＋−–—﹢":
        return f"{rest[0]!r} only looks like a sign: write + or - with a space on both sides"
    if rest[0] == "<":
        return "bytes are written as pairs of hex digits, <F0 9F>; quote the text of a special token, '<pad>'"
    if rest[0] == "'":
        return "a quoted text needs its closing quote, and a sign between it and its neighbour"
    if rest[0] == '"':
        return "use single quotes for an exact text"
    if rest[0] == "#":
        return "an id is # and digits, #9468"
    if rest[0] == "*":
        return "only a number may stand before *, as in 0.5*king"
    if before.rstrip() and before.rstrip()[-1] not in "+-(,*":
        return "a sign was expected: join terms with ' + ' or ' - '"
    return "a term was expected: a word, 'text', #id, <hex bytes>, mean(…) or (…)"


def _clip(text: str) -> str:
    return text if len(text) <= 20 else text[:19] + "…"


def _escape(found: re.Match[str]) -> str:
    return {"\n": "\\n", "\t": "\\t"}.get(found[0], "\\" + found[0])


def _number(value: float) -> str:
    text = repr(value)
    return text.removesuffix(".0")
