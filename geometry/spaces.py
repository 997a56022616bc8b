"""The four spaces a head's rows are looked at in, each an affine map of the rows as stored.

``raw`` → ``folded`` (the final norm's gain moved into the rows) → ``centered`` (the mean row removed) →
``whitened`` (Cov^−½ applied). Being affine, none of them needs a second copy of the head: a product with a
row in the space is a product with the stored row and a pulled-back vector (:meth:`Space.pull`).
"""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Float64

from geometry.choices import SpaceName
from geometry.linalg import fold, fold_residual


@dataclass(frozen=True, eq=False)
class Space:
    """An affine map w ↦ w̃ of stored rows, and what was done, in words.

    Attributes:
        name: the space's name.
        gain: γ (dim,) including the head's prescale, or None where nothing is folded.
        centers: whether the norm removes each residual's mean (LayerNorm).
        mean: the mean of the folded real rows (dim,), subtracted; None before ``centered``.
        root: Cov^−½ (dim, dim), applied last; None before ``whitened``.
        steps: what was done to the rows, in order, for the record.
    """

    name: SpaceName
    gain: Float[np.ndarray, " dim"] | None = None
    centers: bool = False
    mean: Float64[np.ndarray, " dim"] | None = None
    root: Float64[np.ndarray, "dim dim"] | None = None
    steps: tuple[str, ...] = ()

    def apply(self, rows: Float[np.ndarray, "tokens dim"]) -> Float64[np.ndarray, "tokens dim"]:
        """Map stored rows into the space: ((fold(w) − mean) · Cov^−½)."""
        mapped = self.apply_linear(rows)
        return mapped if self.mean is None else mapped - self._shift()

    def apply_linear(self, rows: Float[np.ndarray, "tokens dim"]) -> Float64[np.ndarray, "tokens dim"]:
        """Map differences of rows, which no mean is subtracted from."""
        mapped = rows.astype(np.float64)
        if self.gain is not None:
            mapped = fold(mapped, self.gain, centers=self.centers)
        return mapped if self.root is None else mapped @ self.root

    def pull(
        self, vectors: Float[np.ndarray, "queries dim"]
    ) -> tuple[Float64[np.ndarray, "queries dim"], Float64[np.ndarray, " queries"]]:
        """Return (x, c) such that w̃·v = w·x + c for every stored row w and every given v."""
        wide = vectors.astype(np.float64, copy=False)
        offsets = np.zeros(len(wide)) if self.mean is None else -(wide @ self._shift())
        if self.root is not None:
            wide = wide @ self.root
        return (wide if self.gain is None else fold_residual(wide, self.gain, centers=self.centers)), offsets

    def residual_direction(self, vector: Float[np.ndarray, " dim"]) -> Float64[np.ndarray, " dim"]:
        """The direction, before the norm's gain, of the residual that a sum in this space stands for.

        A sum q of folded or centred rows stands for itself; a sum of whitened rows for Cov^−½ q, that is
        Cov⁻¹ Σ aᵢw̃ᵢ (Park et al. 2024, "The Linear Representation Hypothesis").
        """
        wide = vector.astype(np.float64)
        return wide if self.root is None else self.root @ wide

    def _shift(self) -> Float64[np.ndarray, " dim"]:
        """The constant subtracted in the space's own coordinates."""
        assert self.mean is not None
        return self.mean if self.root is None else self.mean @ self.root


RAW = Space("raw")
