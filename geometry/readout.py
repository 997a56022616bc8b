"""From residuals to logits, exactly as the model does it: ``cap(scale * (W @ (prescale * norm(x)) + b))``."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from jaxtyping import Float32

from geometry.checkpoint import Checkpoint, HeadLayout
from geometry.checkpoint.header import short
from geometry.checkpoint.config import text_config
from geometry.errors import CheckpointError, ReadoutError
from geometry.recipes import (
    CENTERING,
    CLOSED,
    PLUS_ONE,
    RECIPES,
    WITH_GAIN,
    WITH_SHIFT,
    WRAPPERS,
    Formula,
    Key,
    Prescale,
    Presence,
    Recipe,
)
from geometry.recipes.gguf import architecture_row

LARGEST = 1e6
"""Numbers beyond this, or below its inverse where they must be positive, are no model's and leave float32."""

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
        }


def make_readout(config: Mapping[str, Any], layout: HeadLayout, checkpoint: Checkpoint) -> Readout:
    """Return what this model does around its head, reading the norm and the bias.

    A type that the table lacks, or tensors that do not fit its row, give a readout that is not ``known`` and
    says why: rows and search work without it.

    Raises:
        CheckpointError: a number in the config makes no sense, or a tensor cannot be read.
    """
    recipe, numbers, reason = _find_recipe(config)
    if recipe is None:
        return _unknown(reason)
    refused = _refused(recipe, numbers, checkpoint)
    if refused:
        return _unknown(f"model_type {short(_type(config))}: {refused}")
    misfit = _misfit(recipe, layout)
    if misfit:
        return _unknown(f"the checkpoint calls itself {short(_type(config))}, but {misfit}")
    gain = None
    if recipe.norm is not Formula.NONE:
        gain = np.ones(checkpoint.matrix(layout.head).shape[1], dtype=np.float32)
        if layout.norm and recipe.norm in WITH_GAIN:
            stored = checkpoint.vector(layout.norm)
            gain = gain + stored if recipe.norm in PLUS_ONE else stored
    beta = checkpoint.vector(layout.norm_bias) if layout.norm_bias and recipe.norm in WITH_SHIFT else None
    bias = checkpoint.vector(layout.bias) if layout.bias else None
    eps = recipe.eps if isinstance(recipe.eps, float) else _number(numbers, recipe.eps)
    if eps is not None and eps < 0:
        raise CheckpointError(f"config.json: the norm's eps is {eps}; expected 0 or more; repair the file")
    for what, vector in (("final norm", gain), ("final norm's bias", beta), ("head's bias", bias)):
        if vector is not None and not np.isfinite(vector).all():
            return _unknown(f"its {what} holds NaN or infinity")
        if vector is not None and np.abs(vector).max(initial=0.0) > LONGEST_VECTOR:
            return _unknown(f"its {what} holds numbers beyond {LONGEST_VECTOR:,.0f}")
    if gain is not None and not gain.any():
        return _unknown("its final norm is zero everywhere")
    prescale = 1.0 if recipe.prescale is None else _prescale(numbers, recipe.prescale)
    scale = 1.0 if recipe.scale is None else _scale(numbers, recipe.scale)
    if prescale is None or scale is None:
        names = ", ".join(key.name for key in recipe.keys if _number(numbers, key) is None)
        return _unknown(f"model_type {short(_type(config))} scales by {names}, which its config does not give")
    return Readout(
        known=True,
        reason="",
        formula=recipe.norm.value,
        gain=gain,
        beta=beta,
        centers=recipe.norm in CENTERING,
        eps=0.0 if eps is None else eps,
        prescale=prescale,
        scale=1.0 / scale if recipe.divides else scale,
        cap=None if recipe.cap is None else _positive(numbers, recipe.cap),
        bias=bias,
    )


def _type(config: Mapping[str, Any]) -> str:
    value = config.get("model_type")
    return value if isinstance(value, str) else "nothing"


def _find_recipe(config: Mapping[str, Any]) -> tuple[Recipe | None, Mapping[str, Any], str]:
    """Return the row for a config, the part of the config that holds its numbers, and why there is no row."""
    kind = _type(config)
    if kind.startswith("gguf/"):
        row, reason = architecture_row(config)
        return row, config, reason
    recipe, numbers, named = RECIPES.get(kind), config, kind
    if kind in WRAPPERS:
        inner = text_config(config)
        # before they were nested, the text model's numbers stood in the outer config
        named = _type(inner) if inner is not config else "nothing"
        if named in ("nothing", kind, f"{kind}_text") and named not in RECIPES:
            named = WRAPPERS[kind].text
        if named in WRAPPERS:
            named = WRAPPERS[named].text
        recipe, numbers = RECIPES.get(named), inner
    if recipe is None:
        return None, config, _why_no_row(kind, named)
    recipe = _as_configured(recipe, numbers)
    if kind in WRAPPERS and not WRAPPERS[kind].finishes:
        if named != WRAPPERS[kind].text and (recipe.scale or recipe.prescale or _has_cap(recipe, numbers)):
            reason = f"model_type {short(kind)} may or may not scale or cap the logits of its {short(named)}"
            return None, config, reason
        recipe = replace(recipe, scale=None, cap=None)
    return recipe, numbers, ""


def _why_no_row(kind: str, named: str) -> str:
    around = "" if named == kind else f" around {short(named)}"
    if named in CLOSED:
        return f"model_type {short(kind)}{around}: {CLOSED[named]}"
    if kind == "nothing":
        return "there is no config.json with a model_type"
    return f"model_type {short(kind)}{around} is not in the readout table"


def _as_configured(recipe: Recipe, numbers: Mapping[str, Any]) -> Recipe:
    """Return the row without its norm, if the config says that there is none."""
    if any(numbers.get(key) is value for key, value in recipe.bare):
        return replace(recipe, norm=Formula.NONE, eps=0.0)
    return recipe


def _refused(recipe: Recipe, numbers: Mapping[str, Any], checkpoint: Checkpoint) -> str:
    """Return why this checkpoint is not what its type's row says, or an empty string."""
    for refusal in recipe.unless:
        names = (f".{name}".removesuffix(".weight") for name in checkpoint.tensors)
        held = bool(refusal.tensor) and any(name.endswith(f".{refusal.tensor}") for name in names)
        value = numbers.get(refusal.key)
        if held or (value and (not refusal.equals or value != numbers.get(refusal.equals))):
            return refusal.reason
    return ""


def _has_cap(recipe: Recipe, numbers: Mapping[str, Any]) -> bool:
    return recipe.cap is not None and _positive(numbers, recipe.cap) is not None


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


def _unknown(reason: str) -> Readout:
    return Readout(known=False, reason=reason, formula=Formula.UNKNOWN.value)


def _number(numbers: Mapping[str, Any], key: Key) -> float | None:
    """Return the finite number under a key, or the class's default where the key is absent."""
    value = numbers.get(key.name, numbers.get(key.also, key.default))
    if value is None:
        return None
    plain = isinstance(value, int | float) and not isinstance(value, bool)
    # an integer may be too long for a float, and a float may be infinite
    if not plain or not -LARGEST <= value <= LARGEST:
        raise CheckpointError(f"config.json: {key.name} is {short(value)}; expected a finite number; repair the file")
    return float(value)


def _positive(numbers: Mapping[str, Any], key: Key) -> float | None:
    """Return the number above 0 under a key; None where it is null or null by default."""
    value = _number(numbers, key)
    if value is not None and value < 1 / LARGEST:
        raise CheckpointError(f"config.json: {key.name} is {short(value)}; expected a number above 0; repair the file")
    return value


def _scale(numbers: Mapping[str, Any], key: Key) -> float | None:
    """Return the logits' factor: 1 where it is null; None where the config must give it and does not."""
    value = _positive(numbers, key)
    return 1.0 if value is None and key.default is not None else value


def _prescale(numbers: Mapping[str, Any], prescale: Prescale) -> float | None:
    """Return what the normed residual is multiplied by; None where the config lacks a number for it."""
    flags = (numbers[flag] for flag in prescale.flags if isinstance(numbers.get(flag), bool))
    if not next(flags, True):
        return 1.0
    value, over = _positive(numbers, prescale.key), 1.0 if prescale.over is None else _positive(numbers, prescale.over)
    if value is None and prescale.key.default is not None:
        return 1.0
    return None if value is None or over is None else (value / over) ** prescale.power
