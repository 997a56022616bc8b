"""The table itself: recipes, each with the types that follow it.

Defaults are those of the config classes in transformers 5; a test compares every row that can be built with the
running model. Types that live outside transformers stand in rows of their own, from their published code.
"""

from collections.abc import Mapping

from geometry.recipes.formulas import Formula, Key, Prescale, Presence, Recipe, Refusal

_RMS_5, _RMS_6, _RMS_8 = (Key("rms_norm_eps", value) for value in (1e-5, 1e-6, 1e-8))
_LN_5, _LN_6 = (Key("layer_norm_eps", value) for value in (1e-5, 1e-6))
_EPSILON_5, _EPSILON_6 = (Key("layer_norm_epsilon", value) for value in (1e-5, 1e-6))
_NORM_EPS_5 = Key("norm_eps", 1e-5)
_SOFTCAP, _SOFTCAP_20, _SOFTCAP_30 = (Key("final_logit_softcapping", cap) for cap in (None, 20.0, 30.0))
_GRANITE_SCALE = Key("logits_scaling", 1.0)
_BIAS, _SOME_BIAS = Presence.ALWAYS, Presence.SOME

# T5's class says whether it scales by this flag, older configs by whether head and embedding are one
_T5_SCALE = Prescale(
    Key("d_model", 512.0, also="hidden_size"), -0.5, flags=("scale_decoder_outputs", "tie_word_embeddings")
)
_TWO_TENSORS = Refusal(
    "its head stands in two tensors, of which one is read", "additional_vocab_size", tensor="lm_head.additional_fc"
)
_PROJECTED = Refusal(
    "a projection (project_out) stands before its head, which is not read",
    "word_embed_proj_dim",
    equals="hidden_size",
    tensor="project_out",
)
_CUT = Refusal(
    "its logits end at unpadded_vocab_size, before the head's last rows", "unpadded_vocab_size", equals="vocab_size"
)
_ADAPTIVE = Refusal("its head is an adaptive softmax, which gives no logits", "asm")

_ROWS: tuple[tuple[Recipe, str], ...] = (
    (
        Recipe(Formula.RMS, _RMS_6),
        "aria_text axk1 axk2 bailing_hybrid deepseek_ocr2_text deepseek_v2 deepseek_v3 deepseek_v32 deepseek_v4 "
        "doge dots1 flex_olmo flint jamba jetmoe kolibri1 laguna lara_mini llama mellum minimax_m2 ministral "
        "mistral mistral4 olmo_hybrid qwen2 qwen2_moe qwen3 qwen3_moe sarvam_mla sarvam_moe seed_oss smollm3 "
        "youtu",
    ),
    (
        Recipe(Formula.RMS, _RMS_5),
        "afmoe apertus apertus1p5_text arcee bamba bitnet cwm diffllama dots3_note_text ernie4_5 "
        "ernie4_5_moe eurobert evolla exaone4 exaone_moe glm4_moe glm4_moe_lite glm_moe_dsa gpt_oss "
        "hunyuan_v1_dense hunyuan_v1_moe hy_v3 hy_v4 hy_v4_vl_text internlm3 iquestcoder kimi_linear llama4_text "
        "longcat_flash mimo_v2_flash minimax ministral3 mixtral olmo2 olmo3 olmoe phi3 phi4_multimodal "
        "solar_open zamba zamba2 zaya",
    ),
    # the language models inside multimodal types
    (
        Recipe(Formula.RMS, _RMS_6),
        "qwen2_5_omni_text qwen3_omni_moe_text qwen3_vl_moe_text qwen3_vl_text unlimited_ocr_text "
        "voxtral_realtime_text",
    ),
    (
        Recipe(Formula.RMS, _RMS_5),
        "blt_local_decoder cosmos3_edge_text emu3_text_model ernie4_5_vl_moe_text glm4v_moe_text glm4v_text "
        "glm5_next_text glm_ocr_text hunyuan_vl_text mllama_text_model paddleocr_vl_text qwen2_5_vl_text "
        "qwen2_vl_text",
    ),
    (Recipe(Formula.RMS, Key("rms_norm_eps", 1e-6, also="layer_norm_eps")), "molmo2_text"),
    (Recipe(Formula.RMS_PLUS_ONE, _RMS_5), "step3p5"),
    (Recipe(Formula.RMS, _EPSILON_6), "pix2struct_text_model"),
    (Recipe(Formula.LN, _LN_5), "kosmos_2_5_text_model kosmos_2_text_model"),
    (Recipe(Formula.LN, 1e-5), "pp_formulanet_text"),
    (
        Recipe(Formula.RMS, _RMS_6, unless=(_TWO_TENSORS,)),
        "idefics",
    ),
    (Recipe(Formula.RMS, _RMS_8), "helium kyutai_speech_to_text moshi"),
    (Recipe(Formula.RMS, Key("rms_norm_eps", 1.5625e-7)), "glm glm4"),
    (Recipe(Formula.RMS, _EPSILON_5), "falcon_mamba mamba mamba2 nemotron_h"),
    (Recipe(Formula.RMS, _EPSILON_6), "mt5"),
    (Recipe(Formula.RMS, _NORM_EPS_5), "lfm2 lfm2_moe"),
    (Recipe(Formula.RMS, Key("norm_eps", 1e-5, also="rms_norm_eps")), "lfm3"),
    (Recipe(Formula.RMS, Key("rms_norm_eps", 1e-5, also="layer_norm_epsilon")), "exaone"),
    (Recipe(Formula.RMS, Key("eps", 1e-6)), "cpmant"),
    (Recipe(Formula.RMS_PLAIN, _RMS_6), "hrm_text"),
    (Recipe(Formula.RMS_PLUS_ONE, _RMS_6), "gemma minimax_m3_vl_text qwen3_5_moe_text qwen3_5_text qwen3_next"),
    (Recipe(Formula.LN, _LN_5), "gpt_neox gpt_neox_japanese jais2 persimmon stablelm"),
    (Recipe(Formula.LN, _LN_5, bias=_BIAS), "phi"),
    (Recipe(Formula.LN, Key("layer_norm_eps", 1e-12), bias=_BIAS), "reformer"),
    (Recipe(Formula.LN, _EPSILON_5), "bloom falcon gpt-sw3 gpt2 gpt_bigcode gpt_neo"),
    (Recipe(Formula.LN, _EPSILON_5, bias=_BIAS), "codegen gptj"),
    (Recipe(Formula.LN, _EPSILON_6, bias=_BIAS), "ctrl"),
    (Recipe(Formula.LN, Key("norm_epsilon", 1e-5)), "starcoder2"),
    (Recipe(Formula.LN, _RMS_5, bias=_SOME_BIAS), "phimoe"),
    (
        Recipe(Formula.LN, 1e-5),
        "biogpt m2m_100 nllb-moe pegasus_x rwkv seamless_m4t seamless_m4t_v2 speech_to_text whisper xglm",
    ),
    (Recipe(Formula.LN, 1e-5, bias=_SOME_BIAS), "bigbird_pegasus blenderbot mbart pegasus"),
    (Recipe(Formula.LN, 1e-5, bias=_BIAS), "canary cohere_asr"),
    (
        Recipe(
            Formula.LN,
            1e-5,
            bare=(("do_layer_norm_before", False), ("_remove_final_layer_norm", True)),
            unless=(_PROJECTED,),
        ),
        "opt",
    ),
    (Recipe(Formula.LN_PLAIN, 1e-5), "olmo"),
    (Recipe(Formula.LN_PLUS_ONE, _NORM_EPS_5), "nemotron"),
    (Recipe(Formula.LN_NO_BIAS, _EPSILON_5), "mpt"),
    (Recipe(Formula.LN_NO_BIAS, 1e-5), "dbrx moonshine moonshine_streaming"),
    (Recipe(Formula.NONE), "fsmt openai-gpt prophetnet speecht5 trocr"),
    (Recipe(Formula.NONE, bias=_SOME_BIAS), "bart blenderbot-small led marian mvp plbart"),
    (Recipe(Formula.NONE, bias=_BIAS), "bert-generation funnel git xlnet"),
    (Recipe(Formula.NONE, bias=_BIAS, unless=(_ADAPTIVE,)), "flaubert xlm"),
    # prescaled
    (
        Recipe(Formula.RMS, _RMS_5, prescale=Prescale(Key("dim_model_base", 256.0), over=Key("hidden_size", 2560.0))),
        "minicpm3",
    ),
    (
        Recipe(
            Formula.RMS,
            _RMS_6,
            prescale=Prescale(Key("logits_mup_width_multiplier", 24.0, also="embedding_multiplier"), -1.0),
            unless=(_CUT,),
        ),
        "inkling_text",
    ),
    (Recipe(Formula.RMS, _EPSILON_6, prescale=_T5_SCALE), "longt5 pop2piano t5 umt5"),
    (
        Recipe(
            Formula.RMS,
            _EPSILON_6,
            prescale=Prescale(Key("d_model", 768.0, also="hidden_size"), -0.5, flags=("tie_word_embeddings",)),
        ),
        "switch_transformers",
    ),
    (Recipe(Formula.RMS, _EPSILON_6, prescale=Prescale(Key("d_model", 1024.0, also="hidden_size"), -0.5)), "udop"),
    # scaled and capped
    (Recipe(Formula.LN_NO_BIAS, _LN_5, scale=Key("logit_scale", 0.0625)), "cohere cohere2 cohere2_moe"),
    (Recipe(Formula.LN_NO_BIAS, _LN_5, scale=Key("logit_scale", 1.0)), "cohere_compass_text"),
    (
        Recipe(Formula.RMS, _RMS_6, scale=_GRANITE_SCALE, divides=True),
        "granite granite4_vision_text granitemoe granitemoe_swa granitemoehybrid granitemoeshared",
    ),
    (Recipe(Formula.RMS, _RMS_5, scale=_GRANITE_SCALE, divides=True), "granite_swa"),
    (Recipe(Formula.RMS, _RMS_5, scale=Key("logits_scaling", 4.0), divides=True), "granite_docling_text"),
    (Recipe(Formula.RMS, _RMS_6, scale=_GRANITE_SCALE), "hyperclovax"),
    (Recipe(Formula.RMS, _RMS_5, scale=Key("lm_head_multiplier", 1.0)), "falcon_h1"),
    (Recipe(Formula.RMS_PLUS_ONE, _RMS_6, cap=_SOFTCAP_30), "gemma2 t5_gemma_module vaultgemma"),
    (Recipe(Formula.RMS_PLUS_ONE, _RMS_6, cap=_SOFTCAP), "gemma3_text t5gemma2_decoder"),
    (Recipe(Formula.RMS_PLUS_ONE, _RMS_6, cap=Key("logits_soft_cap", 30.0)), "recurrent_gemma"),
    (Recipe(Formula.RMS, _RMS_6, cap=_SOFTCAP_30), "beam gemma3n_text inkling2_loop_text inkling2_text"),
    (Recipe(Formula.RMS, _RMS_6, cap=_SOFTCAP), "gemma4_text gemma4_unified_text"),
    (Recipe(Formula.RMS, _RMS_5, cap=_SOFTCAP_30), "mistral_large4_text"),
    (Recipe(Formula.RMS_PLAIN, _RMS_6, cap=Key("final_logit_softcapping", 15.0)), "nanochat"),
    (Recipe(Formula.RMS, Key("norm_eps", 1e-6), cap=Key("output_logit_soft_cap", 30.0)), "xlstm"),
    (
        Recipe(Formula.RMS, _RMS_5, scale=Key("output_multiplier", 26**-0.5), cap=_SOFTCAP_20),
        "muse_glimmer_text",
    ),
    (
        Recipe(Formula.RMS, _RMS_5, scale=Key("output_multiplier", 32**-0.5), cap=_SOFTCAP_20),
        "muse_spark_text",
    ),
    # outside transformers
    (Recipe(Formula.RMS, _RMS_6), "deepseek internlm internlm2 kimi_k2 llava_llama llava_mistral llava_qwen xverse"),
    (Recipe(Formula.RMS, _RMS_5), "Yi"),
    (Recipe(Formula.RMS, _EPSILON_6), "qwen"),
    (
        Recipe(Formula.RMS, _RMS_6, prescale=Prescale(Key("dim_model_base", None), over=Key("hidden_size", None))),
        "minicpm",
    ),
    (Recipe(Formula.RMS, _RMS_5, scale=Key("output_multiplier_scale", None)), "grok-1"),
    (Recipe(Formula.LN, _RMS_5), "orion"),
    (Recipe(Formula.LN, _NORM_EPS_5), "stablelm_epoch"),
    (Recipe(Formula.LN, _EPSILON_5), "RefinedWeb RefinedWebModel"),
)

RECIPES: Mapping[str, Recipe] = {kind: recipe for recipe, kinds in _ROWS for kind in kinds.split()}
