"""What the tensors around a head are called, in the order in which the names are believed."""

import re
from collections.abc import Mapping

# inside a numbered block nothing is a head, an embedding or the final norm
IN_BLOCK = re.compile(r"(^|\.)(layers?|h|blocks?|blk)\.\d+\.")

# models beside the language model that have embeddings, norms or heads of their own
AUXILIARY = re.compile(
    r"(^|\.)(mtp|nextn|medusa|eagle|talker|code2wav|token2wav|vision|vit|image|audio|visual(?!_bert)|vq|text_encoder|score|v_head"
    r"|qa_outputs|classifier|pooler|embed_tokens_per_layer|per_layer)\w*(\.|$)"
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

# the first are heads whatever their shape, so that a damaged one is not passed over; the second must fit
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

# where the final norm lies if not beside the embedding; an encoder's only where there is no decoder
DECODERS = ("decoder", "local_decoder", "text_decoder", "_decoder")
ENCODERS = ("encoder",)

# a type whose final norm has a name that elsewhere means the embedding's
NORM_PLACES: Mapping[str, str] = {"bigbird_pegasus": "decoder.layernorm_embedding"}

# the language model's part of a config
TEXT_PARTS = ("text_config", "llm_config", "language_config", "thinker_config", "decoder", "decoder_config")
SHIFTS = ("bias", "beta")
