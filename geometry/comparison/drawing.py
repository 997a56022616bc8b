"""A comparison as a figure: how far tokens drifted, and how far they would have if nothing had been kept.

Where rows differ in length there is no drift: how many neighbours tokens kept is drawn instead.
"""

from typing import TYPE_CHECKING

import numpy as np
from jaxtyping import Bool, Float64

from geometry.comparison.drift import ORDINARY
from geometry.comparison.sides import Side
from geometry.figures import Distributions, Mark, Outcome, Sample, outcomes_figure
from geometry.landing.record import text_of

if TYPE_CHECKING:
    import matplotlib.figure

    import geometry.comparison.record

LEAST = 1e-9
"""What is drawn for a drift of nothing, on a scale of powers of ten."""

MARKED = 5
"""Tokens that moved most that are marked."""


def draw_comparison(found: "geometry.comparison.record.Comparison") -> "matplotlib.figure.Figure":
    """Draw the cumulative drift of emoji, their controls and all others, beside a map's that was not fitted on them."""
    sides = found.sides
    return outcomes_figure(
        _neighbours(found) if found.drift is None else _drift(found, found.drift),
        [_outcome(one) for one in sides.answered], title=found.headline(),
        subtitle=f"{sides.flipped} of {len(sides.answered)} sums land elsewhere",
        caption=" · ".join(found.provenance()),
    )  # fmt: skip


def _drift(found: "geometry.comparison.record.Comparison", drift: Float64[np.ndarray, " tokens"]) -> Distributions:
    kinds = found.pairs.kinds
    sets: dict[str, Bool[np.ndarray, " tokens"]] = {
        "emoji": kinds == "emoji",
        "emoji prefixes": kinds == "emoji_prefix",
        "words and pieces": np.isin(kinds, ORDINARY),
    }
    samples = [_sample(name, drift[rows]) for name, rows in sets.items() if rows.any()]
    samples += [_sample("all tokens", drift)] if not samples else []
    controls = [one for one in found.sets if one.name == "emoji"]
    samples += [_sample("emoji's controls", drift[list(one.controls)]) for one in controls]
    held, permuted = (None, None) if found.figures is None else (
        found.figures.cosine_held_out, found.figures.cosine_permuted
    )  # fmt: skip
    if held is not None and permuted is not None:
        samples += [_sample("held out of the fit", 1.0 - held), _sample("tokens permuted", 1.0 - permuted)]
    moved = found.moved(MARKED).tolist()
    places = _log(drift[moved]).tolist()
    texts = [text_of(found.a, token).strip() for token in found.pairs.a[moved].tolist()]
    notes = ["the marks moved most"] if moved else []
    notes += [f"{np.log10(LEAST):.0f} is that and less".replace("-", "−")] if (drift < LEAST).any() else []
    return Distributions(
        title=_finding(found), samples=tuple(samples), marks=tuple(map(Mark, texts, places)),
        scale="; ".join(["drift of a row, log10 of 1 − cosine similarity", *notes]),
    )  # fmt: skip


def _neighbours(found: "geometry.comparison.record.Comparison") -> Distributions:
    near = found.neighbours
    sets = {"emoji": ("emoji",), "emoji prefixes": ("emoji_prefix",), "words and pieces": ORDINARY}
    if not any(kind in near.by_kind for kinds in sets.values() for kind in kinds):
        sets = {"tokens": tuple(near.by_kind)}
    samples = [
        Sample(name, np.concatenate(values))
        for name, kinds in sets.items()
        if (values := [near.by_kind[kind].values for kind in kinds if kind in near.by_kind])
    ]
    share = f"neighbours' Jaccard index {near.jaccard.value:.3f}, by chance {near.chance:.3f}"
    return Distributions(
        title=f"Rows of {found.a.dim:,} and {found.b.dim:,} numbers: {share}", samples=tuple(samples),
        marks=(Mark("by chance", near.chance),), scale=f"|∩| / |∪| of a token's {near.k} nearest in A and in B",
    )  # fmt: skip


def _finding(found: "geometry.comparison.record.Comparison") -> str:
    """What became of emoji, in a few words; where there are none, how well the map does on tokens it never met."""
    if not len(found.moved()):
        return "No row moved by more than rounding makes"
    drift = next((one for one in found.sets if one.name == "emoji"), None)
    if drift is None:
        if found.alignment is None:
            return "How far rows drifted"
        held, permuted = found.alignment.cosine_held_out.mean, found.alignment.cosine_permuted.mean
        return f"Held-out rows: cosine similarity {held:.2f} aligned, {permuted:.2f} if permuted"
    test = drift.tests.get("aligned", drift.tests["before"])
    others = "tokens matched to them" if drift.well_matched else f"{drift.against} (poorly matched)"
    if test.p > 0.05:
        return f"Emoji drifted no more and no less than {others}, p {test.p:.2f}"
    return f"Emoji drifted {'more' if test.difference.value > 0 else 'less'} than {others}, p {test.p:.4f}"


def _outcome(one: Side) -> Outcome:
    first, second = ("nothing" if side is None or side.text is None else side.text for side in (one.in_a, one.in_b))
    return Outcome(one.expression, first, second, same=not one.flipped, note=f"{one.shared} of {one.of} shared")


def _sample(name: str, drift: Float64[np.ndarray, " tokens"]) -> Sample:
    return Sample(name, _log(drift))


def _log(drift: Float64[np.ndarray, " tokens"]) -> Float64[np.ndarray, " tokens"]:
    found: Float64[np.ndarray, " tokens"] = np.log10(np.maximum(drift, LEAST))
    return found
