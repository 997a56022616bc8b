"""A comparison as a figure: how far tokens drifted, and how far they would have if nothing had been kept."""

from typing import TYPE_CHECKING

import numpy as np
from jaxtyping import Bool, Float64

from geometry.figures import Distributions, Mark, Sample, distributions
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
        samples = [_sample(name, drift[rows]) for name, rows in sets.items() if rows.any()]
        samples += [_sample("all tokens", drift)] if not samples else []
        controls = [one for one in found.sets if one.name == "emoji"]
        samples += [_sample("emoji's controls", drift[list(one.controls)]) for one in controls]
        held, permuted = found.figures.cosine_held_out, found.figures.cosine_permuted
        if held is not None and permuted is not None:
            samples += [_sample("held out of the fit", 1.0 - held), _sample("tokens permuted", 1.0 - permuted)]
        for place in found.moved(MARKED).tolist():
            marks.append(
                Mark(text_of(found.a, int(found.pairs.a[place])).strip(), float(_log(drift[place : place + 1])[0]))
            )
    return distributions(
        Distributions(
            title=found.headline(), samples=tuple(samples), marks=tuple(marks),
            scale="drift of a row, log10 of 1 − cosine similarity; the marks moved most",
        ),
        caption=" · ".join(found.provenance()),
    )  # fmt: skip


def _sample(name: str, drift: Float64[np.ndarray, " tokens"]) -> Sample:
    return Sample(name, _log(drift))


def _log(drift: Float64[np.ndarray, " tokens"]) -> Float64[np.ndarray, " tokens"]:
    found: Float64[np.ndarray, " tokens"] = np.log10(np.maximum(drift, LEAST))
    return found
