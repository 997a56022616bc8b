"""Where products are made: this machine's processor or its GPU, and whether they are made as the bounds suppose."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache

from geometry.errors import OptionError

DEVICES = ("auto", "cpu", "cuda")


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
