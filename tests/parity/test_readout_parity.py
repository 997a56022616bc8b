"""Every row of the readout table against the running model: its residual in, its logits out."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from running import run
from tiny_models import classes, tiny_model

import geometry as geo
from geometry.recipes import CLOSED, RECIPES, WRAPPERS, Formula, Key, Prescale

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


def config_of(kind: str) -> Any:
    """The class's own config, every number its default; skips what transformers does not have."""
    from transformers import AutoConfig

    try:
        return AutoConfig.for_model(kind)
    except ValueError:
        pytest.skip("outside transformers")


@pytest.mark.parametrize("kind", sorted(RECIPES))
def test_defaults_are_those_of_the_config_class(kind: str) -> None:
    config = config_of(kind)
    for key in RECIPES[kind].keys:
        value = getattr(config, key.name)
        # no scale is a scale of 1
        assert (1.0 if value is None and key is RECIPES[kind].scale else value) == key.default, key.name
        renamed = type(config).attribute_map or {}
        assert not key.also or key.name == renamed.get(key.also)


@pytest.mark.parametrize("kind", sorted(RECIPES))
def test_keys_that_the_class_takes_for_another_are_taken_here_too(kind: str) -> None:
    """A config may hold either, as a class renames what it reads."""
    renamed = type(config_of(kind)).attribute_map or {}
    for key in RECIPES[kind].keys:
        assert {other for other, name in renamed.items() if name == key.name} == ({key.also} if key.also else set())


@pytest.mark.parametrize("kind", sorted(WRAPPERS))
def test_the_text_model_by_default_is_the_classes(kind: str) -> None:
    from geometry.checkpoint.config import text_config

    config = config_of(kind)
    inner = text_config(config.to_dict())
    assert inner["model_type"] == WRAPPERS[kind].text


def test_every_type_stands_in_one_table_only() -> None:
    assert not set(RECIPES) & set(WRAPPERS)
    assert not set(CLOSED) & (set(RECIPES) | set(WRAPPERS))
    assert all(wrapper.text in RECIPES or wrapper.text in CLOSED for wrapper in WRAPPERS.values())


WRONG: dict[str, dict[str, Any]] = {
    "gemma2, the 1 left out": {"norm": Formula.RMS},
    "gemma2, eps": {"eps": 1e-5},
    "gemma2, no cap": {"cap": None},
    "gemma2, a scale": {"scale": Key("final_logit_softcapping", 1.0)},
    "gpt2, eps": {"eps": 1e-6},
    "gpt2, no norm": {"norm": Formula.RMS},
    "granite, the other way": {"divides": False},
    "cohere, no scale": {"scale": None},
    "minicpm3, no prescale": {"prescale": None},
    "t5, the other way": {"prescale": Prescale(Key("d_model", 512.0), 0.5)},
    "whisper, eps": {"eps": 1e-6},
}


@pytest.mark.parametrize("case", WRONG)
def test_a_wrong_row_does_not_pass(case: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    kind = case.split(",")[0]
    model = tiny_model(kind, classes(kind)[0])
    monkeypatch.setitem(RECIPES, kind, replace(RECIPES[kind], **WRONG[case]))
    with pytest.raises(AssertionError):
        check(model, tmp_path)


@pytest.mark.parametrize(
    ("kind", "flags", "scales"),
    [
        ("t5", {}, True),
        ("t5", {"tie_word_embeddings": False}, False),
        ("t5", {"scale_decoder_outputs": False}, False),
        ("umt5", {"tie_word_embeddings": False}, False),
        ("longt5", {"tie_word_embeddings": False}, False),
        ("switch_transformers", {"tie_word_embeddings": False}, False),
        ("mt5", {"tie_word_embeddings": False}, False),
    ],
)
def test_t5s_that_do_not_scale(kind: str, flags: dict[str, bool], scales: bool, tmp_path: Path) -> None:
    """The class decides by a flag; saved again, the config says it in another way."""
    check(tiny_model(kind, classes(kind)[0], **flags), tmp_path)
    assert (geo.open_head(tmp_path).readout.prescale != 1.0) == scales


@pytest.mark.parametrize("kind", ["t5", "mt5", "umt5", "longt5"])
def test_a_t5_of_old_whose_flag_is_about_its_scale(kind: str, tmp_path: Path) -> None:
    """Configs of old say untied of a checkpoint that holds one matrix, and the class ties all the same."""
    import transformers

    name = classes(kind)[0]
    tiny_model(kind, name).save_pretrained(tmp_path)
    config = json.loads((tmp_path / "config.json").read_text())
    config.pop("scale_decoder_outputs", None)
    (tmp_path / "config.json").write_text(json.dumps(config | {"tie_word_embeddings": False}))
    assert geo.open_head(tmp_path).opened.layout.head == "shared.weight"
    passed = run(getattr(transformers, name).from_pretrained(tmp_path).eval())
    logits = geo.open_head(tmp_path).logits(passed.residuals)
    np.testing.assert_allclose(logits, passed.logits, atol=1e-4, rtol=1e-4)


def test_the_image_tokens_that_chameleon_masks_are_seen(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With a row like any other it would not pass, by the masked tokens alone."""
    model = tiny_model("chameleon", "ChameleonForConditionalGeneration")
    monkeypatch.setitem(RECIPES, "chameleon", RECIPES["apertus"])
    with pytest.raises(AssertionError):
        check(model, tmp_path)
    passed = run(model)
    logits = geo.open_head(tmp_path).logits(passed.residuals)
    wrong = ~np.isclose(logits, passed.logits, atol=1e-4, rtol=1e-4)
    assert sorted(set(np.nonzero(wrong)[1])) == [5, 6]


def test_an_inkling_whose_logits_end_before_its_rows_is_closed(tmp_path: Path) -> None:
    import torch

    model = tiny_model("inkling_text", classes("inkling_text")[0], unpadded_vocab_size=60)
    model.save_pretrained(tmp_path)
    assert model(input_ids=torch.arange(3, 9)[None]).logits.shape[-1] == 60
    assert "unpadded_vocab_size" in geo.open_head(tmp_path).readout.reason


@pytest.mark.parametrize("flag", [{"do_layer_norm_before": False}, {"_remove_final_layer_norm": True}])
def test_an_opt_whose_blocks_end_in_a_norm(flag: dict[str, bool], tmp_path: Path) -> None:
    check(tiny_model("opt", "OPTForCausalLM", **flag), tmp_path)
    assert geo.open_head(tmp_path).readout.formula == "none"


def test_an_opt_with_a_projection_is_closed(tmp_path: Path) -> None:
    tiny_model("opt", "OPTForCausalLM", word_embed_proj_dim=16).save_pretrained(tmp_path)
    head = geo.open_head(tmp_path)
    assert head.dim == 16
    assert "project_out" in head.readout.reason
