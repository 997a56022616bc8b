"""A copy of a running model with rows more than it had; the model itself, and its folder, stay as they are."""

from copy import deepcopy
from dataclasses import replace
from pathlib import Path
from secrets import token_hex
from shutil import rmtree
from typing import Any

import numpy as np
from jaxtyping import Int64

from geometry.errors import OptionError, ReadoutError
from geometry.implant.back import Stored
from geometry.live.running import Running


def with_rows(running: Running, stored: Stored, like: Int64[np.ndarray, " tokens"]) -> tuple[Running, int]:
    """Return a copy of a model whose head has the rows at its end, and the id of the first of them.

    Args:
        running: The model.
        stored: The rows, as a model stores them.
        like: Tokens whose mean input row the new tokens get, where the input rows are not the head's own: what is
            read when a new token is fed back. Where they are tied, the new row is read itself.

    Raises:
        ReadoutError: The model's head is nothing that a row can be written into.
    """
    import torch

    model = deepcopy(running.model)
    first = model.get_output_embeddings().weight.shape[0]
    try:
        model.resize_token_embeddings(first + len(stored.rows), mean_resizing=False)
        head, inputs = model.get_output_embeddings(), model.get_input_embeddings()
        with torch.no_grad():
            kind = {"dtype": head.weight.dtype, "device": head.weight.device}
            head.weight[first:] = torch.tensor(stored.rows, **kind)
            if inputs.weight is not head.weight:
                inputs.weight[first:] = inputs.weight[torch.tensor(like)].mean(dim=0)
            if stored.biases is not None:
                head.bias[first:] = torch.tensor(stored.biases, **kind)
    except (AttributeError, NotImplementedError, TypeError, ValueError, RuntimeError) as error:
        reason = " ".join(str(error).split())[:160]
        raise ReadoutError(f"no row can be written into the head of {running.name} ({reason}); try another") from error
    return replace(running, model=model), first


def is_tied(running: Running) -> bool:
    """Say whether the model reads tokens by the same rows that it says them with."""
    model = running.model
    return bool(model.get_input_embeddings().weight is model.get_output_embeddings().weight)


def check_folder(path: str | Path) -> Path:
    """Return where a model is to be written, so that a wrong place is known before anything is computed.

    Raises:
        OptionError: There is something already, or no folder to write into.
    """
    path = Path(path)
    if path.exists() or path.is_symlink():
        raise OptionError(f"{str(path)!r} is there already; expected a folder to be made; choose another name")
    if not path.parent.is_dir():
        raise OptionError(f"{str(path)!r} cannot be written: there is no folder {str(path.parent)!r}; make it first")
    return path


def save(running: Running, text: str, path: Path) -> int:
    """Write a copy with one row more as a folder that transformers opens, whole or not at all.

    Args:
        running: From `with_rows`, with one row.
        text: What the new token is written as, such as ``<seahorse>``.
        path: The folder to be made.

    Returns:
        The new token's id.

    Raises:
        OptionError: The tokenizer has that text or does not end where the rows do, or the folder cannot be written.
    """
    from transformers.utils import logging as transformers_logging

    logging: Any = transformers_logging

    tokenizer, rows = deepcopy(running.tokenizer), running.model.get_output_embeddings().weight.shape[0]
    if len(tokenizer) != rows - 1 or tokenizer.add_tokens([text]) != 1:
        raise OptionError(
            f"{running.name} has {rows - 1:,} rows and {len(tokenizer):,} tokens; expected as many, and none that is "
            f"{text!r}, so that the new row is the new token's; leave -o out"
        )
    temporary = path.with_name(f".{token_hex(8)}")
    shown = logging.is_progress_bar_enabled()
    logging.disable_progress_bar()
    try:
        running.model.save_pretrained(temporary)
        tokenizer.save_pretrained(temporary)
        for weights in temporary.glob("*.safetensors"):  # written for its owner alone
            weights.chmod(0o644)
        temporary.rename(path)
    except OSError as error:
        raise OptionError(
            f"{str(path)!r} cannot be written ({error.strerror or error}); choose another place"
        ) from error
    finally:
        rmtree(temporary, ignore_errors=True)
        if shown:
            logging.enable_progress_bar()
    return int(rows) - 1
