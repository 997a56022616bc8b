"""What the tensors around a head are called, in the order in which the names are believed."""

import re
from collections.abc import Mapping

# inside a numbered block nothing is a head, an embedding or the final norm
IN_BLOCK = re.compile(r"(^|\.)(layers?|h|blocks?|blk)\.\d+\.")

# models beside the language model that have embeddings, norms or heads of their own
AUXILIARY = re.compile(
    r"(^|\.)(mtp|nextn|medusa|eagle|talker|code2wav|token2wav|vision|vit|image|audio|visual(?!_bert)|vq|text_encoder|score|v_head"
    r"|qa_outputs|classifier|pooler|generation_head|embed_tokens_per_layer|per_layer)\w*(\.|$)"
)

EMBEDDINGS = (
    "embed_tokens",
    "shared",
    "wte",
    "word_embeddings",
    "tok_embeddings",
    "embed_in",
    "embeddings",
    "embedding",
    "word_embedding",
    "input_embedding",
    "tokens_embed",
    "embed",
    "emb",
    "token_embedding",
    "token_embeddings",
    "embedding_layer",
    "w",
    "token_embd",
)

# the first are heads whatever their shape, so that none is passed over for the embedding; the second must fit
HEADS = (
    "lm_head",
    "lm_head.decoder",
    "lm_head.out_proj",
    "lm_head.linear",
    "embed_out",
    "unembed",
    "unembedding",
    "output_layer",
    "cls.predictions.decoder",
    "predictions.decoder",
    "transformer.ff_out",
    "generator_lm_head",
    "vocab_projector",
    "output_projection",
    "proj_out",
    "pred_layer.proj",
    "lm_loss",
    "log_softmax.mlp.layer0",
    "lm_heads.0",
)
WEAK_HEADS = ("output", "head.decoder", "head", "decoder", "cls")

# what may lie below a head's module and is not its matrix: what stands before it, and scales of what enters it
HEAD_PARTS = (
    "bias",
    "dense",
    "layer_norm",
    "norm",
    "additional_fc",
    "logit_scale",
    "input_scale",
    "output_scale",
    "weight_format",
)

# what lies below a module whose matrix is not the one that the model uses, and what gives it away
REWORKED: Mapping[str, str] = {
    **dict.fromkeys(
        ("base_layer", "lora_A", "lora_B", "lora_embedding_A", "lora_embedding_B", "lora_magnitude_vector"),
        "part of a LoRA adapter that is not merged",
    ),
    **dict.fromkeys(
        ("modules_to_save", "original_module"), "PEFT's copy of a module that was trained beside an adapter"
    ),
    **dict.fromkeys(("_weight_qdata", "_weight_scale", "_weight_zero_point"), "quantised by torchao"),
    "parametrizations": "part of a torch parametrization",
    **dict.fromkeys(("weight_g", "weight_v"), "part of a weight norm"),
    **dict.fromkeys(("weight_orig", "weight_mask"), "part of torch's pruning"),
}

BIASES = (
    "cls.predictions.bias",
    "predictions.bias",
    "final_logits_bias",
    *(f"{name}.bias" for name in HEADS),
    "decoder.bias",
)

NORMS = (
    "norm",
    "final_layernorm",
    "final_layer_norm",
    "ln_f",
    "norm_f",
    "final_norm",
    "embedding_norm",
    "out_norm",
    "ln_out",
    "rms_norm",
    "layer_norm",
    "layernorm",
    "output_layernorm",
    "output_norm",
)
GAINS = ("weight", "gamma", "scale")
SHIFTS = ("bias", "beta")

# where the final norm lies if not beside the embedding; an encoder's only where there is no decoder
DECODERS = ("decoder", "local_decoder", "text_decoder", "_decoder")
ENCODERS = ("encoder",)

# a type whose final norm has a name that elsewhere means the embedding's
NORM_PLACES: Mapping[str, str] = {"bigbird_pegasus": "decoder.layernorm_embedding"}
