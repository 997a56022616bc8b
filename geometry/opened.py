"""One open checkpoint's matrix, vocabulary and readout, and what is measured on its rows once for every space."""

from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
from jaxtyping import Bool, Float64, Int64

from geometry.checkpoint import Checkpoint, HeadLayout, StoredMatrix
from geometry.errors import TokenError
from geometry.moments import Moments, row_moments, row_norms
from geometry.readout import Readout
from geometry.spaces import RAW, SpaceName
from geometry.tokens import Vocabulary, open_vocabulary
from geometry.undertrained import Undertrained, find_undertrained


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
        """Rows without NaN or infinity."""
        finite: Bool[np.ndarray, " vocab"] = np.isfinite(self.raw_norms)
        return finite

    @cached_property
    def undertrained(self) -> Undertrained:
        """The rows that the under-trained rule masks."""
        return find_undertrained(self.matrix, self.vocabulary[0], self.finite)

    @cached_property
    def real(self) -> Bool[np.ndarray, " vocab"]:
        """Rows that means and covariances are taken over: finite, not padding, not reserved, not masked."""
        keep = self.finite.copy()
        keep[self.undertrained.ids] = False
        tokens = self.vocabulary[0]
        if tokens is not None:
            keep[tokens.tokenizer_size :] = False
            keep[[token for token in tokens.reserved if token < len(keep)]] = False
        return keep

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
