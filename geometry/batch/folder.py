"""The folder a batch is written to: its manifest, its lock, its files, whole or not at all."""

import json
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeGuard

from geometry.atomic import replace_file
from geometry.errors import OptionError, PlanError

MANIFEST, LOCK = "manifest.json", ".lock"
TEMPORARY = re.compile(r"\.[0-9a-f]{16}\.(parquet|json)")


@contextmanager
def held(folder: Path) -> Iterator[None]:
    """Make the folder and hold it, so that two runs do not write to it at once; leftovers of a killed one are removed.

    Raises:
        OptionError: It cannot be written to, or another run holds it.
    """
    from filelock import FileLock, Timeout

    try:
        folder.mkdir(parents=True, exist_ok=True)
        check_free(folder)
        with FileLock(folder / LOCK, timeout=0):
            for left in folder.rglob(".*"):
                if TEMPORARY.fullmatch(left.name):
                    left.unlink()
            yield
    except Timeout:
        raise OptionError(
            f"{str(folder)!r} is being written by another run; wait for it to end, or give another -o"
        ) from None
    except OSError as error:
        raise OptionError(
            f"{str(folder)!r} cannot be written ({error.strerror or error}); expected a folder that can be made or "
            "written to; make room and run the same command again, which keeps what is there, or give another -o"
        ) from error


def check_free(folder: Path) -> None:
    """Refuse a folder that is there and of something else.

    Raises:
        OptionError: It holds files, and they are no batch's.
    """
    if folder.exists() and not (folder / MANIFEST).exists() and not all(_ours(one.name) for one in folder.iterdir()):
        raise OptionError(
            f"{str(folder)!r} holds other files and no batch; expected a new or empty folder; give another -o"
        )


def _ours(name: str) -> bool:
    """Whether a file is what a run leaves that was killed before its manifest was written."""
    return name == LOCK or TEMPORARY.fullmatch(name) is not None


def put(folder: Path, name: str, content: bytes | None) -> None:
    """Write a file of the batch, or, where there is nothing to say, see that it is not there."""
    path = folder / name
    if content is None:
        path.unlink(missing_ok=True)
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    replace_file(path, content)


def write_manifest(folder: Path, manifest: Mapping[str, Any]) -> None:
    """Write the manifest, whole or not at all."""
    put(folder, MANIFEST, (json.dumps(manifest, ensure_ascii=False, indent=1) + "\n").encode())


def read_manifest(folder: Path) -> dict[str, Any] | None:
    """Return a batch's manifest, or None where there is none.

    Raises:
        OptionError: The folder is a file.
        PlanError: It is damaged.
    """
    path = folder / MANIFEST
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return None
    except NotADirectoryError:
        raise OptionError(f"{str(folder)!r} is a file; expected a folder, new or a batch's; give another -o") from None
    except (OSError, ValueError, RecursionError) as error:
        raise PlanError(f"{str(path)!r} cannot be read ({error}); expected what `geometry batch` wrote") from error
    if not _is_manifest(found):
        raise PlanError(f"{str(path)!r} is no manifest of a batch; expected what `geometry batch` wrote")
    return found


def _is_manifest(found: Any) -> TypeGuard[dict[str, Any]]:
    """Whether it has what is asked of an earlier run's manifest."""
    return (
        isinstance(found, dict)
        and {"plan", "expressions", "heads", "version"} <= set(found)
        and isinstance(found["plan"], dict)
        and isinstance(found["plan"].get("record"), list)
        and isinstance(found["expressions"], dict)
        and isinstance(found["expressions"].get("digest"), str)
        and isinstance(found["heads"], list)
        and all(isinstance(head, dict) and "spec" in head for head in found["heads"])
    )


def damaged(file: Path, error: Exception) -> PlanError:
    """Return the line that says that a batch's file cannot be read."""
    why = " ".join(str(error).split()).rstrip(".")
    return PlanError(f"{str(file)!r} cannot be read ({why}); delete it and run the batch again")


def check_same(folder: Path, there: Mapping[str, Any], here: Mapping[str, Any]) -> None:
    """Refuse to go on with the batch of another plan, other expressions, another version or other weights.

    Raises:
        PlanError: Says what differs.
    """
    different = [(f"{key}", there["plan"].get(key), value) for key, value in here["plan"].items()]
    different += [("the expressions' digest", *(one["expressions"]["digest"][:16] for one in (there, here)))]
    different += [("version", there["version"], here["version"])]
    old = {head["spec"]: head.get("fingerprint") for head in there["heads"]}
    for head in here["heads"]:
        known = old.get(head["spec"])
        if known is not None and head.get("fingerprint") is not None:
            different.append((f"the fingerprint of {head['spec']}", known, head["fingerprint"]))
    for what, was, now in different:
        if was != now:
            raise PlanError(
                f"{str(folder)!r} holds a batch of another plan: {what} is {was} there and {now} here; give another -o"
            )


def with_fingerprints(here: Mapping[str, Any], there: Mapping[str, Any]) -> dict[str, Any]:
    """Return a manifest that knows the fingerprints of heads that cannot be opened now and could be earlier.

    Otherwise another head that is put in such a one's place would be taken for it, and the parts of both be mixed.
    """
    old = {head["spec"]: head["fingerprint"] for head in there["heads"] if "fingerprint" in head}
    heads = [
        head | {"fingerprint": old[head["spec"]]} if "fingerprint" not in head and head["spec"] in old else head
        for head in here["heads"]
    ]
    return {**here, "heads": heads}
