"""Head: one checkpoint's unembedding matrix with its vocabulary and readout, in one of four spaces."""

import os
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
from jaxtyping import Bool, Float, Float32, Float64, Integer

from geometry.checkpoint import open_checkpoint
from geometry.choices import AMONG, SPACES, Among, Metric, SpaceName, check_choice
from geometry.errors import OptionError, ReadoutError, TokenError
from geometry.linalg import inverse_root
from geometry.moments import block_rows, row_norms
from geometry.opened import Opened
from geometry.readout import Readout, make_readout
from geometry.spaces import RAW, Space
from geometry.tokens import Vocabulary
from geometry.tokens.regime import WHOLE_GROUPS, WHOLE_TOKENS
from geometry.undertrained import Undertrained

if TYPE_CHECKING:  # named in full below, so that a runtime type checker can find them too
    import geometry.concepts
    import geometry.landing

SMALL_DIM = 1_024
"""Rows of at most so many numbers are whitened even where they are fewer than their numbers."""


@dataclass(frozen=True, eq=False)
class Head:
    """An unembedding matrix W (vocab × dim), looked at in one space.

    Rows stay as stored and mapped; the space is an affine map applied to what is asked for, so that
    :meth:`folded`, :meth:`centered` and :meth:`whitened` cost no copy of the matrix.
    """

    opened: Opened
    space: Space = RAW

    @property
    def name(self) -> str:
        """What the head is called."""
        return self.opened.checkpoint.name

    @property
    def source(self) -> str:
        """Where it was read from."""
        return self.opened.checkpoint.source

    @property
    def vocab(self) -> int:
        """Number of rows."""
        return self.opened.matrix.shape[0]

    @property
    def dim(self) -> int:
        """Length of a row."""
        return self.opened.matrix.shape[1]

    @property
    def fingerprint(self) -> str:
        """Cheap and stable: 16 hex digits over dtype, shape and a fixed sample of the matrix's pages."""
        return self.opened.fingerprint

    def full_hash(self) -> str:
        """SHA-256 over dtype, shape and every byte of the matrix: reads all of it."""
        return self.opened.matrix.full_hash()

    @property
    def readout(self) -> Readout:
        """What the model does around W."""
        return self.opened.readout

    @property
    def tokens(self) -> Vocabulary | None:
        """The vocabulary, or None where the checkpoint brings no tokenizer that can be read."""
        return self.opened.vocabulary[0]

    def words(self) -> Vocabulary:
        """The vocabulary, for what cannot do without.

        Raises:
            TokenError: there is none; says why, and what still works.
        """
        tokens, reason = self.opened.vocabulary
        if tokens is None:
            raise TokenError(f"{reason}; words and text need one: give token ids, such as #42, or add tokenizer.json")
        return tokens

    @property
    def undertrained(self) -> Undertrained:
        """The rows masked as under-trained, and the rule's reason."""
        return self.opened.undertrained

    def rows(self, ids: Sequence[int] | Integer[np.ndarray, " tokens"]) -> Float32[np.ndarray, "tokens dim"]:
        """Rows of these token ids in this head's space: as stored, for a head just opened.

        Raises:
            TokenError: an id is not a row.
        """
        stored = self.opened.matrix.rows(ids)
        return stored if self.space.name == "raw" else self.space.apply(stored).astype(np.float32)

    @cached_property
    def norms(self) -> Float64[np.ndarray, " vocab"]:
        """Length of every row in this head's space."""
        return self.opened.raw_norms if self.space.name == "raw" else row_norms(self.opened.matrix, self.space)

    def folded(self) -> "Head":
        """The head with the final norm's gain in its rows; an unknown norm changes nothing, and that is recorded."""
        readout = self.readout
        if readout.gain is None:
            step = f"folded: identity ({readout.why_unfolded})"
            space = Space("folded", steps=(step,))
        else:
            gain = readout.gain.astype(np.float64) * readout.prescale
            space = Space("folded", gain=gain, centers=readout.centers, steps=(f"folded: {readout.formula}",))
        return replace(self, space=space)

    def centered(self) -> "Head":
        """The folded head less the mean of its real rows."""
        folded = self.folded()
        mean = folded.space.apply_linear(self.opened.moments.mean[None, :])[0]
        step = f"centered: mean of {self.opened.moments.count:,} real rows removed"
        space = replace(folded.space, name="centered", mean=mean, steps=(*folded.space.steps, step))
        return replace(self, space=space)

    def whitened(self, *, eps: float = 0.0) -> "Head":
        """The centred head times Cov^−½.

        Args:
            eps: eigenvalues below eps × the largest are dropped, not inflated.
        """
        if not 0.0 <= eps < 1.0:
            raise OptionError(f"eps {eps} arrived; expected 0 ≤ eps < 1, a share of the largest eigenvalue")
        if self.dim > SMALL_DIM and self.opened.moments.count <= self.dim:
            raise OptionError(
                f"{self.opened.moments.count:,} real rows of {self.dim:,} numbers have no full covariance; expected "
                "more rows than numbers; use space centered"
            )
        centered = self.centered()
        scatter = self.opened.full_moments.covariance
        assert scatter is not None
        if not scatter.any():
            raise OptionError("every row is the same: there is no covariance to whiten with; use space centered")
        half = centered.space.apply_linear(scatter)
        whitener = inverse_root(centered.space.apply_linear(half.T), eps=eps)
        step = f"whitened: {whitener.kept} of {self.dim} directions, condition number {whitener.condition:.3g}"
        space = replace(centered.space, name="whitened", root=whitener.root, steps=(*centered.space.steps, step))
        return replace(self, space=space)

    def in_space(self, space: SpaceName) -> "Head":
        """The head in the named space; itself if it is there already.

        Raises:
            OptionError: no such space.
        """
        check_choice("space", space, SPACES)
        if space == self.space.name:
            return self
        views = self.opened.views
        if space not in views:
            makers = {"folded": self.folded, "centered": self.centered, "whitened": self.whitened}
            views[space] = makers[space]() if space in makers else replace(self, space=RAW)
        view: Head = views[space]
        return view

    def logits(
        self, residuals: Float[np.ndarray, "tokens dim"], *, normed: bool = False
    ) -> Float32[np.ndarray, "tokens vocab"]:
        """The model's own logits for residuals, whatever space this head is looked at in.

        Args:
            residuals: as they leave the last block, or, with ``normed``, as they leave the final norm.

        Returns:
            cap(scale · (W @ prescale(norm(x)) + b)), float32, every row of W.

        Raises:
            ReadoutError: what the model does around W is not known exactly.
        """
        readout = self.readout
        if not readout.known:
            raise ReadoutError(f"{self.name}: logits are not available: {readout.reason}; rows and search still work")
        try:
            given = np.asarray(residuals, dtype=np.float32)
        except (TypeError, ValueError, RuntimeError) as error:
            kind, torch = type(residuals).__name__, hasattr(residuals, "detach")
            expected = f"a float array (n, {self.dim})" + (", as .detach().float().numpy() gives" if torch else "")
            raise ReadoutError(f"residuals of type {kind} arrived; expected {expected}") from error
        if given.ndim != 2 or given.shape[1] != self.dim:
            raise ReadoutError(f"residuals of shape {given.shape} arrived; expected (n, {self.dim})")
        hidden = (given if normed else readout.normed(given)) * np.float32(readout.prescale)
        result = np.empty((len(hidden), self.vocab), dtype=np.float32)
        for start, block in self.opened.matrix.blocks(block_rows(self.opened.matrix)):
            stop = start + len(block)
            with np.errstate(invalid="ignore", over="ignore"):  # of rows that are not finite, as the model has them
                product = hidden @ block.T
            result[:, start:stop] = product if readout.bias is None else product + readout.bias[start:stop]
        return readout.finish(result)

    @cached_property
    def emoji_direction(self) -> Float64[np.ndarray, " dim"]:
        """Mean of the whole-emoji rows less the mean of the other real rows, in this head's space.

        Raises:
            TokenError: fewer than 50 whole-emoji rows, or from fewer than 5 Unicode groups.
        """
        tokens, ids = self.words(), self.opened.emoji_ids
        groups = {tokens.emoji[int(token)].group for token in ids}
        if len(ids) < WHOLE_TOKENS or len(groups) < WHOLE_GROUPS:
            spelt = tokens.with_bytes(b"\xf0\x9f") or tokens.with_bytes(b"\xf0")
            offer = "use prefix, the rows that open an emoji's bytes" if spelt else "name an emoji it has, such as ♥"
            raise TokenError(
                f"the emoji direction needs at least {WHOLE_TOKENS} whole-emoji tokens from {WHOLE_GROUPS} groups; "
                f"this head has {len(ids)} from {len(groups)}: {offer} instead"
            )
        emoji_mean = self.opened.matrix.rows(ids).mean(axis=0, dtype=np.float64)
        moments = self.opened.moments
        rest_mean = (moments.mean * moments.count - emoji_mean * len(ids)) / (moments.count - len(ids))
        direction: Float64[np.ndarray, " dim"] = self.space.apply_linear((emoji_mean - rest_mean)[None, :])[0]
        if np.linalg.norm(emoji_mean - rest_mean) <= 1e-9 * np.linalg.norm(emoji_mean):
            raise TokenError("there is no emoji direction: this head's emoji rows have the mean of all other rows")
        return direction

    def candidates(self, among: Among = "all", *, keep_undertrained: bool = False) -> Bool[np.ndarray, " vocab"]:
        """Rows that may be landed on: finite, not padding, not under-trained, of the kind asked for."""
        check_choice("among", among, AMONG)
        keep: Bool[np.ndarray, " vocab"] = self.opened.finite & self.opened.has_token
        if not keep_undertrained:
            keep[self.opened.undertrained.ids] = False
        if among == "all":
            return keep
        kinds = self.words().kinds[: self.vocab]
        keep &= kinds == ("word" if among == "words" else "emoji")
        return keep

    def concept(self, expression: str, *, as_stored: bool = False) -> "geometry.concepts.Concept":
        """Evaluate an expression in this head's space: see :func:`geometry.concepts.evaluate`."""
        from geometry.concepts import evaluate

        return evaluate(self, expression, as_stored=as_stored)

    def land(
        self,
        expression: str,
        k: int = 10,
        *,
        metric: Metric = "logit",
        space: SpaceName | None = None,
        among: Among = "all",
        exclude_inputs: bool = False,
        fold_variants: bool = False,
        keep_undertrained: bool = False,
        as_stored: bool = False,
        null: bool = False,
        temperature: float = 1.0,
        sample: int = 0,
        seed: int = 0,
    ) -> "geometry.landing.Landing":
        """Find the tokens that a sum lands on: see :func:`geometry.landing.land_many` for the options.

        Without ``space``, a head just opened answers in the default space, and one in another space in its own.
        """
        from geometry.landing import LandingOptions, land_many

        options = LandingOptions(
            k=k, metric=metric, among=among, exclude_inputs=exclude_inputs, fold_variants=fold_variants,
            keep_undertrained=keep_undertrained, as_stored=as_stored, null=null, temperature=temperature,
            sample=sample, seed=seed,
        )  # fmt: skip
        return land_many(self, [expression], options, space=space)[0]

    def __repr__(self) -> str:
        return f"Head({self.name!r}, {self.vocab:,} × {self.dim:,}, space {self.space.name})"

    def to_dict(self) -> dict[str, Any]:
        """What every record says of the head it came from."""
        return {"name": self.name, "fingerprint": self.fingerprint, "vocab": self.vocab, "dim": self.dim}


def open_head(spec: str | os.PathLike[str], *, max_memory: int | None = None) -> Head:
    """Open a checkpoint's head, and nothing else of it.

    Args:
        spec: a folder, one safetensors or GGUF file, a bundled name such as ``organism``, or a model on the Hub such as
            ``org/model`` or ``hf://org/model@revision``, of which the head alone is fetched and kept.
        max_memory: bytes of rows that may stay in memory; a larger head is let go of block by block.

    Returns:
        The head in space ``raw``, its rows mapped and unread.

    Raises:
        CheckpointError: there is no head to be read there; one line says why.
    """
    checkpoint = open_checkpoint(spec)
    layout = checkpoint.layout()
    matrix = checkpoint.matrix(layout.head, max_resident=max_memory)
    return Head(Opened(checkpoint, layout, matrix, make_readout(checkpoint.config, layout, checkpoint)))
