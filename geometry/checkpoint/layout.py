"""Which tensors are the head, the embedding, the bias and the final norm: ordered rules on names and shapes.

Checkpoints name the same things in some dozens of ways. The names are data below; the rules read them in
order, and never need to know the model's type.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from geometry.checkpoint.companions import check_packed, check_stored, quantised_module, stored_shape
from geometry.checkpoint.header import TensorInfo, Tensors, short
from geometry.checkpoint.matrix import STORED
from geometry.errors import CheckpointError

# inside a numbered block nothing is a head, an embedding or the final norm
_IN_BLOCK = re.compile(r"(^|\.)(layers?|h|blocks?)\.\d+\.")

# models beside the language model that have embeddings, norms or heads of their own
_AUXILIARY = re.compile(
    r"(^|\.)(mtp|nextn|medusa|eagle|talker|code2wav|token2wav|vision|vit|image|audio|visual(?!_bert)|score|v_head"
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
    "w",
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
)
WEAK_HEADS = ("output", "head.decoder", "head", "decoder")

BIASES = (
    "cls.predictions.bias",
    "predictions.bias",
    "final_logits_bias",
    *(f"{name}.bias" for name in HEADS),
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
)
GAINS = ("weight", "gamma", "scale")
SHIFTS = ("bias", "beta")


@dataclass(frozen=True)
class HeadLayout:
    """Names of the tensors around the head; ``None`` for what the checkpoint does not hold.

    Attributes:
        head: the tensor whose rows are the tokens' vectors: the embedding itself where ``tied``.
        embedding: the input embedding.
        bias: what is added to the logits, one number a token.
        norm: the gain of the final norm.
        norm_bias: the shift of the final norm.
        tied: no head is stored and the embedding serves as one.
    """

    head: str
    embedding: str | None
    bias: str | None
    norm: str | None
    norm_bias: str | None
    tied: bool


def find_layout(tensors: Tensors, config: Mapping[str, Any]) -> HeadLayout:
    """Return where the head lies.

    A stored head is used even where the config says tied. An absent one is the embedding, unless the config
    says explicitly that the two are untied.

    Raises:
        CheckpointError: there is no head, or it is quantised, or it is no matrix.
    """
    outer = {name: tensors[name] for name in tensors if not _IN_BLOCK.search(name) and not _AUXILIARY.search(name)}
    embedding = _find_embedding(outer)
    head = _find_head(outer, embedding, config)
    tied = head is None
    if head is None:
        head = embedding
        if head is None:
            raise CheckpointError(
                f"no head and no embedding, a (vocab, dim) matrix, among {len(tensors)} tensors ({_some(tensors)}); "
                "expected lm_head.weight, model.embed_tokens.weight or a like name; is this a language model?"
            )
        if _is_untied(config):
            raise CheckpointError(
                f"no head: the config says tie_word_embeddings = false and no head is stored, only "
                f"{short(head)}; this is a base, embedding or reward model; take the causal LM"
            )
    _check_matrix(outer, head, config)
    outer = {**outer, head: replace(outer[head], shape=_shape(outer, head, config))}
    norm, norm_bias = _find_norm(outer, head, embedding)
    return HeadLayout(head, embedding, _find_bias(outer, head, tied=tied), norm, norm_bias, tied)


def _find_embedding(outer: Mapping[str, TensorInfo]) -> str | None:
    """Return the embedding: by the order of names, a decoder's before an encoder's, the shallowest."""
    found = [
        (EMBEDDINGS.index(_stem(name).rpartition(".")[2]), _in_encoder(name), name.count("."), name)
        for name, info in outer.items()
        if len(info.shape) == 2 and _stem(name).rpartition(".")[2] in EMBEDDINGS
    ]
    return min(found)[-1] if found else None


def _find_head(outer: Mapping[str, TensorInfo], embedding: str | None, config: Mapping[str, Any]) -> str | None:
    """Return the stored head: by the order of names, a decoder's before an encoder's, the shallowest."""
    found = []
    for name, info in outer.items():
        stem = _stem(name)
        for rank, ending in enumerate((*HEADS, *WEAK_HEADS)):
            strong = ending in HEADS
            if name == embedding or not _ends(stem, ending):
                continue
            if _fits(info, outer.get(embedding or ""), config) or (strong and not _is_float_matrix(info)):
                found.append((rank, _in_encoder(name), name.count("."), name))
    for name in outer:
        stem = quantised_module(name)
        if stem and any(_ends(stem, ending) for ending in (*HEADS, *WEAK_HEADS)):
            check_packed(stem, outer)
    return min(found)[-1] if found else None


def _fits(info: TensorInfo, embedding: TensorInfo | None, config: Mapping[str, Any]) -> bool:
    """Return whether a matrix has half the embedding's rows at least, or the config's number of tokens."""
    if len(info.shape) != 2:
        return False
    rows = info.shape[0]
    if embedding is not None and 2 * rows >= embedding.shape[0]:
        return True
    sizes = [part.get("vocab_size") for part in (config, text_config(config))]
    known = [size for size in sizes if isinstance(size, int)]
    # a padded head has more rows than the config has tokens
    return rows in known or (embedding is None and 2 * rows >= max(known, default=0))


def _is_float_matrix(info: TensorInfo) -> bool:
    return len(info.shape) == 2 and 0 not in info.shape and info.dtype in STORED


def _check_matrix(outer: Mapping[str, TensorInfo], head: str, config: Mapping[str, Any]) -> None:
    """Refuse a head that is no (vocab, dim) matrix of numbers that can be decoded exactly."""
    info = outer[head]
    if len(info.shape) != 2 or 0 in info.shape:
        raise CheckpointError(
            f"the head {short(head)} has shape {list(info.shape)}; expected (vocab, dim), both at least 1; "
            "the checkpoint is damaged"
        )
    check_stored(info, outer, config)


def _shape(outer: Mapping[str, TensorInfo], head: str, config: Mapping[str, Any]) -> tuple[int, ...]:
    """Return the head's (vocab, dim), also where its numbers are packed into one column."""
    widths = (text_config(config).get(key) for key in ("hidden_size", "d_model", "n_embd", "dim"))
    dim = next((width for width in widths if type(width) is int and width > 0), None)
    return stored_shape(outer[head], outer, dim)


def _find_norm(outer: Mapping[str, TensorInfo], head: str, embedding: str | None) -> tuple[str | None, str | None]:
    """Return gain and shift of the final norm: up from the embedding, the first one as wide as the head.

    With a head alone, whose parent need not lie above the norm, the shallowest norm anywhere.
    """
    dim = outer[head].shape[1]
    parents = _parents(embedding) if embedding is not None else _parents(head) + _all_parents(outer)
    for parent in parents:
        # an encoder-decoder shares its embedding above both, and the readout is the decoder's
        for place in (parent, f"{parent}decoder."):
            for norm in NORMS:
                for gain in GAINS:
                    name = f"{place}{norm}.{gain}"
                    if name in outer and outer[name].shape == (dim,):
                        shifts = (f"{place}{norm}.{shift}" for shift in SHIFTS)
                        return name, next((s for s in shifts if s in outer), None)
    return None, None


def _find_bias(outer: Mapping[str, TensorInfo], head: str, *, tied: bool) -> str | None:
    """Return the head's bias: beside the head, or under one of the names that a tied head keeps it by."""
    vocab = outer[head].shape[0]
    own = [] if tied else [f"{_stem(head)}.bias"]
    for name in own:
        if name in outer and outer[name].shape not in ((vocab,), (1, vocab)):
            raise CheckpointError(
                f"the head's bias {short(name)} has shape {list(outer[name].shape)}; expected [{vocab}], one number "
                "a token; the checkpoint is damaged"
            )
    named = sorted(
        (BIASES.index(ending), name.count("."), name)
        for name in outer
        for ending in BIASES
        if name == ending or name.endswith("." + ending)
    )
    for name in [*own, *(name for *_, name in named)]:
        if name in outer and outer[name].shape in ((vocab,), (1, vocab)):
            return name
    return None


def _is_untied(config: Mapping[str, Any]) -> bool:
    """Return whether the config says untied; a missing flag says nothing, as class defaults vary."""
    flags = [part.get("tie_word_embeddings") for part in (config, text_config(config))]
    return next((flag is False for flag in flags if isinstance(flag, bool)), False)


def text_config(config: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return the language model's part of a multimodal config, else the config itself."""
    for key in ("text_config", "llm_config", "language_config"):
        inner = config.get(key)
        if isinstance(inner, Mapping):
            return inner
    return config


def _stem(name: str) -> str:
    """Return a tensor's module: its name less the last part, if that is ``weight`` (or there is none)."""
    return name.removesuffix(".weight")


def _ends(stem: str, ending: str) -> bool:
    return stem == ending or stem.endswith("." + ending)


def _in_encoder(name: str) -> bool:
    return "encoder" in name.split(".")


def _parents(name: str) -> list[str]:
    """Return the prefixes above the module of a tensor, the nearest first: ``a.b.``, ``a.``, the root."""
    parts = _stem(name).split(".")[:-1]
    return ["".join(part + "." for part in parts[:n]) for n in range(len(parts), -1, -1)]


def _all_parents(outer: Mapping[str, TensorInfo]) -> list[str]:
    found = {parent for name in outer for parent in _parents(name)}
    return sorted(found, key=lambda parent: (parent.count("."), parent))


def _some(tensors: Iterable[str]) -> str:
    names = sorted(tensors)
    return ", ".join(short(name) for name in names[:5]) + (", …" if len(names) > 5 else "")
