"""From a name on the Hub to a kept entry: what is asked for, in which order, and when nothing need be."""

import hashlib
import re
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import geometry
from geometry.atomic import replace_file
from geometry.checkpoint.beside import MAX_COMPANION_BYTES
from geometry.checkpoint.companions import companion_names
from geometry.checkpoint.guards import MAX_JSON_BYTES, parse_json
from geometry.checkpoint.header import Tensors, short
from geometry.checkpoint.hub.cache import Cache, now, user_cache
from geometry.checkpoint.hub.download import fetch_tensors
from geometry.checkpoint.hub.entry import WEIGHTS, Kept, Kind, Origin
from geometry.checkpoint.hub.failures import DamagedError, NothingKeptError, UnreachableError, UnwritableError
from geometry.checkpoint.hub.listing import Listing, list_files
from geometry.checkpoint.hub.names import HubName, is_commit
from geometry.checkpoint.hub.remote import open_weights
from geometry.checkpoint.hub.wire import Wire
from geometry.checkpoint.layout import HeadLayout, find_layout
from geometry.checkpoint.shards import INDEX, SINGLE
from geometry.errors import CheckpointError
from geometry.progress import tell

CONFIG = "config.json"
EMBEDDING = "embedding.safetensors"
MAX_TOKENIZER_BYTES = 64 * 2**20

_TIKTOKEN = re.compile(r"[\w-][\w.-]*\.tiktoken", re.ASCII)


@dataclass(frozen=True)
class Fetched:
    """What came of a repository, for the record.

    Attributes:
        layout: which tensors are the head and what stands around it; None of a tokenizer alone.
        tensors: where each tensor came from, and its SHA-256.
        files: sizes of all files, and SHA-256 of the small ones.
        bytes_total: of the whole checkpoint's weights and these files; None where the Hub lists no sizes.
        earlier: bytes of tensors that earlier runs had fetched.
    """

    layout: HeadLayout | None
    tensors: tuple[dict[str, Any], ...]
    files: Mapping[str, dict[str, Any]]
    bytes_total: int | None
    earlier: int = 0


Fetch = Callable[[Wire, Listing, Path], Fetched]


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
    name = HubName(origin.repo, origin.commit)
    wire = Wire(str(name))
    cache = user_cache(wire.endpoint)
    with cache.locked(name):
        if not path.is_file():
            listing = list_files(wire, name)
            partial = path.with_suffix(".partial")
            fetch_tensors([open_weights(wire, listing).piece(tensor)], partial, f"{origin.repo} {tensor}")
            partial.with_suffix(".journal").unlink(missing_ok=True)
            partial.replace(path)
    return path, wire.bytes_received


def _keep(kind: Kind, name: HubName, fetch: Fetch) -> Kept:
    """Return an entry of the cache, fetched first where it is not there."""
    wire = Wire(str(name))
    cache = user_cache(wire.endpoint)
    if is_commit(name.revision):
        kept = _find(cache, kind, name, name.revision)
        if kept is not None:
            return _asked_for(kept, name)
    try:
        listing = list_files(wire, name)
    except UnreachableError as error:
        return _without_network(cache, kind, name, error)
    kept = _find(cache, kind, name, listing.commit)
    if kept is None:
        try:
            with cache.locked(name):
                kept = _find(cache, kind, name, listing.commit) or _make(cache, kind, listing, wire, fetch)
        except OSError as error:
            raise UnwritableError.of(cache.root, error) from error
    cache.note_commit(name, listing.commit)
    return _asked_for(kept, name)


def _asked_for(kept: Kept, name: HubName) -> Kept:
    """Return an entry as it is asked for now, whatever it was called when it was fetched."""
    return replace(kept, origin=replace(kept.origin, revision=name.revision))


def _find(cache: Cache, kind: Kind, name: HubName, commit: str) -> Kept | None:
    """Return an entry; a kept head's folder serves for its tokenizer, and a damaged one is as good as none."""
    kinds: tuple[Kind, ...] = ("heads",) if kind == "heads" else ("heads", "tokenizers")
    for one in kinds:
        try:
            found = cache.find(one, name, commit)
        except DamagedError as error:
            tell(f"{error}; fetching it again")
            found = None
        if found is not None:
            return found
    return None


def _without_network(cache: Cache, kind: Kind, name: HubName, error: UnreachableError) -> Kept:
    """Return what is kept of a revision that cannot be asked for now."""
    known = cache.commit_of(name)
    kept = None if known is None else _find(cache, kind, name, known[0])
    if known is None or kept is None:
        raise NothingKeptError(f"{error}; nothing of {name.repo} at {name.revision} is kept in {cache.root}") from error
    tell(f"{error}; using {name.repo} as kept: commit {known[0][:12]}, where {name.revision} stood at {known[1]}")
    return _asked_for(kept, name)


def _make(cache: Cache, kind: Kind, listing: Listing, wire: Wire, fetch: Fetch) -> Kept:
    """Fetch an entry and publish it. What came is left for the next run only where nothing spoke against it."""
    partial = cache.start(kind, listing.name, listing.commit)
    try:
        fetched = fetch(wire, listing, partial)
    except (UnreachableError, UnwritableError):
        raise
    except CheckpointError:
        cache.discard(partial)
        raise
    origin = Origin(
        repo=listing.name.repo,
        revision=listing.name.revision,
        commit=listing.commit,
        endpoint=wire.endpoint,
        bytes_read=wire.bytes_received + fetched.earlier,
        bytes_total=fetched.bytes_total,
        fetched=now(),
        version=geometry.__version__,
    )
    record = {
        "origin": asdict(origin),
        "layout": None if fetched.layout is None else asdict(fetched.layout),
        "tensors": fetched.tensors,
        "files": fetched.files,
    }
    folder = cache.publish(kind, listing.name, partial, record, listing.commit)
    return Kept(folder, origin, fetched.layout)


def _fetch_tokenizer(wire: Wire, listing: Listing, folder: Path) -> Fetched:
    """Fetch what a vocabulary is read from."""
    names = _tokenizer_files(listing)
    if not names:
        raise CheckpointError(f"{wire.what} has no tokenizer: a tokenizer.json or a tiktoken file was expected")
    files = {name: _small_file(wire, listing, name, folder, MAX_TOKENIZER_BYTES) for name in names}
    return Fetched(None, (), files, sum(file["nbytes"] for file in files.values()))


def _fetch_head(wire: Wire, listing: Listing, folder: Path) -> Fetched:
    """Fetch config, tokenizer and the head's tensors with what stands around it."""
    weights = open_weights(wire, listing)
    files: dict[str, dict[str, Any]] = {}
    config: Mapping[str, Any] = {}
    if CONFIG in listing.sizes:
        files[CONFIG] = _small_file(wire, listing, CONFIG, folder, MAX_JSON_BYTES)
        config = parse_json((folder / CONFIG).read_bytes(), Path(CONFIG), "JSON", unique_keys=False)
    layout = find_layout(weights.tensors, config)
    pieces = [weights.piece(name) for name in _around(layout, weights.tensors)]
    for piece in pieces[1:]:
        if piece.info.nbytes > MAX_COMPANION_BYTES:
            raise CheckpointError(
                f"{wire.what}: tensor {short(piece.info.name)} takes {piece.info.nbytes:,} bytes; expected at most "
                f"{MAX_COMPANION_BYTES:,} of what stands beside a head"
            )
    for name in _tokenizer_files(listing):
        files[name] = _small_file(wire, listing, name, folder, MAX_TOKENIZER_BYTES)
    came = fetch_tensors(pieces, folder / WEIGHTS, listing.name.repo)
    told = tuple({**piece.to_dict(), "sha256": came.sha256[piece.info.name]} for piece in pieces)
    small = sum(file["nbytes"] for file in files.values()) + weights.index_bytes
    files[WEIGHTS] = {"nbytes": (folder / WEIGHTS).stat().st_size}
    return Fetched(layout, told, files, None if weights.nbytes is None else weights.nbytes + small, came.earlier)


def _around(layout: HeadLayout, tensors: Tensors) -> list[str]:
    """Return the names to fetch: the head first, then norm, bias, and what the head is decoded with."""
    known = [layout.norm, layout.norm_bias, layout.bias]
    beside = companion_names(layout.head, tensors)
    return list(dict.fromkeys([layout.head, *(name for name in known if name is not None), *beside]))


def _tokenizer_files(listing: Listing) -> list[str]:
    """Return the tokenizer's file, as `find_tokenizer` would choose it; none where several might be meant."""
    for name in ("tokenizer.json", "tokenizer.model"):
        if name in listing.sizes:
            return [name]
    tiktoken = [name for name in listing.sizes if _TIKTOKEN.fullmatch(name)]
    return tiktoken if len(tiktoken) == 1 else []


def _small_file(wire: Wire, listing: Listing, name: str, folder: Path, limit: int) -> dict[str, Any]:
    """Fetch a small file into ``folder`` and return what its provenance says."""
    content = listing.small(wire, name, limit=limit)
    replace_file(folder / name, content)
    return {"nbytes": len(content), "sha256": hashlib.sha256(content).hexdigest()}
