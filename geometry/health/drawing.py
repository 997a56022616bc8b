"""An audit as a figure: four panels, each with its control."""

from typing import TYPE_CHECKING

import numpy as np
from jaxtyping import Float64, Int64

from geometry.figures import Distributions, Line, Lines, Mark, Sample, grid
from geometry.undertrained import always_trained

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    import geometry.health.record

FEWEST = 20
"""Rows of a kind from which its lengths are drawn, where any kind has as many."""


def draw_audit(audit: "geometry.health.record.Audit", *, title: bool = True) -> "Figure":
    """Draw lengths by kind, the sign that masks rows, the spectrum, and N_k where hubs were counted.

    Args:
        audit: What was found.
        title: Put the headline above the panels.
    """
    panels: list[Distributions | Lines] = [_lengths(audit), *_sign(audit), _spectrum(audit), *_hubs(audit)]
    return grid(panels, title=audit.headline() if title else "", caption=audit.provenance())


def _lengths(audit: "geometry.health.record.Audit") -> Distributions:
    samples = audit.sizes.samples
    kinds = {name: values for name, values in samples.items() if len(values) >= FEWEST} or samples
    masked, rest = kinds.get("masked"), [values for name, values in samples.items() if name != "masked"]
    title = "How long rows are, by kind of token"
    if masked is not None and rest:
        title = (
            f"Masked rows have median length {np.median(masked):.2f}, all others {np.median(np.concatenate(rest)):.2f}"
        )
    drawn = tuple(Sample(name.replace("_", " "), values) for name, values in kinds.items())
    return Distributions(title, drawn, scale="length of the row as stored")


def _sign(audit: "geometry.health.record.Audit") -> list[Distributions]:
    found, head = audit.undertrained, audit.head
    if not found.signs or head.tokens is None:
        return []
    rule = found.signs[0]
    title = f"{len(found.ids):,} rows lie where unused rows lie, letters reach {rule.highest_anchor:.2f}"
    if not found.decided:
        title = f"No sign: letters come as near to unused rows ({rule.highest_anchor:.2f}) as these to each other"
    anchors = always_trained(head.tokens, head.vocab, head.opened.finite)
    rest = np.setdiff1d(np.flatnonzero(head.opened.finite), np.concatenate([found.references, found.ids, anchors]))
    sets = {
        "known to be unused": found.references,
        "masked besides": np.setdiff1d(found.ids, found.references),
        "letters and digits": anchors,
        "all others": rest,
    }
    marks = () if rule.threshold is None else (Mark("masked from here", rule.threshold),)
    return [
        Distributions(
            title,
            tuple(Sample(name, rule.scores[ids]) for name, ids in sets.items() if len(ids)),
            marks,
            scale="cosine similarity to unused rows, less mean and first component",
        )
    ]


def _spectrum(audit: "geometry.health.record.Audit") -> Lines:
    spectrum = audit.spectrum
    dim = len(spectrum.values)
    held = np.cumsum(spectrum.values) / spectrum.values.sum()
    ordinal = np.arange(1, dim + 1, dtype=np.float64)
    ratio = f"participation ratio {spectrum.participation:.0f}"
    return Lines(
        f"{spectrum.half} of {dim} directions hold half the variance ({ratio})",
        (
            Line("real rows, folded and centred (dashed: no preferred direction)", ordinal, held, 0),
            Line("isotropic", ordinal, ordinal / dim, 0, control=True),
        ),
        "principal directions, the strongest first",
        "share of the variance held",
    )


def _hubs(audit: "geometry.health.record.Audit") -> list[Lines]:
    if audit.hubs is None or not audit.hubs.metrics:
        return []
    lines = []
    for color, one in enumerate(audit.hubs.metrics):
        lines.append(Line(one.metric, *_at_least(one.found.counts), color))
        lines.append(Line(f"{one.metric}, Gaussian", *_at_least(one.null.counts), color, control=True))
    worst = max(audit.hubs.metrics, key=lambda one: one.found.largest)
    title = f"The largest hub is near to {worst.found.largest:,} rows ({worst.metric})"
    k = audit.hubs.k
    return [
        Lines(
            title,
            tuple(lines),
            f"N: rows that have it among their {k} nearest (dashed: Gaussian rows)",
            "share with N or more",
            True,
            True,
        )
    ]


def _at_least(
    counts: Int64[np.ndarray, " rows"],
) -> tuple[Float64[np.ndarray, " steps"], Float64[np.ndarray, " steps"]]:
    """Every N that occurs, and the share of rows with as much or more."""
    values, times = np.unique(counts, return_counts=True)
    return values.astype(np.float64), times[::-1].cumsum()[::-1] / len(counts)
