"""Why a sum lands where it does: margins taken apart, boundaries, cascade, and the row that is missing."""

from collections.abc import Sequence
from dataclasses import asdict

import numpy as np

from geometry.choices import DEFAULT_SPACE, SpaceName
from geometry.concepts import Concept, evaluate
from geometry.errors import ExpressionError, GeometryError, OptionError, TokenError
from geometry.head import Head
from geometry.landing.record import text_of
from geometry.vacancy import Vacancy, VacancyModel, find_vacancy, fit_vacancies
from geometry.why.angles import flip_angles, win_angles
from geometry.why.attribution import Margin, contributions, margins
from geometry.why.cascade import cascade
from geometry.why.ledger import Ledger, open_ledger
from geometry.why.options import HEAVIEST, HULL_NUMBERS, LIGHTEST, WhyOptions
from geometry.why.phase import choose_terms, lines, phase
from geometry.why.record import Rival, Why, Winner, follows
from geometry.why.steps import byte_steps

__all__ = ["Why", "WhyOptions", "explain", "explain_many"]


def explain(head: Head, expression: str, options: WhyOptions | None = None, *, space: SpaceName | None = None) -> Why:
    """Explain where one expression lands: see `explain_many`."""
    return explain_many(head, [expression], options, space=space)[0]


def explain_many(
    head: Head, expressions: Sequence[str], options: WhyOptions | None = None, *, space: SpaceName | None = None
) -> list[Why]:
    """Explain where expressions land by the head's logits, before scale and cap.

    In ``whitened`` scores are the logits of the residual that the whitened sum stands for, √d·Cov^−½q/‖Cov^−½q‖:
    not the cosine ranking of a landing there.

    Args:
        head: In another space than ``raw`` it answers in its own.
        expressions: Sums of terms.
        options: See `WhyOptions`.
        space: Overrides the head's.

    Raises:
        GeometryError: An expression cannot be read or evaluated here, or nothing is left to land on.
    """
    if isinstance(expressions, str):
        raise OptionError(f"the text {expressions!r} arrived; expected a list of expressions")
    options = options or WhyOptions()
    if space is None:
        space = DEFAULT_SPACE if head.space.name == "raw" else head.space.name
    viewed, models = head.in_space(space), dict[float, VacancyModel | str]()
    return [_explain(viewed, expression, options, models) for expression in expressions]


def _explain(head: Head, expression: str, options: WhyOptions, models: dict[float, VacancyModel | str]) -> Why:
    concept = evaluate(head, expression, as_stored=options.as_stored)
    beyond = [term for term in concept.terms if term.weight and not LIGHTEST <= abs(term.weight) <= HEAVIEST]
    if beyond:
        raise ExpressionError(
            f"the weight {beyond[0].weight:g} of {beyond[0].label} arrived; sums with weights from {LIGHTEST:g} to "
            f"{HEAVIEST:g} can be explained: only proportions count, so scale them"
        )
    ledger = open_ledger(head, concept, head.candidates(options.among, keep_undertrained=options.keep_undertrained))
    if not len(ledger.ids):
        raise OptionError(f"{expression!r} has nothing left to land on among {options.among}: give another --among")
    terms = choose_terms(ledger, options.vary)
    winner, rivals, named = int(ledger.order[0]), *_rivals(ledger, options)
    vacancy, reason = _vacancy(head, concept, options, models) if options.vacancy else (None, "")
    return Why(
        head=head,
        concept=concept,
        expression=expression,
        options=options,
        winner=_winner(ledger, winner),
        rivals=_told(ledger, winner, rivals),
        cascade=cascade(ledger, options.cascade),
        lines=lines(ledger),
        phase=phase(ledger, terms),
        spelling=byte_steps(ledger, k=options.k) if _spells_in_bytes(head) else (),
        vacancy=vacancy,
        notes=(*concept.notes, *_notes(head, ledger, named), *[reason] * bool(reason)),
    )


def _rivals(ledger: Ledger, options: WhyOptions) -> tuple[list[int], list[str]]:
    """Places of the rivals, best first, and what could not be taken as one, in words."""
    places, notes = ledger.order[1 : options.k + 1].tolist(), []
    for text in options.rivals:
        ids = sorted({token for term in evaluate(ledger.head, text).terms for token in term.ids})
        if len(ids) != 1:
            raise TokenError(f"--rival {text!r} is {len(ids)} tokens here; expected one, such as #42")
        place = ledger.place(ids[0])
        if place is None:
            notes.append(f"rival {text} is not in play: an input, a variant of one, or masked")
        elif place == ledger.order[0]:
            notes.append(f"rival {text} is the winner itself")
        elif place not in places:
            places.append(place)
    rank = np.empty(len(ledger.ids), dtype=np.int64)
    rank[ledger.order] = np.arange(len(ledger.ids))
    return sorted(places, key=lambda place: rank[place]), notes


def _winner(ledger: Ledger, place: int) -> Winner:
    token, parts = int(ledger.ids[place]), contributions(ledger, np.array([place]))[0].tolist()
    bytes_, kind = _what(ledger.head, token)
    by_term = dict(zip(ledger.labels, parts[:-1], strict=True))
    return Winner(token, text_of(ledger.head, token), bytes_, kind, float(ledger.scores[place]), by_term, parts[-1])


def _told(ledger: Ledger, winner: int, rivals: Sequence[int]) -> tuple[Rival, ...]:
    if not rivals:
        return ()
    rows = ledger.view.space.apply(ledger.view.opened.matrix.rows(ledger.ids[[winner, *rivals]]))
    flips, wins = flip_angles(ledger, winner, rivals, rows), win_angles(ledger, rivals)
    found = []
    for place, margin, flip, win in zip(rivals, margins(ledger, winner, rivals), flips, wins, strict=True):
        found.append(_rival(ledger, place, margin, flip, win))
    return tuple(found)


def _rival(ledger: Ledger, place: int, margin: Margin, flip: float | None, win: float | None) -> Rival:
    bytes_, kind = _what(ledger.head, margin.id)
    return Rival(
        text=text_of(ledger.head, margin.id),
        bytes=bytes_,
        kind=kind,
        score=float(ledger.scores[place]),
        flip_angle=flip,
        win_angle=win,
        **asdict(margin),
    )


def _what(head: Head, token: int) -> tuple[str | None, str | None]:
    """A token's bytes and kind; None and None on a head without a vocabulary."""
    tokens = head.tokens
    return (None, None) if tokens is None else (tokens.bytes_of(token).hex(), tokens.kind(token))


def _vacancy(
    head: Head, concept: Concept, options: WhyOptions, models: dict[float, VacancyModel | str]
) -> tuple[Vacancy | None, str]:
    """The vacancy of one expression, or why there is none; the fit is made once for all expressions alike."""
    direction = float(sum(term.weight for term in concept.terms if term.kind == "direction"))
    if direction not in models:
        models[direction] = _fit(head, options, direction)
    model = models[direction]
    if isinstance(model, str):
        return None, model
    small = head.vocab * head.dim <= HULL_NUMBERS
    hull = small if options.hull is None else options.hull
    left_out = (
        "" if hull or options.hull is False else "λ is left out on a head of this size: ask for hull to measure it"
    )
    try:
        return find_vacancy(model, concept, hull=hull), left_out
    except GeometryError as error:
        return None, f"no vacancy: {error}"


def _fit(head: Head, options: WhyOptions, direction: float) -> VacancyModel | str:
    """The fit of names to rows, or why there is none."""
    allowed = head.candidates(options.among, keep_undertrained=options.keep_undertrained)
    try:
        return fit_vacancies(
            head, candidates=allowed, direction=direction, as_stored=options.as_stored, seed=options.seed
        )
    except GeometryError as error:
        return f"no vacancy: {error}"


def _spells_in_bytes(head: Head) -> bool:
    tokens = head.tokens
    if tokens is None:
        return False
    try:
        regime = tokens.regime()
    except TokenError:  # how texts of several tokens are encoded is not known
        return False
    return "whole" not in (regime.bare.regime, regime.after_space.regime) and "bytes" in (
        regime.bare.regime,
        regime.after_space.regime,
    )


def _notes(head: Head, ledger: Ledger, named: Sequence[str]) -> list[str]:
    notes, after = list(named), follows(head)
    if after:
        notes.append(f"margins are those before the head's {' and '.join(after)}")
    if head.space.name == "whitened":
        notes.append("scores are logits of the residual that the whitened sum stands for, not cosine similarities")
    if head.readout.why_unfolded and head.space.name != "raw":
        notes.append(f"rows are not folded: {head.readout.why_unfolded}")
    best = ledger.scores[ledger.order[:2]]
    if len(best) == 2 and best[0] == best[1]:
        notes.append("the first two have the same score; the lower id is called the winner")
    return notes
