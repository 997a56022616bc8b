"""Types whose logits cannot be given from rows, norm and bias alone, each with its reason."""

from collections.abc import Mapping

# fmt: off
_REASONS: Mapping[str, tuple[str, ...]] = {
    "a transform (dense, activation, norm) stands before its head, which is not read": (
        "albert", "bert", "big_bird", "blip", "camembert", "convbert", "data2vec-text", "deberta", "deberta-v2",
        "distilbert", "electra", "ernie", "esm", "esmc", "fnet", "gte", "ibert", "jina_embeddings_v3", "layoutlm",
        "longformer", "luke", "megatron-bert", "mobilebert", "modernbert", "modernbert-decoder", "modernvbert",
        "mpnet", "mra", "nomic_bert", "nystromformer", "rembert", "roberta", "roberta-prelayernorm", "roc_bert",
        "roformer", "squeezebert", "tapas", "ultrabert", "ultravbert", "visual_bert", "xlm-roberta",
        "xlm-roberta-xl", "xmod", "yoso",
    ),
    "its residual is a mixture of several streams (hyper-connections), which is not read": (
        "qwen4_exp", "qwen4_exp_text",
    ),
    "it puts its residual on the unit sphere, and scales the logits by a number that it learnt": ("dory",),
    "a projection stands between its norm and its head, which is not read": ("neomme",),
    "it has several heads, one a codebook, and one of them is no unembedding": (
        "musicgen", "musicgen_decoder", "musicgen_melody", "musicgen_melody_decoder",
    ),
    "its versions differ in whether the rows of the head are normalised, and the config does not say": ("baichuan",),
    "it sets the logits of its image tokens to the lowest number there is": ("chameleon",),
    "it may normalise its head before use, which is not read": ("bailing_moe",),
}
# fmt: on

CLOSED: Mapping[str, str] = {kind: reason for reason, kinds in _REASONS.items() for kind in kinds}
