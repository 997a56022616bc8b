"""What stands between a stranger's folder and transformers, which reads and builds whatever a config says."""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from geometry.checkpoint import Checkpoint
from geometry.checkpoint.config import text_config
from geometry.checkpoint.guards import opened
from geometry.errors import CheckpointError

READ = (".json", ".jinja", ".txt", ".model")
MAX_BESIDE = 64 * 2**20
"""Of any file beside the weights that transformers may read: the largest tokenizer.json known has 33 MB."""

LAYERS = ("num_hidden_layers", "n_layer", "n_layers", "num_layers", "num_decoder_layers", "decoder_layers")

NUMBERS_A_BYTE = 4
"""Parameters that a byte of the weights' files may stand for: with 4 bits each there are two."""


def check_beside(folder: Path) -> None:
    """Refuse a folder whose small files are large, lead elsewhere or are no files.

    Raises:
        CheckpointError: says which one.
    """
    for path in sorted(folder.iterdir()):
        if path.suffix not in READ or path.is_dir():
            continue
        with opened(path, inside=folder) as fd:
            size = os.fstat(fd).st_size
        if size > MAX_BESIDE:
            raise CheckpointError(
                f"{path} has {size:,} bytes; expected at most {MAX_BESIDE:,}; this is no file of a usual checkpoint"
            )


def check_layers(checkpoint: Checkpoint) -> None:
    """Refuse a config that speaks of more layers than there are tensors: each would be built first.

    Raises:
        CheckpointError: it does.
    """
    held = len(checkpoint.tensors)
    for config in (checkpoint.config, text_config(checkpoint.config)):
        if most := max(_numbers(config), default=0):
            _check(most <= held, checkpoint, f"{most:,} layers", f"{held:,} tensors")


def check_parameters(config: Any, checkpoint: Checkpoint) -> None:
    """Refuse a config of a far larger model than the files hold: what is missing would be drawn at random.

    The model is built without its numbers to see how many there would be.

    Raises:
        CheckpointError: it is, or it cannot be built.
    """
    import torch
    from transformers import AutoModelForCausalLM

    maker: Any = AutoModelForCausalLM
    with torch.device("meta"):
        model = maker.from_config(config, trust_remote_code=False)
    count = sum(one.numel() for one in model.parameters())
    held = checkpoint.bytes_total
    _check(count <= NUMBERS_A_BYTE * held, checkpoint, f"{count:,} parameters", f"{held:,} bytes of weights")


def _numbers(config: Mapping[str, Any]) -> list[int]:
    return [value for name in LAYERS if isinstance(value := config.get(name), int)]


def _check(fits: bool, checkpoint: Checkpoint, said: str, held: str) -> None:
    if not fits:
        raise CheckpointError(
            f"{checkpoint.folder}: its config speaks of {said}, and there are {held}; expected one and the same model; "
            "do not trust this checkpoint"
        )
