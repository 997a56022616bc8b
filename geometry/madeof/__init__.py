"""What a token's row is made of: a sparse non-negative sum of word rows, with what such a sum is worth."""

from geometry.madeof.fitting import made_of
from geometry.madeof.record import ControlSpread, Ingredient, MadeOf, Spread, TargetToken

__all__ = ["ControlSpread", "Ingredient", "MadeOf", "Spread", "TargetToken", "made_of"]
