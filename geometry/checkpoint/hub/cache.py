"""Heads kept from the Hub: one folder a commit in the user's cache, complete or not there, each with its provenance.

Below ``$GEOMETRY_CACHE/<the Hub's address>``:

    heads/org--model/<commit>/            model.safetensors, config.json, the tokenizer, provenance.json
    tokenizers/org--model/<commit>/       where only the tokenizer was asked for
    refs/org--model.json                  which commit a branch or tag stood at when it was last asked for
    partial/heads--org--model--<commit>/  what a run left half done, for the next one
    locks/<a hash of the name>.lock       held while a model is fetched or removed
"""

import hashlib
import json
import os
import re
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from secrets import token_hex
from typing import Any

from geometry.atomic import replace_file
from geometry.checkpoint.guards import read_json
from geometry.checkpoint.hub.entry import FORMAT, PROVENANCE, WEIGHTS, Kept, Kind, read_entry
from geometry.checkpoint.hub.failures import DamagedError, UnwritableError
from geometry.checkpoint.hub.names import HubName, is_commit
from geometry.errors import CheckpointError
from geometry.progress import tell

JOURNAL = "model.journal"
REMOVED = ".removed-"


@dataclass(frozen=True)
class Cache:
    """The folder that heads of one Hub are kept in; what one Hub says of a commit is not taken for another's word."""

    root: Path

    def entry(self, kind: Kind, name: HubName, commit: str) -> Path:
        """Where something of a commit is kept, or would be."""
        return self.root / kind / name.folder / commit

    def find(self, kind: Kind, name: HubName, commit: str) -> Kept | None:
        """Return a commit's entry, None where there is none that this version reads.

        Raises:
            DamagedError: it is not what was put there.
        """
        folder = self.entry(kind, name, commit)
        if not folder.exists():
            return None
        try:
            return read_entry(folder, kind, commit)
        except (DamagedError, OSError) as error:
            raise DamagedError(
                f"{folder} is damaged ({error}); remove it with `geometry cache --prune {name.repo}` and fetch again"
            ) from error

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
            with suppress(OSError):  # of a cache that can only be read
                path.parent.mkdir(parents=True, exist_ok=True)
                replace_file(path, json.dumps(refs, indent=2).encode())

    def forget(self, name: HubName) -> None:
        """Forget where a model's revisions stood."""
        self._refs_path(name).unlink(missing_ok=True)

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

        path = self.root / "locks" / f"{hashlib.sha256(name.repo.encode()).hexdigest()[:16]}.lock"
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
        """Return the folder in which an entry is being made, with the tensors that an earlier run left there."""
        folder = self.root / "partial" / f"{kind}--{name.folder}--{commit}"
        folder.mkdir(parents=True, exist_ok=True)
        for path in folder.iterdir():
            if path.name not in (WEIGHTS, JOURNAL):
                path.unlink()
        return folder

    def publish(self, kind: Kind, name: HubName, partial: Path, record: Mapping[str, Any], commit: str) -> Path:
        """Move a complete entry to its place, with its provenance."""
        replace_file(partial / PROVENANCE, json.dumps({"format": FORMAT, **record}, indent=2).encode())
        (partial / JOURNAL).unlink(missing_ok=True)
        folder = self.entry(kind, name, commit)
        folder.parent.mkdir(parents=True, exist_ok=True)
        self.discard(folder)  # of an older format
        partial.rename(folder)
        return folder

    def discard(self, folder: Path) -> None:
        """Remove an entry or half of one: first out of everyone's way, then file by file."""
        if folder.exists():
            aside = self.root / "partial" / f"{REMOVED}{token_hex(8)}"
            aside.parent.mkdir(parents=True, exist_ok=True)
            folder.rename(aside)
            shutil.rmtree(aside, ignore_errors=True)

    def sweep(self) -> None:
        """Remove what a process that was killed while it removed something left of it."""
        for path in self.root.glob(f"partial/{REMOVED}*"):
            shutil.rmtree(path, ignore_errors=True)


def user_cache(endpoint: str) -> Cache:
    """Return what the user's cache has of one Hub."""
    address = endpoint.partition("://")[2].lower()
    return Cache(cache_root() / (re.sub(r"[^a-z0-9.-]", "_", address)[:100] or "_"))


def user_caches() -> list[Cache]:
    """Return the parts of the user's cache, one a Hub."""
    root = cache_root()
    return [Cache(path) for path in sorted(root.iterdir()) if path.is_dir()] if root.is_dir() else []


def cache_root() -> Path:
    """Return the user's cache: $GEOMETRY_CACHE, else the folder that the system has for such things."""
    given = os.environ.get("GEOMETRY_CACHE")
    if given:
        return Path(given).expanduser().absolute()
    from platformdirs import user_cache_path

    return user_cache_path("geometry", appauthor=False)


def now() -> str:
    """Return the time to the second, in UTC."""
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
