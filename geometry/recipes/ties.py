"""Types whose class takes the embedding for the head where the config does not say.

A language model that is stored without a head says so by that alone; a checkpoint that was saved without one does not.
"""

# fmt: off
TIED = frozenset({
    "aya_vision", "bart", "bert-generation", "biogpt", "blenderbot", "blenderbot-small", "blip-2", "bloom", "canary",
    "cohere", "cohere2", "cohere2_moe", "cohere2_vision", "cohere_compass_text", "ctrl", "deepseek_vl",
    "deepseek_vl_hybrid", "encoder-decoder", "ernie4_5", "ernie4_5_moe", "ernie4_5_vl_moe", "falcon", "falcon_mamba",
    "flaubert", "florence2", "fun_asr_nano", "funnel", "gemma", "gemma2", "gemma3", "gemma3_text", "gemma3n_text",
    "gemma4", "gemma4_text", "gemma4_unified", "gemma4_unified_text", "glmasr", "got_ocr2", "gpt-sw3", "gpt2",
    "gpt_bigcode", "gpt_neo", "gpt_neox_japanese", "granite_docling", "granite_speech", "granite_speech_plus",
    "granite_swa", "hunyuan_vl", "hyperclovax_vision_v2", "instructblip", "instructblipvideo", "internvl", "janus",
    "jetmoe", "kimi_k25", "kosmos-2", "kosmos-2.5", "lara_mini", "led", "lfm2", "lfm2_moe", "lfm2_vl", "lfm3",
    "lfm3_vl", "lighton_ocr", "longt5", "m2m_100", "mamba", "marian", "mbart", "minicpm3", "minicpm_ocr", "mistral3",
    "moonshine", "moss_transcribe_diarize", "mpt", "mt5", "mvp", "nllb-moe", "openai-gpt", "opt", "ovis2",
    "paddleocr_vl", "paligemma", "pegasus", "pegasus_x", "plbart", "pp_chart2table", "prophetnet", "qwen3_asr",
    "recurrent_gemma", "seamless_m4t", "seamless_m4t_v2", "shieldgemma2", "smollm3", "speech-encoder-decoder",
    "speech_to_text", "speecht5", "starcoder2", "switch_transformers", "t5", "t5gemma", "t5gemma2", "trocr", "udop",
    "umt5", "vaultgemma", "vision-encoder-decoder", "voxtral_realtime", "whisper", "xglm", "xlm", "xlnet", "youtu",
    "zamba", "zamba2", "zaya",
})
# fmt: on
