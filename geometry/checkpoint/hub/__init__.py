"""Heads from the Hub: a model's name → a small folder with its head alone, fetched by byte ranges and kept."""

from geometry.checkpoint.hub.cache import cache_root, user_caches
from geometry.checkpoint.hub.entry import Kept
from geometry.checkpoint.hub.failures import NoSuchModelError, NothingKeptError
from geometry.checkpoint.hub.fetch import find_snapshot, keep_embedding, keep_head, keep_tokenizer
from geometry.checkpoint.hub.holdings import Holding, check, holdings, holdings_table, prune
from geometry.checkpoint.hub.names import HubName, parse_name

__all__ = [
    "Holding",
    "HubName",
    "Kept",
    "NoSuchModelError",
    "NothingKeptError",
    "cache_root",
    "check",
    "find_snapshot",
    "holdings",
    "holdings_table",
    "keep_embedding",
    "keep_head",
    "keep_tokenizer",
    "parse_name",
    "prune",
    "user_caches",
]
