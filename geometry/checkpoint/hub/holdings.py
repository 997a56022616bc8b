"""What the user's cache holds, and how it is made smaller."""

import time
from collections.abc import Collection
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal, get_args

from geometry.checkpoint.hub.kept import Cache, Kind, UnwritableError
from geometry.checkpoint.hub.names import SCHEME, HubName, is_commit, parse_name
from geometry.errors import OptionError
from geometry.tables import Column, Table

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
    """

    what: What
    repo: str
    commit: str
    revisions: tuple[str, ...]
    nbytes: int
    used: float
    folder: Path

    def to_dict(self) -> dict[str, Any]:
        """The command line's JSON."""
        values = asdict(self)
        return {**values, "revisions": list(self.revisions), "folder": str(self.folder)}

    @property
    def names(self) -> frozenset[str]:
        """What a person may call it: ``org/model``, or that with a commit or a revision."""
        return frozenset((self.repo, *(f"{self.repo}@{name}" for name in (self.commit, *self.revisions))))


def holdings(cache: Cache, names: Collection[str] = (), *, unused_days: float = 0.0) -> list[Holding]:
    """List what a cache holds, the last used first.

    Args:
        names: Models, or single commits of them (``org/model@commit``, a branch or a tag); all where there are none.
        unused_days: Only what nobody opened for so long.

    Raises:
        OptionError: A name that no model has, or of which nothing is kept.
    """
    found, latest = [], time.time() - unused_days * 86_400
    for kind in get_args(Kind):
        whole: What = "head" if kind == "heads" else "tokenizer"
        half: What = "half a head" if kind == "heads" else "half a tokenizer"
        for folder in cache.root.glob(f"{kind}/*--*/*"):
            found += _holding(cache, whole, folder.parent.name, folder.name, folder)
        for folder in cache.root.glob(f"partial/{kind}--*--*"):
            name, _, commit = folder.name.removeprefix(f"{kind}--").rpartition("--")
            found += _holding(cache, half, name, commit, folder)
    if names:
        called = {name.removeprefix(SCHEME) for name in names}
        unknown = sorted(called.difference(*(one.names for one in found)))
        if unknown:
            raise OptionError(
                f"nothing of {unknown[0]!r} is kept in {cache.root}; expected org/model or org/model@revision as "
                "`geometry cache` lists them"
            )
        found = [one for one in found if called & one.names]
    return sorted(
        (one for one in found if one.used <= latest or not unused_days),
        key=lambda one: (-one.used, one.repo, one.commit),
    )


def prune(cache: Cache, names: Collection[str] = (), *, unused_days: float = 0.0) -> list[Holding]:
    """Remove what `holdings` lists, and return what is gone.

    Raises:
        OptionError: A name of which nothing is kept.
        CheckpointError: It cannot be removed.
    """
    gone = holdings(cache, names, unused_days=unused_days)
    for one in gone:
        try:
            with cache.locked(HubName(one.repo)):
                cache.discard(one.folder)
        except OSError as error:
            raise UnwritableError.of(cache.root, error) from error
    return gone


def table(found: Collection[Holding], cache: Cache, *, removed: bool = False) -> Table:
    """Draw what is kept, or what was removed."""
    total = sum(one.nbytes for one in found)
    if not found:
        title = f"nothing {'was removed' if removed else 'is kept'} in {cache.root}"
    else:
        title = f"{'removed from' if removed else 'kept in'} {cache.root}: {total / 1e6:,.1f} MB"
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


def _holding(cache: Cache, what: What, name: str, commit: str, folder: Path) -> list[Holding]:
    """Return what lies in a folder, nothing where it is none of ours."""
    hub = parse_name(name.replace("--", "/"))
    if hub is None or not is_commit(commit) or not folder.is_dir():
        return []
    at = [key for key, value in cache.refs(hub).items() if isinstance(value, dict) and value.get("commit") == commit]
    files = [path.stat() for path in folder.rglob("*") if path.is_file() and not path.is_symlink()]
    # what is half done has its full length from the start, and holes in it
    nbytes = sum(512 * file.st_blocks if hasattr(file, "st_blocks") else file.st_size for file in files)
    return [Holding(what, hub.repo, commit, tuple(sorted(at)), nbytes, folder.stat().st_mtime, folder)]
