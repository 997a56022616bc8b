"""What each model type does around its head, one row a ``model_type``.

None of it can be seen in the tensors, so it is written down here. A type without a row is not guessed at.
"""

from geometry.recipes.closed import CLOSED
from geometry.recipes.formulas import (
    CENTERING,
    PLUS_ONE,
    WITH_GAIN,
    WITH_SHIFT,
    Formula,
    Key,
    Prescale,
    Presence,
    Recipe,
    Refusal,
    Wrapper,
)
from geometry.recipes.rows import RECIPES
from geometry.recipes.terms import Terms, read_terms
from geometry.recipes.ties import TIED
from geometry.recipes.wrappers import WRAPPERS

__all__ = [
    "CENTERING",
    "CLOSED",
    "PLUS_ONE",
    "RECIPES",
    "TIED",
    "WITH_GAIN",
    "WITH_SHIFT",
    "WRAPPERS",
    "Formula",
    "Key",
    "Prescale",
    "Presence",
    "Recipe",
    "Refusal",
    "Terms",
    "Wrapper",
    "read_terms",
]
