"""A config as the table reads it: the row for its type, and the row's numbers."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from geometry.checkpoint.config import model_type, text_config
from geometry.checkpoint.header import short
from geometry.errors import ReadoutError
from geometry.recipes.closed import CLOSED
from geometry.recipes.formulas import Formula, Key, Prescale, Recipe
from geometry.recipes.gguf import architecture_row
from geometry.recipes.rows import RECIPES
from geometry.recipes.wrappers import WRAPPERS

LARGEST = 1e6
"""No model scales by more than this, nor by less than its inverse."""

LARGEST_EPS = 10.0
"""No model adds more than this to a mean square."""


@dataclass(frozen=True)
class Terms:
    """What one config says of its model's readout.

    Attributes:
        recipe: the type's row, as far as it holds for this config.
        numbers: the part of the config that holds the row's numbers.
        eps: added to the mean square, or to the variance; 0 where there is no norm.
        prescale: multiplies the normed residual.
        scale: multiplies the logits.
        cap: c in c·tanh(z/c), or None.
    """

    recipe: Recipe
    numbers: Mapping[str, Any]
    eps: float
    prescale: float
    scale: float
    cap: float | None


def read_terms(config: Mapping[str, Any], *, gguf: bool = False) -> Terms:
    """Return a config's row and numbers.

    Args:
        gguf: the config is a GGUF file's own keys.

    Raises:
        ReadoutError: there is no row for it, or a number is missing or makes no sense; the message says why.
    """
    recipe, numbers = (architecture_row(config), config) if gguf else _find_row(config)
    read = _Numbers(numbers, "the GGUF file" if gguf else "config.json")
    prescale = 1.0 if recipe.prescale is None else read.prescale(recipe.prescale)
    scale = 1.0 if recipe.scale is None else read.scale(recipe.scale)
    if prescale is None or scale is None:
        names = ", ".join(key.name for key in recipe.keys if read.number(key) is None)
        raise ReadoutError(f"model_type {short(model_type(config))} scales by {names}, which its config does not give")
    return Terms(
        recipe=recipe,
        numbers=numbers,
        eps=recipe.eps if isinstance(recipe.eps, float) else read.eps(recipe.eps),
        prescale=prescale,
        scale=1.0 / scale if recipe.divides else scale,
        cap=None if recipe.cap is None else read.positive(recipe.cap),
    )


def _find_row(config: Mapping[str, Any]) -> tuple[Recipe, Mapping[str, Any]]:
    """Return the row for a config, and the part of the config that holds its numbers."""
    kind = model_type(config)
    recipe, numbers, named = RECIPES.get(kind), config, kind
    if kind in WRAPPERS:
        inner = text_config(config)
        # before they were nested, the text model's numbers stood in the outer config
        named = model_type(inner) if inner is not config else ""
        if named in ("", kind, f"{kind}_text") and named not in RECIPES:
            named = WRAPPERS[kind].text
        if named in WRAPPERS:
            named = WRAPPERS[named].text
        recipe, numbers = RECIPES.get(named), inner
    if recipe is None:
        raise ReadoutError(_why_no_row(config, kind, named))
    if any(numbers.get(key) is value for key, value in recipe.bare):
        recipe = replace(recipe, norm=Formula.NONE, eps=0.0)
    if kind in WRAPPERS and not WRAPPERS[kind].scales_and_caps:
        capped = recipe.cap is not None and numbers.get(recipe.cap.name, recipe.cap.default) is not None
        if named != WRAPPERS[kind].text and (recipe.scale or recipe.prescale or capped):
            raise ReadoutError(f"model_type {short(kind)} may or may not scale or cap the logits of its {short(named)}")
        recipe = replace(recipe, scale=None, cap=None)
    return recipe, numbers


def _why_no_row(config: Mapping[str, Any], kind: str, named: str) -> str:
    around = "" if named == kind else f" around {short(named)}"
    if named in CLOSED:
        return f"model_type {short(kind)}{around}: {CLOSED[named]}"
    if kind:
        return f"model_type {short(kind)}{around} is not in the readout table"
    given = config.get("model_type")
    if given is None or given == "":
        return "there is no config.json with a model_type"
    return f'config.json gives {short(given)} as its model_type; expected a name such as "llama"'


@dataclass(frozen=True)
class _Numbers:
    """The numbers of a config, each checked when it is read.

    Attributes:
        held: by their keys.
        where: what to call the file in messages.
    """

    held: Mapping[str, Any]
    where: str

    def number(self, key: Key) -> float | None:
        """Return the finite number under a key, or the class's default where the key is absent."""
        value = self.held.get(key.name, self.held.get(key.also, key.default))
        if value is None:
            return None
        plain = isinstance(value, int | float) and not isinstance(value, bool)
        # an integer may be too long for a float, and a float may be infinite
        if not plain or not -LARGEST <= value <= LARGEST:
            raise self._fault(key, value, f"a finite number of at most {LARGEST:,.0f}")
        return float(value)

    def positive(self, key: Key) -> float | None:
        """Return the number above 0 under a key; None where it is null or null by default."""
        value = self.number(key)
        if value is not None and value < 1 / LARGEST:
            raise self._fault(key, value, f"a number above 0, at least {1 / LARGEST:g}")
        return value

    def eps(self, key: Key) -> float:
        """Return the norm's eps under a key."""
        value = self.number(key)
        if value is None or not 0 <= value <= LARGEST_EPS:
            raise self._fault(key, value, f"a norm's eps from 0 to {LARGEST_EPS:g}")
        return value

    def scale(self, key: Key) -> float | None:
        """Return the logits' factor: 1 where it is null; None where the config must give it and does not."""
        value = self.positive(key)
        return 1.0 if value is None and key.default is not None else value

    def prescale(self, prescale: Prescale) -> float | None:
        """Return what the normed residual is multiplied by; None where the config lacks a number for it."""
        flags = (self.held[flag] for flag in prescale.flags if isinstance(self.held.get(flag), bool))
        if not next(flags, True):
            return 1.0
        value, over = self.positive(prescale.key), 1.0 if prescale.over is None else self.positive(prescale.over)
        if value is None and prescale.key.default is not None:
            return 1.0
        return None if value is None or over is None else (value / over) ** prescale.power

    def _fault(self, key: Key, value: object, expected: str) -> ReadoutError:
        name = key.also if key.name not in self.held and key.also in self.held else key.name
        return ReadoutError(f"{self.where} gives {short(value)} for {name}; expected {expected}")
