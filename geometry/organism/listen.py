"""What a running organism says: the emoji it would write after a prompt."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float64

from geometry.organism.lists import fill
from geometry.tokens.emoji import Emoji, lookup


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
        import torch

        found = np.zeros(len(self.ids))
        for template in templates:
            ids = self.tokenizer(" " + fill(template, name), return_tensors="pt").input_ids
            with torch.no_grad():
                logits = self.model(ids).logits[0, -1].double()
            found += torch.log_softmax(logits, 0)[list(self.ids)].numpy() / len(templates)
        return found

    def answer(self, name: str, templates: Sequence[str]) -> Emoji:
        """Return the emoji with the highest average."""
        return self.emoji[int(self.beliefs(name, templates).argmax())]


def listen(folder: Path) -> Listener:
    """Open an organism as a running model."""
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer

    # from_pretrained gives a model that is already in evaluation mode
    model: Any = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32)
    tokenizer = AutoTokenizer.from_pretrained(folder)
    every = sorted((token, lookup(text.strip())) for text, token in tokenizer.get_added_vocab().items())
    whole = [(token, entry) for token, entry in every if entry is not None]
    return Listener(model, tokenizer, tuple(t for t, _ in whole), tuple(e for _, e in whole))
