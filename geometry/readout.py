"""From residuals to logits, exactly as the model does it: ``cap(scale * (W @ (prescale * norm(x)) + b))``."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from jaxtyping import Float32

from geometry.checkpoint import Checkpoint, HeadLayout
from geometry.checkpoint.beside import stem_of
from geometry.checkpoint.config import headless_class, model_type, says_tied
from geometry.checkpoint.header import short
from geometry.errors import ReadoutError
from geometry.recipes import (
    CENTERING,
    PLUS_ONE,
    TIED,
    WITH_GAIN,
    WITH_SHIFT,
    Formula,
    Presence,
    Recipe,
    Terms,
    read_terms,
)

LONGEST_VECTOR = 1e6
"""Norms and biases with larger numbers count as unreadable, as rows do: products with them leave float32."""


@dataclass(frozen=True, eq=False)
class Readout:
    """What a model does between its last block's residual and its logits.

    Attributes:
        known: whether logits can be given exactly; ``reason`` says why not.
        formula: the final norm, as in ``rms·(1+w)``; ``none`` where the last block ends in a norm of its own,
            ``unknown`` where ``known`` is false.
        gain: the effective gain γ, (dim); 1 + w where the model adds the 1, ones where
            the norm has no weight, None where there is no norm or it is unknown.
        beta: the norm's shift, (dim).
        centers: the norm subtracts the mean (LayerNorm), so that folding takes diag(γ)(I − 11ᵀ/d).
        eps: added to the mean square, or to the variance.
        prescale: multiplies the normed residual.
        scale: multiplies the logits.
        cap: c in c·tanh(z/c), or None.
        bias: added to the product with W, (vocab).
        note: what a reader should know of where the head comes from; mostly nothing.
    """

    known: bool
    reason: str
    formula: str
    gain: Float32[np.ndarray, " dim"] | None = field(default=None, repr=False)
    beta: Float32[np.ndarray, " dim"] | None = field(default=None, repr=False)
    centers: bool = False
    eps: float = 0.0
    prescale: float = 1.0
    scale: float = 1.0
    cap: float | None = None
    bias: Float32[np.ndarray, " vocab"] | None = field(default=None, repr=False)
    note: str = ""

    @property
    def normalizes(self) -> bool:
        """Whether a known norm stands before the head, so that residuals have the length it gives them."""
        return self.known and self.formula != Formula.NONE.value

    @property
    def why_unfolded(self) -> str:
        """Why rows cannot be folded; an empty string where they can."""
        return self.reason if self.normalizes or not self.known else "the model has no norm of its own before its head"

    def normed(self, residuals: Float32[np.ndarray, "positions dim"]) -> Float32[np.ndarray, "positions dim"]:
        """Return the final norm of the residuals, (positions, dim), in float32 as the model computes it.

        The prescale is not in it. Where there is no norm these are the residuals themselves.

        Raises:
            ReadoutError: the norm is not known.
        """
        if not self.known:
            raise ReadoutError(f"the final norm of this head is not known: {self.reason}; use the rows instead")
        if self.gain is not None and residuals.shape[1] != len(self.gain):
            raise ReadoutError(
                f"residuals have {residuals.shape[1]} dimensions and the head has {len(self.gain)}; "
                "capture them from the same model"
            )
        if not self.normalizes:
            return residuals
        x = residuals - residuals.mean(axis=1, keepdims=True) if self.centers else residuals
        square = np.mean(x * x, axis=1, keepdims=True, dtype=np.float32)
        x = x / np.sqrt(square + np.float32(self.eps))
        if self.gain is not None:
            x = x * self.gain
        return x if self.beta is None else x + self.beta

    def finish(self, products: Float32[np.ndarray, "positions vocab"]) -> Float32[np.ndarray, "positions vocab"]:
        """Return logits, (positions, vocab), from z = W @ (prescale * normed) + b: scaled, then capped."""
        scaled = products * np.float32(self.scale)
        if self.cap is None:
            return scaled
        capped: Float32[np.ndarray, "positions vocab"] = np.tanh(scaled / np.float32(self.cap))
        return capped * np.float32(self.cap)

    def to_dict(self) -> dict[str, Any]:
        """Return everything but the vectors, of which only the presence is told."""
        return {
            "known": self.known,
            "reason": self.reason,
            "formula": self.formula,
            "gain": self.gain is not None,
            "beta": self.beta is not None,
            "centers": self.centers,
            "eps": self.eps,
            "prescale": self.prescale,
            "scale": self.scale,
            "cap": self.cap,
            "bias": self.bias is not None,
            "note": self.note,
        }


def make_readout(config: Mapping[str, Any], layout: HeadLayout, checkpoint: Checkpoint) -> Readout:
    """Return what this model does around its head, reading the norm and the bias.

    A type that the table lacks, numbers that make no sense, or tensors that do not fit the type's row, give a readout
    that is not ``known`` and says why: rows and search work without it.

    Raises:
        CheckpointError: a tensor cannot be read.
    """
    saved = headless_class(config) if layout.tied else ""
    try:
        terms = read_terms(config, gguf=checkpoint.gguf)
        _check_serves(config, layout, saved)
        _check_fits(terms, config, layout, checkpoint)
        readout = _read(terms, layout, checkpoint)
    except ReadoutError as closed:
        without = f"it is saved as {short(saved)}, without a head; " if saved else ""
        return Readout(known=False, reason=f"{without}{closed}", formula=Formula.UNKNOWN.value)
    note = f"the checkpoint is saved as {short(saved)}, without a head; the embedding stands in for it" if saved else ""
    return replace(readout, note=note)


def _check_serves(config: Mapping[str, Any], layout: HeadLayout, saved: str) -> None:
    """Refuse the embedding of a model that was saved without a head, where nothing says that it serves as one."""
    inside = "is_encoder_decoder" in config and "encoder" in (layout.norm or "").split(".")
    if saved and ("Encoder" in saved or inside):
        raise ReadoutError("what there is of the model is an encoder")
    if saved and says_tied(config) is None and model_type(config) not in TIED:
        raise ReadoutError("its config does not say that the embedding serves as one")


def _check_fits(terms: Terms, config: Mapping[str, Any], layout: HeadLayout, checkpoint: Checkpoint) -> None:
    """Refuse a checkpoint that is not what its type's row says."""
    refused = _refused(terms, checkpoint)
    if refused:
        raise ReadoutError(f"model_type {short(model_type(config))}: {refused}")
    misfit = _misfit(terms.recipe, layout)
    if misfit:
        raise ReadoutError(f"the checkpoint calls itself {short(model_type(config))}, but {misfit}")


def _read(terms: Terms, layout: HeadLayout, checkpoint: Checkpoint) -> Readout:
    """Read the vectors around the head.

    Raises:
        ReadoutError: products with them would leave float32, or be zero.
    """
    formula, gain = terms.recipe.norm, None
    if formula is not Formula.NONE:
        gain = np.ones(checkpoint.matrix(layout.head).shape[1], dtype=np.float32)
        if layout.norm and formula in WITH_GAIN:
            stored = checkpoint.vector(layout.norm)
            gain = gain + stored if formula in PLUS_ONE else stored
    beta = checkpoint.vector(layout.norm_bias) if layout.norm_bias and formula in WITH_SHIFT else None
    bias = checkpoint.vector(layout.bias) if layout.bias else None
    for what, vector in (("final norm", gain), ("final norm's bias", beta), ("head's bias", bias)):
        if vector is not None and not np.isfinite(vector).all():
            raise ReadoutError(f"its {what} holds NaN or infinity")
        if vector is not None and np.abs(vector).max(initial=0.0) > LONGEST_VECTOR:
            raise ReadoutError(f"its {what} holds numbers beyond {LONGEST_VECTOR:,.0f}")
    if gain is not None and not gain.any():
        raise ReadoutError("its final norm is zero everywhere")
    return Readout(
        known=True,
        reason="",
        formula=formula.value,
        gain=gain,
        beta=beta,
        centers=formula in CENTERING,
        eps=terms.eps,
        prescale=terms.prescale,
        scale=terms.scale,
        cap=terms.cap,
        bias=bias,
    )


def _refused(terms: Terms, checkpoint: Checkpoint) -> str:
    """Return why this checkpoint is not what its type's row says, or an empty string."""
    for refusal in terms.recipe.unless:
        modules = (f".{stem_of(name)}" for name in checkpoint.tensors)
        held = bool(refusal.tensor) and any(module.endswith(f".{refusal.tensor}") for module in modules)
        value = terms.numbers.get(refusal.key)
        if held or (value and (not refusal.equals or value != terms.numbers.get(refusal.equals))):
            return refusal.reason
    return ""


def _misfit(recipe: Recipe, layout: HeadLayout) -> str:
    """Return how the checkpoint's tensors contradict the row, or an empty string."""
    if (recipe.norm in WITH_GAIN) != (layout.norm is not None):
        return "its final norm is missing" if layout.norm is None else f"it has a final norm ({short(layout.norm)})"
    if (recipe.norm in WITH_SHIFT) != (layout.norm_bias is not None):
        return "its final norm lacks its bias" if layout.norm_bias is None else "its final norm has a bias"
    if recipe.bias is Presence.ALWAYS and layout.bias is None:
        return "its head lacks its bias"
    if recipe.bias is Presence.NEVER and layout.bias is not None:
        return f"its head has a bias ({short(layout.bias)})"
    return ""
