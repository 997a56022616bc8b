"""The layout of every type that can be built, against the model's own modules: told by what the tensors hold."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from running import run
from tiny_models import EXTRA, built, classes, parts, tiny_config, tiny_model

from geometry.checkpoint import find_layout, open_checkpoint
from geometry.checkpoint.config import headless_class, says_tied, text_config
from geometry.recipes import CLOSED, RECIPES, TIED, WRAPPERS


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


def ties(kind: str, name: str, folder: Path, outer: bool | None, inner: bool | None) -> tuple[bool, dict[str, Any]]:
    """Return whether a class takes the embedding for its head by these flags, and the config that says so."""
    import torch
    from transformers import AutoConfig

    config = json.loads(tiny_config(kind, **EXTRA.get(name, {})).to_json_string(use_diff=False))
    for part, flag in ((config, outer), (text_config(config), inner)):
        part.pop("tie_word_embeddings", None)
        part.update({} if flag is None else {"tie_word_embeddings": flag})
    (folder / "config.json").write_text(json.dumps(config))
    with torch.device("meta"):
        model = built(name, AutoConfig.from_pretrained(folder))
    head = weight_of(_output_embeddings(model))
    return sum(held is head for _, held in model.named_parameters(remove_duplicate=False)) > 1, config


def weight_of(head: Any) -> Any:
    return (head[0] if hasattr(head, "__getitem__") else head).weight


# for these the class ties nothing, whatever is said; checkpoints of older classes do
NEVER = {
    "audioflamingo3", "cosmos3_edge", "mllama", "molmo2", "muse_spark", "musicflamingo", "nemo_speechlm",
    "pp_formulanet", "qwen2_audio", "vibevoice_asr", "voxtral", "inkling2", "inkling2_loop", "inkling_mm_model",
}  # fmt: skip
FAST = ("encoder-decoder", "gemma3", "llava", "paligemma", "qwen2_vl")


@pytest.mark.parametrize(
    "kind", [pytest.param(kind, marks=() if kind in FAST else pytest.mark.slow) for kind in sorted(WRAPPERS)]
)
def test_the_flag_that_counts_is_the_classes(kind: str, tmp_path: Path) -> None:
    """Of a type around a language model there are two flags, and its class goes by the one, the other or either."""
    # a class that takes a part of the config belongs to the part's type
    names = [name for name in classes(kind) if not _of_a_part(name, kind)]
    if not names or kind in NEVER:
        pytest.skip("no class of its own in transformers, or none that ties")
    assert ties(kind, names[0], tmp_path, None, None)[0] == (kind in TIED)
    for outer in (True, False):
        for inner in (True, False):
            tied, config = ties(kind, names[0], tmp_path, outer, inner)
            assert says_tied(config) == tied, (outer, inner)


def _of_a_part(name: str, kind: str) -> bool:
    import transformers
    from transformers import AutoConfig

    made = getattr(transformers, name).config_class
    config = AutoConfig.for_model(kind)
    return not isinstance(config, made) and any(isinstance(part, made) for _, part in parts(config))


@pytest.mark.parametrize(
    "kind",
    [pytest.param(k, marks=() if k in ("llama", "t5", "gemma") else pytest.mark.slow) for k in sorted(RECIPES)],
)
def test_what_ties_where_nothing_is_said_and_where_it_is_denied(kind: str, tmp_path: Path) -> None:
    names = classes(kind)
    if not names:
        pytest.skip("no class of its own in transformers")
    if kind != "bigbird_pegasus":  # one of its classes ties and the other does not
        assert ties(kind, names[0], tmp_path, None, None)[0] == (kind in TIED)
    tied, config = ties(kind, names[0], tmp_path, False, False)
    assert says_tied(config) == tied


def test_classes_without_a_head_are_told_by_their_names() -> None:
    from transformers.models.auto import modeling_auto as auto

    with_head = {name for kind in {*RECIPES, *WRAPPERS, *CLOSED} for name in classes(kind)}
    assert not {name for name in with_head if headless_class({"architectures": [name]})}
    tasks = ("SEQUENCE_CLASSIFICATION", "TOKEN_CLASSIFICATION", "QUESTION_ANSWERING", "MULTIPLE_CHOICE")
    mappings = ["MODEL_MAPPING_NAMES", *(f"MODEL_FOR_{task}_MAPPING_NAMES" for task in tasks)]
    without = {name for mapping in mappings for kind, name in getattr(auto, mapping).items() if kind in RECIPES}
    missed = {name for name in without if isinstance(name, str) and not headless_class({"architectures": [name]})}
    assert missed <= with_head
