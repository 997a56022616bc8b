"""Checkpoints: from a spec to named tensors, of which only what is asked for is read."""

from geometry.checkpoint.header import TensorInfo
from geometry.checkpoint.layout import HeadLayout, find_layout
from geometry.checkpoint.local import Checkpoint, open_checkpoint
from geometry.checkpoint.matrix import StoredMatrix

__all__ = ["Checkpoint", "HeadLayout", "StoredMatrix", "TensorInfo", "find_layout", "open_checkpoint"]
