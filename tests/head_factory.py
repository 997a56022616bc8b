"""Small checkpoint folders written for a test, and their heads."""

import json
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from safetensors.numpy import save_file

import geometry as geo


def phi_tensors(vocab: int = 420, dim: int = 16) -> dict[str, np.ndarray]:
    """A phi's head with its bias, and its LayerNorm with gain and shift, all drawn by seed: nothing is trivial."""
    generator = np.random.default_rng(5)
    return {
        "lm_head.weight": generator.normal(size=(vocab, dim)) + 1.0,
        "lm_head.bias": generator.normal(size=vocab),
        "model.final_layernorm.weight": generator.uniform(0.5, 2, dim),
        "model.final_layernorm.bias": generator.normal(size=dim),
    }


@dataclass(frozen=True)
class HeadFactory:
    """Writes small checkpoint folders and opens their heads."""

    folder: Path
    tokenizer: Path

    def __call__(
        self,
        rows: np.ndarray | None = None,
        *,
        vocab: int = 420,
        dim: int = 16,
        seed: int = 0,
        model_type: str = "llama",
        with_tokenizer: bool = True,
        tensors: dict[str, np.ndarray] | None = None,
        **config: Any,
    ) -> "geo.Head":
        """A head of the given rows (random ones by default); ``tensors`` adds norms and biases by name."""
        generator = np.random.default_rng(seed)
        if rows is None:
            rows = generator.normal(size=(vocab, dim))
        dim = rows.shape[1]
        if model_type == "phi":
            tensors = {**phi_tensors(vocab, dim), **(tensors or {})}
            config = {"tie_word_embeddings": False, **config}
        if model_type == "llama":
            tensors = {"model.norm.weight": generator.uniform(0.5, 2.0, dim), **(tensors or {})}
            config = {"rms_norm_eps": 1e-6, "tie_word_embeddings": True, **config}
        folder = self.folder / str(len(list(self.folder.iterdir())))
        folder.mkdir()
        stored = {"model.embed_tokens.weight": rows, **(tensors or {})}
        save_file(
            {name: np.ascontiguousarray(value, dtype=np.float32) for name, value in stored.items()},
            folder / "model.safetensors",
        )
        (folder / "config.json").write_text(json.dumps({"model_type": model_type, **config}))
        if with_tokenizer:
            shutil.copy(self.tokenizer, folder / "tokenizer.json")
        return geo.open_head(folder)
