"""The ordered rules, on the layouts that are met: names as they lie on disk, among the usual distractions."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from geometry.checkpoint import TensorInfo, find_layout
from geometry.checkpoint.config import headless_class, text_config
from geometry.errors import CheckpointError

VOCAB, DIM = 1000, 16

# every checkpoint below also holds these, none of which is the head, the embedding or the final norm
NOISE = {
    "model.layers.0.input_layernorm.weight": (DIM,),
    "model.layers.0.norm.weight": (DIM,),
    "model.layers.61.shared_head.head.weight": (VOCAB, DIM),
    "model.layers.61.embed_tokens.weight": (VOCAB, DIM),
    "transformer.h.0.ln_f.weight": (DIM,),
    "blocks.3.head.weight": (VOCAB, DIM),
    "mtp.embed_tokens.weight": (VOCAB, DIM),
    "mtp.norm.weight": (DIM,),
    "medusa_head.lm_head.weight": (VOCAB, DIM),
    "talker.model.embed_tokens.weight": (VOCAB, DIM),
    "talker.lm_head.weight": (VOCAB, DIM),
    "vision_tower.vision_model.embeddings.weight": (VOCAB, DIM),
    "model.visual.norm.weight": (DIM,),
    "audio_tower.embed_tokens.weight": (VOCAB, DIM),
    "score.weight": (2, DIM),
    "v_head.summary.weight": (1, DIM),
    "model.embed_tokens_per_layer.weight": (VOCAB, DIM),
    "lm_head_unrelated.weight": (VOCAB, DIM),
}

# head, embedding, final norm; a missing head is tied
ON_DISK: dict[str, tuple[str | None, str | None, str | None]] = {
    "llama": ("lm_head.weight", "model.embed_tokens.weight", "model.norm.weight"),
    "gemma": (None, "model.embed_tokens.weight", "model.norm.weight"),
    "gpt2": (None, "wte.weight", "ln_f.weight"),
    "gpt2 with a prefix": (None, "transformer.wte.weight", "transformer.ln_f.weight"),
    "gptj": ("lm_head.weight", "transformer.wte.weight", "transformer.ln_f.weight"),
    "neox": ("embed_out.weight", "gpt_neox.embed_in.weight", "gpt_neox.final_layer_norm.weight"),
    "phi": ("lm_head.weight", "model.embed_tokens.weight", "model.final_layernorm.weight"),
    "bloom": (None, "word_embeddings.weight", "ln_f.weight"),
    "falcon": ("lm_head.weight", "transformer.word_embeddings.weight", "transformer.ln_f.weight"),
    "mpt": (None, "transformer.wte.weight", "transformer.norm_f.weight"),
    "opt": (None, "model.decoder.embed_tokens.weight", "model.decoder.final_layer_norm.weight"),
    "t5": (None, "shared.weight", "decoder.final_layer_norm.weight"),
    "t5 untied": ("lm_head.weight", "shared.weight", "decoder.final_layer_norm.weight"),
    "bart": (None, "model.shared.weight", None),
    "bert": ("cls.predictions.decoder.weight", "bert.embeddings.word_embeddings.weight", None),
    "sentence-transformers": (None, "embeddings.word_embeddings.weight", None),
    "roberta": ("lm_head.decoder.weight", "roberta.embeddings.word_embeddings.weight", None),
    "distilbert": ("vocab_projector.weight", "distilbert.embeddings.word_embeddings.weight", None),
    "albert": ("predictions.decoder.weight", "albert.embeddings.word_embeddings.weight", None),
    "electra": ("generator_lm_head.weight", "electra.embeddings.word_embeddings.weight", None),
    "xlnet": ("lm_loss.weight", "transformer.word_embedding.weight", None),
    "whisper": (None, "model.decoder.embed_tokens.weight", "model.decoder.layer_norm.weight"),
    "mamba": (None, "backbone.embeddings.weight", "backbone.norm_f.weight"),
    "mamba-ssm": (None, "backbone.embedding.weight", "backbone.norm_f.weight"),
    "rwkv": ("head.weight", "rwkv.embeddings.weight", "rwkv.ln_out.weight"),
    "rwkv original": ("head.weight", "emb.weight", "ln_out.weight"),
    "openelm": (None, "transformer.token_embeddings.weight", "transformer.norm.weight"),
    "striped hyena": ("backbone.unembed.weight", "backbone.embedding_layer.weight", "backbone.norm.scale"),
    "megatron": (
        "model.output_layer.weight",
        "model.embedding.word_embeddings.weight",
        "model.decoder.final_layernorm.weight",
    ),
    "meta": ("output.weight", "tok_embeddings.weight", "norm.weight"),
    "gpt-oss": ("unembedding.weight", "embedding.weight", "norm.scale"),
    "internlm2": ("output.weight", "model.tok_embeddings.weight", "model.norm.weight"),
    "chatglm": ("transformer.output_layer.weight", "transformer.embedding.word_embeddings.weight", None),
    "olmo-1": ("model.transformer.ff_out.weight", "model.transformer.wte.weight", None),
    "lfm2": (None, "model.embed_tokens.weight", "model.embedding_norm.weight"),
    "llava": (
        "language_model.lm_head.weight",
        "language_model.model.embed_tokens.weight",
        "language_model.model.norm.weight",
    ),
    "qwen-vl": (
        "lm_head.weight",
        "model.language_model.embed_tokens.weight",
        "model.language_model.norm.weight",
    ),
    "qwen2-vl": ("lm_head.weight", "model.embed_tokens.weight", "model.norm.weight"),
    "qwen-omni": ("thinker.lm_head.weight", "thinker.model.embed_tokens.weight", "thinker.model.norm.weight"),
    "smolvlm": ("lm_head.weight", "model.text_model.embed_tokens.weight", "model.text_model.norm.weight"),
    "kosmos": (
        "text_model.lm_head.weight",
        "text_model.model.embed_tokens.weight",
        "text_model.model.layer_norm.weight",
    ),
    "seamless": (None, "text_decoder.embed_tokens.weight", "text_decoder.layer_norm.weight"),
    "t5gemma2": (None, "model.encoder.embed_tokens.weight", "model.decoder.norm.weight"),
    "reformer": (
        "lm_head.decoder.weight",
        "reformer.embeddings.word_embeddings.weight",
        "reformer.encoder.layer_norm.weight",
    ),
    "cpmant": (None, "cpmant.input_embedding.weight", "cpmant.encoder.output_layernorm.weight"),
    "chatglm-2": (
        "transformer.output_layer.weight",
        "transformer.embedding.word_embeddings.weight",
        "transformer.encoder.final_layernorm.weight",
    ),
    "canary": (
        "log_softmax.mlp.layer0.weight",
        "model.transf_decoder._embedding.token_embedding.weight",
        "model.transf_decoder._decoder.final_layer_norm.weight",
    ),
    "musicgen": ("lm_heads.0.weight", None, "model.decoder.layer_norm.weight"),
    "ctrl": (None, "transformer.w.weight", "transformer.layernorm.weight"),
    "bare": (None, "embed_tokens.weight", "norm.weight"),
    "a head and its norm": ("lm_head.weight", None, "model.norm.weight"),
    "a head alone": ("lm_head.weight", None, None),
}


def infos(shapes: dict[str, tuple[int, ...]], dtype: str = "F32") -> dict[str, TensorInfo]:
    return {name: TensorInfo(name, dtype, shape, Path("model.safetensors"), 0, 0) for name, shape in shapes.items()}


@pytest.mark.parametrize("flag", ["says nothing", "says what is true", "says tied"])
@pytest.mark.parametrize("model", ON_DISK)
def test_layouts(model: str, flag: str) -> None:
    head, embedding, norm = ON_DISK[model]
    shapes = dict(NOISE)
    shapes.update({name: (VOCAB, DIM) for name in (head, embedding) if name})
    if norm:
        shapes[norm] = (DIM,)
    config = {
        "says nothing": {},
        "says what is true": {"vocab_size": VOCAB, "tie_word_embeddings": head is None},
        "says tied": {"tie_word_embeddings": True},
    }[flag]
    layout = find_layout(infos(shapes), config)
    assert layout.head == (head or embedding)
    assert layout.embedding == embedding
    assert layout.norm == norm
    assert layout.tied == (head is None)


def test_the_order_of_the_tensors_does_not_matter() -> None:
    for model, (head, embedding, norm) in ON_DISK.items():
        shapes = {name: (VOCAB, DIM) for name in (head, embedding) if name} | NOISE | ({norm: (DIM,)} if norm else {})
        forward, backward = infos(shapes), infos(dict(reversed(shapes.items())))
        assert find_layout(forward, {}) == find_layout(backward, {}), model


def test_a_decoders_embedding_comes_before_an_encoders() -> None:
    shapes = {"encoder.embed_tokens.weight": (VOCAB, DIM), "decoder.embed_tokens.weight": (VOCAB, DIM)}
    assert find_layout(infos(shapes), {}).head == "decoder.embed_tokens.weight"


@pytest.mark.parametrize(
    "config",
    [
        {"tie_word_embeddings": False},
        {"text_config": {"tie_word_embeddings": False}},
        {"tie_word_embeddings": False, "text_config": {"tie_word_embeddings": True}},
    ],
)
def test_an_untied_checkpoint_without_its_head(config: dict[str, object]) -> None:
    shapes = {"model.embed_tokens.weight": (VOCAB, DIM), "score.weight": (2, DIM)}
    with pytest.raises(CheckpointError, match=r"tie_word_embeddings = false and no head is stored"):
        find_layout(infos(shapes), config)


def test_nothing_to_open() -> None:
    with pytest.raises(
        CheckpointError, match=r'no head and no embedding, a \(vocab, dim\) matrix, among 1 tensors \("conv.weight"\)'
    ):
        find_layout(infos({"conv.weight": (3, 3)}), {})


@pytest.mark.parametrize(
    ("rows", "config", "tied"),
    [
        (500, {}, False),
        (499, {}, True),
        (499, {"vocab_size": 499}, False),
        (499, {"text_config": {"vocab_size": 499}}, False),
        (2, {}, True),
    ],
)
def test_a_classifiers_head_is_none(rows: int, config: dict[str, object], tied: bool) -> None:
    shapes = {"head.weight": (rows, DIM), "model.embed_tokens.weight": (VOCAB, DIM)}
    assert find_layout(infos(shapes), config).tied == tied


@pytest.mark.parametrize(
    ("extra", "bias"),
    [
        ({"lm_head.weight": (VOCAB, DIM), "lm_head.bias": (VOCAB,)}, "lm_head.bias"),
        ({"lm_head.bias": (VOCAB,)}, "lm_head.bias"),
        ({"cls.predictions.bias": (VOCAB,)}, "cls.predictions.bias"),
        ({"final_logits_bias": (1, VOCAB)}, "final_logits_bias"),
        ({"lm_head.bias": (DIM,)}, None),
        ({"lm_head.dense.bias": (VOCAB,)}, None),
        ({}, None),
    ],
)
def test_biases(extra: dict[str, tuple[int, ...]], bias: str | None) -> None:
    shapes = {"model.embed_tokens.weight": (VOCAB, DIM)} | extra
    assert find_layout(infos(shapes), {}).bias == bias


def test_a_padded_head_alone() -> None:
    shapes = {"lm_head.weight": (VOCAB + 24, DIM)}
    assert find_layout(infos(shapes), {"vocab_size": VOCAB}).head == "lm_head.weight"


def test_shifts_of_the_norm_and_its_width() -> None:
    shapes = {
        "wte.weight": (VOCAB, DIM),
        "ln_f.weight": (DIM,),
        "ln_f.bias": (DIM,),
        "norm.weight": (DIM + 1,),
    }
    layout = find_layout(infos(shapes), {})
    assert (layout.norm, layout.norm_bias) == ("ln_f.weight", "ln_f.bias")


def test_an_encoders_norm_is_not_a_decoders() -> None:
    shapes = {
        "encoder.embed_tokens.weight": (VOCAB, DIM),
        "encoder.norm.weight": (DIM,),
        "decoder.other.weight": (DIM,),
    }
    assert find_layout(infos(shapes), {}).norm is None


def test_an_embeddings_own_norm_is_not_the_final_one() -> None:
    shapes = {"model.embeddings.word_embeddings.weight": (VOCAB, DIM), "model.embeddings.layer_norm.weight": (DIM,)}
    assert find_layout(infos(shapes), {}).norm is None


def test_a_text_encoder_beside_the_language_model() -> None:
    """Its embedding is larger than the head, and is no embedding of the head's tokens."""
    shapes = {"text_encoder.shared.weight": (16 * VOCAB, DIM), "decoder.lm_heads.0.weight": (VOCAB, DIM)}
    layout = find_layout(infos(shapes), {"decoder": {"vocab_size": VOCAB}})
    assert (layout.head, layout.tied) == ("decoder.lm_heads.0.weight", False)


def test_a_head_of_another_width_than_the_embedding() -> None:
    """Something stands between the two, and the norm that is as wide as the embedding is not the head's."""
    shapes = {
        "model.embed_tokens.weight": (VOCAB, DIM),
        "model.norm.weight": (DIM,),
        "lm_head.weight": (VOCAB, DIM // 2),
    }
    layout = find_layout(infos(shapes), {})
    assert (layout.head, layout.norm) == ("lm_head.weight", None)


@pytest.mark.parametrize("rows", [VOCAB - 24, VOCAB + 24])
def test_a_head_with_more_or_fewer_rows_than_the_embedding(rows: int) -> None:
    shapes = {"model.embed_tokens.weight": (VOCAB, DIM), "lm_head.weight": (rows, DIM), "lm_head.bias": (rows,)}
    layout = find_layout(infos(shapes), {})
    assert (layout.head, layout.bias) == ("lm_head.weight", "lm_head.bias")


NO, YES = {"tie_word_embeddings": False}, {"tie_word_embeddings": True}


@pytest.mark.parametrize(
    ("config", "tied"),
    [
        # around a decoder with a config of its own the outer flag is about the encoder's embedding
        ({"model_type": "encoder-decoder", **NO, "decoder": YES}, True),
        ({"model_type": "encoder-decoder", **NO, "decoder": {}}, True),
        ({"model_type": "encoder-decoder", **YES, "decoder": NO}, False),
        ({"model_type": "t5gemma", **NO, "decoder": YES}, False),
        ({"model_type": "vibevoice", **NO, "text_config": YES}, True),
        # one flag of two is enough for some, and others go by their own alone
        ({"model_type": "qwen2_vl", **NO, "text_config": YES}, True),
        ({"model_type": "llava", **NO, "text_config": YES}, True),
        ({"model_type": "llava", **YES, "text_config": NO}, True),
        ({"model_type": "llava", **NO, "text_config": NO}, False),
        ({"model_type": "llava", **NO, "text_config": {}}, False),
        ({"model_type": "gemma3", **NO, "text_config": YES}, False),
        ({"model_type": "paligemma", **NO, "text_config": YES}, False),
        ({"model_type": "gemma3", **YES, "text_config": NO}, True),
        # T5 takes the flag for a scale
        ({"model_type": "t5", **NO}, True),
        ({"model_type": "mt5", **NO}, True),
        ({"model_type": "udop", **NO}, True),
        ({"model_type": "blip-2", **NO, "text_config": {"model_type": "t5", **NO}}, True),
        ({"model_type": "switch_transformers", **NO}, False),
        ({"model_type": "pop2piano", **NO}, False),
        ({"model_type": ["t5"], **NO}, False),
        ({"tie_word_embeddings": "false"}, True),
    ],
)
def test_which_flag_says_that_head_and_embedding_are_one(config: dict[str, object], tied: bool) -> None:
    shapes = {"decoder.model.embed_tokens.weight": (VOCAB, DIM)}
    if tied:
        assert find_layout(infos(shapes), config).tied
    else:
        with pytest.raises(CheckpointError, match="no head is stored"):
            find_layout(infos(shapes), config)


BODY = {"model.embed_tokens.weight": (VOCAB, DIM), "model.norm.weight": (DIM,)}


@pytest.mark.parametrize("config", [{}, YES, NO])
@pytest.mark.parametrize(
    ("held", "named"),
    [
        (
            ("base_layer.weight", "lora_A.default.weight", "lora_B.default.weight"),
            '"lm_head.base_layer.weight" (part of a LoRA adapter that is not merged) and no "lm_head.weight"',
        ),
        (("modules_to_save.default.weight", "original_module.weight"), "modules_to_save.default.weight\" (PEFT's copy"),
        (("_weight_qdata", "_weight_scale"), '_weight_qdata" (quantised by torchao)'),
        (("parametrizations.weight.original0", "parametrizations.weight.original1"), "part of a torch parametrization"),
        (("weight.0", "weight.1"), '"lm_head.weight.0" (which is not known here)'),
        (("decoder.base_layer.weight",), '"lm_head.decoder.base_layer.weight" (part of a LoRA'),
        (("0.weight",), '"lm_head.0.weight" (which is not known here)'),
        (("weight", "lora_A.default.weight"), "(part of a LoRA adapter that is not merged); expected its matrix alone"),
        (("weight", "weight_mask"), "torch's pruning"),
        (("weight", "brand_new"), '"lm_head.brand_new" (which is not known here)'),
    ],
)
def test_a_head_kept_in_another_way_is_refused_by_name(
    held: tuple[str, ...], named: str, config: dict[str, object]
) -> None:
    """Whatever the config says of tying: the embedding is no such head."""
    shapes = BODY | {f"lm_head.{name}": (VOCAB, DIM) for name in held}
    with pytest.raises(CheckpointError) as refusal:
        find_layout(infos(shapes), config)
    assert named in str(refusal.value)
    assert str(refusal.value).startswith("the head's module ")


@pytest.mark.parametrize("prefix", ["language_model.", ""])
def test_an_adapter_on_a_tied_embedding_or_a_weak_head(prefix: str) -> None:
    for module in ("model.embed_tokens", "output"):
        shapes = {
            f"{prefix}{module}.weight": (VOCAB, DIM),
            f"{prefix}{module}.lora_embedding_A": (2, VOCAB),
            f"{prefix}{module}.notes": (3,),
        }
        with pytest.raises(CheckpointError, match=r"lora_embedding_A\" \(part of a LoRA adapter"):
            find_layout(infos(shapes), {})


@pytest.mark.parametrize(
    "beside",
    [
        {"lm_head.bias": (VOCAB,)},
        {"lm_head.dense.weight": (DIM, DIM), "lm_head.layer_norm.weight": (DIM,), "lm_head.layer_norm.bias": (DIM,)},
        {"lm_head.input_scale": ()},
        {"encoder.output_layer.proj.weight": (VOCAB, DIM)},
        {"model.generation_head.proj_out.weight": (16, 4 * DIM)},
    ],
)
def test_what_may_lie_beside_a_tied_head(beside: dict[str, tuple[int, ...]]) -> None:
    assert find_layout(infos(BODY | beside), {}).tied
    stored = find_layout(infos(BODY | beside | {"lm_head.weight": (VOCAB, DIM)}), {})
    assert stored.head == "lm_head.weight"


@pytest.mark.parametrize("rows", [1, 20, VOCAB // 2 - 1])
@pytest.mark.parametrize("name", ["lm_head", "embed_out", "cls.predictions.decoder", "output_layer"])
def test_a_head_of_few_rows_is_a_head(name: str, rows: int) -> None:
    layout = find_layout(infos(BODY | {f"{name}.weight": (rows, DIM)}), {"vocab_size": VOCAB} | YES)
    assert (layout.head, layout.tied) == (f"{name}.weight", False)


def test_the_language_models_part_of_a_config() -> None:
    inner = {"vocab_size": 7}
    for key in ("text_config", "llm_config", "language_config", "thinker_config", "decoder", "decoder_config"):
        assert text_config({key: inner}) is inner
    assert text_config({"thinker_config": {"text_config": inner}}) is inner
    assert text_config(inner) is inner
    assert text_config({"text_config": 3, "decoder": "bert"}) == {"text_config": 3, "decoder": "bert"}


@pytest.mark.parametrize(
    ("architectures", "name"),
    [
        (["LlamaModel"], "LlamaModel"),
        (["BertModel"], "BertModel"),
        (["T5EncoderModel"], "T5EncoderModel"),
        (["LlamaForSequenceClassification"], "LlamaForSequenceClassification"),
        (["LlamaForSequenceClassification", "LlamaForCausalLM"], ""),
        (["LlamaForCausalLM"], ""),
        (["GPT2LMHeadModel"], ""),
        (["MarianMTModel"], ""),
        (["InternVLChatModel"], ""),
        (["VisionEncoderDecoderModel"], ""),
        (["MiniCPMV"], ""),
        ("LlamaModel", ""),
        ([], ""),
        ([7], ""),
        (None, ""),
    ],
)
def test_classes_without_a_head(architectures: object, name: str) -> None:
    assert headless_class({"architectures": architectures}) == name


class Remote:
    """Tensors of which each lookup is remembered, as it may fetch the header of a shard."""

    def __init__(self, tensors: dict[str, TensorInfo]) -> None:
        self.tensors, self.looked_up = tensors, set[str]()

    def __getitem__(self, name: str) -> TensorInfo:
        self.looked_up.add(name)
        return self.tensors[name]

    def __contains__(self, name: object) -> bool:
        return name in self.tensors

    def __iter__(self) -> Iterator[str]:
        return iter(self.tensors)

    def __len__(self) -> int:
        return len(self.tensors)


@pytest.mark.parametrize("model", ["llama", "t5", "qwen-vl", "opt", "gptj", "a head and its norm"])
def test_only_what_bears_the_names_is_looked_up(model: str) -> None:
    """Everything else could lie in hundreds of shards that are far away."""
    mine = [name for name in ON_DISK[model] if name]
    shapes = NOISE | dict.fromkeys(mine, (VOCAB, DIM)) | {mine[-1]: (DIM,)}
    shapes |= {f"model.projector.{i}.weight": (VOCAB, DIM) for i in range(50)}
    remote = Remote(infos(shapes))
    layout = find_layout(remote, {})
    assert remote.looked_up == {name for name in (layout.head, layout.embedding, layout.norm) if name}
