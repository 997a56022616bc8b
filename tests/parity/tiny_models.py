"""Tiny models of any type that transformers knows: common sizes, what single types need beside them, numbers drawn."""

import zlib
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

VOCAB, DIM = 67, 32

# what a config calls its sizes, whichever of them it has
SIZES: Mapping[str, Any] = {
    name: size
    for size, names in {
        VOCAB: "vocab_size",
        DIM: "hidden_size d_model n_embd dim emb_dim embedding_size embed_dim lru_width out_hidden_size "
        "hidden_size_global",
        48: "intermediate_size d_ff n_inner ffn_dim ffn_hidden_size decoder_ffn_dim encoder_ffn_dim hidden_dim "
        "dense_intermediate_size mlp_hidden_size",
        1: "encoder_layers num_encoder_layers encoder_num_hidden_layers num_encoder_blocks depth n_group topk_group "
        "n_shared_experts num_shared_experts zero_expert_num mamba_n_groups bos_token_id",
        2: "num_hidden_layers n_layer n_layers num_layers decoder_layers num_decoder_layers decoder_num_hidden_layers "
        "num_blocks num_key_value_heads num_experts_per_tok moe_topk moe_k linear_num_value_heads "
        "linear_num_key_heads index_n_heads eos_token_id decoder_start_token_id",
        4: "num_attention_heads n_head n_heads num_heads encoder_attention_heads decoder_attention_heads "
        "encoder_num_attention_heads decoder_num_attention_heads num_encoder_attention_heads "
        "num_decoder_attention_heads num_experts num_local_experts n_routed_experts moe_num_experts rotary_dim "
        "mamba_n_heads mamba_num_heads time_step_rank conv_kernel index_topk",
        8: "head_dim d_kv dim_head kv_lora_rank q_lora_rank qk_nope_head_dim qk_rope_head_dim v_head_dim "
        "linear_key_head_dim linear_value_head_dim mamba_d_state state_size ssm_state_size index_head_dim",
        14: "patch_size",
        16: "moe_intermediate_size shared_expert_intermediate_size moe_shared_expert_intermediate_size "
        "expert_ffn_hidden_size mamba_d_head mamba_head_dim attention_window_size sliding_window projection_dim",
        28: "image_size",
        64: "max_position_embeddings n_positions max_source_positions max_target_positions n_ctx mamba_d_ssm",
        0: "pad_token_id",
    }.items()
    for name in names.split()
}  # fmt: skip
BESIDE = ("vision", "audio", "visual", "qformer", "vq", "encoder_config", "perceiver", "speech", "protein", "semantic")
NARROW: Mapping[str, int] = {
    "hidden_size": 16, "embed_dim": 16, "intermediate_size": 16, "d_model": 16, "encoder_ffn_dim": 16,
    "num_hidden_layers": 1, "encoder_layers": 1, "num_attention_heads": 2, "num_key_value_heads": 2, "num_heads": 2,
    "encoder_attention_heads": 2, "head_dim": 8,
}  # fmt: skip

# the numbers that stand around a head, and between what they are drawn
NUMBERS: Mapping[str, tuple[float, float]] = {
    "logit_scale": (1.3, 2.2),
    "logits_scaling": (1.3, 2.2),
    "lm_head_multiplier": (1.3, 2.2),
    "output_multiplier": (1.3, 2.2),
    "dim_model_base": (10, 30),
    "logits_mup_width_multiplier": (1.3, 2.2),
    "final_logit_softcapping": (1.0, 3.0),
    "logits_soft_cap": (1.0, 3.0),
    "output_logit_soft_cap": (1.0, 3.0),
}

DEFAULT = object()
"""In EXTRA: leave the class's own value."""

_TURNED = {"rope_type": "default", "rope_theta": 1e4, "mrope_section": [2, 1, 1], "partial_rotary_factor": 1.0}
_MROPE: dict[str, Any] = {"text_config": {"rope_parameters": _TURNED}}
_BOTH = {kind: {"rope_type": "default", "rope_theta": 1e4} for kind in ("full_attention", "sliding_attention")}
_HYBRID = {"num_hidden_layers": 2, "layer_types": ["mamba", "hybrid"], "layers_block_type": ["mamba", "hybrid"]}

# a decoder without a transform before its head
_DECODER = {
    "model_type": "gpt2", "n_embd": DIM, "n_layer": 2, "n_head": 4, "n_positions": 64, "n_inner": 48,
    "is_decoder": True, "add_cross_attention": True, "layer_norm_epsilon": 0.04,
}  # fmt: skip

# what a type needs beside the common sizes
EXTRA: Mapping[str, dict[str, Any]] = {
    "ReformerModelWithLMHead": {"is_decoder": True},
    "blip-2": {"image_token_index": 5, "num_query_tokens": 1},
    "blt": {
        "encoder_hash_byte_group_vocab": 50,
        "encoder_config": {"hidden_size": DIM, "num_attention_heads": 4, "num_key_value_heads": 4},
    },
    "chameleon": {"vocabulary_map": {"<image>": 3, "IMGIMGBZ": 5, "IMGIMGCZ": 6}, "vq_config": {"base_channels": 32}},
    "dbrx": {
        "attn_config": {"kv_n_heads": 2, "clip_qkv": 8.0, "rope_theta": 1e4},
        "ffn_config": {"ffn_hidden_size": 16, "moe_num_experts": 4, "moe_top_k": 2},
    },
    "deepseek_v2": {"topk_method": "greedy", "first_k_dense_replace": 2},
    "cohere_compass": {"text_config": {"rope_parameters": _BOTH}},
    "cohere_compass_text": {"rope_parameters": _BOTH},
    "deepseek_ocr2": {"text_config": {"mlp_layer_types": ["dense", "dense"], "num_experts_per_tok": 2}},
    "dots1": {
        "n_routed_experts": 4, "n_shared_experts": 1, "num_experts_per_tok": 2, "num_key_value_heads": 4, "n_group": 1,
        "topk_group": 1,
    },
    "dots3_note": {
        "text_config": {"num_key_value_heads": 4, "per_layer_config": {}},
        "vision_config": {"num_hidden_layers": DEFAULT, "adapter_in_dim": 16, "adapter_out_dim": DIM},
        "audio_config": {"adapter_input_size": 16, "adapter_out_dim": DIM},
    },
    "dots3_note_text": {"num_key_value_heads": 4, "per_layer_config": {}},
    "encoder-decoder": {"decoder": _DECODER},
    "ernie4_5_vl_moe": {
        "text_config": {
            "moe_intermediate_size": [16, 16],
            "mlp_layer_types": ["dense", "dense"],
            "rope_parameters": {"rope_type": "default", "rope_theta": 1e4, "mrope_section": [1, 1, 2]},
        }
    },
    "esm": {"vocab_size": VOCAB, "mask_token_id": 3},
    "esmc": {"num_key_value_heads": 4},
    "florence2": {
        "vision_config": {
            "patch_size": DEFAULT, "num_heads": DEFAULT, "embed_dim": DEFAULT, "depth": DEFAULT, "projection_dim": 32,
        }
    },
    "fun_asr_nano": {"adaptor_config": {"intermediate_size": 8}},
    "gemma3n_text": {
        "num_hidden_layers": 4, "num_kv_shared_layers": 2, "vocab_size_per_layer_input": VOCAB, "laurel_rank": 4,
        "layer_types": ["sliding_attention", "full_attention"] * 2, "hidden_size_per_layer_input": 8,
        "activation_sparsity_pattern": [0.0] * 4,
    },
    "gemma4": {"text_config": {"vocab_size_per_layer_input": VOCAB, "hidden_size_per_layer_input": 8}},
    "gemma4_text": {"vocab_size_per_layer_input": VOCAB, "hidden_size_per_layer_input": 8},
    "glm46v": _MROPE,
    "glm4v": _MROPE,
    "glm4v_moe": _MROPE,
    "glm5_next": {"text_config": {"num_key_value_heads": 4, "index_topk": 16, "qk_rope_head_dim": 0}},
    "glm_ocr": _MROPE,
    "glmga": _MROPE,
    "gpt_neo": {"attention_types": [[["global", "local"], 1]]},
    "emu3": {"vocabulary_map": {"<image>": 3}, "vq_config": {"base_channels": 32}},
    "hunyuan_vl": _MROPE,
    "instructblip": {"image_token_index": 5, "num_query_tokens": 1},
    "instructblipvideo": {"video_token_index": 5, "num_query_tokens": 1},
    "janus": {"vq_config": {"base_channels": 32}},
    "kosmos-2": {"latent_query_num": 4},
    "kyutai_speech_to_text": {"codec_config": DEFAULT, "audio_pad_token_id": 3, "pad_token_id": 3},
    "inkling2": {"vision_config": {"text_hidden_size": DIM}, "text_config": {"unpadded_vocab_size": VOCAB}},
    "inkling2_loop": {"vision_config": {"text_hidden_size": DIM}, "text_config": {"unpadded_vocab_size": VOCAB}},
    "inkling2_loop_text": {"unpadded_vocab_size": VOCAB},
    "inkling2_text": {"unpadded_vocab_size": VOCAB},
    "longformer": {"attention_window": 4},
    "luke": {"entity_vocab_size": 10, "entity_emb_size": 8},
    "roc_bert": {"pronunciation_vocab_size": 10, "shape_vocab_size": 10},
    "modernbert-decoder": {"cls_token_id": 1},
    "lfm2_moe": {"layer_types": ["full_attention", "conv"]},
    "mamba2": {"num_heads": 8, "n_groups": 1, "expand": 2},
    "mistral4": {"head_dim": 16},
    "moonshine_streaming": {"num_key_value_heads": 4},
    "molmo2": {"vision_config": {"image_size": DEFAULT}, "adapter_config": {"vision_feature_layer": [0, -1]}},
    "muse_spark": {"audio_config": {"num_hidden_layers": DEFAULT}},
    "neomme": {"rope_parameters": DEFAULT, "head_dim": 32, "num_attention_heads": 2},
    "nemo_speechlm": {
        "audio_config": {"diarization_config": {"head_config": {"audio_hidden_size": 16}}},
        "text_config": {"n_groups": 1},
        "word_timestamp_config": {"blank_token_id": 3},
    },
    "nemotron_h": {"n_groups": 1},
    "paddleocr_vl": _MROPE,
    "qwen2_5_omni_thinker": _MROPE,
    "qwen2_5_vl": _MROPE,
    "qwen2_vl": _MROPE,
    "reformer": {
        "axial_pos_embds_dim": [16, 16], "axial_pos_shape": [8, 8], "attn_layers": ["local", "local"],
        "attention_head_size": 8, "feed_forward_size": 48,
    },
    "speech-encoder-decoder": {"encoder": {"conv_kernel": DEFAULT}, "decoder": _DECODER},
    "speecht5": {"conv_kernel": [10, 3], "conv_dim": [16, 16], "conv_stride": [5, 2]},
    "step3p7": {"text_config": {"layer_types": ["full_attention"] * 2, "sliding_window": 16}},
    "vibevoice": {"audio_config": {"num_filters": 2}, "semantic_model_config": {"num_filters": 2}},
    "vibevoice_asr": {
        "acoustic_tokenizer_encoder_config": {"num_filters": 2},
        "semantic_tokenizer_encoder_config": {"num_filters": 2},
    },
    "vision-encoder-decoder": {"decoder": _DECODER},
    "zamba": {
        "num_hidden_layers": 4, "layer_types": ["mamba", "hybrid"] * 2, "layers_block_type": ["mamba", "hybrid"] * 2,
        "attn_layer_period": 2, "attn_layer_offset": 1,
    },
    "zamba2": _HYBRID,
    "zaya": {"num_experts_per_tok": 1},
}  # fmt: skip

# classes that are left out, and why
UNRUN: Mapping[str, str] = {
    "Apertus1p5ForConditionalGeneration": "its tokens of sound and pictures need a large vocabulary",
    "FastVlmForConditionalGeneration": "its vision model needs timm",
    "Gemma3nForConditionalGeneration": "its vision model needs timm",
    "Granite4VisionForConditionalGeneration": "its vision features are placed by a map of layers",
    "OmniASRForConditionalGeneration": "its sound encoder has fixed sizes",
    "PerceptionLMForConditionalGeneration": "its vision model needs timm",
    "Llama4ForConditionalGeneration": "its forward pass asks its text model's output for what that has not",
    "ElectraForPreTraining": "it tells words apart and has no head",
    "FunnelForPreTraining": "it tells words apart and has no head",
    "Qwen2_5OmniForConditionalGeneration": "it has no forward pass; its thinker is run",
    "Qwen3OmniMoeForConditionalGeneration": "it has no forward pass; its thinker is run",
}

TASKS = (
    "CAUSAL_LM",
    "SEQ_TO_SEQ_CAUSAL_LM",
    "IMAGE_TEXT_TO_TEXT",
    "MULTIMODAL_LM",
    "SPEECH_SEQ_2_SEQ",
    "MASKED_LM",
    "PRETRAINING",
)


def classes(kind: str) -> list[str]:
    """Return the classes with a head that transformers has for a type, each once; none for a type it lacks."""
    from transformers.models.auto import modeling_auto as auto

    found = [getattr(auto, f"MODEL_FOR_{task}_MAPPING_NAMES", {}).get(kind) for task in TASKS]
    names = dict.fromkeys(name for name in found if isinstance(name, str))
    return [
        name
        for name in names
        if name not in UNRUN and any(word in name for word in ("LM", "For", "Decoder", "MTModel"))
    ]


def tiny_config(kind: str, **beside: Any) -> Any:
    """Return a tiny config in which every number that stands around the head is drawn, by a seed of the kind's own."""
    from transformers import AutoConfig

    generator = np.random.default_rng(zlib.crc32(kind.encode()))
    given = _merged(_merged(_sizes(AutoConfig.for_model(kind), generator), EXTRA.get(kind, {})), beside)
    return AutoConfig.for_model(kind, **given)


def tiny_model(kind: str, name: str, **beside: Any) -> Any:
    """Return a model of the named class with every parameter random: gains, shifts and biases included."""
    import torch

    model = built(name, tiny_config(kind, **{**EXTRA.get(name, {}), **beside})).float().eval()
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.copy_(0.4 * torch.randn_like(parameter))
        for called, buffer in model.named_buffers():
            if called.endswith("final_logits_bias"):
                buffer.copy_(torch.randn_like(buffer))
    return model


def built(name: str, config: Any) -> Any:
    """Return a model of the named class, of the config or the part of it that the class takes; seeded by the name."""
    import torch
    import transformers

    made = getattr(transformers, name)
    if made.config_class is not None and not isinstance(config, made.config_class):
        config = next((part for _, part in parts(config) if isinstance(part, made.config_class)), config)
    torch.manual_seed(zlib.crc32(name.encode()))
    return made(config)


def parts(config: Any) -> Iterator[tuple[str, Any]]:
    """Every config directly inside another, by its key."""
    from transformers import PretrainedConfig

    yield from ((key, value) for key, value in vars(config).items() if isinstance(value, PretrainedConfig))


def _sizes(config: Any, generator: np.random.Generator, *, narrow: bool = False) -> dict[str, Any]:
    """What to give a config's class in place of its defaults, inner configs included."""
    plain, renamed = config.to_dict(), type(config).attribute_map or {}
    names, given = set(plain) | set(vars(config)), dict[str, Any]()
    for name, size in SIZES.items():
        held = name in names or (name in renamed and renamed[name] not in SIZES)
        if held and (plain.get(name, 0) is not None or name in ("num_key_value_heads", "head_dim", "pad_token_id")):
            given[name] = NARROW.get(name, size) if narrow else size
    if "kv_lora_rank" in names:
        given["num_key_value_heads"] = 4
    if isinstance(turned := plain.get("rope_parameters"), dict) and "mrope_section" in turned:
        given["rope_parameters"] = {**turned, "mrope_section": [2, 1, 1]}
    for name in sorted(names):
        if "eps" in name and isinstance(plain.get(name), float):
            given[name] = float(generator.uniform(0.01, 0.05))
        elif name in NUMBERS and isinstance(plain.get(name), int | float | None):
            low, high = NUMBERS[name]
            given[name] = int(generator.integers(low, high)) if low >= 10 else float(generator.uniform(low, high))
    given["use_cache"] = False
    for key, part in parts(config):
        beside = narrow or any(word in key for word in BESIDE)
        given[key] = {"model_type": part.model_type} | _sizes(part, generator, narrow=beside)
    return given


def _merged(given: dict[str, Any], extra: Mapping[str, Any]) -> dict[str, Any]:
    merged = dict(given)
    for key, value in extra.items():
        if value is DEFAULT:
            merged.pop(key, None)
        elif isinstance(value, dict) and isinstance(merged.get(key), dict) and not key.startswith("rope"):
            merged[key] = _merged(merged[key], value)
        else:
            merged[key] = value
    return merged
