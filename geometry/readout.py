"""From residuals to logits, exactly as the model does it: ``cap(scale * (W @ (prescale * norm(x)) + b))``."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from jaxtyping import Float32

from geometry.checkpoint import Checkpoint, HeadLayout
from geometry.checkpoint.header import short
from geometry.checkpoint.layout import text_config
from geometry.errors import CheckpointError, ReadoutError
from geometry.recipes import (
    CENTERING,
    PLUS_ONE,
    RECIPES,
    TRANSFORMED,
    WITH_GAIN,
    WITH_SHIFT,
    WRAPPERS,
    Formula,
    Key,
    Recipe,
)


@dataclass(frozen=True, eq=False)
class Readout:
    """What a model does between its last block's residual and its logits.

    Attributes:
        known: whether logits can be given exactly; ``reason`` says why not.
        formula: the final norm, as in ``rms·(1+w)``; ``unknown`` where ``known`` is false.
        gain: the effective gain γ, (dim); 1 + w where the model adds the 1, ones where
            the norm has no weight, None where it is unknown.
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

    def normed(self, residuals: Float32[np.ndarray, "positions dim"]) -> Float32[np.ndarray, "positions dim"]:
        """Return the final norm of the residuals, (positions, dim), in float32 as the model computes it.

        The prescale is not in it.

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
    misfit = _misfit(recipe, layout)
    if misfit:
        return _unknown(f"the checkpoint calls itself {short(_type(config))}, but {misfit}")
    gain = np.ones(checkpoint.tensors[layout.head].shape[1], dtype=np.float32)
    if layout.norm:
        stored = checkpoint.vector(layout.norm)
        gain = gain + stored if recipe.norm in PLUS_ONE else stored
    beta = checkpoint.vector(layout.norm_bias) if layout.norm_bias and recipe.norm in WITH_SHIFT else None
    bias = checkpoint.vector(layout.bias) if layout.bias and recipe.bias else None
    eps = recipe.eps if isinstance(recipe.eps, float) else _number(numbers, recipe.eps)
    if eps is not None and eps < 0:
        raise CheckpointError(f"config.json: the norm's eps is {eps}; expected 0 or more; repair the file")
    for what, vector in (("final norm", gain), ("final norm's bias", beta), ("head's bias", bias)):
        if vector is not None and not np.isfinite(vector).all():
            return _unknown(f"its {what} holds NaN or infinity")
    if not gain.any():
        return _unknown("its final norm is zero everywhere")
    scale = 1.0 if recipe.scale is None else _positive(numbers, recipe.scale)
    return Readout(
        known=True,
        reason="",
        formula=recipe.norm.value,
        gain=gain,
        beta=beta,
        centers=recipe.norm in CENTERING,
        eps=0.0 if eps is None else eps,
        scale=1.0 / scale if recipe.divides else scale,
        cap=None if recipe.cap is None else _cap(numbers, recipe.cap),
        bias=bias,
    )


def _type(config: Mapping[str, Any]) -> str:
    value = config.get("model_type")
    return value if isinstance(value, str) else "nothing"


def _find_recipe(config: Mapping[str, Any]) -> tuple[Recipe | None, Mapping[str, Any], str]:
    """Return the row for a config, the part of the config that holds its numbers, and why there is no row."""
    kind, inner = _type(config), text_config(config)
    if kind in RECIPES:
        return RECIPES[kind], config, ""
    if kind in WRAPPERS:
        # before they were nested, the text model's numbers stood in the outer config
        named = _type(inner) if inner is not config else kind
        if named in RECIPES:
            recipe = RECIPES[named]
        elif named in (kind, f"{kind}_text", "nothing"):
            recipe = RECIPES[WRAPPERS[kind]]
        else:
            return None, config, f"model_type {short(kind)} around {short(named)} is not in the readout table"
        if recipe.scale or _cap_is_set(recipe, inner):
            return (
                None,
                config,
                f"model_type {short(kind)} may or may not scale or cap the logits of its {short(named)}",
            )
        return recipe, inner, ""
    if kind in TRANSFORMED:
        return (
            None,
            config,
            f"{short(kind)} has a transform (dense, activation, norm) before its head, which is not read",
        )
    if kind == "nothing":
        return None, config, "there is no config.json with a model_type"
    return None, config, f"model_type {short(kind)} is not in the readout table"


def _cap_is_set(recipe: Recipe, numbers: Mapping[str, Any]) -> bool:
    return recipe.cap is not None and _cap(numbers, recipe.cap) is not None


def _misfit(recipe: Recipe, layout: HeadLayout) -> str:
    """Return how the checkpoint's tensors contradict the row, or an empty string."""
    if (recipe.norm in WITH_GAIN) != (layout.norm is not None):
        return "its final norm is missing" if layout.norm is None else f"it has a final norm ({short(layout.norm)})"
    if (recipe.norm in WITH_SHIFT) != (layout.norm_bias is not None):
        return "its final norm lacks its bias" if layout.norm_bias is None else "its final norm has a bias"
    if recipe.bias != (layout.bias is not None):
        return "its head lacks its bias" if layout.bias is None else f"its head has a bias ({short(layout.bias)})"
    return ""


def _unknown(reason: str) -> Readout:
    return Readout(known=False, reason=reason, formula=Formula.UNKNOWN.value)


def _number(numbers: Mapping[str, Any], key: Key) -> float | None:
    """Return the finite number under a key, or the class's default where the key is absent."""
    value = numbers.get(key.name, key.default)
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise CheckpointError(f"config.json: {key.name} is {short(value)}; expected a finite number; repair the file")
    return float(value)


def _positive(numbers: Mapping[str, Any], key: Key) -> float:
    value = _number(numbers, key)
    if value is None or value <= 0:
        raise CheckpointError(f"config.json: {key.name} is {short(value)}; expected a number above 0; repair the file")
    return value


def _cap(numbers: Mapping[str, Any], key: Key) -> float | None:
    """Return the cap; None where it is null or null by default."""
    return None if _number(numbers, key) is None else _positive(numbers, key)
