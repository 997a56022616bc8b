"""A comparison as a record: how alike two heads are, which rows moved, and where sums land in each."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from jaxtyping import Float64, Int64

import geometry
from geometry.choices import SpaceName
from geometry.comparison.alignment import Alignment, TokenFigures, spread
from geometry.comparison.drift import SetDrift
from geometry.comparison.pairs import Pairs
from geometry.comparison.sides import Sides
from geometry.comparison.similarity import Kernel, Neighbourhoods
from geometry.head import Head
from geometry.landing.record import text_of
from geometry.tables import Table, Tabled

if TYPE_CHECKING:
    import matplotlib.figure
    import pandas

MOVED = 10
"""Tokens that moved most that are shown."""


@dataclass(frozen=True, eq=False, repr=False)
class Comparison(Tabled):
    """Two heads held against each other.

    Attributes:
        a, b: The heads, in the spaces they came in.
        space: Where rows were compared, centred over the matched tokens.
        seed: Of everything drawn.
        pairs: The matched tokens.
        kernel: Linear CKA.
        neighbours: Whether tokens keep their nearest neighbours.
        figures: Cosine similarity and ratio of lengths of each matched token; None where rows differ in length.
        measures: What is called drift, for each matched token; empty where rows differ in length.
        alignment: The best orthogonal map; None where there is none, or none was asked for.
        sets: Emoji, emoji prefixes and phantoms' landings against matched controls.
        sides: Landings side by side.
        notes: What a reader should know.
    """

    a: Head
    b: Head
    space: SpaceName
    seed: int
    pairs: Pairs
    kernel: Kernel
    neighbours: Neighbourhoods
    figures: TokenFigures | None
    measures: Mapping[str, Float64[np.ndarray, " tokens"]]
    alignment: Alignment | None
    sets: tuple[SetDrift, ...]
    sides: Sides
    notes: tuple[str, ...]

    @property
    def cka(self) -> float:
        """Linear CKA of the centred matched rows, 0 to 1."""
        return self.kernel.cka

    @property
    def drift(self) -> Float64[np.ndarray, " tokens"] | None:
        """1 − cosine similarity of each matched token, aligned where that was done; None where dims differ.

        0 for what rounding can make, not a number where a row is zero in either head.
        """
        return self.measures.get("aligned", self.measures.get("before"))

    def moved(self, k: int = MOVED) -> Int64[np.ndarray, " places"]:
        """Return the places, among the matched tokens, of those with the most drift, the most first.

        A token that did not move is none of them.
        """
        drift = self.drift
        if drift is None:
            return np.empty(0, dtype=np.int64)
        order = np.argsort(-drift, kind="stable")  # what is not a number comes last
        return order[drift[order] > 0][:k]

    @property
    def ratio(self) -> Float64[np.ndarray, " tokens"] | None:
        """‖b‖/‖a‖ of each matched token, over the scale s where heads were aligned; None where dims differ."""
        if self.figures is None:
            return None
        return self.figures.ratio_before if self.figures.ratio is None else self.figures.ratio

    def to_dict(self) -> dict[str, Any]:
        """Return the command line's JSON."""
        return {
            "a": self.a.to_dict(),
            "b": self.b.to_dict(),
            "space": self.space,
            "metric": "cosine",
            "matched": self.pairs.to_dict(),
            "cka": self.kernel.cka,
            "cka_chance": self.kernel.chance,
            "neighbours": self.neighbours.to_dict(),
            "cosine_before": None if self.figures is None else asdict(spread(self.figures.cosine_before)),
            "alignment": None if self.alignment is None else self.alignment.to_dict(),
            "drift": [one.to_dict() for one in self.sets],
            "moved": [self._moved(place) for place in self.moved().tolist()],
            "landings": self.sides.to_dict(),
            "notes": list(self.notes),
            "seed": self.seed,
            "version": geometry.__version__,
        }  # fmt: skip

    def _moved(self, place: int) -> dict[str, Any]:
        assert self.drift is not None
        assert self.ratio is not None
        token = int(self.pairs.a[place])
        return {
            "id_a": token, "id_b": int(self.pairs.b[place]), "text": text_of(self.a, token),
            "bytes": self._bytes_of(token), "kind": str(self.pairs.kinds[place]), "drift": float(self.drift[place]),
            "before": float(self.measures["before"][place]), "ratio": float(self.ratio[place]),
        }  # fmt: skip

    def _bytes_of(self, token: int) -> str | None:
        return None if self.a.tokens is None else self.a.tokens.bytes_of(token).hex()

    def to_frame(self) -> "pandas.DataFrame":
        """One row a matched token: its bytes, kind and ids, and how far it moved."""
        import pandas as pd

        ids = self.pairs.a.tolist()
        columns: dict[str, Any] = {
            "id_a": self.pairs.a,
            "id_b": self.pairs.b,
            "text": [text_of(self.a, token) for token in ids],
            "bytes": [self._bytes_of(token) for token in ids],
            "kind": self.pairs.kinds,
        }
        if self.figures is not None:
            found = self.figures
            columns |= {"cosine_before": found.cosine_before, "ratio_before": found.ratio_before}
            if found.cosine is not None and found.held_out is not None:
                held = np.full(len(ids), np.nan)
                held[found.held_out] = found.cosine_held_out
                columns |= {"cosine": found.cosine, "ratio": found.ratio, "cosine_held_out": held}
            columns |= {"drift": self.drift}
        return pd.DataFrame(columns).assign(
            a=self.a.name, fingerprint_a=self.a.fingerprint, b=self.b.name, fingerprint_b=self.b.fingerprint,
            space=self.space, seed=self.seed, version=geometry.__version__,
        )  # fmt: skip

    def tables(self) -> tuple[Table, ...]:
        """The likeness of the heads, the drift of sets, the tokens that moved most, and landings side by side."""
        from geometry.comparison.tables import comparison_tables

        return comparison_tables(self)

    def figure(self) -> "matplotlib.figure.Figure":
        """Draw how far sets of tokens and their controls drifted, or where dims differ what neighbours they kept."""
        from geometry.comparison.drawing import draw_comparison

        return draw_comparison(self)

    def provenance(self) -> tuple[str, str]:
        """Which heads this is of, and which space, metric, seed and version."""
        heads = " · ".join(f"{side} {head.name} ({head.fingerprint})" for side, head in (("A", self.a), ("B", self.b)))
        centred = "" if self.space == "centered" else ", centred"
        how = f"space {self.space}{centred} · metric cosine · seed {self.seed} · geometry {geometry.__version__}"
        return heads, how

    def headline(self) -> str:
        """The finding in one line."""
        near = self.neighbours.jaccard.value
        told = f"{len(self.pairs):,} tokens in common: CKA {self.cka:.4f}, neighbours' Jaccard index {near:.3f}"
        answered = len(self.sides.answered)
        return told + (f", {self.sides.flipped} of {answered} landings flipped" if answered else "")
