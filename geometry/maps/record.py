"""A map of tokens as a record: where they lie, who is near whom in full dimension, and how far the picture holds."""

from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from jaxtyping import Float, Float64, Int64

from geometry.choices import SpaceName
from geometry.errors import OptionError
from geometry.head import Head
from geometry.hubness.question import Answers
from geometry.maps.groups import GroupShare, shares
from geometry.maps.layout import Curve
from geometry.maps.placing import Placer
from geometry.maps.planes import Plane, principal_plane
from geometry.maps.rows import unit_rows
from geometry.tables import Table, Tabled

if TYPE_CHECKING:
    import matplotlib.figure
    import pandas

MethodName = Literal["umap", "pca"]
METHODS: tuple[MethodName, ...] = ("umap", "pca")


@dataclass(frozen=True, eq=False)
class Placed:
    """A sum put on a map.

    Attributes:
        expression: the sum.
        point: where it lies, (2,).
        winner: place of the token that it lands on, by the landing's metric among the map's candidates; None where
            that is not on the map or nothing is left but inputs.
        winner_text: that token; empty where there is none.
        terms: places of its terms' own tokens, where they are on the map.
        nearest: places of the points nearest to it in full dimension, nearest first.
        similarities: their cosine similarities.
        beside: share of the map's first k of those that are among the k nearest to it in the picture, 0 to 1.
        metric: what the winner was found by.
    """

    expression: str
    point: Float64[np.ndarray, "2"]
    winner: int | None
    winner_text: str
    terms: tuple[int, ...]
    nearest: Int64[np.ndarray, " k"]
    similarities: Float64[np.ndarray, " k"]
    beside: float
    metric: str = "logit"


@dataclass(frozen=True, eq=False, repr=False)
class EmojiMap(Tabled):
    """Tokens on a plane. All that is told of points is in one order, by ascending id.

    Attributes:
        head_facts: name, fingerprint, vocab and dim: a map that was read back may come without its head.
        head: in the map's space; None where it was not given.
        space, method, metric, seed: what rows were taken in, how the plane was found, what neighbours are by.
        settings: what was asked besides; ``k``: how many nearest the figures are of.
        version: of geometry.
        ids, texts, bytes_hex, kinds, names, groups, norms: the tokens; an emoji's name and Unicode group, of other
            tokens an empty name and their kind.
        points: where they lie, (points, 2).
        nearest: places (not ids) of the 10 nearest in full dimension by cosine similarity, nearest first, itself left
            out, ties by id; fewer where there are fewer points.
        similarities: theirs.
        composites: sums, drawn apart from points.
        trust, overlap: see :class:`geometry.maps.trust.Trust`.
        placed_overlap: of points that were left out and put on the map again, the share of their nearest that lie
            nearest to them: how far a sum's place can be believed. None where there is no sum.
        variance: share of the rows' variance that the plane holds, 0 to 1; of ``pca`` alone.
        notes: what a reader should know.
    """

    head_facts: dict[str, Any]
    head: Head | None
    space: SpaceName
    method: MethodName
    seed: int
    settings: dict[str, Any]
    version: str
    ids: Int64[np.ndarray, " points"]
    texts: tuple[str, ...]
    bytes_hex: tuple[str, ...]
    kinds: tuple[str, ...]
    names: tuple[str, ...]
    groups: tuple[str, ...]
    norms: Float64[np.ndarray, " points"]
    points: Float64[np.ndarray, "points 2"]
    nearest: Int64[np.ndarray, "points k"]
    similarities: Float64[np.ndarray, "points k"]
    composites: tuple[Placed, ...] = ()
    trust: float = 0.0
    overlap: float = 0.0
    placed_overlap: float | None = None
    variance: float | None = None
    notes: tuple[str, ...] = ()
    metric: str = field(default="cosine", init=False)

    def place(self, vectors: Float[np.ndarray, "queries dim"]) -> Float64[np.ndarray, "queries 2"]:
        """Return where vectors of the map's space lie on it: ``pca`` by projection, ``umap`` by its transform.

        Raises:
            OptionError: they have another length, are not finite, or the map has no head.
        """
        head = self._with_head()
        if vectors.shape[1] != head.dim or not np.isfinite(vectors).all():
            raise OptionError(
                f"vectors of shape {vectors.shape} arrived; expected finite ones of {head.dim} numbers each, in space "
                f"{self.space}"
            )
        wide = vectors.astype(np.float64)
        return self.plane.place(wide) if self.method == "pca" else self._placer.place(wide)

    def in_plane(self, vectors: Float64[np.ndarray, "queries dim"]) -> Float64[np.ndarray, " queries"]:
        """Return how much of each vector's squared distance from the points' mean lies in the first two components."""
        return self.plane.in_plane(vectors)

    @cached_property
    def plane(self) -> Plane:
        """The plane of the points' first two principal components."""
        return principal_plane(unit_rows(self._with_head(), self.ids)).plane

    @cached_property
    def _placer(self) -> Placer:
        return self.placer(unit_rows(self._with_head(), self.ids))

    def placer(self, rows: Answers) -> Placer:
        """Return what puts vectors on this map if it is a UMAP of these rows."""
        settings = self.settings
        curve = Curve(float(settings["a"]), float(settings["b"]))
        return Placer(rows, self.points, int(settings["neighbors"]), curve)

    @property
    def k(self) -> int:
        """How many nearest the figures are of: 10, fewer where there are not twice as many others."""
        return int(self.settings["k"])

    @property
    def overlap_by_chance(self) -> float:
        """What the overlap would be if the points were dealt out again at random, in the mean."""
        return self.k / (len(self.ids) - 1)

    @cached_property
    def shares(self) -> tuple[GroupShare, ...]:
        """How far each group's points have their nearest in the group, beside chance; last of ``all``."""
        return shares(self.groups, self.nearest[:, : self.k])

    def _with_head(self) -> Head:
        if self.head is None:
            raise OptionError(
                f"this map was read from a file without its head; give read_map() the head {self.head_facts['name']} "
                "to put vectors on it"
            )
        return self.head

    def to_dict(self, *, points: bool = False) -> dict[str, Any]:
        """Return the command line's JSON.

        Args:
            points: Add every point with its place and its nearest.
        """
        from geometry.maps.tables import as_dict

        return as_dict(self, points=points)

    def to_frame(self) -> "pandas.DataFrame":
        """One row a point, then one a sum, with the columns of the Parquet file; whence, in columns too."""
        from geometry.maps.tables import frame

        return frame(self)

    def headline(self) -> str:
        """The finding in one line."""
        from geometry.maps.tables import headline

        return headline(self)

    def provenance(self) -> str:
        """Which head, space, metric, seed and version this is of, in one line."""
        from geometry.maps.tables import provenance

        return provenance(self)

    def tables(self) -> tuple[Table, ...]:
        """The sums, where there are any, and the groups."""
        from geometry.maps.tables import tables

        return tables(self)

    def figure(self) -> "matplotlib.figure.Figure":
        """Draw the map: emoji as pictures, what overlaps pushed apart, and said so."""
        from geometry.maps.drawing import draw_map

        return draw_map(self)

    def page(self) -> str:
        """Return the map as one HTML page that needs nothing else: pan, zoom, search."""
        from geometry.maps.page import map_page

        return map_page(self)

    def write(self, path: str | Path) -> None:
        """Write the map as Parquet, whole or not at all; :func:`geometry.maps.read_map` reads it.

        Raises:
            OptionError: another ending than ``.parquet``, or a place that cannot be written to.
        """
        from geometry.maps.stored import write_map

        write_map(self, path)
