"""Batches: many sums on many heads, written as Parquet, resumable at any point."""

from geometry.batch.plan import Plan, make_plan, read_plan
from geometry.batch.reading import read_batch
from geometry.batch.running import Outcome, run_batch
from geometry.batch.workers import Crew, crew

__all__ = ["Crew", "Outcome", "Plan", "crew", "make_plan", "read_batch", "read_plan", "run_batch"]
