"""An audit's figures, one a line, each beside what it has to stand against."""

from collections.abc import Iterator
from math import isfinite
from typing import TYPE_CHECKING

from geometry.health.indicators import RULE
from geometry.health.suspects import spread
from geometry.hubness import Occurrence
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
        if audit.undertrained.decided:
            yield "emoji on under-trained rows", f"{masked:,}", f"of the {whole + spelt:,} that can be written"


def _rows(audit: "geometry.health.record.Audit") -> Iterator[Line]:
    rows = audit.undertrained
    found = f"{len(rows.ids):,} of {audit.head.vocab:,}" if rows.decided else "cannot be told"
    yield "rows masked as under-trained", found, _hidden(audit)
    for cone in audit.sizes.cones:
        yield f"mean cosine similarity, {cone.space}", cone.told, "0 if balanced"
    spectrum = audit.spectrum
    ratio = f"{spectrum.participation:.1f} of {len(spectrum.values)}"
    yield "participation ratio", ratio, f"{spectrum.expected:.0f} without preferred direction"
    white = spectrum.whitening
    yield "condition number", f"{white.condition:.3g}", f"{white.shrunk_condition:.3g} after Ledoit–Wolf shrinkage"


def _hidden(audit: "geometry.health.record.Audit") -> str:
    rows = audit.undertrained
    if not rows.decided:
        return "why: with the rows, below"
    if rows.hidden is None:
        return "too few known unused rows for a test"
    return f"finds {spread(one.recall for one in rows.hidden.references[RULE])} of hidden ones"


def _neighbors(audit: "geometry.health.record.Audit") -> Iterator[Line]:
    if audit.hubs is not None:
        for one in audit.hubs.metrics:
            found = f"skew {_skew(one.found)}, {one.found.antihub_share:.1%} antihubs"
            chance = f"{_skew(one.null)}, {one.null.antihub_share:.1%} for Gaussian rows"
            yield f"hubness, {one.metric}", found, chance
    if audit.reach is not None:
        never, undecided = len(audit.reach.never), len(audit.reach.undecided)
        tied = int((audit.reach.status == "tied").sum())
        proof = "each with a proof" if never else "each is put first by some residual"
        if undecided or tied:
            proof = " and ".join(
                f"{count:,} {told}"
                for count, told in ((undecided, "undecided"), (tied, "tied with an equal row"))
                if count
            )
        yield "tokens that can never come first", f"{never:,} of {len(audit.reach.ids):,}", proof


def _skew(one: Occurrence) -> str:
    return f"{one.skew:.2f}" if isfinite(one.skew) else "–"
