"""One open checkpoint's matrix, vocabulary and readout, and what is measured on its rows once for every space."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
from jaxtyping import Bool, Float64, Int64

from geometry.checkpoint import Checkpoint, HeadLayout, StoredMatrix
from geometry.choices import SpaceName
from geometry.errors import TokenError
from geometry.families import families
from geometry.moments import Moments, row_moments, row_norms
from geometry.readout import Readout
from geometry.spaces import RAW
from geometry.tokens import Vocabulary, open_vocabulary
from geometry.undertrained import Undertrained, find_undertrained

LONGEST_ROW = 1e15
"""Rows longer than this count as unreadable, like NaN: float32 products with them overflow."""


@dataclass(frozen=True, eq=False)
class Opened:
    """What belongs to one open checkpoint and is shared by its head in every space."""

    checkpoint: Checkpoint
    layout: HeadLayout
    matrix: StoredMatrix
    readout: Readout
    views: dict[SpaceName, Any] = field(default_factory=dict, repr=False)  # Head, which stands above this floor

    @cached_property
    def fingerprint(self) -> str:
        """First 16 hex digits of the matrix's sampled SHA-256."""
        return self.matrix.sample_hash()[:16]

    @cached_property
    def vocabulary(self) -> tuple[Vocabulary | None, str]:
        """The vocabulary, or None and why there is none."""
        path = self.checkpoint.tokenizer_path
        if path is None:
            return None, f"{self.checkpoint.folder} holds no tokenizer"
        try:
            return open_vocabulary(path, rows=self.matrix.shape[0]), ""
        except TokenError as error:
            return None, str(error)

    @cached_property
    def raw_norms(self) -> Float64[np.ndarray, " vocab"]:
        """Lengths of the rows as stored."""
        return row_norms(self.matrix, RAW)

    @cached_property
    def finite(self) -> Bool[np.ndarray, " vocab"]:
        """Rows without NaN, infinity or lengths whose products overflow float32."""
        finite: Bool[np.ndarray, " vocab"] = self.raw_norms < LONGEST_ROW  # not so for NaN
        return finite

    @cached_property
    def has_token(self) -> Bool[np.ndarray, " vocab"]:
        """Rows that stand for a token: not padding, whether past the tokenizer or in a hole of it."""
        tokens, vocab = self.vocabulary[0], self.matrix.shape[0]
        return np.ones(vocab, np.bool_) if tokens is None else np.asarray(tokens.is_token[:vocab])

    @cached_property
    def undertrained(self) -> Undertrained:
        """The rows that the under-trained rule masks."""
        return find_undertrained(self.matrix, self.vocabulary[0], self.finite)

    @cached_property
    def real(self) -> Bool[np.ndarray, " vocab"]:
        """Rows that means and covariances are taken over: finite, not padding, not reserved, not masked."""
        keep: Bool[np.ndarray, " vocab"] = self.finite & self.has_token
        keep[self.undertrained.ids] = False
        keep[self.reserved] = False
        return keep

    @cached_property
    def reserved(self) -> Int64[np.ndarray, " reserved"]:
        """Rows whose name says that they are kept for later use, such as ``<unused3>``."""
        tokens = self.vocabulary[0]
        ids = [] if tokens is None else [token for token in tokens.reserved if token < self.matrix.shape[0]]
        return np.array(sorted(ids), dtype=np.int64)

    @cached_property
    def moments(self) -> Moments:
        """Mean of the real rows, as stored."""
        return row_moments(self.matrix, self.real)

    @cached_property
    def full_moments(self) -> Moments:
        """Mean and covariance of the real rows, as stored."""
        return row_moments(self.matrix, self.real, covariance=True)

    @cached_property
    def emoji_ids(self) -> Int64[np.ndarray, " emoji"]:
        """Real rows that hold one whole emoji each."""
        tokens = self.vocabulary[0]
        ids = [] if tokens is None else [token for token in sorted(tokens.emoji) if token < len(self.real)]
        return np.array([token for token in ids if self.real[token]], dtype=np.int64)

    @cached_property
    def kin(self) -> Mapping[int, frozenset[int]]:
        """The family of every token that is a whole emoji: all tokens of it, itself included."""
        tokens = self.vocabulary[0]
        known = {} if tokens is None else tokens.emoji
        numbers = families(list(known.values()))
        members: dict[int, set[int]] = {}
        for token, number in zip(known, numbers, strict=True):
            members.setdefault(number, set()).add(token)
        return {token: frozenset(members[number]) for token, number in zip(known, numbers, strict=True)}
