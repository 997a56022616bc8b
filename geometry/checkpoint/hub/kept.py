"""Heads kept from the Hub: one folder a commit in the user's cache, complete or not there, each with its provenance.

<cache>/heads/org--model/<commit>/            model.safetensors, config.json, the tokenizer, provenance.json
<cache>/tokenizers/org--model/<commit>/       where only the tokenizer was asked for
<cache>/refs/org--model.json                  which commit a branch or tag stood at when it was last asked for
<cache>/partial/heads--org--model--<commit>/  what a run left half done, for the next one
<cache>/locks/org--model.lock                 held while a model is fetched or removed
"""

import json
import os
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from secrets import token_hex
from typing import Any, Literal

from geometry.atomic import replace_file
from geometry.checkpoint.guards import read_json
from geometry.checkpoint.hub.names import HubName, is_commit
from geometry.checkpoint.layout import HeadLayout
from geometry.checkpoint.reads import Origin
from geometry.errors import CheckpointError
from geometry.progress import tell

PROVENANCE = "provenance.json"
WEIGHTS = "model.safetensors"

Kind = Literal["heads", "tokenizers"]

FORMAT = 1
"""Raised when an older entry can no longer be read; such an entry is fetched again."""


class UnwritableError(CheckpointError):
    """The cache cannot be written; what is in it stays."""

    @classmethod
    def of(cls, path: Path, error: OSError) -> "UnwritableError":
        """Return the error for a file or folder of the cache."""
        reason = (error.strerror or str(error)).lower()
        return cls(f"{path} cannot be written: {reason}; make room, or set GEOMETRY_CACHE to another folder")


@dataclass(frozen=True)
class Kept:
    """One entry: its folder, where its bytes came from, and, of a head, which tensors it and its surroundings are."""

    folder: Path
    origin: Origin
    layout: HeadLayout | None


@dataclass(frozen=True)
class Cache:
    """The folder that heads are kept in."""

    root: Path

    def entry(self, kind: Kind, name: HubName, commit: str) -> Path:
        """Where something of a commit is kept, or would be."""
        return self.root / kind / name.folder / commit

    def find(self, kind: Kind, name: HubName, commit: str) -> Kept | None:
        """Return a commit's entry, None where there is none that this version reads.

        Raises:
            CheckpointError: it is damaged.
        """
        folder = self.entry(kind, name, commit)
        if not (folder / PROVENANCE).is_file():
            return None
        values, _ = read_json(folder / PROVENANCE, folder)
        if values.get("format") != FORMAT:
            return None
        try:
            origin = Origin(**{**values["origin"], "cached": True})
            layout = HeadLayout(**values["layout"]) if kind == "heads" else None
        except (KeyError, TypeError) as error:
            raise CheckpointError(
                f"{folder / PROVENANCE} is damaged; remove it with `geometry cache --prune {name.repo}` and fetch again"
            ) from error
        with suppress(OSError):
            os.utime(folder)  # what is used is pruned last
        return Kept(folder, origin, layout)

    def commit_of(self, name: HubName) -> tuple[str, str] | None:
        """Return which commit a revision last stood at and when that was asked, or None."""
        if is_commit(name.revision):
            return name.revision, ""
        found = self.refs(name).get(name.revision)
        if isinstance(found, dict) and is_commit(found.get("commit")):
            return found["commit"], str(found.get("asked", ""))[:40]
        return None

    def note_commit(self, name: HubName, commit: str) -> None:
        """Remember which commit a revision stands at now."""
        if not is_commit(name.revision):
            refs = {**self.refs(name), name.revision: {"commit": commit, "asked": now()}}
            path = self._refs_path(name)
            path.parent.mkdir(parents=True, exist_ok=True)
            replace_file(path, json.dumps(refs, indent=2).encode())

    def _refs_path(self, name: HubName) -> Path:
        return self.root / "refs" / f"{name.folder}.json"

    def refs(self, name: HubName) -> Mapping[str, Any]:
        """Return what each revision of a model last stood at."""
        path = self._refs_path(name)
        try:
            return read_json(path, path.parent)[0] if path.exists() else {}
        except CheckpointError:
            return {}  # written anew by the next answer

    @contextmanager
    def locked(self, name: HubName) -> Iterator[None]:
        """Hold a model's lock; another process's is waited for, and that is said.

        Raises:
            CheckpointError: the cache cannot be written.
        """
        from filelock import FileLock, Timeout

        path = self.root / "locks" / f"{name.folder}.lock"
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            lock = FileLock(path)
            try:
                lock.acquire(timeout=1)
            except Timeout:
                tell(f"waiting for another process that fetches {name.repo}")
                lock.acquire()
        except OSError as error:
            raise UnwritableError.of(self.root, error) from error
        try:
            yield
        finally:
            lock.release()

    def start(self, kind: Kind, name: HubName, commit: str) -> Path:
        """Return the folder in which an entry is being made, with whatever an earlier run left there."""
        folder = self.root / "partial" / f"{kind}--{name.folder}--{commit}"
        folder.mkdir(parents=True, exist_ok=True)
        return folder

    def publish(self, kind: Kind, name: HubName, partial: Path, record: Mapping[str, Any], commit: str) -> Path:
        """Move a complete entry to its place, with its provenance."""
        replace_file(partial / PROVENANCE, json.dumps({"format": FORMAT, **record}, indent=2).encode())
        for path in partial.glob("*.journal"):
            path.unlink()
        folder = self.entry(kind, name, commit)
        folder.parent.mkdir(parents=True, exist_ok=True)
        self.discard(folder)  # of an older format
        partial.rename(folder)
        return folder

    def discard(self, folder: Path) -> None:
        """Remove an entry or half of one: first out of everyone's way, then file by file."""
        if folder.exists():
            aside = self.root / "partial" / f".removed-{token_hex(8)}"
            aside.parent.mkdir(parents=True, exist_ok=True)
            folder.rename(aside)
            shutil.rmtree(aside, ignore_errors=True)


def user_cache() -> Cache:
    """Return the user's cache: $GEOMETRY_CACHE, else the folder that the system has for such things."""
    given = os.environ.get("GEOMETRY_CACHE")
    if given:
        return Cache(Path(given).expanduser().absolute())
    from platformdirs import user_cache_path

    return Cache(user_cache_path("geometry", appauthor=False))


def now() -> str:
    """Return the time to the second, in UTC."""
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
