"""The vacancy of one expression: its predicted row among the rows there are."""

from collections.abc import Sequence

import numpy as np
from jaxtyping import Float64, Int64

from geometry.concepts import Concept
from geometry.contest import contest
from geometry.errors import ExpressionError
from geometry.head import Head
from geometry.intervals import percentile_among
from geometry.landing.nulls import RandomSums, draw_random_sums, word_slots
from geometry.landing.record import text_of
from geometry.linalg import unit
from geometry.names import near_ids
from geometry.products import residuals_of
from geometry.reachability import hull_distances
from geometry.search import neighbors
from geometry.vacancy.chance import win_shares
from geometry.vacancy.model import VacancyModel
from geometry.vacancy.record import HullDepth, Near, Nonsense, Vacancy

NEAREST = 6
NONSENSE = 200
"""Names of random words."""

HULLS = 40
"""Emoji, and random rows, whose distance from the hull of the others is measured."""


def find_vacancy(model: VacancyModel, concept: Concept, *, hull: bool = True) -> Vacancy:
    """Predict the row that a concept's words would have, and hold it against the rows there are.

    Args:
        model: Fitted on the head and space of the concept, for terms of the same lengths.
        concept: Its words make the name; emoji, directions and bytes are no part of it.
        hull: Measure λ too.

    Raises:
        ExpressionError: No term is a word, or some are taken away.
    """
    head, view = model.head, model.view
    slots = word_slots(head, concept)
    if not slots:
        raise ExpressionError(f"{concept.expression!r} names nothing in words, so that no row can be predicted for it")
    terms = [concept.terms[i] for i in slots]
    if any(term.weight < 0 for term in terms):
        raise ExpressionError(f"{concept.expression!r} takes words away, and no name is made like that")
    x = _weighted_sum(view, [(term.weight, term.ids) for term in terms])
    left_out = near_ids(head, [term.ids for term in concept.terms if term.ids])
    residual = residuals_of(head, concept.vector[None, :])
    field = contest(view, residual, [left_out], candidates=model.candidates)
    group = model.groups_of(field.emoji)
    row = model.rows_of(x[None, :], group)
    core = row[:, : head.dim]
    p_win = float(win_shares(residual, row, model.errors, field.best)[0])
    reached = sum(one >= model.r2.value for one in model.r2_shuffled)
    lengths = np.linalg.norm(model.named.rows[:, : head.dim], axis=1)
    return Vacancy(
        name=" + ".join(term.label if term.weight == 1 else f"{term.weight:g}*{term.label}" for term in terms),
        about=f"head {head.name} ({head.fingerprint}) · space {view.space.name}",
        group=model.groups[int(group[0])],
        space=view.space.name,
        n=len(model.asked),
        families=len(set(model.asked.family.tolist())),
        slope=model.slope,
        shrinkage=model.shrinkage,
        length=float(np.linalg.norm(core)),
        median_length=float(np.median(lengths)),
        r2=model.r2,
        r2_group_guessed=model.r2_inferred,
        r2_groups_alone=model.r2_groups_alone,
        r2_shuffled=(float(np.mean(model.r2_shuffled)), max(model.r2_shuffled)),
        p_shuffled=(1 + reached) / (1 + len(model.r2_shuffled)),
        p_win=p_win,
        reliability=model.reliability,
        nonsense=_nonsense(model, concept, p_win),
        nearest=_nearest(view, core, concept.input_ids),
        hull=_hull(model, core[0]) if hull else None,
        seed=model.seed,
        row=core[0],
        bias=float(row[0, head.dim]) if row.shape[1] > head.dim else 0.0,
    )


def _weighted_sum(head: Head, parts: Sequence[tuple[float, Sequence[int]]]) -> Float64[np.ndarray, " dim"]:
    total = np.zeros(head.dim)
    for weight, ids in parts:
        total += weight * unit(head.space.apply(head.opened.matrix.rows(ids)).sum(axis=0))
    return total


def _nonsense(model: VacancyModel, concept: Concept, p_win: float) -> Nonsense | None:
    """P(win) with random words for the concept's, everything else alike."""
    drawn = draw_random_sums(model.head, concept, NONSENSE, as_stored=model.as_stored, seed=model.seed)
    if drawn is None:
        return None
    residuals = residuals_of(model.head, drawn.sums)
    kept = [term.ids for i, term in enumerate(concept.terms) if term.ids and i not in drawn.slots]
    left_out = [near_ids(model.head, [*kept, words]) for words in drawn.words.tolist()]
    field = contest(model.view, residuals, left_out, candidates=model.candidates)
    rows = model.rows_of(_random_x(model.view, concept, drawn), model.groups_of(field.emoji))
    shares = win_shares(residuals, rows, model.errors, field.best)
    low, high = np.percentile(shares, [2.5, 97.5])
    return Nonsense(NONSENSE, float(shares.mean()), float(low), float(high), float((shares >= p_win).mean()))


def _random_x(head: Head, concept: Concept, drawn: RandomSums) -> Float64[np.ndarray, "sums dim"]:
    x = np.zeros((len(drawn.words), head.dim))
    for column, slot in enumerate(drawn.slots):
        rows = head.space.apply(head.opened.matrix.rows(drawn.words[:, column]))
        x += concept.terms[slot].weight * unit(rows)
    return x


def _nearest(view: Head, row: Float64[np.ndarray, "1 dim"], inputs: frozenset[int]) -> tuple[Near, ...]:
    (found,) = neighbors(view, row, NEAREST, metric="cosine")
    pairs = zip(found.ids.tolist(), found.scores.tolist(), strict=True)
    return tuple(Near(token, text_of(view, token), score, token in inputs) for token, score in pairs)


def _hull(model: VacancyModel, row: Float64[np.ndarray, " dim"]) -> HullDepth:
    """λ of the predicted row, of some emoji that exist and of random rows as far from the mean, in one go."""
    view, rng = model.view, np.random.default_rng(model.seed)
    ids: Int64[np.ndarray, " drawn"] = np.sort(rng.choice(model.asked.ids, min(HULLS, len(model.asked)), replace=False))
    mean = view.space.apply(view.opened.moments.mean[None, :])[0]
    noise = unit(rng.normal(size=(HULLS, view.dim))) * np.linalg.norm(row - mean) + mean
    targets = np.concatenate([row[None, :], view.rows(ids).astype(np.float64), noise])
    left_out = [frozenset[int](), *(frozenset({token}) for token in ids.tolist()), *[frozenset[int]()] * HULLS]
    found = hull_distances(view, targets, left_out, allowed=model.candidates)
    values = [one.value for one in found]
    return HullDepth(
        value=values[0],
        gap=found[0].gap,
        percentile_emoji=percentile_among(values[0], values[1 : 1 + len(ids)]),
        percentile_random=percentile_among(values[0], values[1 + len(ids) :]),
        emoji=len(ids),
        random=HULLS,
    )
