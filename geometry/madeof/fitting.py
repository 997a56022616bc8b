"""Head × token → the words it is made of, beside what other tokens and other words give."""

import numpy as np
from jaxtyping import Bool, Float64, Int64

from geometry.choices import SpaceName
from geometry.concepts import Concept, evaluate
from geometry.errors import GeometryError, OptionError
from geometry.expressions import Leaf
from geometry.head import Head
from geometry.landing.record import text_of
from geometry.linalg import unit
from geometry.madeof.checks import check_numbers, check_target, check_words, shortest
from geometry.madeof.controls import draw_stand_ins, own_words_of_terms
from geometry.madeof.names import spelt_emoji
from geometry.madeof.notes import made_of_notes
from geometry.madeof.record import ControlSpread, Ingredient, MadeOf, Spread, TargetToken, spread
from geometry.madeof.refit import Refit, refit
from geometry.madeof.screening import first_rows, unit_rows

DRAWS = 100
"""Sets of random words that the target is also fitted with."""


def made_of(
    head: Head,
    expression: str,
    *,
    terms: int = 5,
    space: SpaceName | None = None,
    controls: int = 100,
    keep_undertrained: bool = False,
    seed: int = 0,
) -> MadeOf:
    """Find a few words whose rows add up to nearly a token's row.

    min ‖t − Σ cⱼ ŵⱼ‖² over c ≥ 0, ŵ the word rows and t the target at unit length: the first ``terms`` words that
    enter the non-negative Lasso path (:mod:`geometry.madeof.lasso`), their weights then refitted without shrinkage.
    The target's own tokens, their variants and, for an emoji, the words of its own name are left out.

    Args:
        head: the head.
        expression: a token (🦄, horse, 'rainbow', #123, <F0 9F>), or a sum, whose vector is then the target.
        terms: how many words, 1 to 50.
        space: ``centered`` by default, or the head's own where that is not ``raw``. In ``raw`` and ``folded`` rows
            share their mean; where that is large every R² is high.
        controls: how many other tokens of the same kind to fit in the same way, matched on row length and merge rank,
            their own names left out; 0 for none.
        keep_undertrained: let the rows that the under-trained rule masks take part.
        seed: of the controls and of the random words.

    Raises:
        GeometryError: the expression cannot be evaluated here, its row is zero, there are too few words, or a number
            is out of range.
    """
    check_numbers(terms, controls, seed)
    usable = head.candidates(keep_undertrained=keep_undertrained)
    check_words(head, _words(head, usable))
    view = head.in_space(space or ("centered" if head.space.name == "raw" else head.space.name))
    concept = evaluate(view, expression)
    check_target(view, concept)
    usable &= view.norms > shortest(view)
    own = own_words_of_terms(view, [term.ids for term in concept.terms])
    words = _words(view, usable)
    free = words.copy()
    free[sorted(own)] = False
    if free.sum() < terms:
        raise OptionError(f"{terms} terms were asked for, but only {free.sum()} words are there to choose from")

    target = unit(concept.vector)
    entered = first_rows(view, target[None, :], [own], words, terms)[0]
    ids, fit = _with_weight(view, target, entered)
    notes = made_of_notes(
        view,
        concept,
        frozenset(token for token in own if words[token]),
        asked=terms,
        entered=len(entered),
        kept=len(ids),
    )
    return MadeOf(
        head=view,
        concept=concept,
        label=expression,
        token=_token(view, concept),
        terms=tuple(
            Ingredient(token, text_of(view, token), weight)
            for token, weight in zip(ids, fit.weights.tolist(), strict=True)
        ),
        r2=fit.r2,
        r2_path=tuple(_fit(view, target, ids[: place + 1]).r2 for place in range(len(ids))),
        controls=_controls(view, concept, usable, fit.r2, terms=terms, count=controls, seed=seed),
        random_words=_random_words(view, target, np.flatnonzero(free), terms, seed),
        expression=_expression(view, concept, ids, fit.weights),
        seed=seed,
        notes=tuple(notes),
    )


def _words(head: Head, usable: Bool[np.ndarray, " vocab"]) -> Bool[np.ndarray, " vocab"]:
    is_word: Bool[np.ndarray, " vocab"] = usable & (head.words().kinds[: head.vocab] == "word")
    return is_word


def _fit(head: Head, target: Float64[np.ndarray, " dim"], ids: tuple[int, ...]) -> Refit:
    return refit(target, unit_rows(head, np.array(ids, dtype=np.int64)))


def _with_weight(
    head: Head, target: Float64[np.ndarray, " dim"], entered: tuple[int, ...]
) -> tuple[tuple[int, ...], Refit]:
    """The words that the refit gives a weight, and the fit by them alone."""
    weights = _fit(head, target, entered).weights
    least = 1e-9 * float(weights.max(initial=0.0))  # what is less is rounding, as where rows are the same
    ids = tuple(token for token, weight in zip(entered, weights.tolist(), strict=True) if weight > least)
    return ids, _fit(head, target, ids)


def _controls(
    head: Head,
    concept: Concept,
    usable: Bool[np.ndarray, " vocab"],
    r2: float,
    *,
    terms: int,
    count: int,
    seed: int,
) -> ControlSpread | None:
    """R² of tokens like the target; None where none were asked for or there are none."""
    others = draw_stand_ins(head, concept, usable, count, seed=seed) if count else None
    if others is None:
        return None
    entered = first_rows(head, others.vectors, others.left_out, _words(head, usable), terms)
    values = np.array([_fit(head, one, ids).r2 for one, ids in zip(others.vectors, entered, strict=True)])
    found = spread(values)
    p = (1 + int((values >= r2).sum())) / (1 + len(values))
    return ControlSpread(found.n, found.median, found.low, found.high, p, _control_kind(head, concept))


def _random_words(
    head: Head, target: Float64[np.ndarray, " dim"], words: Int64[np.ndarray, " tokens"], terms: int, seed: int
) -> Spread:
    """R² of the target by ``terms`` words drawn at random."""
    generator = np.random.default_rng(seed)
    drawn = [tuple(generator.choice(words, size=terms, replace=False).tolist()) for _ in range(DRAWS)]
    return spread(np.array([_fit(head, target, ids).r2 for ids in drawn]))


def _control_kind(head: Head, concept: Concept) -> str:
    kind = _token(head, concept).kind
    if len(concept.terms) > 1:
        return "sums of other tokens"
    return "other emoji" if kind == "emoji" else "other words" if kind == "word" else "other tokens of its kind"


def _token(head: Head, concept: Concept) -> TargetToken:
    """What is explained, as the record has it."""
    tokens, first = head.words(), concept.terms[0]
    if len(concept.terms) > 1:
        return TargetToken(None, tuple(i for term in concept.terms for i in term.ids), concept.expression, None, None)
    data = b"".join(map(tokens.bytes_of, first.ids))
    if len(first.ids) == 1:
        (token,) = first.ids
        return TargetToken(token, first.ids, tokens.text_of(token), data.hex(), tokens.kind(token))
    kind = "emoji" if spelt_emoji(head, first.ids) else None
    return TargetToken(None, first.ids, first.label, data.hex() if data else None, kind)


def _expression(head: Head, concept: Concept, ids: tuple[int, ...], weights: Float64[np.ndarray, " terms"]) -> str:
    """The sum as the expression language spells it: in ``raw`` terms enter as stored, so that weights are per row."""
    if head.space.name == "raw":
        weights = weights * np.linalg.norm(concept.vector) / head.norms[list(ids)]
    return " + ".join(f"{weight:.3g}*{_spelling(head, token)}" for token, weight in zip(ids, weights, strict=True))


def _spelling(head: Head, token: int) -> str:
    """How an expression names a token: as a bare word where that is read as it, else quoted, else by id."""
    text = head.words().bytes_of(token).decode()
    for written in (text.removeprefix(" "), str(Leaf("quoted", text))):
        try:
            if evaluate(head, written).terms[0].ids == (token,):
                return written
        except GeometryError:
            continue
    return f"#{token}"
