"""Values as JSON has them."""

import math


def finite_or_none(value: float | None, *, digits: int | None = None) -> float | None:
    """Return a number, to some significant digits if asked; None for what is not finite, which JSON cannot say."""
    if value is None or not math.isfinite(value):
        return None
    return float(value) if digits is None else float(f"{value:.{digits}g}")
