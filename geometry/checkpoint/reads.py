"""The account of what was read of a checkpoint."""

from dataclasses import dataclass, field

from geometry.checkpoint.matrix import StoredMatrix


@dataclass(frozen=True)
class Reads:
    """What was read, each thing counted once: small files, headers and tensors whole, matrices by the page."""

    small: dict[str, int] = field(default_factory=dict)
    files: dict[str, int] = field(default_factory=dict)
    fetched: dict[str, int] = field(default_factory=dict)
    matrices: dict[str, StoredMatrix] = field(default_factory=dict)

    def add(self, what: str, nbytes: int) -> None:
        """Count ``nbytes`` of the weights' files for ``what``, a header's or tensor's name."""
        self.small[what] = nbytes

    def add_file(self, what: str, nbytes: int) -> None:
        """Count ``nbytes`` of a small file that lies beside the weights."""
        self.files[what] = nbytes

    def add_fetched(self, what: str, nbytes: int) -> None:
        """Count ``nbytes`` that came over the network for a tensor, after its head."""
        self.fetched[what] = nbytes

    @property
    def beside_weights(self) -> int:
        """Bytes read of the small files beside the weights."""
        return sum(self.files.values())

    @property
    def total(self) -> int:
        """Bytes read so far."""
        matrices = sum(matrix.bytes_touched for matrix in self.matrices.values())
        return sum(self.small.values()) + self.beside_weights + matrices
