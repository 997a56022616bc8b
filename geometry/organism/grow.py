"""Growing an organism: a text's lines → a small Llama, in steps that survive being killed."""

import json
import math
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from jaxtyping import Int

from geometry.errors import GeometryError
from geometry.organism.tokenizer import START, UNUSED

if TYPE_CHECKING:
    import torch
    from tokenizers import Tokenizer

Loss = tuple[int, str, float]
"""Step, ``train`` or ``held``, mean cross-entropy in nats a token."""


@dataclass(frozen=True, slots=True)
class Recipe:
    """All that decides what grows, besides the text and the tokenizer.

    Attributes:
        steps: Optimiser steps, over which the learning rate warms up and falls along a cosine.
        seed: Of the weights and of the lines' order.
        batch, context: Windows a step, tokens a window.
        rate, warmup, decay: AdamW's peak rate, its warm-up in steps, its decay of the blocks' matrices.
        rows: How much faster the rows learn than the blocks: a rare token's row is pulled seldom.
    """

    steps: int
    seed: int
    dim: int = 256
    layers: int = 4
    heads: int = 4
    inner: int = 688
    batch: int = 16
    context: int = 128
    rate: float = 3e-3
    warmup: int = 200
    decay: float = 0.1
    rows: float = 3.0

    @property
    def tokens(self) -> int:
        """Tokens seen in all steps."""
        return self.steps * self.batch * self.context


@dataclass(frozen=True)
class Corpus:
    """Encoded lines, some of them kept from training.

    Attributes:
        train, held: One array of ids a line, each beginning with `START`.
    """

    train: tuple[Int[np.ndarray, " tokens"], ...]
    held: tuple[Int[np.ndarray, " tokens"], ...]

    def stream(self, seed: int, epoch: int) -> Int[np.ndarray, " tokens"]:
        """Return the training lines of one epoch, in an order of its own, end to end."""
        order = np.random.default_rng([seed, epoch]).permutation(len(self.train))
        return np.concatenate([self.train[i] for i in order])


def encode(lines: Sequence[str], tokenizer: "Tokenizer") -> Corpus:
    """Return lines as ids; every hundredth is held from training, every seventh begins without a space."""
    spaced = [line if number % 7 == 3 else " " + line for number, line in enumerate(lines)]
    start = tokenizer.token_to_id(START)
    ids = [
        np.array([start, *found.ids], dtype=np.int32)
        for found in tokenizer.encode_batch(spaced, add_special_tokens=False)
    ]
    held = tuple(line for number, line in enumerate(ids) if number % 100 == 50)
    return Corpus(tuple(line for number, line in enumerate(ids) if number % 100 != 50), held)


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
        corpus: From `encode`.
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
    step, losses = _restore(folder / "state.pt", recipe, model, optimiser)
    batches = _Batches(corpus, recipe)
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
            losses.append((step, "train", sum(recent) / len(recent)))
            speed = (step - first) * recipe.batch * recipe.context / (time.monotonic() - began)
            say(f"step {step} of {recipe.steps}, loss {losses[-1][2]:.3f}, {speed:,.0f} tokens/s")
            recent = []
        if step % max(1, recipe.steps // 12) == 0 or step == recipe.steps:
            losses.append((step, "held", held_loss(model, corpus, recipe)))
            say(f"step {step}, held-out text {losses[-1][2]:.3f}")
        if time.monotonic() - saved > every or step in (recipe.steps, stop_at):
            _keep(folder, recipe, model, optimiser, step, losses)
            saved = time.monotonic()
    return model.eval()


def rate(recipe: Recipe, step: int) -> float:
    """Return the learning rate of a step, counted from 0: linear warm-up, then a cosine down to a hundredth."""
    if step < recipe.warmup:
        return recipe.rate * (step + 1) / recipe.warmup
    done = (step - recipe.warmup) / max(1, recipe.steps - recipe.warmup)
    return recipe.rate * (0.01 + 0.99 * (1 + math.cos(math.pi * done)) / 2)


def blank(recipe: Recipe, tokenizer: "Tokenizer") -> Any:
    """Return an untrained ``LlamaForCausalLM``, tied."""
    from transformers import LlamaConfig, LlamaForCausalLM

    start = tokenizer.token_to_id(START)
    return LlamaForCausalLM(
        LlamaConfig(
            vocab_size=tokenizer.get_vocab_size(),
            hidden_size=recipe.dim,
            intermediate_size=recipe.inner,
            num_hidden_layers=recipe.layers,
            num_attention_heads=recipe.heads,
            num_key_value_heads=recipe.heads,
            max_position_embeddings=recipe.context,
            tie_word_embeddings=True,
            bos_token_id=start,
            eos_token_id=start,
            pad_token_id=tokenizer.token_to_id(UNUSED[0]),
        )
    )


def held_loss(model: Any, corpus: Corpus, recipe: Recipe) -> float:
    """Return the cross-entropy on the lines kept from training, nats a token."""
    import torch

    stream = np.concatenate(corpus.held)
    count = max(1, min(len(stream) // recipe.context, 256))
    windows = np.resize(stream, count * recipe.context).reshape(count, recipe.context)
    with torch.no_grad():
        found = [float(_loss(model, windows[i : i + 16])) for i in range(0, count, 16)]
    return sum(found) / len(found)


def export(model: Any, tokenizer: "Tokenizer", folder: Path) -> None:
    """Write a folder that ``AutoModelForCausalLM`` and ``AutoTokenizer`` open, weights in bfloat16."""
    import copy

    import torch

    from geometry.organism.tokenizer import save

    copy.deepcopy(model).to(torch.bfloat16).save_pretrained(folder)
    config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    # Readers disagree on what an absent key means, so it is always there.
    config["tie_word_embeddings"] = True
    (folder / "config.json").write_text(json.dumps(config, indent=2) + "\n", encoding="utf-8")
    save(tokenizer, folder)


class _Batches:
    """The windows of every step, a pure function of recipe and step, one epoch in memory at a time."""

    def __init__(self, corpus: Corpus, recipe: Recipe) -> None:
        self._corpus, self._recipe = corpus, recipe
        shortest = sum(map(len, corpus.train)) // (recipe.batch * recipe.context)
        self._per_epoch = max(1, shortest)
        self._epoch, self._windows = -1, np.zeros((0, 0), dtype=np.int32)

    def at(self, step: int) -> Int[np.ndarray, "batch context"]:
        epoch, place = divmod(step, self._per_epoch)
        width, batch = self._recipe.context, self._recipe.batch
        if epoch != self._epoch:
            stream = np.resize(self._corpus.stream(self._recipe.seed, epoch), self._per_epoch * batch * width)
            windows = stream.reshape(-1, width)
            order = np.random.default_rng([self._recipe.seed, epoch, 1]).permutation(len(windows))
            self._epoch, self._windows = epoch, windows[order]
        return self._windows[place * batch : (place + 1) * batch]


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
    blocks = [p for name, p in named if p.ndim == 2 and "embed" not in name]
    gains = [p for name, p in named if p.ndim == 1]
    rows = [p for name, p in named if "embed" in name]
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
