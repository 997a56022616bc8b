"""Residuals: what a model's stream holds after every layer, captured anywhere, read without the model."""

import os
from typing import Any

import numpy as np

from geometry.errors import ResidualsError
from geometry.residuals.record import Residuals, as_residuals
from geometry.residuals.stored import check_writable, read_residuals, write_residuals

__all__ = ["Residuals", "as_residuals", "check_writable", "find_residuals", "read_residuals", "write_residuals"]


def find_residuals(given: Any) -> Residuals:
    """Return residuals as they are, of an array, or of a file.

    Raises:
        ResidualsError, CheckpointError: It is something else, or cannot be residuals.
    """
    if isinstance(given, Residuals):
        return given
    if isinstance(given, np.ndarray):
        return as_residuals(given)
    if isinstance(given, str | os.PathLike):
        return read_residuals(os.fspath(given))
    raise ResidualsError(
        f"a {type(given).__name__} arrived; expected a file of residuals or a NumPy array (layers, positions, dim): "
        "a torch tensor becomes one by states.float().cpu().numpy()"
    )
