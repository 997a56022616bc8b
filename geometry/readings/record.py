"""The lens as a record: what was read in every state, with all that is needed to find it again."""

from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
from jaxtyping import Float64

import geometry
from geometry.head import Head
from geometry.landing.record import text_of
from geometry.plain import finite_or_none
from geometry.readings.explained import Explained
from geometry.readings.options import LensOptions
from geometry.readings.reading import Reading
from geometry.readings.spelt import Spelt
from geometry.readings.standing import Standing
from geometry.readings.tracking import Tracked
from geometry.residuals import Residuals
from geometry.tables import Table, Tabled

if TYPE_CHECKING:
    import pandas
    from matplotlib.figure import Figure

LONGEST_DTYPE = 16
"""Characters of a type's name; a file may say anything."""


@dataclass(frozen=True, eq=False, repr=False)
class Lens(Tabled):
    """What the head reads in the residuals of every layer.

    Attributes:
        head: The head, as stored.
        residuals: What was read.
        options: What was asked.
        positions: The positions that were read, in order; the arrays below have one column for each.
        last_is_normed: Whether the last state was taken as normed already.
        reading: First tokens, probabilities, entropy, divergence, ranks.
        directions: Each residual before gain and shift, (layers, positions, dim).
        tracked: What is followed; `Reading.ranks` has a column for each.
        cosines: A tracked sum's cosine similarities, by its place in ``tracked``.
        spelt: Emoji in the making, by layer and position.
        standing: The residuals beside a sum; None where none was asked for.
        explained: The residuals in a sum's span; None where that was not asked for.
        notes: What a reader should know of this answer.
    """

    head: Head
    residuals: Residuals
    options: LensOptions
    positions: tuple[int, ...]
    last_is_normed: bool
    reading: Reading
    directions: Float64[np.ndarray, "layers positions dim"] = field(repr=False)
    tracked: tuple[Tracked, ...]
    cosines: dict[int, Float64[np.ndarray, "layers positions"]]
    spelt: tuple[tuple[Spelt | None, ...], ...]
    standing: Standing | None
    explained: Explained | None
    notes: tuple[str, ...]

    @property
    def layers(self) -> int:
        """How many states there are: the embedding's and one a block."""
        return self.residuals.shape[0]

    @property
    def dtype(self) -> str | None:
        """What the states were computed in, such as ``bfloat16``; None where nobody says."""
        given = self.residuals.about.get("dtype", "")
        return given if given.isidentifier() and len(given) <= LONGEST_DTYPE else None

    def token_at(self, position: int) -> int | None:
        """Return the token read at a position of the text; None where that is not known."""
        return None if self.residuals.token_ids is None else self.residuals.token_ids[position]

    def text_at(self, position: int) -> str:
        """Return that token's text; empty where it is not known."""
        token = self.token_at(position)
        return "" if token is None else text_of(self.head, token)

    def cells(self) -> Iterator[dict[str, Any]]:
        """Yield every layer and position as the command line's JSON has them, one a line."""
        about = self._about()
        for layer in range(self.layers):
            for column, position in enumerate(self.positions):
                token = self.token_at(position)
                read = None if token is None else {"id": token, "text": text_of(self.head, token)}
                stood = {"layer": layer, "position": position, "text_position": self.residuals.where[position]}
                yield {**stood, "read": read, **self._cell(layer, column), **about}

    def to_dict(self) -> dict[str, Any]:
        """Return everything: the cells, and once what holds for all of them."""
        layers, positions, dim = self.residuals.shape
        about = self._about()
        cells = [{key: value for key, value in cell.items() if key not in about} for cell in self.cells()]
        return {
            **about,
            "residuals": {
                "source": self.residuals.source, "model": self.residuals.model, "layers": layers,
                "positions": positions, "dim": dim, "last_is_normed": self.last_is_normed,
                "about": dict(self.residuals.about),
            },
            "options": asdict(self.options),
            "tracked": [{"label": one.label, "kind": one.kind, "id": one.id, "text": one.text} for one in self.tracked],
            "cells": cells,
            "notes": list(self.notes),
        }  # fmt: skip

    def to_frame(self) -> "pandas.DataFrame":
        """One row a token told: layer, position, its place there, and what holds for the cell or for all."""
        import pandas as pd

        rows = [
            {
                "layer": cell["layer"], "position": cell["position"], "rank": rank, **one,
                "entropy": cell["entropy"], "divergence": cell["divergence"],
            }
            for cell in self.cells()
            for rank, one in enumerate(cell["top"], 1)
        ]  # fmt: skip
        about = {key: value for key, value in self._about().items() if key != "head"}
        return pd.DataFrame(rows).assign(head=self.head.name, fingerprint=self.head.fingerprint, **about)

    def tables(self) -> tuple[Table, ...]:
        """Return the tables it is shown as."""
        from geometry.readings.tables import lens_tables

        return tuple(lens_tables(self))

    def figure(self) -> "Figure":
        """Draw the first token of every layer and position, coloured by its probability."""
        from geometry.readings.drawing import draw_lens

        return draw_lens(self)

    def map(self, position: int | None = None) -> "Figure":
        """Draw one position's path through the layers on the map of emoji: the last one by default."""
        from geometry.readings.drawing import draw_path

        return draw_path(self, position)

    def page(self) -> str:
        """Return a self-contained HTML page: every cell with its first tokens on hover."""
        from geometry.readings.page import lens_page

        return lens_page(self)

    def provenance(self) -> str:
        """Which head, norm, seed and version this is of, and what it was computed in if in few bits, in one line."""
        parts = [f"head {self.head.name} ({self.head.fingerprint})", self.options.norm, "logits"]
        if self.dtype not in (None, "float32"):
            parts.append(f"states in {self.dtype}")
        beside = self.standing or self.explained
        if beside is not None:
            parts += [f"sums {beside.space}", f"seed {self.options.seed}"]
        return " · ".join([*parts, f"geometry {geometry.__version__}"])

    def _about(self) -> dict[str, Any]:
        beside = self.standing or self.explained
        return {
            "head": self.head.to_dict(),
            "norm": self.options.norm,
            "metric": "logit",
            "space": None if beside is None else beside.space,
            "seed": self.options.seed,
            "dtype": self.dtype,
            "last_is_normed": self.last_is_normed,
            "version": geometry.__version__,
        }

    def _cell(self, layer: int, column: int) -> dict[str, Any]:
        at, reading = (layer, column), self.reading
        spelt = self.spelt[layer][column] if self.spelt else None
        return {
            "top": [
                {"id": token, "text": text_of(self.head, token), "probability": finite_or_none(probability)}
                for token, probability in zip(
                    reading.ids[at].tolist(), reading.probabilities[at].tolist(), strict=True
                )
            ],
            "entropy": finite_or_none(reading.entropy[at]),
            "divergence": finite_or_none(reading.divergence[at]),
            "spelt": None if spelt is None else asdict(spelt),
            "tracked": [self._tracked(index, at) for index in range(len(self.tracked))],
            "standing": None if self.standing is None else _standing(self.standing, at),
            "explained": self._explained(layer, column),
        }  # fmt: skip

    def _tracked(self, index: int, at: tuple[int, int]) -> dict[str, Any]:
        one, reading = self.tracked[index], self.reading
        told = {
            "label": one.label, "id": one.id, "text": one.text, "rank": int(reading.ranks[at][index]),
            "probability": finite_or_none(reading.tracked[at][index]),
        }  # fmt: skip
        return told | {"cosine_similarity": float(self.cosines[index][at])} if index in self.cosines else told

    def _explained(self, layer: int, column: int) -> dict[str, Any] | None:
        found = self.explained
        if found is None or self.positions[column] not in found.positions:
            return None
        at = (layer, found.positions.index(self.positions[column]))
        told: dict[str, Any] = {"expression": found.concept.expression, "share": float(found.share[at])}
        for name in ("low", "high", "below", "kept", "random_survivals"):
            values = getattr(found, name)
            told[name] = None if values is None else float(values[at])
        for name in ("winner", "projected", "removed"):
            token = int(getattr(found, name)[at])
            told[name] = None if token < 0 else {"id": token, "text": text_of(self.head, token)}
        survives = (bool(found.projected[at] == found.winner[at]), bool(found.removed[at] == found.winner[at]))
        return told | {"survives_projection": survives[0], "survives_removal": survives[1]}


def _standing(found: Standing, at: tuple[int, int]) -> dict[str, Any]:
    told: dict[str, Any] = {"expression": found.concept.expression, "cosine_similarity": float(found.cosine[at])}
    for name in ("low", "high", "below"):
        values = getattr(found, name)
        told[name] = None if values is None else float(values[at])
    return told
