"""What a person calls a model on the Hub: ``org/model``, ``org/model@revision``, ``hf://org/model@revision``."""

import re
from dataclasses import dataclass

from geometry.checkpoint.header import short
from geometry.errors import CheckpointError

SCHEME = "hf://"

# as the client checks them: parts begin and end with a letter, a digit or an underscore
_PART = r"\w(?:[\w.-]{0,94}\w)?"
_REPO = re.compile(rf"{_PART}/{_PART}", re.ASCII)
LONGEST = 96
_REVISION = re.compile(r"[A-Za-z0-9_][\w./+-]{0,199}", re.ASCII)
_COMMIT = re.compile(r"[0-9a-f]{40}")


@dataclass(frozen=True)
class HubName:
    """A repository on the Hub, and a branch, a tag or a commit of it."""

    repo: str
    revision: str = "main"

    @property
    def folder(self) -> str:
        """One folder's name for the repository: ``org--model``, as no repository's own name holds ``--``."""
        return self.repo.replace("/", "--")

    def __str__(self) -> str:
        return f"{self.repo}@{self.revision}"


def parse_name(spec: str) -> HubName | None:
    """Return the Hub's name in ``spec``; None where it is no such name.

    Raises:
        CheckpointError: it starts with ``hf://`` and is none all the same.
    """
    repo, at, revision = spec.removeprefix(SCHEME).partition("@")
    fits = _REPO.fullmatch(repo) and (not at or _REVISION.fullmatch(revision))
    plain = ".." not in spec and "--" not in repo and not repo.endswith(".git")
    if fits and plain and len(repo) <= LONGEST:
        return HubName(repo, revision or "main")
    if spec.startswith(SCHEME):
        raise CheckpointError(
            f"{short(spec)} is no name on the Hub; expected hf://org/model or hf://org/model@revision"
        )
    return None


def is_commit(text: object) -> bool:
    """Return whether ``text`` is a full commit hash, which never comes to mean anything else."""
    return isinstance(text, str) and _COMMIT.fullmatch(text) is not None
