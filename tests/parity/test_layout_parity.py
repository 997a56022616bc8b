"""The layout of every type that can be built, against the model's own modules: told by what the tensors hold."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from running import run
from tiny_models import classes, tiny_model

from geometry.checkpoint import find_layout, open_checkpoint
from geometry.recipes import CLOSED, RECIPES, WRAPPERS


def weight(module: Any) -> np.ndarray | None:
    """A module's weight, or that of the first of a list of modules."""
    inner = module[0] if hasattr(module, "__getitem__") else module
    held = getattr(inner, "weight", None)
    return None if held is None else held.detach().numpy()


def _output_embeddings(model: Any) -> Any:
    """The head that the model names, or that a model inside it does."""
    inner = (module for module in model.modules() if hasattr(module, "get_output_embeddings"))
    return next(head for head in (module.get_output_embeddings() for module in inner) if head is not None)


def check(model: Any, folder: Path) -> None:
    """Compare the tensors found with the model's embedding, head, bias and norm."""
    model.save_pretrained(folder)
    checkpoint = open_checkpoint(folder)
    layout = find_layout(checkpoint.tensors, checkpoint.config)
    closed = model.config.model_type in CLOSED
    passed = None if closed else run(model, shrink=False)
    head = _output_embeddings(model) if passed is None else passed.head
    rows = checkpoint.matrix(layout.head).rows(range(checkpoint.matrix(layout.head).shape[0]))
    np.testing.assert_array_equal(rows, weight(head))
    if layout.tied:
        assert layout.head == layout.embedding
    own = getattr(head, "bias", None)
    if own is not None and not isinstance(own, bool):
        assert layout.bias is not None
        np.testing.assert_array_equal(checkpoint.vector(layout.bias), own.detach().numpy())
    if passed is None:
        return
    if passed.norm is None:
        assert layout.norm is None
    elif weight(passed.norm) is not None:
        assert layout.norm is not None
        np.testing.assert_array_equal(checkpoint.vector(layout.norm), weight(passed.norm))


@pytest.mark.slow
@pytest.mark.parametrize("kind", sorted({*RECIPES, *WRAPPERS, *CLOSED}))
def test_the_tensors_found_are_the_models_own(kind: str, tmp_path: Path) -> None:
    names = classes(kind)
    if not names:
        pytest.skip("no class of its own in transformers")
    for name in names:
        check(tiny_model(kind, name), tmp_path / name)
