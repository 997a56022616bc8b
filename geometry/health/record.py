"""The audit of a head as a record: what an expert looks at before believing any neighbour in it."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

import geometry
from geometry.head import Head
from geometry.health.hubs import Hubs
from geometry.health.inventory import Inventory
from geometry.health.lengths import Sizes
from geometry.health.spectrum import Spectrum
from geometry.health.suspects import Suspects
from geometry.landing.record import text_of
from geometry.reachability import Survey
from geometry.tables import Table, Tabled

if TYPE_CHECKING:
    import matplotlib.figure
    import pandas


@dataclass(frozen=True, eq=False, repr=False)
class Audit(Tabled):
    """One head's health.

    Attributes:
        head: In the space that neighbours were asked in.
        inventory: Its tokens and emoji; None without a vocabulary.
        undertrained: Rows that nothing seems to have trained.
        sizes: Lengths of rows, and the cone that they make.
        spectrum: The directions that they use, and what whitening would do.
        hubs: Rows that are everybody's neighbour, and nobody's; None where that was not asked for.
        reach: Tokens that can never come first; None where that was not asked for.
        seed: Of everything drawn.
        notes: What a reader should know.
    """

    BETWEEN = "\n\n\n"

    head: Head
    inventory: Inventory | None
    undertrained: Suspects
    sizes: Sizes
    spectrum: Spectrum
    hubs: Hubs | None
    reach: Survey | None
    seed: int
    notes: tuple[str, ...]

    def to_dict(self) -> dict[str, Any]:
        """Return the command line's JSON."""
        return {
            "head": self.head.to_dict(),
            "space": self.head.space.name,
            "undertrained": self.undertrained.to_dict(),
            **({"kinds": None, "emoji": None} if self.inventory is None else self.inventory.to_dict()),
            "lengths": self.sizes.to_dict(),
            "spectrum": self.spectrum.to_dict(),
            "hubness": None if self.hubs is None else self.hubs.to_dict(),
            "reachability": None if self.reach is None else self.reach.to_dict(),
            "notes": list(self.notes),
            "seed": self.seed,
            "version": geometry.__version__,
        }

    def to_frame(self) -> "pandas.DataFrame":
        """One row a row of the head: its token, length, signs of under-training, N_k, and whether it can come first."""
        import pandas as pd

        head, tokens, every = self.head, self.head.tokens, range(self.head.vocab)
        columns: dict[str, Any] = {"id": np.arange(head.vocab), "text": [text_of(head, token) for token in every]}
        if tokens is not None and self.inventory is not None:
            columns["bytes"] = [tokens.bytes_of(token).hex() for token in every]
            columns["kind"] = tokens.kinds[: head.vocab]
            columns["utf8"] = self.inventory.states
        columns["length"] = head.opened.raw_norms
        columns["masked"] = np.isin(np.arange(head.vocab), self.undertrained.ids)
        for sign in self.undertrained.signs:
            columns[sign.name] = sign.scores * (-1.0 if sign.falls else 1.0)
        frame = pd.DataFrame(columns)
        for one in () if self.hubs is None else self.hubs.metrics:
            frame[f"occurrence_{one.metric}"] = pd.Series(one.found.counts, index=one.found.ids, dtype="Int64")
        if self.reach is not None:
            frame["reachability"] = pd.Series(self.reach.status, index=self.reach.ids)
        return frame.assign(
            space=head.space.name, head=head.name, fingerprint=head.fingerprint, seed=self.seed,
            version=geometry.__version__,
        )  # fmt: skip

    def tables(self) -> tuple[Table, ...]:
        """The summary, and every part with its evidence."""
        from geometry.health.summary import summary_table

        parts = [self.inventory, self.undertrained, self.sizes, self.spectrum, self.hubs, self.reach]
        return (summary_table(self), *(table for part in parts if part is not None for table in part.tables()))

    def figure(self) -> "matplotlib.figure.Figure":
        """Draw lengths by kind, the spectrum, N_k and the sign that masks rows, each beside its control."""
        from geometry.health.drawing import draw_audit

        return draw_audit(self)

    def page(self) -> str:
        """Return a self-contained HTML page: the figure and every table."""
        from geometry.health.page import audit_page

        return audit_page(self)

    def headline(self) -> str:
        """The most telling figures in one line."""
        found = [f"{len(self.undertrained.ids):,} of {self.head.vocab:,} rows under-trained"]
        if not self.undertrained.decided:
            found = ["under-trained rows cannot be told"]
        if self.hubs is not None:
            worst = max(self.hubs.metrics, key=lambda one: one.found.largest)
            found.append(f"largest hub N = {worst.found.largest:,} ({worst.metric})")
        if self.reach is not None:
            never = len(self.reach.never)
            found.append(f"{never:,} token{'s' * (never != 1)} out of reach")
        return ", ".join(found)

    def provenance(self) -> str:
        """Which head, space, seed and version this is of, in one line."""
        parts = [f"head {self.head.name} ({self.head.fingerprint})", f"space {self.head.space.name}"]
        return " · ".join([*parts, f"seed {self.seed}", f"geometry {geometry.__version__}"])
