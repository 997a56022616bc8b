"""The jobs of a batch: a pure function of its plan, each with a file whose name is a function of its place."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import PurePosixPath

from geometry.batch.plan import OF_SUMS, Plan
from geometry.batch.sources import chunks
from geometry.choices import Among, Metric, SpaceName


@dataclass(frozen=True)
class Part:
    """One job: some expressions on one head in one space by one metric, or one report on a head. It can be pickled.

    Attributes:
        spec: what opens the head.
        slug: what the head's files are called.
        record: what is to be recorded.
        metric: ``logit`` for ``why``, which explains that ranking alone; None for what is recorded of a head.
        number: which part of the expressions, from 0.
        first: index of its first expression among all.
        expressions: in order.
        k, among, exclude_inputs, seed: as the plan has them.
    """

    spec: str
    slug: str
    record: str
    space: SpaceName
    metric: Metric | None
    number: int
    first: int
    expressions: tuple[str, ...]
    k: int
    among: Among
    exclude_inputs: bool
    seed: int

    @property
    def file(self) -> str:
        """Where its rows lie in the batch's folder."""
        return f"{self.record}/{self.slug}/{self._place}.parquet"

    @property
    def error_file(self) -> str:
        """Where the rows of what went wrong lie, if anything did."""
        return f"errors/{self.slug}-{self.record}-{self._place}.parquet"

    @property
    def _place(self) -> str:
        return "-".join([self.space, *([self.metric] if self.metric else []), f"{self.number:06d}"])


def head_error_file(slug: str) -> str:
    """Where it is said that a head could not be opened."""
    return f"errors/{slug}.parquet"


def slugs(plan: Plan) -> dict[str, str]:
    """Return what each head's files are called: short, safe in any file system, each another."""
    found: dict[str, str] = {}
    taken: set[str] = set()
    for head in plan.heads:
        name = PurePosixPath(head.replace("\\", "/")).name or head
        plain = re.sub(r"[^a-z0-9.]+", "-", name.lower()).strip("-.")[:60] or "head"
        slug, count = plain, 1
        while slug in taken:
            count += 1
            slug = f"{plain}-{count}"
        taken.add(slug)
        found[head] = slug
    return found


def rounds(plan: Plan) -> list[tuple[str, SpaceName, Metric | None]]:
    """Return every (record, space, metric) that each head is gone through for."""
    found: list[tuple[str, SpaceName, Metric | None]] = []
    for record in plan.record:
        metrics: tuple[Metric | None, ...] = plan.metrics if record == "landings" else ("logit",)
        if record not in OF_SUMS:
            metrics = (None,)
        found += [(record, space, metric) for space in plan.spaces for metric in metrics]
    return found


def parts(plan: Plan, heads: Mapping[str, str]) -> Iterator[Part]:
    """Stream a plan's parts, one head after the other.

    Args:
        heads: Those to be gone through, each with its slug.
    """
    for head, slug in heads.items():
        spec = plan.spec(head)
        for record, space, metric in rounds(plan):
            first = 0
            for number, expressions in enumerate(chunks(plan.expressions, plan.part) if record in OF_SUMS else [()]):
                yield Part(
                    spec, slug, record, space, metric, number, first, expressions,
                    plan.k, plan.among, plan.exclude_inputs, plan.seed,
                )  # fmt: skip
                first += len(expressions)


def files_a_head(plan: Plan, expressions: int) -> int:
    """How many files a head has once the batch is complete."""
    return sum(-(-expressions // plan.part) if record in OF_SUMS else 1 for record, _, _ in rounds(plan))


def steps_a_head(plan: Plan, expressions: int) -> int:
    """How many sums and reports a head takes: what progress is told in."""
    return sum(expressions if record in OF_SUMS else 1 for record, _, _ in rounds(plan))
