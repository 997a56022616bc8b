"""Phantoms as a figure: how their E is spread beside that of emoji that exist and of names that mean nothing."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from geometry.figures import Distributions, Mark, Sample, distributions

if TYPE_CHECKING:
    import matplotlib.figure

    import geometry.phantoms.record


def draw_phantoms(found: "geometry.phantoms.record.Phantoms", names: Sequence[str] = ()) -> "matplotlib.figure.Figure":
    """Draw the spread of E, some names marked.

    Raises:
        OptionError: A name to be marked was not asked for.
    """
    samples = [Sample("names without an emoji", np.array([one.lead for one in found.phantoms]))]
    samples += [Sample(one.name, np.array(one.leads)) for one in (found.existing, *found.controls) if one.n]
    marked = [one for one in found.first(None, names) if one.name in names]
    return distributions(
        Distributions(
            title=found.headline(),
            samples=tuple(samples),
            marks=tuple(Mark(f"{one.name} {one.emoji_text.strip()}", one.lead) for one in marked),
            scale="E: best emoji less best other row, logit",
        ),
        caption=found.provenance(),
    )
