"""Types that hold a language model of another type, mostly multimodal ones."""

from collections.abc import Mapping

from geometry.recipes.formulas import Wrapper

# the text model inside, where a config does not name it, and the types around it
_PLAIN: Mapping[str, str] = {
    "apertus1p5_text": "apertus1p5",
    "aria_text": "aria",
    "bart": "florence2",
    "cohere2": "aya_vision cohere2_vision",
    "cosmos3_edge_text": "cosmos3_edge",
    "deepseek_ocr2_text": "deepseek_ocr2",
    "deepseek_v3": "kimi_k25",
    "dots3_note_text": "dots3_note",
    "emu3_text_model": "emu3",
    "ernie4_5_vl_moe_text": "ernie4_5_vl_moe",
    "exaone4": "exaone4_5",
    "gemma3_text": "gemma3 shieldgemma2",
    "glm4v_moe_text": "glm4v_moe",
    "glm4v_text": "glm46v glm4v glmga",
    "glm5_next_text": "glm5_next",
    "glm_ocr_text": "glm_ocr",
    "granite": "granite_speech granite_speech_plus",
    "hy_v4_vl_text": "hy_v4_vl",
    "hunyuan_vl_text": "hunyuan_vl",
    "kosmos_2_5_text_model": "kosmos-2.5",
    "kosmos_2_text_model": "kosmos-2",
    "lfm2": "lfm2_vl",
    "lfm3": "lfm3_vl",
    "llama": "deepseek_vl deepseek_vl_hybrid glmasr idefics3 janus llava llava_next llava_next_video omniasr "
    "perception_lm smolvlm video_llava vipllava voxtral",
    "minimax_m3_vl_text": "minimax_m3_vl",
    "mistral": "idefics2 mistral3",
    "molmo2_text": "molmo2",
    "nemotron_h": "nemo_speechlm",
    "paddleocr_vl_text": "paddleocr_vl",
    "persimmon": "fuyu",
    "pix2struct_text_model": "pix2struct",
    "pp_formulanet_text": "pp_formulanet",
    "qwen2": "audioflamingo3 fast_vlm got_ocr2 internvl llava_onevision musicflamingo ovis2 pp_chart2table qwen2_audio "
    "vibevoice vibevoice_asr video_llama_3",
    "qwen2_5_omni_text": "qwen2_5_omni qwen2_5_omni_thinker",
    "qwen2_5_vl_text": "qwen2_5_vl",
    "qwen2_vl_text": "qwen2_vl",
    "qwen3": "fun_asr_nano lighton_ocr moss_transcribe_diarize qianfan_ocr qwen3_asr",
    "qwen3_5_moe_text": "qwen3_5_moe",
    "qwen3_5_text": "minicpm_ocr minicpmv4_6 minicpmv4_7 qwen3_5",
    "qwen3_omni_moe_text": "qwen3_omni_moe qwen3_omni_moe_thinker",
    "qwen3_vl_moe_text": "qwen3_vl_moe",
    "qwen3_vl_text": "cosmos3_omni qwen3_vl",
    "step3p5": "step3p7",
    "unlimited_ocr_text": "unlimited_ocr",
    "voxtral_realtime_text": "voxtral_realtime",
}

# these hand out their language model's own logits, or scale and cap as it does
_SCALED_AND_CAPPED: Mapping[str, str] = {
    "bert": "encoder-decoder speech-encoder-decoder vision-encoder-decoder",
    "blt_local_decoder": "blt",
    "cohere_compass_text": "cohere_compass",
    "gemma": "paligemma",
    "gemma4_text": "gemma4",
    "gemma4_unified_text": "gemma4_unified",
    "gemma3n_text": "gemma3n",
    "granite4_vision_text": "granite4_vision",
    "granite_docling_text": "granite_docling",
    "hyperclovax": "hyperclovax_vision_v2",
    "inkling2_loop_text": "inkling2_loop",
    "inkling2_text": "inkling2",
    "inkling_text": "inkling_mm_model",
    "llama": "internvl_chat",
    "llama4_text": "llama4",
    "mistral_large4_text": "mistral_large4",
    "mllama_text_model": "mllama",
    "muse_glimmer_text": "muse_glimmer",
    "muse_spark_text": "muse_spark",
    "nemotron_h": "nemotron_h_omni",
    "opt": "blip-2 instructblip instructblipvideo",
    "t5_gemma_module": "t5gemma",
    "t5gemma2_decoder": "t5gemma2",
}

WRAPPERS: Mapping[str, Wrapper] = {
    kind: Wrapper(text, scales_and_caps)
    for scales_and_caps, table in ((False, _PLAIN), (True, _SCALED_AND_CAPPED))
    for text, kinds in table.items()
    for kind in kinds.split()
}
