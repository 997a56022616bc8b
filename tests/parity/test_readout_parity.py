"""Every row of the readout table against the running model: its residual in, its logits out."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from running import run
from tiny_models import classes, tiny_model

import geometry as geo
from geometry.recipes import RECIPES, WRAPPERS, Formula

FAST = (
    "cohere", "gemma2", "gpt2", "granite", "llama", "marian", "minicpm3", "opt", "qwen3_vl", "t5", "whisper",
)  # fmt: skip
KINDS = sorted({*RECIPES, *WRAPPERS})


def check(model: Any, folder: Path) -> None:
    """Compare a saved model's head with the model itself."""
    passed = run(model)
    model.save_pretrained(folder)
    head = geo.open_head(folder)
    assert head.readout.known, head.readout.reason
    assert (head.readout.formula == Formula.NONE.value) == (passed.norm is None)
    assert np.ptp(passed.logits) > 0.5, "logits this flat would match any formula"
    np.testing.assert_allclose(head.logits(passed.residuals), passed.logits, atol=1e-4, rtol=1e-4)
    np.testing.assert_allclose(head.logits(passed.normed, normed=True), passed.logits, atol=1e-4, rtol=1e-4)


@pytest.mark.parametrize("kind", [pytest.param(kind, marks=() if kind in FAST else pytest.mark.slow) for kind in KINDS])
def test_logits_are_the_models_own(kind: str, tmp_path: Path) -> None:
    names = classes(kind)
    if not names:
        pytest.skip("no class of its own in transformers")
    for name in names:
        check(tiny_model(kind, name), tmp_path / name)
