"""Where products are made: this machine's processor or its GPU, and whether they are made as the bounds suppose."""

import os
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache
from typing import TYPE_CHECKING
from weakref import WeakKeyDictionary

import numpy as np
from jaxtyping import Shaped

from geometry.checkpoint.matrix import StoredMatrix
from geometry.errors import OptionError

if TYPE_CHECKING:
    import torch

DEVICES = ("auto", "cpu", "cuda")

_kept: "WeakKeyDictionary[StoredMatrix, torch.Tensor]" = WeakKeyDictionary()
"""Rows as they are stored, on the GPU, for as long as their head is open."""


def choose_device(given: str | None = None) -> str:
    """Where to multiply: what is given, else ``$GEOMETRY_DEVICE``, else a GPU where there is one.

    Returns:
        ``cpu`` or ``cuda``.

    Raises:
        OptionError: no such device, or no GPU where one was asked for.
    """
    named = given or os.environ.get("GEOMETRY_DEVICE") or "auto"
    source = "device" if given else "$GEOMETRY_DEVICE"
    if named not in DEVICES:
        raise OptionError(f"{source} {named!r} arrived; expected one of {', '.join(DEVICES)}")
    if named == "cpu":
        return named
    import torch

    if torch.cuda.is_available():
        return "cuda"
    if named == "cuda":
        raise OptionError(f"{source} 'cuda' arrived; expected a GPU that torch can use, and it finds none; use cpu")
    return "cpu"


@lru_cache(maxsize=64)
def rounds_once(device: str, dim: int, queries: int) -> bool:
    """Whether bf16 products of this shape are summed in float32 and rounded once, at their end, as the bound supposes.

    Small whole numbers have sums that float32 holds exactly in any order, so that the only right result is the exact
    sum, rounded; one that was rounded on the way as well differs somewhere.
    """
    import torch

    generator = torch.Generator().manual_seed(0)
    rows = torch.randint(-8, 9, (64, dim), generator=generator)
    asked = torch.randint(-8, 9, (dim, queries), generator=generator)
    exact = (rows.double() @ asked.double()).bfloat16()
    with full_sums():
        there, questions = rows.bfloat16().to(device), asked.T.bfloat16().contiguous().to(device)
        both = there @ questions.T, (questions @ there.T).T
    return all(bool((narrow.cpu() == exact).all()) for narrow in both)


def stored_there(
    matrix: StoredMatrix, start: int, raw: Shaped[np.ndarray, "tokens width"], device: str
) -> "torch.Tensor":
    """The bf16 rows from ``start`` on, of which ``raw`` is what is stored, as a tensor on the device.

    On the processor they are the mapped file itself. A GPU keeps the whole head from the first pass on, where at least
    as much again is free beside it.
    """
    import torch

    if device == "cpu":
        return as_tensor(raw.view(np.int16)).view(torch.bfloat16)
    if matrix not in _kept and 2 * matrix.nbytes < torch.cuda.mem_get_info()[0]:
        _kept[matrix] = as_tensor(matrix.raw_block(0, matrix.shape[0]).view(np.int16)).to(device).view(torch.bfloat16)
    if matrix in _kept:
        return _kept[matrix][start : start + len(raw)]
    return as_tensor(raw.view(np.int16)).to(device).view(torch.bfloat16)


def as_tensor(rows: Shaped[np.ndarray, "..."]) -> "torch.Tensor":
    """The same numbers as a tensor, without a copy; they may be of a file mapped read-only, and nothing writes them."""
    import torch

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
        return torch.from_numpy(rows)


@contextmanager
def full_sums() -> Iterator[None]:
    """Make products on a GPU without TF32, and without sums in bf16, while it lasts."""
    import torch

    flags = torch.backends.cuda.matmul
    before = flags.allow_tf32, flags.allow_bf16_reduced_precision_reduction
    flags.allow_tf32 = flags.allow_bf16_reduced_precision_reduction = False
    try:
        yield
    finally:
        flags.allow_tf32, flags.allow_bf16_reduced_precision_reduction = before
