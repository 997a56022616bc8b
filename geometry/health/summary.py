"""An audit's figures, one a line, each beside what it has to stand against."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

from geometry.health.indicators import RULE
from geometry.tables import Column, Table

if TYPE_CHECKING:
    import geometry.health.record

Line = tuple[str, str, str]
"""What was measured, the figure, and what it is to be held against."""


def summary_table(audit: "geometry.health.record.Audit") -> Table:
    """Return the audit's headline and its figures."""
    rows = (*_tokens(audit), *_rows(audit), *_neighbors(audit))
    columns = (Column("what", "left"), Column("found", "left"), Column("beside it", "left"))
    return Table((audit.headline(), audit.provenance()), columns, rows, audit.notes)


def _tokens(audit: "geometry.health.record.Audit") -> Iterator[Line]:
    if audit.inventory is not None:
        groups = audit.inventory.groups
        n, whole, spelt, masked = (
            sum(getattr(one, key) for one in groups) for key in ("n", "whole", "spelt", "masked")
        )
        yield "emoji, one token each", f"{whole:,} of {n:,}", f"{spelt:,} more can be spelt in several"
        yield "emoji on under-trained rows", f"{masked:,}", f"of the {whole + spelt:,} that can be written"


def _rows(audit: "geometry.health.record.Audit") -> Iterator[Line]:
    rows = audit.undertrained
    yield "rows masked as under-trained", f"{len(rows.ids):,} of {audit.head.vocab:,}", _hidden(audit)
    for cone in audit.sizes.cones:
        yield f"mean cosine similarity, {cone.space}", f"{cone.cosine:.3f}".replace("-0.000", "0.000"), "0 if balanced"
    spectrum = audit.spectrum
    ratio = f"{spectrum.participation:.1f} of {len(spectrum.values)}"
    yield "participation ratio", ratio, f"{spectrum.expected:.0f} without preferred direction"
    white = spectrum.whitening
    yield "condition number", f"{white.condition:.3g}", f"{white.shrunk_condition:.3g} after Ledoit–Wolf shrinkage"


def _hidden(audit: "geometry.health.record.Audit") -> str:
    hidden = audit.undertrained.hidden
    if hidden is None:
        return "too few known unused rows for a test"
    shares = [one.recall for one in hidden.references[RULE] if one.recall is not None]
    return f"finds {sum(shares) / len(shares):.0%} of hidden unused rows"


def _neighbors(audit: "geometry.health.record.Audit") -> Iterator[Line]:
    if audit.hubs is not None:
        for one in audit.hubs.metrics:
            found = f"skew {one.found.skew:.2f}, {one.found.antihub_share:.1%} antihubs"
            chance = f"{one.null.skew:.2f}, {one.null.antihub_share:.1%} for Gaussian rows"
            yield f"hubness, {one.metric}", found, chance
    if audit.reach is not None:
        never, undecided = len(audit.reach.never), len(audit.reach.undecided)
        proof = "each with a proof" if never else "each is put first by some residual"
        if undecided:
            proof = f"{undecided:,} more are undecided"
        yield "tokens that can never come first", f"{never:,} of {len(audit.reach.ids):,}", proof
