"""Files and tensors that lie on the Hub: what of them is read comes as byte ranges."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any

from geometry.checkpoint.guards import MAX_INDEX_BYTES, MAX_JSON_BYTES, parse_json
from geometry.checkpoint.header import TensorInfo, Tensors, parse_header, short
from geometry.checkpoint.hub.answers import Identity, changed
from geometry.checkpoint.hub.listing import Listing
from geometry.checkpoint.hub.wire import Wire
from geometry.checkpoint.shards import (
    ADAPTER,
    ADAPTER_CONFIG,
    INDEX,
    PICKLES,
    SINGLE,
    IndexedTensors,
    adapter_line,
    choose_weights,
    weight_map,
)
from geometry.errors import CheckpointError

FIRST_BYTES = 2**16
"""What is asked for first of a shard: its header's length, and nearly always all of its header."""

_OTHERS = (
    (".gguf", "only GGUF files; download one and give it"),
    (
        PICKLES,
        "its weights as a pickle, which can run code when it is opened; take a revision with safetensors",
    ),
)


@dataclass(eq=False)
class RemoteFile:
    """One safetensors file at one commit.

    Attributes:
        repo: the repository, for names in messages.
        name: the file's name in it.
        commit: the commit it is read at.
        size: its size as the Hub lists it, or None where it does not.
    """

    wire: Wire
    repo: str
    name: str
    commit: str
    size: int | None = None
    identity: Identity | None = None
    _first: bytes = b""

    @property
    def url(self) -> str:
        """Where to ask for it; the answer may send elsewhere for a while."""
        from huggingface_hub import hf_hub_url

        return hf_hub_url(self.repo, self.name, revision=self.commit, endpoint=self.wire.endpoint)

    @property
    def path(self) -> Path:
        """Its name in messages and in tensors' places."""
        return Path(self.repo) / self.name

    def header(self) -> Mapping[str, TensorInfo]:
        """Return its tensors by name; one request, and another where its header is long."""
        self._first = self.read(0, FIRST_BYTES)
        assert self.identity is not None
        header = parse_header(self._from_first, self.identity.size, self.path)
        self._first = b""
        return MappingProxyType({tensor.name: tensor for tensor in header.tensors})

    def _from_first(self, offset: int, size: int) -> bytes:
        """Read of the header, of which the first bytes are here."""
        here = self._first[offset : offset + size]
        start, stop = offset + len(here), offset + size
        assert self.identity is not None
        if start >= min(stop, self.identity.size):
            return here
        return here + self.read(start, stop - start)

    def read(self, offset: int, size: int) -> bytes:
        """Return up to ``size`` bytes from ``offset``, fewer only where the file ends."""
        parts: list[bytes] = []
        self.bring(offset, offset + size, lambda _, block: parts.append(block))
        return b"".join(parts)

    def bring(self, start: int, stop: int, take: Callable[[int, bytes], None]) -> None:
        """Give bytes ``start`` to ``stop`` to ``take``, from the file as it was first seen.

        Raises:
            CheckpointError: it changed meanwhile, or does not come.
        """
        found = self.wire.stretch(self.url, start, stop, file=self.name, take=take, commit=self.commit)
        if self.size is not None and self.size != found.size:
            raise changed(self.wire.what, self.name, f"the Hub lists {self.size:,} bytes, {found.size:,} are served")
        if self.identity is not None:
            change = self.identity.difference(found)
            if change:
                raise changed(self.wire.what, self.name, change)
        else:
            self.identity = found


@dataclass(frozen=True)
class Piece:
    """A tensor, and the remote file it lies in."""

    file: RemoteFile
    info: TensorInfo

    def to_dict(self) -> dict[str, Any]:
        """Where it comes from, for the record."""
        info, identity = self.info, self.file.identity
        assert identity is not None
        return {
            "name": info.name,
            "dtype": info.dtype,
            "shape": info.shape,
            "file": self.file.name,
            "offset": info.offset,
            "nbytes": info.nbytes,
            "file_size": identity.size,
            "etag": identity.linked_tag or identity.tag,
        }


@dataclass(eq=False)
class RemoteWeights:
    """The tensors of a repository: names are free, and looking one up reads its file's header.

    Attributes:
        tensors: by name.
        nbytes: size of the files that hold them; None where the Hub lists no sizes.
        index_bytes: size of the index that was read, 0 where there is none.
    """

    tensors: Tensors
    nbytes: int | None
    index_bytes: int
    _files: Mapping[str, RemoteFile]

    def piece(self, name: str) -> Piece:
        """Return a tensor with its file."""
        info = self.tensors[name]
        return Piece(self._files[info.file.as_posix()], info)


def open_weights(wire: Wire, listing: Listing) -> RemoteWeights:
    """Find out where a repository's tensors lie.

    Raises:
        CheckpointError: it has no safetensors weights, or an index or a header that cannot be true.
    """
    repo, files = listing.name.repo, {}

    def header(name: str) -> Tensors:
        if name not in listing.sizes:
            raise CheckpointError(
                f"{wire.what} has no {short(name)}, which its index names; the repository is incomplete"
            )
        file = RemoteFile(wire, repo, name, listing.commit, listing.sizes[name])
        files[file.path.as_posix()] = file
        return file.header()

    chosen = choose_weights(listing.sizes.keys())
    if chosen in (None, ADAPTER) and ADAPTER_CONFIG in listing.sizes:
        content = listing.small(wire, ADAPTER_CONFIG, limit=MAX_JSON_BYTES)
        config = parse_json(content, Path(repo) / ADAPTER_CONFIG, "JSON", unique_keys=False)
        raise CheckpointError(adapter_line(wire.what, config))
    if chosen is None:
        raise CheckpointError(_no_weights(wire.what, listing))
    if chosen != INDEX:
        tensors = header(chosen)
        identity = next(iter(files.values())).identity
        return RemoteWeights(tensors, identity.size if identity else None, 0, files)
    path = Path(repo) / INDEX
    content = listing.small(wire, INDEX, limit=MAX_INDEX_BYTES)
    placed = weight_map(parse_json(content, path, "JSON", unique_keys=True), path)
    sizes = [listing.sizes.get(shard) for shard in set(placed.values())]
    known = [size for size in sizes if size is not None]
    nbytes = sum(known) if len(known) == len(sizes) else None
    return RemoteWeights(IndexedTensors(path, placed, header), nbytes, len(content), files)


def _no_weights(what: str, listing: Listing) -> str:
    """Return why a repository without a single safetensors file and without an index cannot be opened."""
    names = listing.sizes.keys()
    several = sum(name.endswith(".safetensors") and "/" not in name for name in names)
    if several:
        return f"{what} holds {several} safetensors files and no {INDEX}; download the one with the head and give it"
    for endings, says in _OTHERS:
        found = sorted(name for name in names if name.endswith(endings))
        if found:
            return f"{what} holds {says} ({short(found[0])})"
    return f"{what} holds no head: expected {SINGLE}, {INDEX} or one other *.safetensors; is this a language model?"
