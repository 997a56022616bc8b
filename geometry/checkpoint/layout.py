"""Which tensors are the head, the embedding, the bias and the final norm: ordered rules on names and shapes.

Checkpoints name the same things in some dozens of ways. The names are data (`geometry.checkpoint.naming`); the
rules read them in order. The model's type matters for a name that means two things, and for what the config's flag of
tying is about (`geometry.checkpoint.config`).
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from geometry.checkpoint.beside import stem_of
from geometry.checkpoint.companions import check_packed, check_stored, companion_names, quantised_module, stored_shape
from geometry.checkpoint.config import model_type, says_tied, token_counts, told_width
from geometry.checkpoint.header import TensorInfo, Tensors, short, some_names
from geometry.checkpoint.naming import (
    AUXILIARY,
    BIASES,
    DECODERS,
    EMBEDDINGS,
    ENCODERS,
    GAINS,
    HEAD_PARTS,
    HEADS,
    IN_BLOCK,
    NORM_PLACES,
    NORMS,
    REWORKED,
    SHIFTS,
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
    says explicitly that the two are untied, or something of a head is stored that is not understood.

    Raises:
        CheckpointError: there is no head, or it is no matrix, or it is kept in a way that cannot be read exactly.
    """
    outer = _Outer(tensors)
    embedding = _find_embedding(outer)
    head = _find_head(outer, embedding, config)
    tied = head is None
    if head is None:
        _check_no_head(outer)
        head = embedding
        if head is None:
            raise CheckpointError(
                f"no head and no embedding, a (vocab, dim) matrix, among {len(tensors)} tensors "
                f"({some_names(tensors)}); expected lm_head.weight, model.embed_tokens.weight or a like name; "
                "is this a language model?"
            )
        if says_tied(config) is False:
            raise CheckpointError(
                f"no head: the config says tie_word_embeddings = false and no head is stored, only "
                f"{short(head)}; this is a base, embedding or reward model; take the causal LM"
            )
    _check_matrix(outer, head, config)
    _check_beside(outer, head)
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
        if name != embedding and _ends(stem_of(name), ending)
    )
    strong = bool(named) and named[0][0] < len(HEADS)
    rows = outer[embedding] if embedding is not None and named and not strong else None
    for rank, *_, name in named:
        if rank < len(HEADS) or _fits(outer[name], rows, config):
            return name
    return None


def _fits(info: TensorInfo, embedding: TensorInfo | None, config: Mapping[str, Any]) -> bool:
    """Return whether a matrix has half the embedding's rows at least, or the config's number of tokens."""
    if len(info.shape) != 2:
        return False
    rows = info.shape[0]
    if embedding is not None and 2 * rows >= embedding.shape[0]:
        return True
    known = token_counts(config)
    # a padded head has more rows than the config has tokens
    return rows in known or (embedding is None and 2 * rows >= max(known, default=0))


def _check_no_head(outer: Tensors) -> None:
    """Refuse to take the embedding for a head of which something else is stored than its matrix."""
    for name in sorted(outer):
        for ending in HEADS:
            above, found, below = f".{name}".rpartition(f".{ending}.")
            if found and not _in_encoder(above) and not _is_part(name, below):
                raise _reworked(outer, f"{above}.{ending}"[1:], name)


def _check_beside(outer: Tensors, head: str) -> None:
    """Refuse a head beside whose matrix lies something that makes another one of it."""
    module = stem_of(head)
    strong, beside = any(_ends(module, ending) for ending in HEADS), {head, *companion_names(head, outer)}
    for name in sorted(outer):
        below = name.removeprefix(f"{module}.")
        if below == name or name in beside:
            continue
        if below.split(".")[0] in REWORKED or (strong and not _is_part(name, below)):
            raise _reworked(outer, module, name)


def _is_part(name: str, below: str) -> bool:
    """Return whether a tensor below a head's module is no other form of its matrix, or a head by its own name."""
    return below.split(".")[0] in HEAD_PARTS or any(_ends(stem_of(name).removesuffix(".bias"), end) for end in HEADS)


def _reworked(outer: Tensors, module: str, name: str) -> CheckpointError:
    below = name.removeprefix(f"{module}.")
    what = next((REWORKED[part] for part in below.split(".") if part in REWORKED), "which is not known here")
    has = "" if f"{module}.weight" in outer else f" and no {short(f'{module}.weight')}"
    return CheckpointError(
        f"the head's module {short(module)} holds {short(name)} ({what}){has}; expected its matrix alone; merge or "
        "unpack it where it was made, or take the plain checkpoint"
    )


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
    return stored_shape(outer[head], outer, told_width(config))


def _find_norm(
    outer: Tensors, head: str, embedding: str | None, dim: int, config: Mapping[str, Any]
) -> tuple[str | None, str | None]:
    """Return gain and shift of the final norm: up from the embedding, the first one as wide as the head.

    With a head alone, whose parent need not lie above the norm, the shallowest norm anywhere.
    """
    parents = _parents(embedding) if embedding is not None else _parents(head) + _all_parents(outer)
    # the last part of a module may be a head's
    decoders = any(part in DECODERS for name in outer for part in name.split(".")[:-2])
    own = NORM_PLACES.get(model_type(config))
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
    own = [] if tied else [f"{stem_of(head)}.bias"]
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


def _last(name: str) -> str:
    """Return the last part of a tensor's module."""
    return stem_of(name).rpartition(".")[2]


def _ends(stem: str, ending: str) -> bool:
    return stem == ending or stem.endswith("." + ending)


def _in_encoder(name: str) -> bool:
    return "encoder" in name.split(".")


def _parents(name: str) -> list[str]:
    """Return the prefixes above the module of a tensor, the nearest first: ``a.b.``, ``a.``, the root."""
    parts = stem_of(name).split(".")[:-1]
    return ["".join(part + "." for part in parts[:n]) for n in range(len(parts), -1, -1)]


def _all_parents(outer: Tensors) -> list[str]:
    found = {parent for name in outer for parent in _parents(name)}
    return sorted(found, key=lambda parent: (parent.count("."), parent))
