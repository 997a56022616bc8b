"""The account of what was read of a checkpoint."""

from dataclasses import dataclass, field

from geometry.checkpoint.matrix import StoredMatrix


@dataclass(frozen=True)
class Reads:
    """What was read, each thing counted once: small files, headers and tensors whole, matrices by the page."""

    small: dict[str, int] = field(default_factory=dict)
    matrices: dict[str, StoredMatrix] = field(default_factory=dict)

    def add(self, what: str, nbytes: int) -> None:
        """Count ``nbytes`` for ``what``, a file's or tensor's name."""
        self.small[what] = nbytes

    @property
    def total(self) -> int:
        """Bytes read so far."""
        return sum(self.small.values()) + sum(matrix.bytes_touched for matrix in self.matrices.values())
