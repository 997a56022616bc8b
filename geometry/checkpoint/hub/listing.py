"""What a repository on the Hub holds at a revision: the commit it stands for, and its files with their sizes."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any
from urllib.parse import quote

from geometry.checkpoint.guards import parse_json
from geometry.checkpoint.header import short
from geometry.checkpoint.hub.answers import changed, too_long
from geometry.checkpoint.hub.names import HubName, is_commit
from geometry.checkpoint.hub.wire import Wire
from geometry.errors import CheckpointError

MAX_LISTING_BYTES = 16 * 2**20


@dataclass(frozen=True)
class Listing:
    """The files of one commit, and their sizes where the Hub gives them."""

    name: HubName
    commit: str
    sizes: Mapping[str, int | None]

    def small(self, wire: Wire, file: str, *, limit: int) -> bytes:
        """Return a small file of at most ``limit`` bytes.

        Raises:
            CheckpointError: it is longer, differs from the listing, or does not come.
        """
        from huggingface_hub import hf_hub_url

        size = self.sizes[file]
        if size is not None and size > limit:
            raise too_long(wire.what, file, f"has {size:,} bytes", limit)
        url = hf_hub_url(self.name.repo, file, revision=self.commit, endpoint=wire.endpoint)
        content = wire.whole(url, limit=limit, file=file, commit=self.commit, size=size)
        if size is not None and size != len(content):
            raise changed(wire.what, file, f"the Hub lists {size:,} bytes, {len(content):,} came")
        return content


def list_files(wire: Wire, name: HubName) -> Listing:
    """Ask the Hub which commit a revision stands for, and what lies there.

    Raises:
        UnreachableError: no answer comes.
        CheckpointError: there is no such model or revision, it is gated or private, or the answer makes no sense.
    """
    url = f"{wire.endpoint}/api/models/{name.repo}/revision/{quote(name.revision, safe='')}?blobs=true"
    content = wire.whole(url, limit=MAX_LISTING_BYTES, file="the list of its files")
    answer = parse_json(content, Path(name.repo), "Hub's list of its files", unique_keys=False)
    commit, files = answer.get("sha"), answer.get("siblings")
    if not isinstance(commit, str) or not is_commit(commit) or not isinstance(files, list):
        raise CheckpointError(
            f"{wire.endpoint} answers about {name} without a commit and a list of files; is this address a Hub? "
            "(HF_ENDPOINT sets it)"
        )
    if is_commit(name.revision) and commit != name.revision:
        raise CheckpointError(f"{wire.endpoint} answers for commit {short(commit)} when asked for {name}; try again")
    sizes = dict(_file(file, wire) for file in files)
    # what has no place in a file system is no file of a checkpoint
    return Listing(name, commit, MappingProxyType({file: size for file, size in sizes.items() if file.isprintable()}))


def _file(entry: Any, wire: Wire) -> tuple[str, int | None]:
    """Return a file's name and size, out of what a listing says of it."""
    if not isinstance(entry, dict) or not isinstance(entry.get("rfilename"), str):
        raise CheckpointError(f"{wire.endpoint} lists {short(entry)} among the files of {wire.what}; expected a name")
    size = entry.get("size")
    return entry["rfilename"], size if type(size) is int and 0 <= size < 2**63 else None
