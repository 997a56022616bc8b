"""The readout from config and tensors: what is known, what is refused, and the arithmetic around the head."""

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors.numpy import save_file

import geometry as geo
from geometry.checkpoint import find_layout, open_checkpoint
from geometry.errors import ReadoutError
from geometry.info import describe
from geometry.readout import Readout, make_readout
from geometry.recipes import CLOSED, RECIPES, WRAPPERS

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
        ({"model_type": None}, EMBEDDING | NORM, "no config.json with a model_type"),
        ({"model_type": 7}, EMBEDDING | NORM, "config.json gives 7 as its model_type; expected a name"),
        ({"model_type": ["llama"]}, EMBEDDING | NORM, 'config.json gives ["llama"] as its model_type; expected a name'),
        ({"model_type": "gguf/llama"}, EMBEDDING | NORM, 'model_type "gguf/llama" is not in the readout table'),
        ({"model_type": "chameleon"}, EMBEDDING | NORM, "image tokens to the lowest number"),
        (
            {"model_type": "inkling_text", "vocab_size": 20, "unpadded_vocab_size": 18},
            EMBEDDING | NORM,
            "its logits end at unpadded_vocab_size",
        ),
        ({"model_type": "brand_new"}, EMBEDDING | NORM, 'model_type "brand_new" is not in the readout table'),
        ({"model_type": "bert"}, EMBEDDING, "a transform (dense, activation, norm) stands before its head"),
        ({"model_type": "llama"}, EMBEDDING, "its final norm is missing"),
        ({"model_type": "llama"}, EMBEDDING | NORM | SHIFT, "its final norm has a bias"),
        ({"model_type": "gpt_neox"}, EMBEDDING | NORM, "its final norm lacks its bias"),
        ({"model_type": "phi"}, EMBEDDING | NORM | SHIFT, "its head lacks its bias"),
        ({"model_type": "llama"}, EMBEDDING | NORM | {"lm_head.bias": (VOCAB,)}, "its head has a bias"),
        ({"model_type": "olmo"}, EMBEDDING | NORM, "it has a final norm"),
        ({"model_type": "openai-gpt"}, EMBEDDING | NORM, "it has a final norm"),
        ({"model_type": "qwen4_exp"}, EMBEDDING | NORM, "hyper-connections"),
        ({"model_type": "musicgen"}, EMBEDDING | NORM, "several heads"),
        ({"model_type": "neomme"}, EMBEDDING, "a projection stands between its norm and its head"),
        ({"model_type": "baichuan"}, EMBEDDING | NORM, "whether the rows of the head are normalised"),
        ({"model_type": "encoder-decoder"}, EMBEDDING, 'around "bert": a transform'),
        ({"model_type": "llava", "text_config": {"model_type": "bert"}}, EMBEDDING, 'around "bert": a transform'),
        (
            {"model_type": "opt", "word_embed_proj_dim": 3, "hidden_size": 6, "do_layer_norm_before": False},
            EMBEDDING,
            "a projection (project_out)",
        ),
        (
            {"model_type": "opt", "do_layer_norm_before": False},
            EMBEDDING | {"project_out.weight": (3, 6)},
            "project_out",
        ),
        ({"model_type": "idefics", "additional_vocab_size": 2}, EMBEDDING | NORM, "two tensors"),
        ({"model_type": "xlm", "asm": True}, EMBEDDING, "adaptive softmax"),
        ({"model_type": "minicpm", "hidden_size": 6}, EMBEDDING | NORM, "scales by dim_model_base, which its config"),
        ({"model_type": "grok-1"}, EMBEDDING | NORM, "scales by output_multiplier_scale, which its config"),
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


BIAS = {"lm_head.bias": (VOCAB,)}


@pytest.mark.parametrize(
    ("config", "shapes", "told"),
    [
        ({"model_type": "internlm2"}, EMBEDDING | NORM, ("rms·w", 1e-6, 1.0, 1.0)),
        ({"model_type": "qwen"}, EMBEDDING | NORM, ("rms·w", 1e-6, 1.0, 1.0)),
        ({"model_type": "orion"}, EMBEDDING | NORM | SHIFT, ("ln·w+b", 1e-5, 1.0, 1.0)),
        ({"model_type": "RefinedWeb"}, EMBEDDING | NORM | SHIFT, ("ln·w+b", 1e-5, 1.0, 1.0)),
        ({"model_type": "stablelm_epoch"}, EMBEDDING | NORM | SHIFT, ("ln·w+b", 1e-5, 1.0, 1.0)),
        (
            {"model_type": "minicpm", "hidden_size": 6, "dim_model_base": 3, "rms_norm_eps": 0.5},
            EMBEDDING | NORM,
            ("rms·w", 0.5, 0.5, 1.0),
        ),
        ({"model_type": "grok-1", "output_multiplier_scale": 0.5}, EMBEDDING | NORM, ("rms·w", 1e-5, 1.0, 0.5)),
        ({"model_type": "exaone", "layer_norm_epsilon": 0.25}, EMBEDDING | NORM, ("rms·w", 0.25, 1.0, 1.0)),
        ({"model_type": "exaone", "rms_norm_eps": 0.5}, EMBEDDING | NORM, ("rms·w", 0.5, 1.0, 1.0)),
        ({"model_type": "t5", "d_model": 4}, EMBEDDING | NORM, ("rms·w", 1e-6, 0.5, 1.0)),
        ({"model_type": "t5", "hidden_size": 4}, EMBEDDING | NORM, ("rms·w", 1e-6, 0.5, 1.0)),
        ({"model_type": "t5", "tie_word_embeddings": False}, EMBEDDING | NORM | {"lm_head.weight": (VOCAB, DIM)},
         ("rms·w", 1e-6, 1.0, 1.0)),
        ({"model_type": "minicpm3", "dim_model_base": None}, EMBEDDING | NORM, ("rms·w", 1e-5, 1.0, 1.0)),
        ({"model_type": "bart"}, EMBEDDING, ("none", 0.0, 1.0, 1.0)),
        ({"model_type": "bart"}, EMBEDDING | {"final_logits_bias": (1, VOCAB)}, ("none", 0.0, 1.0, 1.0)),
        ({"model_type": "opt", "do_layer_norm_before": False}, EMBEDDING, ("none", 0.0, 1.0, 1.0)),
        ({"model_type": "bert-generation"}, EMBEDDING | BIAS, ("none", 0.0, 1.0, 1.0)),
        # their text model's own numbers, and what they do with its scale
        ({"model_type": "paligemma", "text_config": {"model_type": "gemma2", "final_logit_softcapping": 2.0}},
         EMBEDDING | NORM, ("rms·(1+w)", 1e-6, 1.0, 1.0)),
        ({"model_type": "cohere2_vision", "text_config": {"model_type": "cohere2", "logit_scale": 2.0}},
         EMBEDDING | NORM, ("ln·w", 1e-5, 1.0, 1.0)),
        ({"model_type": "granite_docling", "text_config": {"logits_scaling": 2.0, "rms_norm_eps": 0.5}},
         EMBEDDING | NORM, ("rms·w", 0.5, 1.0, 0.5)),
        ({"model_type": "internvl_chat", "llm_config": {"model_type": "qwen2", "rms_norm_eps": 0.5}},
         EMBEDDING | NORM, ("rms·w", 0.5, 1.0, 1.0)),
        ({"model_type": "qwen2_vl", "rms_norm_eps": 0.5}, EMBEDDING | NORM, ("rms·w", 0.5, 1.0, 1.0)),
        ({"model_type": "qwen2_5_omni", "thinker_config": {"text_config": {"rms_norm_eps": 0.5}}},
         EMBEDDING | NORM, ("rms·w", 0.5, 1.0, 1.0)),
        ({"model_type": "qwen3_vl", "text_config": {"model_type": "qwen3", "rms_norm_eps": 0.5}},
         EMBEDDING | NORM, ("rms·w", 0.5, 1.0, 1.0)),
    ],
    ids=lambda value: value["model_type"] if isinstance(value, dict) and "model_type" in value else "",
)  # fmt: skip
def test_rows_by_hand(
    config: dict[str, Any], shapes: dict[str, tuple[int, ...]], told: tuple[str, float, float, float], tmp_path: Path
) -> None:
    readout = readout_of(tmp_path, config, shapes)
    assert readout.known, readout.reason
    assert (readout.formula, readout.eps, readout.prescale, readout.scale) == told


def test_a_prescaled_head_by_hand(tmp_path: Path) -> None:
    config = {"model_type": "minicpm", "hidden_size": DIM, "dim_model_base": 2, "rms_norm_eps": 0.5}
    readout_of(tmp_path, config, EMBEDDING | NORM | {"lm_head.weight": (VOCAB, DIM)})
    checkpoint, x = open_checkpoint(tmp_path), RNG.normal(size=(4, DIM)).astype(np.float32)
    w, gain = checkpoint.matrix("lm_head.weight").rows(range(VOCAB)), checkpoint.vector("model.norm.weight")
    expected = (x / np.sqrt((x**2).mean(axis=1, keepdims=True) + 0.5) * gain / 3) @ w.T
    np.testing.assert_allclose(geo.open_head(tmp_path).logits(x), expected, rtol=1e-5, atol=1e-6)


def test_without_a_norm_the_residual_goes_to_the_head_as_it_is(tmp_path: Path) -> None:
    readout = readout_of(tmp_path, {"model_type": "bert-generation"}, EMBEDDING | BIAS)
    x = RNG.normal(size=(4, DIM)).astype(np.float32)
    np.testing.assert_array_equal(readout.normed(x), x)
    checkpoint = open_checkpoint(tmp_path)
    w, bias = checkpoint.matrix("model.embed_tokens.weight").rows(range(VOCAB)), checkpoint.vector("lm_head.bias")
    np.testing.assert_allclose(geo.open_head(tmp_path).logits(x), x @ w.T + bias, rtol=1e-5, atol=1e-6)


def test_without_a_norm_nothing_is_folded_and_no_probability_is_told(tmp_path: Path) -> None:
    readout = readout_of(tmp_path, {"model_type": "openai-gpt"}, EMBEDDING)
    assert readout.known
    assert not readout.normalizes
    head = geo.open_head(tmp_path)
    np.testing.assert_array_equal(head.folded().rows([3]), head.rows([3]))
    assert head.folded().space.steps == ("folded: identity (the model has no norm of its own before its head)",)
    landing = head.land("#5 + #7", space="folded")
    assert [line.probability for line in landing.landings] == [None] * len(landing.landings)
    assert any("no norm of its own" in note for note in landing.notes)
    assert "no norm of its own" in str(describe(head))


@pytest.mark.parametrize(
    ("kind", "key", "value", "expected"),
    [
        *(("llama", "rms_norm_eps", value, "a finite number of at most 1,000,000")
          for value in (10**400, float("1e300"), float("nan"), "1e-5", True, [1], -1e40)),
        *(("llama", "rms_norm_eps", value, "a norm's eps from 0 to 10") for value in (None, 1e5, -1e-6)),
        ("gpt2", "layer_norm_epsilon", None, "a norm's eps from 0 to 10"),
        *(("granite", "logits_scaling", value, "a number above 0") for value in (0, -2, 5e-324)),
        ("cohere", "logit_scale", -1.0, "a number above 0"),
        ("cohere", "logit_scale", "1", "a finite number"),
        *(("gemma2", "final_logit_softcapping", value, "a number above 0") for value in (0, -3.0)),
        ("minicpm3", "dim_model_base", 0, "a number above 0"),
        ("t5", "hidden_size", -4, "a number above 0"),
    ],
)  # fmt: skip
def test_numbers_that_make_no_sense_close_the_logits(
    kind: str, key: str, value: object, expected: str, tmp_path: Path
) -> None:
    """Rows stay open, whatever the numbers around them."""
    shift = SHIFT if kind == "gpt2" else {}
    readout = readout_of(tmp_path, {"model_type": kind, key: value}, EMBEDDING | NORM | shift)
    assert not readout.known
    assert readout.reason.startswith("config.json gives ")
    assert f" for {key}; expected {expected}" in readout.reason
    assert geo.open_head(tmp_path).rows([2]).shape == (1, DIM)


@pytest.mark.parametrize("key", ["logits_scaling", "final_logit_softcapping"])
def test_a_scale_or_cap_of_null_is_none(key: str, tmp_path: Path) -> None:
    kind = "granite" if key == "logits_scaling" else "gemma2"
    readout = readout_of(tmp_path, {"model_type": kind, key: None}, EMBEDDING | NORM)
    assert (readout.known, readout.scale, readout.cap) == (True, 1.0, None)


T5 = {"model_type": "t5", "d_model": DIM, "tie_word_embeddings": False}


@pytest.mark.parametrize(
    ("flags", "prescale"), [({}, 1.0), ({"scale_decoder_outputs": True}, DIM**-0.5), ({"model_type": "mt5"}, 1.0)]
)
def test_a_t5_whose_flag_is_about_its_scale_is_tied(flags: dict[str, Any], prescale: float, tmp_path: Path) -> None:
    shapes = {"shared.weight": (VOCAB, DIM), "decoder.final_layer_norm.weight": (DIM,)}
    readout = readout_of(tmp_path, T5 | flags, shapes)
    assert readout.known
    assert readout.prescale == pytest.approx(prescale)


CONFIGS = {
    "says so": {"model_type": "llama", "tie_word_embeddings": True, "architectures": ["LlamaModel"]},
    "ties by default": {"model_type": "gemma", "architectures": ["GemmaForSequenceClassification"]},
}


@pytest.mark.parametrize("config", CONFIGS.values(), ids=CONFIGS)
def test_a_model_saved_without_a_head_says_that_the_embedding_stands_in(config: dict[str, Any], tmp_path: Path) -> None:
    readout = readout_of(tmp_path, config, EMBEDDING | NORM)
    told = f'the checkpoint is saved as "{config["architectures"][0]}", without a head; the embedding stands in for it'
    assert (readout.known, readout.note, readout.to_dict()["note"]) == (True, told, told)
    head = geo.open_head(tmp_path)
    assert told in " ".join(str(describe(head)).split())
    assert told in head.land("#5 + #7", space="raw").notes


@pytest.mark.parametrize(
    ("config", "shapes", "reason"),
    [
        (
            {"model_type": "llama", "architectures": ["LlamaModel"]},
            EMBEDDING | NORM,
            'it is saved as "LlamaModel", without a head; its config does not say that the embedding serves as one',
        ),
        (
            {"model_type": "bert", "architectures": ["BertModel"]},
            EMBEDDING,
            'it is saved as "BertModel", without a head; model_type "bert": a transform',
        ),
        (
            {"model_type": "t5", "architectures": ["T5EncoderModel"]},
            {"shared.weight": (VOCAB, DIM), "encoder.final_layer_norm.weight": (DIM,)},
            'it is saved as "T5EncoderModel", without a head; what there is of the model is an encoder',
        ),
        (
            {"model_type": "t5", "is_encoder_decoder": False, "architectures": ["T5ForTokenClassification"]},
            {"shared.weight": (VOCAB, DIM), "encoder.final_layer_norm.weight": (DIM,)},
            "what there is of the model is an encoder",
        ),
        (
            {"model_type": "cpmant", "architectures": ["CpmAntModel"]},
            {"input_embedding.weight": (VOCAB, DIM), "encoder.output_layernorm.weight": (DIM,)},
            "its config does not say that the embedding serves as one",
        ),
        (
            {"model_type": "brand_new", "architectures": ["BrandNewModel"]},
            EMBEDDING,
            'without a head; model_type "brand_new" is not in the readout table',
        ),
    ],
)
def test_a_model_saved_without_a_head_and_no_word_of_the_embedding(
    config: dict[str, Any], shapes: dict[str, tuple[int, ...]], reason: str, tmp_path: Path
) -> None:
    readout = readout_of(tmp_path, config, shapes)
    assert (readout.known, readout.note) == (False, "")
    assert reason in readout.reason


@pytest.mark.parametrize(
    ("config", "shapes"),
    [
        ({"architectures": ["LlamaModel"]}, EMBEDDING | NORM | {"lm_head.weight": (VOCAB, DIM)}),
        ({"architectures": ["LlamaForCausalLM"]}, EMBEDDING | NORM),
        ({"architectures": "LlamaModel"}, EMBEDDING | NORM),
        ({}, EMBEDDING | NORM),
    ],
)
def test_a_head_that_is_there_or_a_class_with_one_needs_no_note(
    config: dict[str, Any], shapes: dict[str, tuple[int, ...]], tmp_path: Path
) -> None:
    readout = readout_of(tmp_path, {"model_type": "llama"} | config, shapes)
    assert (readout.known, readout.note) == (True, "")


# one type of each row
ROWS = {recipe: kind for kind, recipe in RECIPES.items()}.values()


@pytest.mark.parametrize("kinds", [CLOSED, WRAPPERS, ROWS], ids=["closed", "wrappers", "recipes"])
def test_any_type_opens_for_rows(kinds: Iterable[str], tmp_path: Path) -> None:
    """Whatever the readout says of a checkpoint that calls itself so, its rows are there."""
    for kind in kinds:
        readout = readout_of(tmp_path, {"model_type": kind}, EMBEDDING | NORM)
        assert readout.known != bool(readout.reason), kind
        assert geo.open_head(tmp_path).rows([2]).shape == (1, DIM)


@pytest.mark.parametrize("name", ["consolidated.safetensors", "model.safetensors"])
def test_a_checkpoint_as_meta_and_mistral_write_it(name: str, tmp_path: Path) -> None:
    """With params.json and no config.json there are rows and search; what stands around them is not guessed at."""
    shapes = {"tok_embeddings.weight": (VOCAB, DIM), "output.weight": (VOCAB, DIM), "norm.weight": (DIM,)}
    tensors = {key: RNG.normal(size=shape).astype(np.float32) for key, shape in shapes.items()}
    save_file(tensors, tmp_path / name)
    (tmp_path / "params.json").write_text(json.dumps({"dim": DIM, "norm_eps": 1e-5, "vocab_size": VOCAB}))
    head = geo.open_head(tmp_path)
    assert (head.opened.layout.head, head.opened.layout.norm) == ("output.weight", "norm.weight")
    np.testing.assert_array_equal(head.rows([3]), tensors["output.weight"][[3]])
    assert head.land("#5 + #7", space="raw", k=3).landings
    with pytest.raises(ReadoutError, match=r"there is no config\.json with a model_type"):
        head.logits(np.ones((1, DIM), dtype=np.float32))
