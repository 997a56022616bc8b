"""Concepts: expressions evaluated on a head, as weighted sums of rows."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np
from jaxtyping import Float64

from geometry.choices import SpaceName
from geometry.errors import ExpressionError, TokenError
from geometry.expressions import Leaf, leaves, parse
from geometry.head import Head
from geometry.linalg import on_sphere, unit
from geometry.tokens import Vocabulary, lookup

TermKind = Literal["word", "emoji", "quoted", "id", "bytes", "direction", "prefix"]


@dataclass(frozen=True, eq=False)
class Term:
    """One operand of a concept, resolved to rows.

    Attributes:
        label: how it was written.
        weight: its factor in the flattened sum.
        kind: how it was understood.
        ids: the tokens whose rows were summed; empty for the emoji direction.
        vector: (dim,), of unit length outside space ``raw`` unless lengths were kept.
        texts: the tokens as text, where the head has a vocabulary.
    """

    label: str
    weight: float
    kind: TermKind
    ids: tuple[int, ...]
    vector: Float64[np.ndarray, " dim"]
    texts: tuple[str, ...] = ()


@dataclass(frozen=True, eq=False, repr=False)
class Concept:
    """A weighted sum of terms: q = Σ weight · vector.

    Attributes:
        expression: the canonical spelling of what was asked.
        terms: its operands, in reading order.
        vector: q (dim,), before it is put on any sphere, hence linear in the terms.
        space: the space the rows were taken in.
        notes: what a reader should know of how words were understood.
    """

    expression: str
    terms: tuple[Term, ...]
    vector: Float64[np.ndarray, " dim"]
    space: SpaceName
    notes: tuple[str, ...] = ()

    @property
    def input_ids(self) -> frozenset[int]:
        """Every token that a term was made of."""
        return frozenset(token for term in self.terms for token in term.ids)

    def to_dict(self) -> dict[str, Any]:
        """Expression, space and terms, as the command line's JSON has them."""
        terms = [
            {
                "label": term.label,
                "weight": term.weight,
                "kind": term.kind,
                "tokens": [{"id": one, "text": text} for one, text in zip(term.ids, term.texts, strict=True)],
            }
            for term in self.terms
        ]
        return {"expression": self.expression, "space": self.space, "terms": terms}

    def __repr__(self) -> str:
        return f"Concept({self.expression!r}, {len(self.terms)} terms, space {self.space})"


def evaluate(head: Head, expression: str, *, as_stored: bool = False) -> Concept:
    """Resolve an expression's words on a head and add their rows up, in the head's space.

    Args:
        head: in the space wanted.
        expression: see ``expression.lark``.
        as_stored: keep the rows' lengths outside space ``raw`` too.

    Returns:
        The concept; with rows w̃ in the space, each leaf enters as α·w̃/‖w̃‖, in ``raw`` as α·w.

    Raises:
        ExpressionError: it does not parse.
        TokenError: a word, text, id or byte string that the head does not hold.
    """
    tree = parse(expression)
    keep_length = as_stored or head.space.name == "raw"
    terms, notes = [], []
    known: dict[Leaf, Term] = {}
    for leaf, weight in leaves(tree):
        if leaf not in known:
            known[leaf] = _resolve(head, leaf, keep_length=keep_length)
            notes.extend(_notes(head, known[leaf]))
        found = known[leaf]
        terms.append(replace(found, weight=weight))
    vector = np.zeros(head.dim)
    for term in terms:
        vector = vector + term.weight * term.vector
    if not np.isfinite(vector).all():
        raise ExpressionError(f"the weights of {str(tree)!r} multiply beyond any number; give smaller ones")
    return Concept(str(tree), tuple(terms), vector, head.space.name, tuple(notes))


def residual(head: Head, concept: Concept) -> Float64[np.ndarray, " dim"]:
    """The residual a concept stands for: on the sphere of radius √d where the final norm's output lies.

    Before gain and shift; meaningful outside space ``raw``.

    Raises:
        ExpressionError: the sum is zero and has no direction.
    """
    check_direction(concept)
    return on_sphere(head.space.residual_direction(concept.vector))


def check_direction(concept: Concept) -> None:
    """Refuse a sum whose terms cancel out.

    Raises:
        ExpressionError: ‖q‖ is zero to rounding.
    """
    reach = sum(abs(term.weight) * float(np.abs(term.vector).max(initial=0.0)) for term in concept.terms)
    if np.abs(concept.vector).max(initial=0.0) <= 1e-12 * reach:
        raise ExpressionError(
            f"the sum {concept.expression!r} is zero and points nowhere; give terms that do not cancel out"
        )


def _resolve(head: Head, leaf: Leaf, *, keep_length: bool) -> Term:
    kind, ids = _ids(head, leaf)
    if kind == "direction":
        vector = head.emoji_direction
    else:
        outside = [token for token in ids if not 0 <= token < head.vocab]
        if outside:
            raise TokenError(f"{leaf} is token {outside[0]}, but this head has only {head.vocab:,} rows")
        broken = [token for token in ids if not head.opened.finite[token]]
        if broken:
            raise TokenError(
                f"{leaf} uses row {broken[0]}, which holds NaN, infinity or numbers beyond use: leave that term out"
            )
        vector = head.space.apply(head.opened.matrix.rows(ids)).sum(axis=0)
    texts = tuple(f"#{token}" if head.tokens is None else head.tokens.text_of(token) for token in ids)
    return Term(str(leaf), 1.0, kind, ids, vector if keep_length else unit(vector), texts)


def _ids(head: Head, leaf: Leaf) -> tuple[TermKind, tuple[int, ...]]:
    """Understand a leaf: its kind and the tokens it stands for."""
    if leaf.kind == "id":
        token = int(leaf.text[:20])
        if token >= head.vocab:
            raise TokenError(f"{leaf} arrived; this head has {head.vocab:,} rows: ids go from 0 to {head.vocab - 1}")
        return "id", (token,)
    tokens = head.words()
    if leaf.kind == "quoted":
        return "quoted", tuple(tokens.quoted(leaf.text))
    if leaf.kind == "bytes":
        found = tokens.with_bytes(bytes.fromhex(leaf.text))
        if not found:
            raise TokenError(f"no token has exactly the bytes {leaf}; write its parts, such as {_split(leaf)}")
        return "bytes", (found[0],)
    reserved = _RESERVED.get(leaf.text)
    if reserved is not None:
        return reserved(tokens)
    if lookup(leaf.text) is not None:
        return "emoji", tuple(tokens.emoji_ids(leaf.text))
    return "word", tuple(tokens.word(leaf.text))


def _direction(tokens: Vocabulary) -> tuple[TermKind, tuple[int, ...]]:
    return "direction", ()


def _prefix(tokens: Vocabulary) -> tuple[TermKind, tuple[int, ...]]:
    """The rows that open most emoji: F0 9F, after a space where one token holds that, else bare, else by byte."""
    for data in (b" \xf0\x9f", b"\xf0\x9f"):
        found = tokens.with_bytes(data)
        if found:
            return "prefix", (found[0],)
    parts = [tokens.with_bytes(data) for data in (b"\xf0", b"\x9f")]
    if all(parts):
        return "prefix", tuple(part[0] for part in parts)
    raise TokenError("prefix needs tokens for the bytes F0 9F that open an emoji; this vocabulary has none")


_RESERVED: Mapping[str, Callable[[Vocabulary], tuple[TermKind, tuple[int, ...]]]] = {
    "emoji": _direction,
    "prefix": _prefix,
}


def _notes(head: Head, term: Term) -> list[str]:
    """What a reader should know of how a term was understood."""
    tokens = head.tokens
    if tokens is None or not term.ids:
        return []
    shown = " + ".join(f"{tokens.text_of(token)!r}" for token in term.ids)
    notes = []
    if term.kind == "prefix":
        notes.append(f"prefix is {shown} (#{', #'.join(map(str, term.ids))})")
    elif len(term.ids) > 1:
        notes.append(f"{term.label} is no token here: its pieces {shown} were summed and enter as one term")
    masked = sorted(set(term.ids) & set(head.undertrained.ids.tolist()))
    if masked:
        notes.append(f"{term.label} uses under-trained row{'s' * (len(masked) > 1)} #{', #'.join(map(str, masked))}")
    return notes


def _split(leaf: Leaf) -> str:
    return " + ".join(f"<{byte:02X}>" for byte in bytes.fromhex(leaf.text)[:4])
