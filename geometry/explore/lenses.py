"""The models that the heads belong to: read layer by layer on a prompt, and let try again and again."""

import threading
from typing import TYPE_CHECKING, Any

import geometry
from geometry.explore import limits
from geometry.explore.copying import copy_lens, copy_retry, stamp
from geometry.explore.parameters import Parameters
from geometry.explore.refusals import RefusedError
from geometry.explore.shelf import Volume

if TYPE_CHECKING:
    import geometry.live.running
    import geometry.retry

PROMPT = "the seahorse emoji is"
KEPT = 2
"""Models in memory at once, those used last."""

DEFAULT_TOP = 5


class Lenses:
    """Running models, opened when they are first asked for; one of them runs at a time."""

    def __init__(self) -> None:
        self._open: dict[str, geometry.live.running.Running] = {}
        self._lock = threading.Lock()

    def lens(self, volume: Volume, parameters: Parameters) -> dict[str, Any]:
        """Answer ``/api/lens``: what the head reads in the residual after every layer, at every position."""
        from geometry.live.capturing import capture
        from geometry.readings import LensOptions, read_lens

        prompt = parameters.needed("prompt", PROMPT)
        k = parameters.whole("k", DEFAULT_TOP, limits.TOP)
        with self._lock:
            running = self.running(volume)
            found = read_lens(running.head, capture(running, prompt).residuals, LensOptions(k=k))
        cells = list(found.cells())
        across = len(found.positions)
        by_layer = [cells[start : start + across] for start in range(0, len(cells), across)]
        copied = copy_lens(volume, prompt, k)
        return {
            **stamp(volume, copied, found.options.seed),
            "prompt": prompt,
            "layers": found.layers,
            "positions": [found.text_at(position) for position in found.positions],
            "cells": [[cell["top"] for cell in layer] for layer in by_layer],
            "entropy": [[cell["entropy"] for cell in layer] for layer in by_layer],
            "divergence": [[cell["divergence"] for cell in layer] for layer in by_layer],
            "spelt": [[cell["spelt"] for cell in layer] for layer in by_layer],
            "norm": found.options.norm,
            "notes": [*found.notes, *filter(None, [copied.note])],
        }

    def retry(self, volume: Volume, parameters: Parameters) -> dict[str, Any]:
        """Answer ``/api/retry``: what the model says, fed back to it, again and again."""
        from geometry.retry import RetryOptions
        from geometry.retry import retry as try_again

        prompt = parameters.needed("prompt", PROMPT)
        steps = parameters.whole("steps", limits.STEPS, limits.STEPS)
        between = parameters.text("between")
        with self._lock:
            found = try_again(self.running(volume), prompt, RetryOptions(steps=steps, between=between, runs=0))
        attempts = list(map(_attempt, found.attempts))
        end = found.attempts[-1].end
        copied = copy_retry(volume, prompt, steps, between)
        return {
            **stamp(volume, copied, found.options.seed),
            "prompt": prompt,
            "between": between,
            "attempts": attempts,
            "end": None if end is None else end.value,
            "headline": found.headline(),
            "notes": [*found.notes, *filter(None, [copied.note])],
        }

    def running(self, volume: Volume) -> "geometry.live.running.Running":
        """Return a head's model, opened if it is not.

        Raises:
            GeometryError: It has none that runs, or the packages for it are missing.
        """
        if volume.why_no_model:
            raise RefusedError(volume.why_no_model)
        found = self._open.pop(volume.name, None)
        if found is None:
            from geometry.live.running import open_running

            while len(self._open) >= KEPT:
                self._open.pop(next(iter(self._open)))
            found = open_running(volume.source)
            volume.check_unchanged(found.head.fingerprint)
        self._open[volume.name] = found
        return found


def _attempt(one: "geometry.retry.Attempt") -> dict[str, Any]:
    """One try: the words before its emoji, the emoji, what came behind it, and why there is no next one."""
    told, (before, _, behind) = one.to_dict(), one.text
    kept = ("step", "emoji", "fed", "end", "phrase", "moved", "probability", "said", "layers")
    ended = None if one.end is None else one.end.value
    return {"text": before, "behind": behind, "ended": ended, **{key: told[key] for key in kept}}
