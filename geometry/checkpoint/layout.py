"""Which tensors are the head, the embedding, the bias and the final norm: ordered rules on names and shapes.

Checkpoints name the same things in some dozens of ways. The names are data (`geometry.checkpoint.naming`); the
rules read them in order, and never need to know the model's type.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from geometry.checkpoint.companions import check_packed, check_stored, quantised_module, stored_shape
from geometry.checkpoint.header import TensorInfo, Tensors, short
from geometry.checkpoint.matrix import STORED
from geometry.checkpoint.naming import (
    AUXILIARY,
    BIASES,
    DECODERS,
    EMBEDDINGS,
    ENCODERS,
    GAINS,
    HEADS,
    IN_BLOCK,
    NORM_PLACES,
    NORMS,
    SHIFTS,
    TEXT_PARTS,
    WEAK_HEADS,
)
from geometry.errors import CheckpointError


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
    outer = _Outer(tensors)
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
    vocab, dim = _shape(outer, head, config)
    norm, norm_bias = _find_norm(outer, head, embedding, dim, config)
    return HeadLayout(head, embedding, _find_bias(outer, head, vocab, tied=tied), norm, norm_bias, tied)


class _Outer:
    """The tensors outside numbered blocks and auxiliary models, by name; what is not looked up is not read.

    Looking a tensor up may fetch the header of a shard, and the rules decide by names before they look.
    """

    def __init__(self, tensors: Tensors) -> None:
        self._tensors = tensors
        self._names = {name for name in tensors if not IN_BLOCK.search(name) and not AUXILIARY.search(name)}

    def __getitem__(self, name: str) -> TensorInfo:
        return self._tensors[name]

    def __contains__(self, name: object) -> bool:
        return name in self._names

    def __iter__(self) -> Iterator[str]:
        return iter(self._names)

    def __len__(self) -> int:
        return len(self._names)


def _find_embedding(outer: Tensors) -> str | None:
    """Return the embedding: by the order of names, a decoder's before an encoder's, the shallowest."""
    named = sorted(
        (EMBEDDINGS.index(_last(name)), _in_encoder(name), name.count("."), name)
        for name in outer
        if _last(name) in EMBEDDINGS
    )
    return next((name for *_, name in named if len(outer[name].shape) == 2), None)


def _find_head(outer: Tensors, embedding: str | None, config: Mapping[str, Any]) -> str | None:
    """Return the stored head: by the order of names, a decoder's before an encoder's, the shallowest."""
    endings = (*HEADS, *WEAK_HEADS)
    for name in outer:
        stem = quantised_module(name)
        if stem and any(_ends(stem, ending) for ending in endings):
            check_packed(stem, outer)
    named = sorted(
        (rank, _in_encoder(name), name.count("."), name)
        for name in outer
        for rank, ending in enumerate(endings)
        if name != embedding and _ends(_stem(name), ending)
    )
    rows = outer[embedding] if embedding is not None and named else None
    for rank, *_, name in named:
        info = outer[name]
        if _fits(info, rows, config) or (rank < len(HEADS) and not _is_float_matrix(info)):
            return name
    return None


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


def _check_matrix(outer: Tensors, head: str, config: Mapping[str, Any]) -> None:
    """Refuse a head that is no (vocab, dim) matrix of numbers that can be decoded exactly."""
    info = outer[head]
    if len(info.shape) != 2 or 0 in info.shape:
        raise CheckpointError(
            f"the head {short(head)} has shape {list(info.shape)}; expected (vocab, dim), both at least 1; "
            "the checkpoint is damaged"
        )
    check_stored(info, outer, config)


def _shape(outer: Tensors, head: str, config: Mapping[str, Any]) -> tuple[int, ...]:
    """Return the head's (vocab, dim), also where its numbers are packed into one column."""
    widths = (text_config(config).get(key) for key in ("hidden_size", "d_model", "n_embd", "dim"))
    dim = next((width for width in widths if type(width) is int and width > 0), None)
    return stored_shape(outer[head], outer, dim)


def _find_norm(
    outer: Tensors, head: str, embedding: str | None, dim: int, config: Mapping[str, Any]
) -> tuple[str | None, str | None]:
    """Return gain and shift of the final norm: up from the embedding, the first one as wide as the head.

    With a head alone, whose parent need not lie above the norm, the shallowest norm anywhere.
    """
    parents = _parents(embedding) if embedding is not None else _parents(head) + _all_parents(outer)
    # the last part of a module may be a head's
    decoders = any(part in DECODERS for name in outer for part in name.split(".")[:-2])
    own = NORM_PLACES.get(str(config.get("model_type")))
    for parent in parents:
        # an encoder-decoder shares its embedding above both, and the readout is the decoder's
        inner = DECODERS if decoders else ENCODERS
        for place in (parent, *(f"{parent}{part}." for part in inner)):
            if (decoders and _in_encoder(place)) or place.endswith(("embedding.", "embeddings.")):
                continue
            for norm in NORMS if own is None else (own,):
                for gain in GAINS:
                    name = f"{place}{norm}.{gain}"
                    if name in outer and outer[name].shape == (dim,):
                        shifts = (f"{place}{norm}.{shift}" for shift in SHIFTS)
                        return name, next((s for s in shifts if s in outer), None)
    return None, None


def _find_bias(outer: Tensors, head: str, vocab: int, *, tied: bool) -> str | None:
    """Return the head's bias: beside the head, or under one of the names that a tied head keeps it by."""
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
    """Return whether the config says untied; a missing flag says nothing, as class defaults vary.

    Around a decoder with a config of its own the outer flag is about the encoder's embedding and the decoder's.
    """
    inner = text_config(config)
    parts = (inner,) if inner is config.get("decoder") else (config, inner)
    flags = [part.get("tie_word_embeddings") for part in parts]
    return next((flag is False for flag in flags if isinstance(flag, bool)), False)


def text_config(config: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return the language model's part of a config that has several, else the config itself."""
    for key in TEXT_PARTS:
        inner = config.get(key)
        if isinstance(inner, Mapping):
            # an omni model's thinker holds a text model in turn
            nested = inner.get("text_config") if key == "thinker_config" else None
            return nested if isinstance(nested, Mapping) else inner
    return config


def _stem(name: str) -> str:
    """Return a tensor's module: its name less the last part, if that is ``weight`` (or there is none)."""
    return name.removesuffix(".weight")


def _last(name: str) -> str:
    """Return the last part of a tensor's module."""
    return _stem(name).rpartition(".")[2]


def _ends(stem: str, ending: str) -> bool:
    return stem == ending or stem.endswith("." + ending)


def _in_encoder(name: str) -> bool:
    return "encoder" in name.split(".")


def _parents(name: str) -> list[str]:
    """Return the prefixes above the module of a tensor, the nearest first: ``a.b.``, ``a.``, the root."""
    parts = _stem(name).split(".")[:-1]
    return ["".join(part + "." for part in parts[:n]) for n in range(len(parts), -1, -1)]


def _all_parents(outer: Tensors) -> list[str]:
    found = {parent for name in outer for parent in _parents(name)}
    return sorted(found, key=lambda parent: (parent.count("."), parent))


def _some(tensors: Iterable[str]) -> str:
    names = sorted(tensors)
    return ", ".join(short(name) for name in names[:5]) + (", …" if len(names) > 5 else "")
