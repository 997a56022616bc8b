"""A running model: a prompt's ids, the states of every layer, and what comes next."""

import inspect
import os
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
from jaxtyping import Float32

import geometry
from geometry.errors import CheckpointError, OptionError, ReadoutError
from geometry.head import Head
from geometry.live.loading import load
from geometry.live.prompts import encode_prompt
from geometry.residuals import Residuals

NO_LIMIT = 2**31 - 1
"""The context of a model that names none, such as a recurrent one."""

BATCH_TOKENS = 4_096
"""Tokens in one forward pass at most, unless one sequence alone has more."""

TRIED_POSITIONS = 16
"""Positions, the last ones, at which both readings of the last state are tried."""

UNMOVED = 1e-3
"""By how much of their range logits may change with a later token: rounding."""

WORST_ERROR = 0.05
"""A reading whose logits are further off than this share of their range is none."""


@dataclass(frozen=True, eq=False)
class Pass:
    """One forward pass over one sequence.

    Attributes:
        ids: What was run.
        states: The embedding's output first, the last block's last, as transformers hands them out.
        logits: The model's own at every position.
        last_is_normed: Whether the last state has been through the final norm already.
        error: How far the logits read from the last state are from the model's own, at most, that way.
        other_error: The same the other way; None where it could not be tried.
    """

    ids: tuple[int, ...]
    states: Float32[np.ndarray, "layers positions dim"] = field(repr=False)
    logits: Float32[np.ndarray, "positions vocab"] = field(repr=False)
    last_is_normed: bool
    error: float
    other_error: float | None

    def residuals(self, running: "Running") -> Residuals:
        """Return the states as residuals that say where they come from and how well they reproduce the logits."""
        about = {
            "fingerprint": running.head.fingerprint,
            "dtype": running.dtype,
            "logits_error": f"{self.error:.3g}",
            "version": geometry.__version__,
        }
        return Residuals(self.states, self.ids, self.last_is_normed, running.name, running.head.source, about)


@dataclass(frozen=True, eq=False)
class Running:
    """A causal LM that runs, with the head that geometry opened from the same folder.

    Attributes:
        model, tokenizer: As transformers opens them.
        head: The same model's head.
        name: What it is called.
        dtype: What its weights are computed in, such as ``float32``.
        context: How many tokens it reads at most.
    """

    model: Any = field(repr=False)
    tokenizer: Any = field(repr=False)
    head: Head = field(repr=False)
    name: str
    dtype: str
    context: int

    @property
    def device(self) -> Any:
        """Where it runs."""
        return self.model.device

    def encode(self, prompt: str, *, chat: bool = False, prefix: str = "") -> tuple[int, ...]:
        """Return a prompt's ids: the start token once, where the tokenizer adds one, and nothing after the text.

        Args:
            prompt: The text, or with ``chat`` what a user says.
            chat: By the model's chat template, up to where it would answer; the template alone says which start
                token stands there.
            prefix: How its answer begins.

        Raises:
            OptionError: it is empty, longer than the context, or there is no chat template.
        """
        ids = encode_prompt(self.tokenizer, self.name, prompt, chat=chat, prefix=prefix)
        self.check(ids)
        return ids

    def check(self, ids: Sequence[int]) -> None:
        """Refuse a sequence that the model cannot read.

        Raises:
            OptionError: it is empty, longer than the context, or has an id without a row.
        """
        if not ids:
            raise OptionError("a prompt without tokens arrived; expected at least one")
        if len(ids) > self.context:
            raise OptionError(
                f"{len(ids):,} tokens arrived; {self.name} reads {self.context:,} at most; shorten the prompt, "
                "or ask for fewer steps"
            )
        rows = self.model.get_input_embeddings().weight.shape[0]
        if not 0 <= min(ids) <= max(ids) < rows:
            beyond = max(ids) if max(ids) >= rows else min(ids)
            raise OptionError(f"token {beyond} arrived; {self.name} has rows 0 to {rows - 1}; check its tokenizer")

    def states(self, ids: Sequence[int]) -> Residuals:
        """Return the hidden states of all layers at all positions; see `read` for how far they reproduce the logits.

        Raises:
            OptionError: the model cannot read the sequence.
            ReadoutError: states that are not finite, or that the head does not turn into the model's logits.
        """
        return self.read(ids).residuals(self)

    def read(self, ids: Sequence[int]) -> Pass:
        """Run one sequence and find out what its last state is: both readings are tried, the better one is kept.

        Raises:
            OptionError: the model cannot read the sequence.
            ReadoutError: states that are not finite, or that the head does not turn into the model's logits.
        """
        import torch

        ids = tuple(map(int, ids))
        self.check(ids)
        with torch.no_grad():
            given = torch.tensor([ids], device=self.device)
            out = self.model(input_ids=given, output_hidden_states=True, use_cache=False)
        layers = [np.asarray(layer[0].float().cpu().numpy()) for layer in out.hidden_states]
        for index, layer in enumerate(layers):
            if layer.shape != (len(ids), self.head.dim):
                raise ReadoutError(
                    f"{self.name}: its state {index} has the shape {list(layer.shape)}; expected [{len(ids)}, "
                    f"{self.head.dim}], positions and the head's width; a model of several streams has no one residual"
                )
            self._check_finite(layer, f"state {index} of {len(layers) - 1}")
        logits: Float32[np.ndarray, "positions vocab"] = out.logits[0].float().cpu().numpy()
        tried = layers[-1][-TRIED_POSITIONS:]
        errors = self._errors(tried, logits[-TRIED_POSITIONS:])
        normed = min(errors, key=lambda way: errors[way])
        if errors[normed] > WORST_ERROR * max(float(np.ptp(logits)), 1e-6):
            raise ReadoutError(
                f"{self.name}: its head turns the last state into logits that are off by {errors[normed]:.3g}, normed "
                "or not; expected the model's own; report the model's type"
            )
        return Pass(ids, np.stack(layers), logits, normed, errors[normed], errors.get(not normed))

    def _errors(
        self, last: Float32[np.ndarray, "positions dim"], logits: Float32[np.ndarray, "positions vocab"]
    ) -> dict[bool, float]:
        """Return how far off the logits are if the last state is normed already, and if it is not."""
        if self.head.readout.known:
            found = {way: self.head.logits(last, normed=way) for way in (True, False)}
        else:
            import torch

            # without a readout of ours only the model's own matrix can be asked
            matrix = self.model.get_output_embeddings()
            with torch.no_grad():
                own = matrix(torch.tensor(last, device=self.device, dtype=self.model.dtype)).float().cpu().numpy()
            found = {True: np.asarray(own)}
        width = min(logits.shape[1], self.head.vocab)
        sound = np.isfinite(logits[:, :width])  # some mask the tokens of pictures with -inf
        return {
            way: float(np.abs(np.where(sound, mine[:, :width] - logits[:, :width], 0)).max())
            for way, mine in found.items()
        }

    def logits(self, sequences: Sequence[Sequence[int]]) -> Float32[np.ndarray, "sequences vocab"]:
        """Return the logits of the token after each sequence.

        Sequences of one length run together, so that nothing is padded and each is as it would be alone.

        Raises:
            OptionError: the model cannot read one of them.
            ReadoutError: logits that are not finite.
        """
        return self.in_batches(sequences, lambda batch: self.last_logits([sequences[place] for place in batch]))

    def in_batches(
        self, sequences: Sequence[Sequence[int]], run: Callable[[list[int]], Float32[np.ndarray, "batch vocab"]]
    ) -> Float32[np.ndarray, "sequences vocab"]:
        """Return the logits after each sequence, asked for in batches of one length.

        Args:
            sequences: All that the model reads, whole.
            run: Gives the logits after the sequences at some places, which are of one length.

        Raises:
            OptionError: the model cannot read one of them.
        """
        by_length: dict[int, list[int]] = defaultdict(list)
        for place, ids in enumerate(sequences):
            self.check(ids)
            by_length[len(ids)].append(place)
        found: Float32[np.ndarray, "sequences vocab"] | None = None
        for length, places in sorted(by_length.items()):
            size = max(1, BATCH_TOKENS // length)
            for start in range(0, len(places), size):
                batch = places[start : start + size]
                last = run(batch)
                if found is None:
                    found = np.empty((len(sequences), last.shape[1]), dtype=np.float32)
                found[batch] = last
        return np.empty((0, self.head.vocab), dtype=np.float32) if found is None else found

    def last_logits(self, batch: Sequence[Sequence[int]], memory: Any = None) -> Float32[np.ndarray, "sequences vocab"]:
        """Return the logits after each of some sequences of one length, which go on from a memory if one is given.

        Raises:
            ReadoutError: logits that are not finite.
        """
        import torch

        options: dict[str, Any] = {"use_cache": memory is not None}
        if memory is not None:
            options[self.memory_name] = memory
        if "logits_to_keep" in self._parameters:
            options["logits_to_keep"] = 1
        with torch.no_grad():
            given = torch.tensor([list(map(int, ids)) for ids in batch], device=self.device)
            last: Float32[np.ndarray, "sequences vocab"] = (
                self.model(input_ids=given, **options).logits[:, -1].float().cpu().numpy()
            )
        if np.isnan(last).any():
            self._check_finite(last, "the logits")
        return last

    @property
    def memory_name(self) -> str:
        """What transformers calls keys and values kept from before: it was renamed in 5.24."""
        return "cache" if "cache" in self._parameters else "past_key_values"

    @cached_property
    def _parameters(self) -> frozenset[str]:
        """What the model's forward pass can be given."""
        return frozenset(inspect.signature(self.model.forward).parameters)

    def _check_finite(self, values: np.ndarray, what: str) -> None:
        if not np.isfinite(values).all():
            rather = "; try --dtype float32" if self.dtype != "float32" else "; its weights are damaged"
            raise ReadoutError(f"{self.name}: {what} holds NaN or infinity in {self.dtype}; expected numbers{rather}")


def open_running(folder: str | os.PathLike[str], *, dtype: str = "float32") -> Running:
    """Open a folder's causal LM with transformers, on the GPU if there is one, and its head.

    Nothing is fetched and no code of the folder is run; weights come from safetensors only.

    Args:
        folder: A folder, a safetensors file in it that holds the head, or a bundled name such as ``organism``.
        dtype: ``float32``, ``bfloat16``, or ``auto``, as stored.

    Raises:
        CheckpointError: there is no causal LM that runs; one line says why.
        OptionError: no such dtype.
    """
    model, tokenizer, head = load(folder, dtype=dtype)
    config = model.config.get_text_config()
    named = getattr(config, "max_position_embeddings", None)
    context = named if isinstance(named, int) and named > 0 else NO_LIMIT
    running = Running(model, tokenizer, head, head.name, str(model.dtype).removeprefix("torch."), context)
    _check_looks_back(running)
    return running


def _check_looks_back(running: Running) -> None:
    """Refuse a model in which a later token changes what was said before it: an encoder under a decoder's name."""
    import torch

    rows = min(running.head.vocab, running.model.get_input_embeddings().weight.shape[0])
    ids = torch.tensor([[1 % rows, 2 % rows, 3 % rows], [1 % rows, 2 % rows, 4 % rows]], device=running.device)
    with torch.no_grad():
        first, second = running.model(input_ids=ids, use_cache=False).logits[:, :2].float()
    apart = float(torch.nan_to_num(first - second).abs().max())
    if apart > UNMOVED * float(np.ptp(torch.nan_to_num(first).cpu().numpy())):
        raise CheckpointError(
            f"{running.name} reads what comes after a token too, as encoders do; expected a causal LM; "
            "give another folder"
        )
