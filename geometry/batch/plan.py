"""What a batch is to do, read from a TOML file and checked whole before anything is computed."""

import re
import tomllib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from geometry.batch.keys import KEYS, OF_HEADS, OF_SUMS, beside
from geometry.batch.sources import Listed, Source
from geometry.choices import DEFAULT_SPACE, Among, Metric, SpaceName
from geometry.errors import GeometryError, PlanError
from geometry.hubness import check_metric
from geometry.landing import LandingOptions

Pair = tuple[SpaceName, Metric]

PART = 4096
"""Expressions whose rows share a file, unless the plan says otherwise."""

MOST_A_PART = 1_000_000
MOST_SEED = 2**63 - 1
"""What a column of 64 bits holds."""

NO_SUMS = Listed(())


@dataclass(frozen=True, kw_only=True)
class Plan:
    """Heads × records × spaces × metrics × expressions.

    Attributes:
        heads: specs as :func:`geometry.open_head` takes them; globs are expanded, folders are relative to the plan's.
        expressions: what is to be landed or explained, streamed.
        k: tokens ranked, or rivals told.
        metrics: of the landings.
        spaces: that terms are added up in.
        among: candidates.
        exclude_inputs: drop the inputs and their variants from the ranking.
        record: of :data:`RECORDS`.
        part: expressions a file.
        seed: of everything drawn.
        folder: what relative paths are relative to.
    """

    heads: tuple[str, ...]
    expressions: Source = NO_SUMS
    k: int = 10
    metrics: tuple[Metric, ...] = ("logit",)
    spaces: tuple[SpaceName, ...] = (DEFAULT_SPACE,)
    among: Among = "all"
    exclude_inputs: bool = False
    record: tuple[str, ...] = ("landings",)
    part: int = PART
    seed: int = 0
    folder: Path = Path()

    def __post_init__(self) -> None:
        if "landings" in self.record:
            self._check_pairs()
        _held("options", lambda: LandingOptions(k=self.k, among=self.among, seed=self.seed))
        if not 1 <= self.part <= MOST_A_PART:
            raise PlanError(f"part = {self.part} arrived; expected 1 to {MOST_A_PART:,} expressions a file")
        if self.seed > MOST_SEED:
            raise PlanError(f"seed = {self.seed} arrived; expected 0 to {MOST_SEED:,}")

    @cached_property
    def _refusals(self) -> dict[Pair, str | None]:
        return {(space, metric): _refusal(space, metric) for space in self.spaces for metric in self.metrics}

    @property
    def pairs(self) -> list[Pair]:
        """The spaces and metrics that sums are landed in and by."""
        return [pair for pair, why in self._refusals.items() if why is None]

    @property
    def left_out(self) -> dict[Pair, str]:
        """The spaces and metrics that make no sense together, and why; nothing is landed there."""
        return {pair: why for pair, why in self._refusals.items() if why is not None}

    def _check_pairs(self) -> None:
        """Refuse a space or a metric that goes with none of the others: a mistake, and no corner of a sweep."""
        for space in self.spaces:
            if all(space != one for one, _ in self.pairs):
                raise PlanError(
                    f"metrics: {self.left_out[space, self.metrics[0]]}; "
                    f"add a metric that goes with {space}, or take {space} out of spaces"
                )
        for metric in self.metrics:
            if all(metric != one for _, one in self.pairs):
                raise PlanError(
                    f"spaces: {self.left_out[self.spaces[0], metric]}; "
                    f"add a space that goes with {metric}, or take {metric} out of metrics"
                )

    @property
    def asks_sums(self) -> bool:
        """Whether anything is recorded of expressions."""
        return any(record in OF_SUMS for record in self.record)

    def spec(self, head: str) -> str:
        """What opens a head from anywhere on this machine: a path beside the plan in full, other specs as they are."""
        return beside(self.folder, head)

    def to_dict(self) -> dict[str, Any]:
        """Everything that decides on rows, but for the expressions themselves."""
        names = ("heads", "k", "metrics", "spaces", "among", "exclude_inputs", "record", "part", "seed")
        values = {name: getattr(self, name) for name in names}
        return {name: list(value) if isinstance(value, tuple) else value for name, value in values.items()}


def read_plan(path: str | Path) -> Plan:
    """Read a plan.

    Raises:
        PlanError: It cannot be read, or asks for something that does not exist; one line names the key.
    """
    path = Path(path)
    try:
        given = tomllib.loads(path.read_text(encoding="utf-8-sig"))
    except OSError as error:
        raise PlanError(f"{str(path)!r} cannot be read ({error.strerror}); expected a plan, a .toml file") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, RecursionError) as error:
        raise PlanError(f"{str(path)!r} is no TOML ({error}); expected a plan such as docs/batch.md shows") from error
    return make_plan(given, path.parent)


def make_plan(given: Mapping[str, Any], folder: Path) -> Plan:
    """Make a plan of what a TOML file holds.

    Args:
        given: Its keys; ``heads`` must be there, and ``expressions`` unless nothing is recorded of them.
        folder: What relative paths are relative to.

    Raises:
        PlanError: A key is unknown, missing, of another type or value than expected.
    """
    unknown = [key for key in given if key not in KEYS]
    if unknown:
        raise PlanError(f"the key {unknown[0]!r} arrived; expected one of {', '.join(KEYS)}")
    read = {key: KEYS[key](key, given[key], folder) for key in given}
    needed = ["heads"] if set(read.get("record", OF_SUMS)) <= set(OF_HEADS) else ["heads", "expressions"]
    for key in needed:
        if key not in given:
            raise PlanError(f"the plan has no {key!r}; expected heads = [...] and expressions = [...]")
    return Plan(**read, folder=folder)


def _refusal(space: SpaceName, metric: Metric) -> str | None:
    try:
        check_metric(metric, space)
    except GeometryError as error:
        return re.split("[;:] use ", str(error))[0]  # what to use instead is said of options, not of plans
    return None


def _held(key: str, check: Callable[[], object]) -> None:
    """Let a check of the library speak for a key of the plan."""
    try:
        check()
    except PlanError:
        raise
    except GeometryError as error:
        raise PlanError(f"{key}: {error}") from error
