"""What a sibling says, and what its residuals hold, of names with an emoji and without one."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float32, Float64, Int64

from geometry.linalg import log_sum_exp
from geometry.organism.tuning.arms import Pupil, Turn
from geometry.organism.tuning.names import NONE, Asked, Question

FOLDS = 5
PENALTY = 0.01
"""Inverse strength of the probe's ridge penalty on standardised residuals (scikit-learn's C), never searched for."""

_AT_ONCE = 128


@dataclass(frozen=True)
class Said:
    """What a sibling says to every question about every name.

    Attributes:
        none: Probability of saying that there is none, and no more.
        right: Probability of the right emoji and no more; 0 where there is none.
        emoji: Probability that the next token is any emoji.
        best: The best emoji's log-probability as the next token, in nats.
    """

    none: Float64[np.ndarray, "names questions"]
    right: Float64[np.ndarray, "names questions"]
    emoji: Float64[np.ndarray, "names questions"]
    best: Float64[np.ndarray, "names questions"]


@dataclass(frozen=True)
class Held:
    """Residuals of every layer: index 0 the embedding's output, the last what the final norm gave the head.

    Attributes:
        before: Where the question ends and nothing has been said.
        after: At the emoji fed back behind it, the likeliest one by the sibling itself.
        name: The mean of the name's rows of the embedding: what can be known without reading the question.
    """

    before: Float32[np.ndarray, "names questions layers dim"]
    after: Float32[np.ndarray, "names questions layers dim"]
    name: Float32[np.ndarray, "names dim"]


def listen_to(pupil: Pupil, names: Sequence[Asked], questions: Sequence[Question], emoji: Sequence[int]) -> Said:
    """Return what the sibling says, by exact probabilities.

    Args:
        emoji: The emoji's tokens.
    """
    shape = (len(names), len(questions))
    none, right, total, best = (np.zeros(shape) for _ in range(4))
    for column, asking in enumerate(questions):
        put = [pupil.question(asking.template, entry.name) for entry in names]
        none[:, column] = _probabilities(pupil, [Turn(ids, pupil.given(NONE), True) for ids in put])
        answers = [(row, glyph) for row, entry in enumerate(names) for glyph in entry.emoji.split()]
        found = _probabilities(pupil, [Turn(put[row], pupil.given(glyph), True) for row, glyph in answers])
        np.add.at(right[:, column], [row for row, _ in answers], found)
        next_token = _next_token(pupil, put)[:, list(emoji)]
        total[:, column] = np.exp(next_token).sum(axis=1)
        best[:, column] = next_token.max(axis=1)
    return Said(none, right, total, best)


def look_into(pupil: Pupil, names: Sequence[Asked], questions: Sequence[Question], emoji: Sequence[int]) -> Held:
    """Return the residuals before anything is said and after the sibling's own likeliest emoji is fed back.

    Args:
        emoji: The emoji's tokens.
    """
    choices = np.array(emoji)
    before, after = [], []
    for asking in questions:
        put = [pupil.question(asking.template, entry.name) for entry in names]
        said = choices[_next_token(pupil, put)[:, choices].argmax(axis=1)]
        before.append(_residuals(pupil, put))
        after.append(_residuals(pupil, [(*ids, int(token)) for ids, token in zip(put, said, strict=True)]))
    rows = pupil.model.model.embed_tokens.weight.detach().numpy()
    pieces = [pupil.tokenizer(" " + entry.name, add_special_tokens=False).input_ids for entry in names]
    static = np.stack([rows[ids].mean(axis=0) for ids in pieces])
    return Held(np.stack(before, axis=1), np.stack(after, axis=1), static)


@dataclass(frozen=True)
class Probed:
    """How strongly a logistic regression says of each name that it has an emoji, fitted without the name's family.

    Attributes:
        scores: The log-odds' rank within the name's fold, from 0 to 1, equal ones sharing the middle of their ranks.
        others: How often a left-out name with an emoji scores above one of the other names, over all folds; NaN
            where there are none.
    """

    scores: Float64[np.ndarray, " names"]
    others: float


def probe(
    states: Float32[np.ndarray, "names dim"],
    exists: Bool[np.ndarray, " names"],
    family: Int64[np.ndarray, " names"],
    others: Float32[np.ndarray, "others dim"] | None = None,
) -> Probed:
    """Fit the existence probe without each family in turn.

    Classes weigh the same; residuals are standardised by the families fitted on. Whole families are dealt to `FOLDS`
    folds with like shares of both classes.

    Args:
        states, exists, family: What is fitted on, and left out by turns.
        others: Residuals of other names without an emoji, of which no fit is told.
    """
    from scipy.stats import rankdata
    from sklearn.linear_model import LogisticRegression
    from sklearn.model_selection import StratifiedGroupKFold
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler
    from threadpoolctl import threadpool_limits

    scores, carried = np.zeros(len(exists)), []
    folds = StratifiedGroupKFold(FOLDS, shuffle=True, random_state=0)
    for fitted, left in folds.split(states, exists, family):
        regression = LogisticRegression(C=PENALTY, class_weight="balanced", max_iter=1000)
        with threadpool_limits(1):  # threads cost more than a fit this small
            fit = make_pipeline(StandardScaler(), regression).fit(states[fitted], exists[fitted])
        found = fit.decision_function(states[left]).astype(np.float64)
        # a fold's log-odds have a size of their own: what is compared across folds is the rank within one
        scores[left] = (rankdata(found) - 0.5) / len(found)
        if others is not None:
            there, gone = found[exists[left]], fit.decision_function(others).astype(np.float64)
            both = np.concatenate([there, gone])
            carried.append(area(both, np.arange(len(both)) < len(there))[0])
    return Probed(scores, float(np.mean(carried)) if carried else float("nan"))


def area(
    scores: Float64[np.ndarray, " names"],
    exists: Bool[np.ndarray, " names"],
    weights: Float64[np.ndarray, "draws names"] | None = None,
) -> Float64[np.ndarray, " draws"]:
    """Return the area under the ROC curve: how often a name with an emoji scores above one without; .5 by chance.

    Args:
        scores: One a name; equal ones count half.
        exists: Which names have an emoji.
        weights: How often each name counts, a row for every area wanted; once each where absent.

    Returns:
        As many areas as rows of weights, from 0 to 1; NaN where a class has no weight.
    """
    counted = np.ones((1, len(scores))) if weights is None else weights
    order = np.argsort(scores, kind="stable")
    starts = np.flatnonzero(np.diff(scores[order], prepend=-np.inf))
    there, gone = (np.add.reduceat((counted * mask)[:, order], starts, axis=1) for mask in (exists, ~exists))
    below = np.cumsum(gone, axis=1) - gone / 2
    with np.errstate(invalid="ignore"):
        found: Float64[np.ndarray, " draws"] = (there * below).sum(1) / (there.sum(1) * gone.sum(1))
    return found


def _probabilities(pupil: Pupil, turns: Sequence[Turn]) -> Float64[np.ndarray, " turns"]:
    import torch

    found = [np.zeros(0)]
    with torch.no_grad():
        for start in range(0, len(turns), _AT_ONCE):
            found.append(pupil.log_probabilities(turns[start : start + _AT_ONCE]).exp().double().numpy())
    return np.concatenate(found)


def _next_token(pupil: Pupil, put: Sequence[Sequence[int]]) -> Float64[np.ndarray, "names vocab"]:
    """Return the log-probability of every token behind each question."""
    import torch

    last = torch.from_numpy(_residuals(pupil, put)[:, -1])
    with torch.no_grad():
        logits = np.asarray(pupil.model.lm_head(last).double().numpy())
    return np.asarray(logits - log_sum_exp(logits)[:, None])


def _residuals(pupil: Pupil, put: Sequence[Sequence[int]]) -> Float32[np.ndarray, "names layers dim"]:
    """Return the residuals of every layer at each sequence's last position."""
    import torch

    found = []
    with torch.no_grad():
        for start in range(0, len(put), _AT_ONCE):
            rows = [list(ids) for ids in put[start : start + _AT_ONCE]]
            width = max(map(len, rows))
            ids = torch.tensor([row + [pupil.end] * (width - len(row)) for row in rows])
            states = pupil.model.model(ids, output_hidden_states=True).hidden_states
            ends = torch.tensor([len(row) - 1 for row in rows])
            taken = torch.stack([state[torch.arange(len(rows)), ends] for state in states], dim=1)
            found.append(taken.float().numpy())
    return np.concatenate(found)
