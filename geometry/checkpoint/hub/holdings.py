"""What the user's cache holds, and how it is made smaller."""

import time
from collections.abc import Collection, Iterable
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal, get_args

from geometry.checkpoint.hub.cache import Cache
from geometry.checkpoint.hub.entry import Kind, check_tensors, read_entry
from geometry.checkpoint.hub.failures import DamagedError, UnwritableError
from geometry.checkpoint.hub.names import SCHEME, HubName, is_commit, parse_name
from geometry.errors import CheckpointError, OptionError
from geometry.tables import Column, Table

SHORTEST = 7
"""Digits of a commit that stand for it."""

What = Literal["head", "tokenizer", "half a head", "half a tokenizer"]


@dataclass(frozen=True)
class Holding:
    """What is kept of one commit.

    Attributes:
        what: A head, a tokenizer, or half of one that the next run goes on with.
        repo: The model.
        commit: Its commit.
        revisions: Branches and tags that stood there when they were last asked for.
        nbytes: On disk.
        used: When somebody last opened it, in seconds since the epoch.
        hub: The Hub's address, as a folder's name.
    """

    what: What
    repo: str
    commit: str
    revisions: tuple[str, ...]
    nbytes: int
    used: float
    hub: str
    folder: Path

    def to_dict(self) -> dict[str, Any]:
        """The command line's JSON."""
        values = asdict(self)
        return {**values, "revisions": list(self.revisions), "folder": str(self.folder)}

    def is_called(self, name: str) -> bool:
        """Return whether a person may mean it: ``org/model``, or that with a revision or a commit's first digits."""
        repo, at, revision = name.removeprefix(SCHEME).partition("@")
        short = len(revision) >= SHORTEST and self.commit.startswith(revision)
        return repo == self.repo and (not at or short or revision in self.revisions)


def holdings(caches: Iterable[Cache], names: Collection[str] = (), *, unused_days: float = 0.0) -> list[Holding]:
    """List what is kept, the last used first.

    Args:
        caches: The parts of the user's cache.
        names: Models, or single commits of them (``org/model@commit``, a branch or a tag); all where there are none.
        unused_days: Only what nobody opened for so long.

    Raises:
        OptionError: A name of which nothing is kept.
    """
    found = [one for cache in caches for one in _held(cache)]
    for name in names:
        if not any(one.is_called(name) for one in found):
            raise OptionError(
                f"nothing of {name!r} is kept; expected org/model or org/model@revision as `geometry cache` lists them"
            )
    latest = time.time() - unused_days * 86_400
    return sorted(
        (
            one
            for one in found
            if (one.used <= latest or not unused_days) and (not names or any(one.is_called(name) for name in names))
        ),
        key=lambda one: (-one.used, one.repo, one.commit),
    )


def prune(caches: Collection[Cache], names: Collection[str] = (), *, unused_days: float = 0.0) -> list[Holding]:
    """Remove what `holdings` lists, and return what is gone.

    Raises:
        OptionError: A name of which nothing is kept.
        CheckpointError: It cannot be removed.
    """
    gone, places = [], {cache.root.name: cache for cache in caches}
    for one in holdings(caches, names, unused_days=unused_days):
        cache, name = places[one.hub], HubName(one.repo)
        try:
            with cache.locked(name):
                if not one.folder.exists():
                    continue  # a run that was going on has finished it
                cache.discard(one.folder)
                if not any(other.repo == one.repo for other in _held(cache)):
                    cache.forget(name)
        except OSError as error:
            raise UnwritableError.of(cache.root, error) from error
        gone.append(one)
    for cache in caches:
        cache.sweep()
    return gone


def check(found: Iterable[Holding]) -> list[tuple[Holding, str]]:
    """Compare what is kept with the checksums it was fetched with, and return each with what is wrong with it."""
    told = []
    for one in found:
        wrong = ""
        try:
            if one.what == "head":
                read_entry(one.folder, "heads", one.commit)
                check_tensors(one.folder)
            elif one.what == "tokenizer":
                read_entry(one.folder, "tokenizers", one.commit)
        except (DamagedError, CheckpointError, OSError) as error:
            wrong = str(error)
        told.append((one, wrong))
    return told


def holdings_table(found: Collection[Holding], title: str) -> Table:
    """Draw what is kept, or what was removed."""
    columns = [Column(name, "left") for name in ("model", "revision", "commit", "what", "last used")]
    rows = tuple(
        (
            one.repo,
            ", ".join(one.revisions) or "–",
            one.commit[:12],
            one.what,
            datetime.fromtimestamp(one.used, UTC).strftime("%Y-%m-%d"),
            f"{one.nbytes / 1e6:,.1f} MB",
        )
        for one in found
    )
    return Table((title,), (*columns, Column("size")), rows)


def _held(cache: Cache) -> list[Holding]:
    """List what one part of the cache holds."""
    found = []
    for kind in get_args(Kind):
        whole: What = "head" if kind == "heads" else "tokenizer"
        half: What = "half a head" if kind == "heads" else "half a tokenizer"
        for folder in cache.root.glob(f"{kind}/*--*/*"):
            found += _holding(cache, whole, folder.parent.name, folder.name, folder)
        for folder in cache.root.glob(f"partial/{kind}--*--*"):
            name, _, commit = folder.name.removeprefix(f"{kind}--").rpartition("--")
            found += _holding(cache, half, name, commit, folder)
    return found


def _holding(cache: Cache, what: What, name: str, commit: str, folder: Path) -> list[Holding]:
    """Return what lies in a folder, nothing where it is none of ours, or is gone by now."""
    hub = parse_name(name.replace("--", "/"))
    if hub is None or not is_commit(commit):
        return []
    at = [key for key, value in cache.refs(hub).items() if isinstance(value, dict) and value.get("commit") == commit]
    try:
        files = [path.stat() for path in folder.iterdir()]
        used = folder.stat().st_mtime
    except OSError:
        return []
    # what is half done has its full length from the start, and holes in it
    nbytes = sum(512 * file.st_blocks if hasattr(file, "st_blocks") else file.st_size for file in files)
    return [Holding(what, hub.repo, commit, tuple(sorted(at)), nbytes, used, cache.root.name, folder)]
