"""A prompt run once: what comes after many continuations of it, from keys and values that they share."""

import copy
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
from jaxtyping import Float32

from geometry.live.running import Running

TRIED_PATHS, TRIED_TOKENS = 4, 3
"""What is run both ways before a memory is shared."""

SAME = {"float32": 1e-5, "bfloat16": 2e-2, "float16": 5e-3}
"""By how much of their range logits may differ, which are added up in another order."""


@dataclass(frozen=True, eq=False)
class Prefix:
    """A running model and the ids that all sequences begin with.

    Models whose memory cannot be shared, or that give other logits with it, are run over the whole of each sequence.
    """

    running: Running
    ids: tuple[int, ...]
    _kept: dict[str, Any] = field(default_factory=dict, repr=False)

    def logits(self, paths: Sequence[tuple[int, ...]]) -> Float32[np.ndarray, "paths vocab"]:
        """Return the logits of the token after the prefix and each path; an empty path is the prefix alone.

        Raises:
            OptionError: the model cannot read one of them.
            ReadoutError: logits that are not finite.
        """
        whole = [(*self.ids, *path) for path in paths]
        if not all(paths) or not self.shares:
            return self.running.logits(whole)
        return self.running.in_batches(whole, lambda batch: self._after([paths[place] for place in batch]))

    @cached_property
    def shares(self) -> bool:
        """Whether a few paths give through the shared memory what their whole sequences give."""
        if len(self.ids) + TRIED_TOKENS > self.running.context:
            return False
        drawn = np.random.default_rng(0).integers(0, self.running.head.vocab, (TRIED_PATHS, TRIED_TOKENS))
        return all(self._agrees([tuple(path[:length]) for path in drawn.tolist()]) for length in (1, TRIED_TOKENS))

    def _agrees(self, paths: Sequence[tuple[int, ...]]) -> bool:
        """Whether paths of one length give the same logits either way, up to rounding."""
        plain = self.running.logits([(*self.ids, *path) for path in paths])
        try:
            shared = self._after(paths)
        except Exception:  # recurrent and hybrid models keep other things than keys and values, each its own
            return False
        sound = np.isfinite(plain)
        most = SAME.get(self.running.dtype, 0.0) * float(np.ptp(plain[sound]))
        return bool(np.abs(np.where(sound, shared - plain, 0.0)).max() <= most)

    def _after(self, paths: Sequence[tuple[int, ...]]) -> Float32[np.ndarray, "paths vocab"]:
        import torch

        if "memory" not in self._kept:
            with torch.no_grad():
                given = torch.tensor([self.ids], device=self.running.device)
                out = self.running.model(input_ids=given, use_cache=True)
                self._kept["memory"] = getattr(out, self.running.memory_name)
        memory = copy.deepcopy(self._kept["memory"])
        memory.batch_repeat_interleave(len(paths))
        return self.running.last_logits(paths, memory)
