"""Running models, watched: what enters the final norm, what enters the head, and the logits that come out."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np


@dataclass(frozen=True, eq=False)
class Passed:
    """One forward pass.

    Attributes:
        norm: the module of the final norm, or None where the last is a block's own.
        residuals: what enters the final norm, or the head where there is none (positions, dim).
        normed: what leaves it, before any prescale (positions, dim).
        logits: the model's own (positions, vocab).
        head: the head's module.
    """

    norm: Any
    residuals: np.ndarray
    normed: np.ndarray
    logits: np.ndarray
    head: Any


def run(model: Any, *, shrink: bool = True) -> Passed:
    """Run a model on a few tokens.

    With ``shrink`` what enters the final norm is made so small that its eps has a part in what leaves it: without
    that, a wrong one could pass.
    """
    passed = _pass(model)
    if not shrink or passed.norm is None:
        return passed
    eps = next((getattr(passed.norm, a) for a in ("variance_epsilon", "eps", "epsilon") if hasattr(passed.norm, a)), 0)
    size = float(np.sqrt(np.mean(passed.residuals**2)))
    factor = float(np.sqrt(2 * (eps if isinstance(eps, float) and eps else 1e-5))) / size

    def smaller(_: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> tuple[Any, dict[str, Any]]:
        return tuple(arg * factor for arg in args), {name: value * factor for name, value in kwargs.items()}

    handle = passed.norm.register_forward_pre_hook(smaller, with_kwargs=True)
    try:
        return _pass(model)
    finally:
        handle.remove()


def _pass(model: Any) -> Passed:
    """Watch every module, and read backwards from the logits: the head, and the norm whose output it took."""
    import torch

    seen: list[tuple[str, Any, Any, Any]] = []

    def watch(name: str, module: Any) -> Any:
        def hook(_: Any, args: tuple[Any, ...], kwargs: dict[str, Any], out: Any) -> None:
            entered, left = _first(args or tuple(kwargs.values())), _first(out)
            if entered is not None and left is not None and left.is_floating_point():
                seen.append((name, module, entered.detach().clone(), left.detach().clone()))

        return module.register_forward_hook(hook, with_kwargs=True)

    handles = [watch(name, module) for name, module in model.named_modules() if name]
    try:
        out = _forward(model, seen)
    finally:
        for handle in handles:
            handle.remove()
    logits = _rows(out)
    at, head, entered = next(
        (place, module, entered)
        for place, (_, module, entered, left) in reversed(list(enumerate(seen)))
        if isinstance(module, torch.nn.Linear) and left.shape[-1] == logits.shape[-1]
    )
    # several streams of one decoder: the first is the one whose logits are handed out
    x = _rows(entered[:, 0] if entered.ndim == 4 else entered)
    for name, module, before, left in reversed(seen[:at]):
        if "norm" not in type(module).__name__.lower() or left.shape[-1] != x.shape[-1] or before.shape != left.shape:
            continue
        normed = _rows(left)[-len(x) :]
        if normed.shape == x.shape and _proportional(normed, x):
            if any(part.isdigit() for part in name.split(".")):
                break
            return Passed(module, _rows(before)[-len(x) :], normed, logits, head)
    return Passed(None, x, x, logits, head)


def _forward(model: Any, seen: list[Any]) -> Any:
    """Return the logits of the first way of asking that the model takes, ids alone before anything else."""
    import torch

    faults = []
    for asked in _ways(model):
        seen.clear()
        try:
            with torch.no_grad():
                out = model(**asked)
        except Exception as fault:  # whatever a model says to inputs that it does not take
            faults.append(f"{type(fault).__name__}: {fault}"[:160])
            continue
        logits = next((out[key] for key in ("logits", "prediction_logits") if key in out), None)
        return logits if logits is not None else _first(tuple(out.values()))
    raise RuntimeError(" | ".join(faults))


def _ways(model: Any) -> Iterator[dict[str, Any]]:
    import torch

    kind = model.config.model_type
    length = 64 if kind == "reformer" else 12
    ids = torch.arange(length)[None] % 60 + 3
    if hasattr(model.config, "audio_bos_token_id") and hasattr(model.config, "num_codebooks"):
        yield {"input_ids": ids[..., None].expand(1, length, model.config.num_codebooks + 1)}
    yield {"input_ids": ids}
    yield {"input_ids": ids, "decoder_input_ids": ids}
    pixels = torch.randn(1, 3, 28, 28)
    yield {"input_ids": ids, "pixel_values": pixels}
    yield {"input_ids": ids, "pixel_values": pixels, "qformer_input_ids": ids, "decoder_input_ids": ids}
    yield {"input_ids": ids, "pixel_values": pixels[:, None], "qformer_input_ids": ids}
    yield {"input_ids": ids, "pixel_values": pixels, "image_embeds_position_mask": (ids < 7).long()}
    yield {"input_ids": ids, "pixel_values": pixels[:, None], "image_attention_mask": torch.ones(1, length, 1)}
    sound = torch.randn(1, 4 * length, 16)
    yield {"input_ids": ids, "encoder_inputs_embeds": sound, "num_delay_tokens": 2}
    for width in (32, 16):
        encoded = _encoded(last_hidden_state=torch.randn(1, 8, width))
        yield {"decoder_input_ids": ids, "encoder_outputs": encoded}


def _encoded(**given: Any) -> Any:
    from transformers.modeling_outputs import BaseModelOutputWithPooling

    class Encoded(BaseModelOutputWithPooling):
        attention_mask = None

    return Encoded(**given)


def _first(value: Any) -> Any:
    import torch

    while isinstance(value, tuple | list) and value:
        value = value[0]
    return value if isinstance(value, torch.Tensor) else None


def _rows(tensor: Any) -> np.ndarray:
    flat: np.ndarray = tensor.reshape(-1, tensor.shape[-1]).float().numpy()
    return flat


def _proportional(one: np.ndarray, other: np.ndarray) -> bool:
    """Whether one array is the other times a number."""
    factor = float((one * other).sum() / max(float((one * one).sum()), 1e-30))
    return factor > 0 and bool(np.allclose(one * factor, other, rtol=1e-4, atol=1e-5 * float(np.abs(other).max())))
