"""Checkpoints: from a spec to named tensors, of which only what is asked for is read."""

from geometry.checkpoint.header import TensorInfo
from geometry.checkpoint.layout import HeadLayout, find_layout
from geometry.checkpoint.local import Checkpoint, find_tokenizer, open_checkpoint
from geometry.checkpoint.matrix import StoredMatrix
from geometry.checkpoint.spec import find_place

__all__ = [
    "Checkpoint",
    "HeadLayout",
    "StoredMatrix",
    "TensorInfo",
    "find_layout",
    "find_place",
    "find_tokenizer",
    "open_checkpoint",
]
