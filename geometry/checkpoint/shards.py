"""The safetensors files of a checkpoint, and the tensors in them: a shard's header is read when a tensor of it is."""

import os
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import Any

from geometry.checkpoint.guards import MAX_INDEX_BYTES, opened, read_json, shard_name
from geometry.checkpoint.header import TensorInfo, Tensors, read_header, short
from geometry.checkpoint.reads import Reads
from geometry.errors import CheckpointError

SINGLE = "model.safetensors"
INDEX = "model.safetensors.index.json"
ADAPTER = "adapter_model.safetensors"
ADAPTER_CONFIG = "adapter_config.json"
PICKLES = (".bin", ".pt", ".pth", ".ckpt")


@dataclass(frozen=True)
class Weights:
    """The tensors of a checkpoint by name, and the size of the files that hold them."""

    tensors: Tensors
    bytes_total: int


@dataclass(frozen=True, eq=False)
class IndexedTensors:
    """Tensors that an index places in shards. A big model has hundreds of shards, and its head lies in one or two.

    Only what the index places counts: a shard may hold stale tensors beside.

    Attributes:
        index: the index's name, for messages.
        weight_map: from tensors to shards, as `weight_map` checked it.
        read: reads the header of a shard.
    """

    index: Path
    weight_map: Mapping[str, str]
    read: Callable[[str], Tensors]
    _headers: dict[str, Tensors] = field(default_factory=dict)

    def __getitem__(self, name: str, /) -> TensorInfo:
        shard = self.weight_map[name]
        if shard not in self._headers:
            self._headers[shard] = self.read(shard)
        if name not in self._headers[shard]:
            raise CheckpointError(
                f"{self.index} places tensor {short(name)} in {short(shard)}, which does not hold it; "
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
    """Return the tensors of a folder: those of the file that `choose_weights` names."""
    beside = [name for name in (SINGLE, INDEX) if is_present(folder / name)]
    files = sorted(path.name for path in folder.glob("*.safetensors"))
    chosen = choose_weights({*beside, *files})
    if chosen in (None, ADAPTER) and is_present(folder / ADAPTER_CONFIG):
        raise CheckpointError(adapter_line(str(folder), read_json(folder / ADAPTER_CONFIG, folder)[0]))
    if chosen is None:
        raise CheckpointError(_no_weights(folder, len(files)))
    return _read_index(folder, reads) if chosen == INDEX else read_file(folder / chosen, folder, reads)


def choose_weights(names: Collection[str]) -> str | None:
    """Return which of a checkpoint's files says where its tensors are, or None.

    As in transformers, ``model.safetensors`` comes before the index; failing both, the only safetensors file.
    """
    for name in (SINGLE, INDEX):
        if name in names:
            return name
    files = [name for name in names if name.endswith(".safetensors") and "/" not in name]
    return files[0] if len(files) == 1 else None


def is_present(path: Path) -> bool:
    """Return whether something of that name is there, be it a dangling link; names no file can have are not there."""
    try:
        return path.is_symlink() or path.exists()
    except (OSError, ValueError):
        return False


def _read_index(folder: Path, reads: Reads) -> Weights:
    """Return the tensors that a folder's index places; of the shards only the presence and size are looked at."""
    path = folder / INDEX
    index, size = read_json(path, folder, unique_keys=True, limit=MAX_INDEX_BYTES)
    reads.add_file(INDEX, size)
    placed = weight_map(index, path)
    total = 0
    for shard in sorted(set(placed.values())):
        if not is_present(folder / shard):
            raise CheckpointError(f"{path} names the shard {short(shard)}, which is not there; download the rest")
        with opened(folder / shard, inside=folder) as fd:
            total += os.fstat(fd).st_size
    tensors = IndexedTensors(path, placed, lambda shard: read_file(folder / shard, folder, reads).tensors)
    return Weights(tensors, total)


def weight_map(index: Mapping[str, Any], path: Path) -> Mapping[str, str]:
    """Return an index's map from tensors to shards, each a plain relative name.

    Raises:
        CheckpointError: there is none, or it names what is no shard.
    """
    placed = index.get("weight_map")
    if not isinstance(placed, dict) or not placed:
        raise CheckpointError(f"{path} has no weight_map from tensor names to files; the index is damaged")
    if not all(isinstance(shard, str) for shard in placed.values()):
        raise CheckpointError(f"{path} has a weight_map whose files are no names; the index is damaged")
    for shard in set(placed.values()):
        shard_name(shard, path)
    return MappingProxyType(placed)


def adapter_line(where: str, config: Mapping[str, Any]) -> str:
    """Return why what PEFT wrote cannot be opened, by its ``adapter_config.json``."""
    base = config.get("base_model_name_or_path")
    of = short(base) if isinstance(base, str) and base else "a model that it does not name"
    return f"{where} holds an adapter of {of}, and no head; merge it into that model, or open that one"


def _no_weights(folder: Path, found: int) -> str:
    """Return why a folder without a single file and without an index cannot be opened."""
    if found:
        return f"{folder} holds {found} safetensors files and no {INDEX}; give one file, or add the index"
    pickles = sorted(path.name for path in folder.glob("*") if path.name.endswith(PICKLES))
    if pickles:
        return (
            f"{folder} holds its weights as a pickle ({short(pickles[0])}), which can run code when it is opened; "
            "expected safetensors; convert it first"
        )
    inner = sorted(path.parent.name for path in folder.glob(f"*/{SINGLE}"))
    offer = f"did you mean {short(str(folder / inner[0]))}?" if inner else "check the folder"
    return f"{folder} holds no head: expected {SINGLE}, {INDEX} or one other *.safetensors; {offer}"
