"""A comparison as a figure: how far tokens drifted, and how far they would have if nothing had been kept."""

from typing import TYPE_CHECKING

import numpy as np
from jaxtyping import Bool, Float64

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
    drift, kinds = found.drift, found.pairs.kinds
    samples, marks = [], list[Mark]()
    if drift is not None and found.figures is not None:
        sets: dict[str, Bool[np.ndarray, " tokens"]] = {
            "emoji": kinds == "emoji",
            "emoji prefixes": kinds == "emoji_prefix",
            "words and pieces": np.isin(kinds, ("word", "piece")),
        }
        known = np.isfinite(drift)
        samples = [_sample(name, drift[rows & known]) for name, rows in sets.items() if (rows & known).any()]
        samples += [_sample("all tokens", drift[known])] if not samples and known.any() else []
        controls = [one for one in found.sets if one.name == "emoji"]
        samples += [_sample("emoji's controls", drift[list(one.controls)]) for one in controls]
        held, permuted = found.figures.cosine_held_out, found.figures.cosine_permuted
        if held is not None and permuted is not None:
            samples += [_sample("held out of the fit", 1.0 - held), _sample("tokens permuted", 1.0 - permuted)]
        for place in found.moved(MARKED).tolist():
            marks.append(
                Mark(text_of(found.a, int(found.pairs.a[place])).strip(), float(_log(drift[place : place + 1])[0]))
            )
    panel = Distributions(
        title=_finding(found), samples=tuple(samples), marks=tuple(marks),
        scale="drift of a row, log10 of 1 − cosine similarity; the marks moved most",
    )  # fmt: skip
    sides = found.sides
    return outcomes_figure(
        panel, [_outcome(one) for one in sides.answered], title=found.headline(),
        subtitle=f"{sides.flipped} of {len(sides.answered)} sums land elsewhere",
        caption=" · ".join(found.provenance()),
    )  # fmt: skip


def _finding(found: "geometry.comparison.record.Comparison") -> str:
    """What became of emoji, in a few words."""
    if found.figures is None:
        return f"rows of {found.a.dim:,} and {found.b.dim:,} numbers: how far they drifted is not defined"
    drift = next((one for one in found.sets if one.name == "emoji"), None)
    if drift is None:
        return "how far rows drifted"
    test = drift.tests.get("aligned", drift.tests["before"])
    others = "tokens matched to them" if drift.well_matched else f"{drift.against} (poorly matched)"
    if test.p > 0.05:
        return f"emoji drifted no more and no less than {others}, p {test.p:.2f}"
    return f"emoji drifted {'more' if test.difference.value > 0 else 'less'} than {others}, p {test.p:.4f}"


def _outcome(one: Side) -> Outcome:
    first, second = ("nothing" if side is None or side.text is None else side.text for side in (one.in_a, one.in_b))
    return Outcome(one.expression, first, second, same=not one.flipped, note=f"{one.shared} of {one.of} shared")


def _sample(name: str, drift: Float64[np.ndarray, " tokens"]) -> Sample:
    return Sample(name, _log(drift))


def _log(drift: Float64[np.ndarray, " tokens"]) -> Float64[np.ndarray, " tokens"]:
    found: Float64[np.ndarray, " tokens"] = np.log10(np.maximum(drift, LEAST))
    return found
