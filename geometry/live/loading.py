"""A causal LM's folder, opened by transformers after geometry has looked at it: no code, no pickles, no network."""

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from geometry.checkpoint import Checkpoint, open_checkpoint
from geometry.checkpoint.config import headless_class, model_type
from geometry.checkpoint.header import short
from geometry.checkpoint.shards import ADAPTER_CONFIG, is_present
from geometry.checkpoint.spec import BUNDLED, find_place
from geometry.choices import check_choice
from geometry.errors import CheckpointError, what_to_type
from geometry.head import Head, open_head
from geometry.live.guards import check_beside, check_layers, check_parameters

DTYPES = ("float32", "bfloat16", "auto")

SAMPLED_ROWS = 64
"""Rows of the model's own matrix that are held against the head's."""


def check_installed() -> None:
    """Say what to type where transformers is missing.

    Raises:
        CheckpointError: it is.
    """
    try:
        import transformers  # noqa: F401
    except ImportError as error:
        raise CheckpointError(f"a running model needs the package transformers: {what_to_type('model')}") from error


def find_folder(spec: str | os.PathLike[str]) -> Path:
    """Return the folder of a spec: a folder, a safetensors file's, or that of a bundled name.

    Raises:
        CheckpointError: it is something else; what runs is never fetched.
    """
    given = os.fspath(spec)
    try:
        path = Path(given).expanduser()
        here = bool(given) and path.exists()
    except (OSError, ValueError, RuntimeError):
        here = False
    if not here and given not in BUNDLED:
        on_hub = given.startswith("hf://") or (given.count("/") == 1 and given[0] not in "/.~")
        fetch = given.removeprefix("hf://").split("@")[0]
        hint = f"fetch it first: hf download {fetch} --local-dir DIR" if on_hub else "check the path"
        raise CheckpointError(f"no folder {given!r} here; a running model needs all of its files in one: {hint}")
    place = find_place(given).path
    if place.suffix == ".gguf" or (
        place.is_dir() and not any(place.glob("*.safetensors")) and any(place.glob("*.gguf"))
    ):
        raise CheckpointError(
            f"{given} is a GGUF model, of which only the head is opened here; expected a folder of safetensors to run"
        )
    return place if place.is_dir() else place.parent


def load(spec: str | os.PathLike[str], *, dtype: str) -> tuple[Any, Any, Head]:
    """Return the model, ready to run, its tokenizer and its head.

    Args:
        spec: The folder, a file in it that holds the head, or a bundled name.
        dtype: Of the weights: one of `DTYPES`; ``auto`` is as stored.

    Raises:
        CheckpointError: there is no causal LM, it is not whole, or its head is another one.
        OptionError: no such dtype.
    """
    check_choice("dtype", dtype, DTYPES)
    check_installed()
    folder = find_folder(spec)
    # what is refused here, links and pickles and shards elsewhere, transformers would follow
    head = open_head(spec)
    checkpoint = open_checkpoint(folder)
    _check_causal(checkpoint.config, folder)
    check_beside(folder)
    check_layers(checkpoint)
    if is_present(folder / ADAPTER_CONFIG):
        raise CheckpointError(
            f"{folder} holds an adapter beside its model, and which of them runs is not said; expected one model; "
            f"merge it, or move {ADAPTER_CONFIG} away"
        )
    if head.tokens is not None:
        _ = head.tokens.note  # a tokenizer file that would take gigabytes is refused here
    model = _load_model(checkpoint, dtype)
    _check_same_head(model, head, folder)
    return model, _load_tokenizer(folder), head


def _check_causal(config: Mapping[str, Any], folder: Path) -> None:
    from transformers.models.auto.modeling_auto import MODEL_FOR_CAUSAL_LM_MAPPING_NAMES as CAUSAL

    kind = model_type(config)
    expected = "expected a causal LM, such as a LlamaForCausalLM; give another folder"
    if not kind:
        raise CheckpointError(f"{folder} has no config.json with a model_type; {expected}")
    saved = config.get("architectures")
    name = str(saved[0]) if isinstance(saved, list) and saved else ""
    causal = CAUSAL.get(kind)
    known = {causal} if isinstance(causal, str) else set(causal or ())
    if not known or config.get("is_encoder_decoder") or (name and name not in known):
        shown = short(name) if name else f"of type {short(kind)}"
        raise CheckpointError(f"{folder} holds a model {shown}, which is no causal LM here; {expected}")
    if headless := headless_class(config):
        raise CheckpointError(f"{folder} is saved as {short(headless)}, without a head; {expected}")


def _load_model(checkpoint: Checkpoint, dtype: str) -> Any:
    import torch
    from transformers import AutoConfig, AutoModelForCausalLM

    folder = checkpoint.folder
    model: Any = None
    report: dict[str, Any] = {}
    wanted = dtype if dtype == "auto" else getattr(torch, dtype)
    with _quiet(), _told(folder, "model"):
        check_parameters(AutoConfig.from_pretrained(folder, local_files_only=True, trust_remote_code=False), checkpoint)
        loaded: Any = AutoModelForCausalLM.from_pretrained(
            folder, dtype=wanted, local_files_only=True, trust_remote_code=False, use_safetensors=True,
            output_loading_info=True,
        )  # fmt: skip
        model, report = loaded
    # transformers would draw what is missing at random and say so in a warning
    for what in ("missing_keys", "mismatched_keys"):
        if lacking := sorted(map(str, report.get(what) or ())):
            raise CheckpointError(
                f"{folder} does not hold all of its model: {len(lacking)} tensors are missing or of another shape, "
                f"the first {short(lacking[0])}; expected every one; download it again"
            )
    device = "cuda" if torch.cuda.is_available() else "cpu"
    return model.eval().to(device)


def _load_tokenizer(folder: Path) -> Any:
    from transformers import AutoTokenizer

    with _quiet(), _told(folder, "tokenizer"):
        return AutoTokenizer.from_pretrained(folder, local_files_only=True, trust_remote_code=False)


def _check_same_head(model: Any, head: Head, folder: Path) -> None:
    """Refuse a model whose matrix is not the head's: a folder that holds two, or one that is tied in its own way."""
    module = model.get_output_embeddings()
    weight = getattr(module, "weight", None)
    if weight is None or not weight.is_floating_point() or weight.ndim != 2:
        return  # quantised: the logits themselves are compared when states are read
    shape = tuple(weight.shape)
    same = shape[1] == head.dim and shape[0] >= head.vocab
    if same:
        ids = np.unique(np.linspace(0, head.vocab - 1, SAMPLED_ROWS).astype(np.int64))
        # as the model has them, which may be in fewer bits
        ours = head.opened.matrix.rows(ids)
        theirs = weight.detach()[ids].float().cpu().numpy()
        same = bool(np.allclose(ours, theirs, rtol=1e-2, atol=1e-6))
    if not same:
        raise CheckpointError(
            f"the model in {folder} has another head ({shape[0]:,} × {shape[1]:,}) than {head.name} "
            f"({head.vocab:,} × {head.dim:,}, {head.fingerprint}); expected one and the same; give its own folder"
        )


@contextmanager
def _quiet() -> Iterator[None]:
    """Keep transformers' bars and warnings to itself: what they say is checked and told here."""
    from transformers.utils import logging as transformers_logging

    logging: Any = transformers_logging
    level, shown = logging.get_verbosity(), logging.is_progress_bar_enabled()
    logging.set_verbosity_error()
    logging.disable_progress_bar()
    try:
        yield
    finally:
        logging.set_verbosity(level)
        if shown:
            logging.enable_progress_bar()


@contextmanager
def _told(folder: Path, what: str) -> Iterator[None]:
    """Whatever transformers says of a stranger's folder becomes one line."""
    try:
        yield
    except CheckpointError:
        raise
    except Exception as error:
        reason = " ".join(str(error).split())[:200]
        raise CheckpointError(
            f"transformers does not open the {what} in {folder} ({type(error).__name__}: {reason}); expected a causal "
            "LM that runs without code of its own; check the folder"
        ) from error
