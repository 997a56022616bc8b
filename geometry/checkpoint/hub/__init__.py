"""Heads from the Hub: a model's name → a small folder with its head alone, fetched by byte ranges and kept."""

from geometry.checkpoint.hub.answers import NoSuchModelError
from geometry.checkpoint.hub.fetch import NothingKeptError, find_snapshot, keep_embedding, keep_head, keep_tokenizer
from geometry.checkpoint.hub.holdings import Holding, holdings, prune, table
from geometry.checkpoint.hub.kept import Kept, user_cache
from geometry.checkpoint.hub.names import HubName, parse_name

__all__ = [
    "Holding",
    "HubName",
    "Kept",
    "NoSuchModelError",
    "NothingKeptError",
    "find_snapshot",
    "holdings",
    "keep_embedding",
    "keep_head",
    "keep_tokenizer",
    "parse_name",
    "prune",
    "table",
    "user_cache",
]
