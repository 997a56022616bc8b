"""Files and tensors that lie on the Hub: what of them is read comes as byte ranges."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType

from geometry.checkpoint.header import TensorInfo, Tensors, parse_header, short
from geometry.checkpoint.hub.answers import Identity, changed
from geometry.checkpoint.hub.wire import Wire
from geometry.errors import CheckpointError

FIRST_BYTES = 2**16
"""What is asked for first of a shard: its header's length, and nearly always all of its header."""


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


@dataclass(eq=False)
class RemoteShards:
    """The safetensors files of one repository, each opened once."""

    wire: Wire
    repo: str
    commit: str
    sizes: Mapping[str, int | None]
    files: dict[str, RemoteFile] = field(default_factory=dict)

    def header(self, name: str) -> Tensors:
        """Return the tensors of one file.

        Raises:
            CheckpointError: the repository does not list it, or it cannot be read.
        """
        if name not in self.sizes:
            raise CheckpointError(
                f"{self.wire.what} has no {short(name)}, which its index names; the repository is incomplete"
            )
        self.files[name] = RemoteFile(self.wire, self.repo, name, self.commit, self.sizes[name])
        return self.files[name].header()
