"""The readout from config and tensors: what is known, what is refused, and the arithmetic around the head."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors.numpy import save_file

from geometry.checkpoint import find_layout, open_checkpoint
from geometry.errors import CheckpointError, ReadoutError
from geometry.readout import Readout, make_readout

VOCAB, DIM = 20, 6
RNG = np.random.default_rng(5)
EMBEDDING = {"model.embed_tokens.weight": (VOCAB, DIM)}
NORM = {"model.norm.weight": (DIM,)}
SHIFT = {"model.norm.bias": (DIM,)}


def readout_of(folder: Path, config: dict[str, Any], shapes: dict[str, tuple[int, ...]]) -> Readout:
    tensors = {name: RNG.normal(size=shape).astype(np.float32) for name, shape in shapes.items()}
    save_file(tensors, folder / "model.safetensors")
    (folder / "config.json").write_text(json.dumps(config))
    checkpoint = open_checkpoint(folder)
    return make_readout(checkpoint.config, find_layout(checkpoint.tensors, checkpoint.config), checkpoint)


@pytest.mark.parametrize(
    ("config", "shapes", "reason"),
    [
        ({}, EMBEDDING | NORM, "no config.json with a model_type"),
        ({"model_type": 7}, EMBEDDING | NORM, "no config.json with a model_type"),
        ({"model_type": "brand_new"}, EMBEDDING | NORM, 'model_type "brand_new" is not in the readout table'),
        ({"model_type": "bert"}, EMBEDDING, "a transform (dense, activation, norm) stands before its head"),
        ({"model_type": "llama"}, EMBEDDING, "its final norm is missing"),
        ({"model_type": "llama"}, EMBEDDING | NORM | SHIFT, "its final norm has a bias"),
        ({"model_type": "gpt_neox"}, EMBEDDING | NORM, "its final norm lacks its bias"),
        ({"model_type": "phi"}, EMBEDDING | NORM | SHIFT, "its head lacks its bias"),
        ({"model_type": "llama"}, EMBEDDING | NORM | {"lm_head.bias": (VOCAB,)}, "its head has a bias"),
        ({"model_type": "olmo"}, EMBEDDING | NORM, "it has a final norm"),
        (
            {"model_type": "llava", "text_config": {"model_type": "brand_new"}},
            EMBEDDING | NORM,
            'around "brand_new" is not',
        ),
        (
            {"model_type": "llava", "text_config": {"model_type": "gemma2"}},
            EMBEDDING | NORM,
            "may or may not",
        ),
    ],
)
def test_what_is_not_known_is_refused_with_its_reason(
    config: dict[str, Any], shapes: dict[str, tuple[int, ...]], reason: str, tmp_path: Path
) -> None:
    readout = readout_of(tmp_path, config, shapes)
    assert not readout.known
    assert reason in readout.reason
    assert (readout.gain, readout.beta, readout.bias, readout.formula) == (None, None, None, "unknown")
    with pytest.raises(ReadoutError, match="is not known: "):
        readout.normed(np.ones((1, DIM), dtype=np.float32))


def test_real_bert_rows_have_no_readout(minilm: Path) -> None:
    checkpoint = open_checkpoint(minilm)
    layout = find_layout(checkpoint.tensors, checkpoint.config)
    assert "transform" in make_readout(checkpoint.config, layout, checkpoint).reason


def test_the_gain_is_the_effective_one(tmp_path: Path) -> None:
    readout = readout_of(tmp_path, {"model_type": "gemma"}, EMBEDDING | NORM)
    stored = open_checkpoint(tmp_path).vector("model.norm.weight")
    assert readout.gain is not None
    np.testing.assert_array_equal(readout.gain, 1 + stored)
    assert (readout.formula, readout.centers, readout.eps) == ("rms·(1+w)", False, 1e-6)


def test_a_norm_without_weights_has_a_gain_of_ones(tmp_path: Path) -> None:
    readout = readout_of(tmp_path, {"model_type": "olmo"}, EMBEDDING)
    assert readout.known
    assert readout.centers
    np.testing.assert_array_equal(readout.gain, np.ones(DIM, dtype=np.float32))


def test_layer_norm_centres_and_folds(tmp_path: Path) -> None:
    """The norm's direction comes back from γ and the projection, as folding uses them."""
    shapes = EMBEDDING | NORM | SHIFT
    readout = readout_of(tmp_path, {"model_type": "stablelm", "layer_norm_eps": 0.5}, shapes)
    x = RNG.normal(size=(3, DIM)).astype(np.float32)
    centred = x @ (np.eye(DIM) - 1 / DIM)
    expected = centred / np.sqrt(x.var(axis=1, keepdims=True) + 0.5) * readout.gain + readout.beta
    np.testing.assert_allclose(readout.normed(x), expected, rtol=1e-5, atol=1e-6)


def test_rms_norm_by_hand(tmp_path: Path) -> None:
    readout = readout_of(tmp_path, {"model_type": "llama", "rms_norm_eps": 2.0}, EMBEDDING | NORM)
    x = np.array([[3, 1, 1, 1, 0, 0]], dtype=np.float32)
    np.testing.assert_allclose(readout.normed(x), x / 2 * readout.gain, rtol=1e-6)


def test_scale_comes_before_the_cap() -> None:
    readout = Readout(known=True, reason="", formula="rms·w", scale=0.5, cap=2.0)
    z = np.array([[0.0, 4.0, -4.0, 4000.0]], dtype=np.float32)
    np.testing.assert_allclose(readout.finish(z), 2 * np.tanh(z * 0.5 / 2), rtol=1e-6)


@pytest.mark.parametrize(
    ("config", "cap"),
    [({}, 30.0), ({"final_logit_softcapping": None}, None), ({"final_logit_softcapping": 12}, 12.0)],
)
def test_an_absent_cap_is_the_classes_and_a_null_one_is_none(
    config: dict[str, Any], cap: float | None, tmp_path: Path
) -> None:
    assert readout_of(tmp_path, {"model_type": "gemma2"} | config, EMBEDDING | NORM).cap == cap


@pytest.mark.parametrize("cap", [0, -3.0])
def test_a_cap_that_makes_no_sense(cap: float, tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match=r"final_logit_softcapping is .*; expected a number above 0"):
        readout_of(tmp_path, {"model_type": "gemma2", "final_logit_softcapping": cap}, EMBEDDING | NORM)


def test_a_multimodal_config_is_read_at_its_text_model(tmp_path: Path) -> None:
    config = {"model_type": "gemma3", "text_config": {"model_type": "gemma3_text", "rms_norm_eps": 0.25}}
    shapes = {
        "language_model.model.embed_tokens.weight": (VOCAB, DIM),
        "language_model.model.norm.weight": (DIM,),
    }
    readout = readout_of(tmp_path, config, shapes)
    assert (readout.known, readout.eps, readout.formula) == (True, 0.25, "rms·(1+w)")


def test_granite_divides_and_cohere_multiplies(tmp_path: Path) -> None:
    granite = {"model_type": "granite", "logits_scaling": 8.0}
    assert readout_of(tmp_path, granite, EMBEDDING | NORM).scale == 0.125
    cohere = {"model_type": "cohere", "logit_scale": 8.0}
    assert readout_of(tmp_path, cohere, EMBEDDING | NORM).scale == 8.0


def test_residuals_of_another_width(tmp_path: Path) -> None:
    readout = readout_of(tmp_path, {"model_type": "llama"}, EMBEDDING | NORM)
    with pytest.raises(ReadoutError, match="residuals have 5 dimensions and the head has 6"):
        readout.normed(np.ones((2, 5), dtype=np.float32))


def test_the_record_tells_no_vectors(tmp_path: Path) -> None:
    record = readout_of(tmp_path, {"model_type": "llama"}, EMBEDDING | NORM).to_dict()
    assert json.loads(json.dumps(record)) == record
    assert record["gain"] is True
    assert record["bias"] is False
