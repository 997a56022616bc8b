"""Growing an organism: a text's lines → a small Llama, in steps that survive being killed."""

import time
from collections.abc import Callable, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from jaxtyping import Int

from geometry.errors import GeometryError
from geometry.organism.corpus import Batches, Corpus
from geometry.organism.recipe import Recipe, blank, rate

if TYPE_CHECKING:
    import torch
    from tokenizers import Tokenizer

Loss = tuple[int, str, float]
"""Step, ``train`` or ``held``, mean cross-entropy in nats a token."""


def grow(
    recipe: Recipe,
    corpus: Corpus,
    tokenizer: "Tokenizer",
    folder: Path,
    *,
    every: float = 180.0,
    say: Callable[[str], None] = lambda line: None,
    stop_at: int | None = None,
) -> Any:
    """Train, or go on training, and return the model as a ``LlamaForCausalLM``.

    Args:
        recipe: What to grow.
        corpus: From `geometry.organism.corpus.encode`.
        tokenizer: From `geometry.organism.tokenizer.build`.
        folder: Where ``state.pt`` (weights, optimiser, step) and ``losses.tsv`` are kept for going on.
        every: Seconds between two writings of the state.
        say: Gets a line of progress now and then.
        stop_at: Stop after this step, as a kill would, the state written.

    Raises:
        GeometryError: The folder holds the state of another recipe.
    """
    import torch

    folder.mkdir(parents=True, exist_ok=True)
    torch.manual_seed(recipe.seed)
    model = blank(recipe, tokenizer)
    optimiser = _optimiser(model, recipe)
    step, history = _restore(folder / "state.pt", recipe, model, optimiser)
    batches = Batches(corpus, recipe)
    saved = began = time.monotonic()
    first, recent = step, []
    while step < min(recipe.steps, stop_at or recipe.steps):
        for group in optimiser.param_groups:
            group["lr"] = rate(recipe, step) * group["factor"]
        loss = _loss(model, batches.at(step))
        loss.backward()  # type: ignore[no-untyped-call]
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimiser.step()
        optimiser.zero_grad(set_to_none=True)
        recent.append(float(loss.detach()))
        step += 1
        if step % 100 == 0 or step == recipe.steps:
            history.append((step, "train", sum(recent) / len(recent)))
            speed = (step - first) * recipe.batch * recipe.context / (time.monotonic() - began)
            say(f"step {step} of {recipe.steps}, loss {history[-1][2]:.3f}, {speed:,.0f} tokens/s")
            recent = []
        if step % max(1, recipe.steps // 12) == 0 or step == recipe.steps:
            history.append((step, "held", held_loss(model, corpus, recipe)))
            say(f"step {step}, held-out text {history[-1][2]:.3f}")
        if time.monotonic() - saved > every or step in (recipe.steps, stop_at):
            _keep(folder, recipe, model, optimiser, step, history)
            saved = time.monotonic()
    return model.eval()


def losses(folder: Path) -> list[Loss]:
    """Return the losses so far of the growing that keeps its state in ``folder``."""
    rows = (folder / "losses.tsv").read_text(encoding="utf-8").splitlines()[1:]
    return [(int(step), text, float(loss)) for step, text, loss in (row.split("\t") for row in rows)]


def held_loss(model: Any, corpus: Corpus, recipe: Recipe) -> float:
    """Return the cross-entropy on the lines kept from training, nats a token."""
    import torch

    stream = np.concatenate(corpus.held)
    count = max(1, min(len(stream) // recipe.context, 256))
    windows = np.resize(stream, count * recipe.context).reshape(count, recipe.context)
    with torch.no_grad():
        found = [float(_loss(model, windows[i : i + 16])) for i in range(0, count, 16)]
    return sum(found) / len(found)


def _loss(model: Any, windows: Int[np.ndarray, "batch context"]) -> "torch.Tensor":
    import torch

    ids = torch.from_numpy(windows.astype(np.int64))
    with torch.autocast("cpu", dtype=torch.bfloat16):
        hidden = model.model(ids).last_hidden_state[:, :-1]
        logits = model.lm_head(hidden)
    return torch.nn.functional.cross_entropy(logits.float().flatten(0, 1), ids[:, 1:].flatten())


def _optimiser(model: Any, recipe: Recipe) -> "torch.optim.Optimizer":
    import torch

    named = list(model.named_parameters())
    rows = [p for name, p in named if name.startswith(("model.embed_tokens", "lm_head"))]
    blocks = [p for name, p in named if p.ndim == 2 and name.startswith("model.layers")]
    gains = [p for name, p in named if p.ndim == 1]
    # A short memory of squared gradients would treat the steady small push on rare rows like the seldom pull.
    groups = [
        {"params": blocks, "weight_decay": recipe.decay, "betas": (0.9, 0.95), "factor": 1.0},
        {"params": gains, "weight_decay": 0.0, "betas": (0.9, 0.95), "factor": 1.0},
        {"params": rows, "weight_decay": 0.0, "betas": (0.9, 0.999), "factor": recipe.rows},
    ]
    return torch.optim.AdamW(groups, lr=recipe.rate)


def _restore(path: Path, recipe: Recipe, model: Any, optimiser: Any) -> tuple[int, list[Loss]]:
    import torch

    if not path.is_file():
        return 0, []
    state = torch.load(path, weights_only=True)
    if state["recipe"] != asdict(recipe):
        raise GeometryError(f"{path} was grown by another recipe: expected {asdict(recipe)}; use another folder")
    model.load_state_dict(state["model"])
    optimiser.load_state_dict(state["optimiser"])
    return state["step"], [tuple(loss) for loss in state["losses"]]


def _keep(folder: Path, recipe: Recipe, model: Any, optimiser: Any, step: int, losses: Sequence[Loss]) -> None:
    import torch

    state = {
        "recipe": asdict(recipe),
        "model": model.state_dict(),
        "optimiser": optimiser.state_dict(),
        "step": step,
        "losses": [list(loss) for loss in losses],
    }
    torch.save(state, folder / "state.new")
    (folder / "state.new").replace(folder / "state.pt")
    rows = ["step\ttext\tloss", *(f"{at}\t{text}\t{loss:.4f}" for at, text, loss in losses)]
    (folder / "losses.tsv").write_text("\n".join(rows) + "\n", encoding="utf-8")
