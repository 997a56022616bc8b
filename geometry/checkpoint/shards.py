"""The safetensors files of a checkpoint, and the tensors in them: a shard's header is read when a tensor of it is."""

import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType

from geometry.checkpoint.guards import opened, read_json, shard_name
from geometry.checkpoint.header import TensorInfo, Tensors, read_header, short
from geometry.checkpoint.reads import Reads
from geometry.errors import CheckpointError

SINGLE = "model.safetensors"
INDEX = "model.safetensors.index.json"
PICKLES = ("*.bin", "*.pt", "*.pth", "*.ckpt")


@dataclass(frozen=True)
class Weights:
    """The tensors of a checkpoint by name, and the size of the files that hold them."""

    tensors: Tensors
    bytes_total: int


@dataclass(frozen=True, eq=False)
class IndexedTensors:
    """Tensors that an index places in shards. A big model has hundreds of shards, and its head lies in one or two.

    Only what the index places counts: a shard may hold stale tensors beside.
    """

    folder: Path
    weight_map: Mapping[str, str]
    reads: Reads
    _headers: dict[str, Tensors] = field(default_factory=dict)

    def __getitem__(self, name: str, /) -> TensorInfo:
        shard = self.weight_map[name]
        if shard not in self._headers:
            self._headers[shard] = read_file(self.folder / shard, self.folder, self.reads).tensors
        if name not in self._headers[shard]:
            raise CheckpointError(
                f"{self.folder / INDEX} places tensor {short(name)} in {short(shard)}, which does not hold it; "
                "the index and the shards do not belong together"
            )
        return self._headers[shard][name]

    def __contains__(self, name: object, /) -> bool:
        return name in self.weight_map

    def __iter__(self) -> Iterator[str]:
        return iter(self.weight_map)

    def __len__(self) -> int:
        return len(self.weight_map)


def read_file(path: Path, folder: Path | None, reads: Reads) -> Weights:
    """Return the tensors of one file; with ``folder``, its links must stay in there."""
    with opened(path, inside=folder) as fd:
        header = read_header(fd, path)
    reads.add(str(path), header.bytes_read)
    tensors = {tensor.name: tensor for tensor in header.tensors}
    return Weights(MappingProxyType(tensors), header.bytes_total)


def read_folder(folder: Path, reads: Reads) -> Weights:
    """Return the tensors of a folder.

    As in transformers, ``model.safetensors`` comes before the index; failing both, the only safetensors file.
    """
    if is_present(folder / SINGLE):
        return read_file(folder / SINGLE, folder, reads)
    if is_present(folder / INDEX):
        return _read_index(folder, reads)
    files = sorted(folder.glob("*.safetensors"))
    if len(files) != 1:
        raise CheckpointError(_no_weights(folder, len(files)))
    return read_file(files[0], folder, reads)


def is_present(path: Path) -> bool:
    """Return whether something of that name is there, be it a dangling link."""
    return path.is_symlink() or path.exists()


def _read_index(folder: Path, reads: Reads) -> Weights:
    """Return the tensors that a folder's index places; of the shards only the presence and size are looked at."""
    path = folder / INDEX
    index, size = read_json(path, folder, unique_keys=True)
    reads.add_file(INDEX, size)
    weight_map = index.get("weight_map")
    if not isinstance(weight_map, dict) or not weight_map:
        raise CheckpointError(f"{path} has no weight_map from tensor names to files; the index is damaged")
    if not all(isinstance(shard, str) for shard in weight_map.values()):
        raise CheckpointError(f"{path} has a weight_map whose files are no names; the index is damaged")
    total = 0
    for shard in sorted({shard_name(name, path) for name in weight_map.values()}):
        if not is_present(folder / shard):
            raise CheckpointError(f"{path} names the shard {short(shard)}, which is not there; download the rest")
        with opened(folder / shard, inside=folder) as fd:
            total += os.fstat(fd).st_size
    return Weights(IndexedTensors(folder, MappingProxyType(weight_map), reads), total)


def _no_weights(folder: Path, found: int) -> str:
    """Return why a folder without a single file and without an index cannot be opened."""
    if found:
        return f"{folder} holds {found} safetensors files and no {INDEX}; give one file, or add the index"
    pickles = sorted(path.name for pattern in PICKLES for path in folder.glob(pattern))
    if pickles:
        return (
            f"{folder} holds its weights as a pickle ({short(pickles[0])}), which can run code when it is opened; "
            "expected safetensors; convert it first"
        )
    inner = sorted(path.parent.name for path in folder.glob(f"*/{SINGLE}"))
    offer = f"did you mean {short(str(folder / inner[0]))}?" if inner else "check the folder"
    return f"{folder} holds no head: expected {SINGLE}, {INDEX} or one other *.safetensors; {offer}"
