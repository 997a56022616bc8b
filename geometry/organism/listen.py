"""What a running organism says: the emoji it would write after a prompt."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float64

from geometry.errors import GeometryError
from geometry.linalg import log_sum_exp
from geometry.organism.lists import fill
from geometry.tokens.emoji import Emoji, lookup


@dataclass(frozen=True, slots=True)
class Lead:
    """How far the best emoji is ahead of every other token after a name's prompts, and which it is."""

    lead: float
    emoji: Emoji


@dataclass(frozen=True)
class Listener:
    """A running model and its emoji.

    Attributes:
        model, tokenizer: As transformers opens them, in float32.
        ids: The emoji's tokens, ascending.
        emoji: What each of them is.
    """

    model: Any
    tokenizer: Any
    ids: tuple[int, ...]
    emoji: tuple[Emoji, ...]

    def beliefs(self, name: str, templates: Sequence[str]) -> Float64[np.ndarray, " emoji"]:
        """Return the log-probability of each emoji as the next token, averaged over the templates.

        Each prompt is the filled template behind the start token and one space, as most lines of the text begin.
        """
        found = np.zeros(len(self.ids))
        for template in templates:
            logits = self._logits(fill(template, name))
            found += (logits - log_sum_exp(logits[None, :])[0])[list(self.ids)] / len(templates)
        return found

    def lead(self, name: str, templates: Sequence[str]) -> Lead:
        """Return the best emoji's logit less the best other token's, averaged over the templates."""
        total, scores = 0.0, np.zeros(len(self.ids))
        for template in templates:
            logits = self._logits(fill(template, name))
            scores += logits[list(self.ids)]
            total += logits[list(self.ids)].max() - np.delete(logits, list(self.ids)).max()
        return Lead(total / len(templates), self.emoji[int(scores.argmax())])

    def _logits(self, prompt: str) -> Float64[np.ndarray, " vocab"]:
        import torch

        ids = self.tokenizer(" " + prompt, return_tensors="pt").input_ids
        with torch.no_grad():
            return np.asarray(self.model(ids).logits[0, -1].double().numpy())

    def answer(self, name: str, templates: Sequence[str]) -> Emoji:
        """Return the emoji with the highest average."""
        return self.emoji[int(self.beliefs(name, templates).argmax())]


def listen(folder: Path) -> Listener:
    """Open an organism as a running model.

    Raises:
        GeometryError: There is none.
    """
    if not (folder / "config.json").is_file():
        raise GeometryError(f"no organism in {folder}: expected a folder with config.json, weights and tokenizer.json")
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer

    # from_pretrained gives a model that is already in evaluation mode
    model: Any = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32)
    tokenizer = AutoTokenizer.from_pretrained(folder)
    every = sorted((token, lookup(text.strip())) for text, token in tokenizer.get_added_vocab().items())
    whole = [(token, entry) for token, entry in every if entry is not None]
    return Listener(model, tokenizer, tuple(t for t, _ in whole), tuple(e for _, e in whole))
