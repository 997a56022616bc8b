"""From a name on the Hub to a kept entry: what is asked for, in which order, and when nothing need be."""

import hashlib
import re
from collections.abc import Callable, Mapping
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import geometry
from geometry.atomic import replace_file
from geometry.checkpoint.guards import MAX_JSON_BYTES, parse_json
from geometry.checkpoint.header import TensorInfo, Tensors, short
from geometry.checkpoint.hub.download import Piece, fetch_tensors
from geometry.checkpoint.hub.kept import WEIGHTS, Cache, Kept, Kind, now, unwritable, user_cache
from geometry.checkpoint.hub.listing import Listing, list_files
from geometry.checkpoint.hub.names import HubName, is_commit
from geometry.checkpoint.hub.remote import RemoteShards
from geometry.checkpoint.hub.wire import UnreachableError, Wire
from geometry.checkpoint.layout import HeadLayout, find_layout
from geometry.checkpoint.reads import Origin
from geometry.checkpoint.shards import INDEX, SINGLE, IndexedTensors, choose_weights, weight_map
from geometry.errors import CheckpointError
from geometry.progress import tell

CONFIG = "config.json"
EMBEDDING = "embedding.safetensors"
MAX_INDEX_BYTES = 64 * 2**20
MAX_TOKENIZER_BYTES = 64 * 2**20
MAX_BESIDE_BYTES = 256 * 2**20
"""The largest tensor beside the head itself: a scale for every few of its numbers."""

_TOKENIZERS = re.compile(r"tokenizer\.json|tokenizer\.model|[\w-][\w.-]*\.tiktoken", re.ASCII)


class NothingKeptError(CheckpointError):
    """The Hub cannot be asked, and the cache holds nothing of what is wanted."""


def find_snapshot(name: HubName) -> Path | None:
    """Return the folder of a whole model that the Hub's own client once downloaded, or None."""
    from huggingface_hub import try_to_load_from_cache

    for file in (SINGLE, INDEX):
        path = try_to_load_from_cache(name.repo, file, revision=name.revision)
        if isinstance(path, str):
            return Path(path).parent
    return None


def keep_head(name: HubName) -> Kept:
    """Return a model's head as a small folder here: from the cache, or fetched into it.

    A commit that is kept needs no network; a branch or tag is asked for what it stands at now, and where the Hub cannot
    be reached it stands where it last stood, which is said.

    Raises:
        CheckpointError: no such model, no head, no access, no network and nothing kept, or a server not to be trusted.
    """
    return _keep("heads", name, _fetch_head)


def keep_tokenizer(name: HubName) -> Path:
    """Return a folder here with a model's tokenizer: one that its head is kept in, or that the tokenizer is fetched to.

    Raises:
        CheckpointError: as `keep_head`.
    """
    return _keep("tokenizers", name, _fetch_tokenizer).folder


def keep_embedding(kept: Kept, tensor: str) -> tuple[Path, int]:
    """Fetch the input embedding beside a kept head, for what compares the two; twice the reading.

    Returns:
        The safetensors file that holds it, and the bytes that were received for it.

    Raises:
        CheckpointError: it does not come.
    """
    origin, path = kept.origin, kept.folder / EMBEDDING
    if path.is_file():
        return path, 0
    name, cache = HubName(origin.repo, origin.commit), user_cache()
    wire = Wire(str(name))
    with cache.locked(name):
        if not path.is_file():
            listing = list_files(wire, name)
            tensors, shards = _open_weights(wire, listing)[:2]
            partial = path.with_suffix(".partial")
            fetch_tensors([_piece(tensors[tensor], shards)], partial, f"{origin.repo} {tensor}")
            partial.with_suffix(".journal").unlink(missing_ok=True)
            partial.replace(path)
    return path, wire.bytes_received


def _keep(kind: Kind, name: HubName, fetch: Callable[[Wire, Listing, Path], dict[str, Any]]) -> Kept:
    """Return an entry of the cache, fetched first where it is not there."""
    cache = user_cache()
    if is_commit(name.revision):
        kept = _find(cache, kind, name, name.revision)
        if kept is not None:
            return kept
    wire = Wire(str(name))
    try:
        listing = list_files(wire, name)
    except UnreachableError as error:
        return _without_network(cache, kind, name, error)
    try:
        with cache.locked(name):
            kept = _find(cache, kind, name, listing.commit) or _make(cache, kind, listing, wire, fetch)
            cache.note_commit(name, listing.commit)
    except OSError as error:
        raise unwritable(cache.root, error) from error
    return replace(kept, origin=replace(kept.origin, revision=name.revision))


def _find(cache: Cache, kind: Kind, name: HubName, commit: str) -> Kept | None:
    """Return an entry; a kept head's folder serves for its tokenizer."""
    found = cache.find("heads", name, commit)
    return found or (None if kind == "heads" else cache.find(kind, name, commit))


def _without_network(cache: Cache, kind: Kind, name: HubName, error: UnreachableError) -> Kept:
    """Return what is kept of a revision that cannot be asked for now."""
    known = cache.commit_of(name)
    kept = None if known is None else _find(cache, kind, name, known[0])
    if known is None or kept is None:
        raise NothingKeptError(f"{error}; nothing of {name.repo} at {name.revision} is kept in {cache.root}") from error
    tell(f"{error}; using {name.repo} as kept: commit {known[0][:12]}, where {name.revision} stood at {known[1]}")
    return replace(kept, origin=replace(kept.origin, revision=name.revision))


def _make(
    cache: Cache, kind: Kind, listing: Listing, wire: Wire, fetch: Callable[[Wire, Listing, Path], dict[str, Any]]
) -> Kept:
    """Fetch an entry and publish it. What came is left for the next run only where nothing spoke against it."""
    partial = cache.start(kind, listing.name, listing.commit)
    try:
        record = fetch(wire, listing, partial)
    except UnreachableError:
        raise
    except CheckpointError:
        cache.discard(partial)
        raise
    origin = Origin(
        repo=listing.name.repo,
        revision=listing.name.revision,
        commit=listing.commit,
        endpoint=wire.endpoint,
        bytes_read=wire.bytes_received,
        bytes_total=record.pop("bytes_total"),
        fetched=now(),
        version=geometry.__version__,
    )
    layout: HeadLayout | None = record.get("layout")
    told = {"origin": asdict(origin), **record, "layout": None if layout is None else asdict(layout)}
    folder = cache.publish(kind, listing.name, partial, told, listing.commit)
    return Kept(folder, origin, layout)


def _fetch_tokenizer(wire: Wire, listing: Listing, folder: Path) -> dict[str, Any]:
    """Fetch what a vocabulary is read from."""
    names = _tokenizer_files(listing)
    if not names:
        raise CheckpointError(f"{wire.what} has no tokenizer: a tokenizer.json or a tiktoken file was expected")
    files = {name: _small_file(wire, listing, name, folder, MAX_TOKENIZER_BYTES) for name in names}
    return {"files": files, "bytes_total": sum(file["nbytes"] for file in files.values())}


def _fetch_head(wire: Wire, listing: Listing, folder: Path) -> dict[str, Any]:
    """Fetch config, tokenizer and the head's tensors with what stands around it."""
    tensors, shards, weights_total, index_bytes = _open_weights(wire, listing)
    files: dict[str, dict[str, Any]] = {}
    config: Mapping[str, Any] = {}
    if CONFIG in listing.sizes:
        files[CONFIG] = _small_file(wire, listing, CONFIG, folder, MAX_JSON_BYTES)
        config = parse_json((folder / CONFIG).read_bytes(), Path(CONFIG), "JSON", unique_keys=False)
    layout = find_layout(tensors, config)
    wanted = [tensors[name] for name in _around(layout, tensors)]
    for info in wanted[1:]:
        if info.nbytes > MAX_BESIDE_BYTES:
            raise CheckpointError(
                f"{wire.what}: tensor {short(info.name)} takes {info.nbytes:,} bytes; expected at most "
                f"{MAX_BESIDE_BYTES:,} of what stands beside a head"
            )
    for name in _tokenizer_files(listing):
        files[name] = _small_file(wire, listing, name, folder, MAX_TOKENIZER_BYTES)
    pieces = [_piece(info, shards) for info in wanted]
    digests = fetch_tensors(pieces, folder / WEIGHTS, listing.name.repo)
    small = sum(file["nbytes"] for file in files.values()) + index_bytes
    return {
        "layout": layout,
        "tensors": [_provenance(piece, digests[piece.info.name]) for piece in pieces],
        "files": files,
        "bytes_total": None if weights_total is None else weights_total + small,
    }


def _open_weights(wire: Wire, listing: Listing) -> tuple[Tensors, RemoteShards, int | None, int]:
    """Return a repository's tensors, its shards, the bytes of its weights, and those of the index that was read."""
    shards = RemoteShards(wire, listing.name.repo, listing.commit, listing.sizes)
    chosen = choose_weights(listing.sizes.keys())
    if chosen is None:
        raise CheckpointError(_no_weights(wire.what, listing))
    if chosen != INDEX:
        header = shards.header(chosen)
        return header, shards, shards.files[chosen].identity.size, 0  # type: ignore[union-attr]
    path = Path(listing.name.repo) / INDEX
    content = listing.small(wire, INDEX, limit=MAX_INDEX_BYTES)
    placed = weight_map(parse_json(content, path, "JSON", unique_keys=True), path)
    sizes = [listing.sizes.get(shard) for shard in set(placed.values())]
    total = sum(size for size in sizes if size is not None)
    tensors = IndexedTensors(path, placed, shards.header)
    return tensors, shards, None if None in sizes else total, len(content)


def _around(layout: HeadLayout, tensors: Tensors) -> list[str]:
    """Return the names to fetch: the head first, then norm, bias, and what lies under the head's own name."""
    stem = layout.head.removesuffix(".weight")
    own = [name for name in tensors if name.startswith((f"{stem}.weight.", f"{stem}.weight_"))]
    own += [name for name in tensors if name.rpartition(".")[0] == stem]
    known = [layout.norm, layout.norm_bias, layout.bias]
    return list(dict.fromkeys([layout.head, *(name for name in known if name is not None), *own]))


def _piece(info: TensorInfo, shards: RemoteShards) -> Piece:
    return Piece(shards.files[info.file.relative_to(shards.repo).as_posix()], info)


def _tokenizer_files(listing: Listing) -> list[str]:
    """Return the tokenizer's files: ``tokenizer.json`` alone where there is one."""
    names = sorted(name for name in listing.sizes if _TOKENIZERS.fullmatch(name))
    return ["tokenizer.json"] if "tokenizer.json" in names else names


def _small_file(wire: Wire, listing: Listing, name: str, folder: Path, limit: int) -> dict[str, Any]:
    """Fetch a small file into ``folder`` and return what its provenance says."""
    content = listing.small(wire, name, limit=limit)
    replace_file(folder / name, content)
    return {"nbytes": len(content), "sha256": hashlib.sha256(content).hexdigest()}


def _provenance(piece: Piece, digest: str) -> dict[str, Any]:
    """Return where a tensor came from."""
    info, identity = piece.info, piece.file.identity
    assert identity is not None
    return {
        "name": info.name,
        "dtype": info.dtype,
        "shape": info.shape,
        "sha256": digest,
        "file": piece.file.name,
        "offset": info.offset,
        "nbytes": info.nbytes,
        "file_size": identity.size,
        "etag": identity.linked_tag or identity.tag,
    }


def _no_weights(what: str, listing: Listing) -> str:
    """Return why a repository without a single safetensors file and without an index cannot be opened."""
    names = listing.sizes.keys()
    several = sum(name.endswith(".safetensors") and "/" not in name for name in names)
    if several:
        return f"{what} holds {several} safetensors files and no {INDEX}; download the one with the head and give it"
    for ending, says in (
        (".gguf", "only GGUF files; download one and give it"),
        ((".bin", ".pt", ".pth", ".ckpt"), "its weights as a pickle, which can run code when it is opened; "
         "take a revision with safetensors"),
    ):  # fmt: skip
        found = sorted(name for name in names if name.endswith(ending))
        if found:
            return f"{what} holds {says} ({short(found[0])})"
    return f"{what} holds no head: expected {WEIGHTS}, {INDEX} or one other *.safetensors; is this a language model?"
