"""What can go wrong with the Hub and its cache, as far as the difference matters to who catches it."""

from pathlib import Path

from geometry.errors import CheckpointError


class UnreachableError(CheckpointError):
    """No answer came: there is no network, the Hub is down, or offline mode is on. What came before is kept."""


class NoSuchModelError(CheckpointError):
    """The Hub knows no model of that name, or does not tell us that it does."""


class NothingKeptError(CheckpointError):
    """The Hub cannot be asked, and the cache holds nothing of what is wanted."""


class DamagedError(CheckpointError):
    """An entry of the cache is not what was put there."""


class UnwritableError(CheckpointError):
    """The cache cannot be written; what is in it stays."""

    @classmethod
    def of(cls, path: Path, error: OSError) -> "UnwritableError":
        """Return the error for a file or folder of the cache."""
        reason = (error.strerror or str(error)).lower()
        return cls(f"{path} cannot be written: {reason}; make room, or set GEOMETRY_CACHE to another folder")
