"""The running model, by transformers (extra ``model``): its states, its next tokens, its belief in every emoji."""

from geometry.live.beliefs import Belief, Beliefs, believe
from geometry.live.capturing import Captured, capture
from geometry.live.running import Running, open_running

__all__ = ["Belief", "Beliefs", "Captured", "Running", "believe", "capture", "open_running"]
