"""What a person calls a head: a path, a bundled name, a name on the Hub."""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from geometry.bundled import data_folder
from geometry.errors import CheckpointError

if TYPE_CHECKING:
    import geometry.checkpoint.hub

BUNDLED: Mapping[str, str] = {
    "organism": "organisms/whole",
    "organism-bytes": "organisms/bytes",
    "organism-rewarded": "organisms/rewarded",
    "organism-taught": "organisms/taught",
}


@dataclass(frozen=True)
class Place:
    """Where a head lies: the name to print, the source to record, and a folder or one file.

    Attributes:
        kept: what is known of a head that came from the Hub.
    """

    name: str
    source: str
    path: Path
    kept: "geometry.checkpoint.hub.Kept | None" = None


def find_place(spec: str | os.PathLike[str], *, only_tokenizer: bool = False) -> Place:
    """Return where ``spec`` points: an existing path first, then a bundled name, then a name on the Hub.

    What lies on the Hub is fetched first, if it is not kept already: the head, or the tokenizer alone.

    Raises:
        CheckpointError: nothing is there, or it does not come.
    """
    given = os.fspath(spec)
    path = _existing(given)
    if path is not None:
        return Place(_name(path), str(path), path)
    if given in BUNDLED:
        folder = data_folder() / BUNDLED[given]
        if not any(folder.glob("*.safetensors")):
            raise CheckpointError(
                f"the bundled head {given!r} is not in this copy: expected it at {folder}; "
                "give another head or install a later version"
            )
        return Place(given, "bundled", folder)
    from geometry.checkpoint import hub  # its requests need modules that local heads do without

    name = hub.parse_name(given)
    if name is None:
        raise CheckpointError(
            f"no such head: {given!r}; expected a folder, a .safetensors or .gguf file, a bundled name "
            f"({_present()}) or org/model on the Hub; check the path"
        )
    try:
        if only_tokenizer:
            return Place(name.repo, f"hf://{name}", hub.keep_tokenizer(name))
        kept = hub.keep_head(name)
    except (hub.NothingKeptError, hub.NoSuchModelError) as error:
        snapshot = hub.find_snapshot(name)
        if snapshot is None:
            raise CheckpointError(f"no folder or file {given!r} here; on the Hub: {error}") from error
        return Place(name.repo, str(snapshot), snapshot)
    return Place(name.repo, f"hf://{name.repo}@{kept.origin.commit}", kept.folder, kept)


def _present() -> str:
    """Return the bundled names that this copy holds."""
    return ", ".join(name for name, place in BUNDLED.items() if any((data_folder() / place).glob("*.safetensors")))


def _name(path: Path) -> str:
    """Return a folder's or file's name; for a snapshot in a Hub cache, ``org/model``."""
    folder = path.resolve()
    if not path.is_dir():
        if path.stem != "model":
            return path.stem
        folder = folder.parent
    repo = folder.parent.parent.name
    if folder.parent.name == "snapshots" and repo.startswith("models--"):
        return repo.removeprefix("models--").replace("--", "/")
    # a folder or file called model, as so many are, is known by what it lies in
    return folder.parent.name if folder.name == "model" and folder.parent.name else folder.name


def _existing(given: str) -> Path | None:
    """Return ``given`` as a path if something is there; names that no file can have are not there."""
    try:
        path = Path(given).expanduser()
        return path if given and path.exists() else None
    except (OSError, ValueError, RuntimeError):
        return None
