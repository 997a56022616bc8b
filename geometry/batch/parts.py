"""The jobs of a batch: a pure function of its plan, each with a file whose name is a function of its place."""

import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import PurePosixPath

import geometry
from geometry.batch.keys import OF_SUMS
from geometry.batch.plan import Plan
from geometry.batch.sources import chunks
from geometry.choices import Among, Metric, SpaceName


@dataclass(frozen=True)
class Target:
    """A head that can be opened.

    Attributes:
        spec: what opens it, wherever the part is done.
        slug: what its files are called.
        name, fingerprint: as it was opened when the batch began.
        planned: its spec as the plan has it, which tells it apart in every row.
    """

    spec: str
    slug: str
    name: str
    fingerprint: str
    planned: str


@dataclass(frozen=True)
class Place:
    """Which of a plan's parts it is; its files are called after that.

    Attributes:
        target: the head.
        record: what is to be recorded.
        metric: ``logit`` for ``why``, which explains that ranking alone; None for what is recorded of a head.
        number: which part of the expressions, from 0.
    """

    target: Target
    record: str
    space: SpaceName
    metric: Metric | None
    number: int

    @property
    def file(self) -> str:
        """Where its rows lie in the batch's folder."""
        return f"{self.record}/{self.target.slug}/{self._name}.parquet"

    @property
    def error_file(self) -> str:
        """Where the rows of what went wrong lie, if anything did."""
        return f"errors/{self.target.slug}-{self.record}-{self._name}.parquet"

    @property
    def _name(self) -> str:
        return "-".join([self.space, *([self.metric] if self.metric else []), f"{self.number:06d}"])


@dataclass(frozen=True)
class Part:
    """One job: some expressions on one head in one space by one metric, or one report on a head. It can be pickled.

    Attributes:
        place: see there.
        first: index of its first expression among all.
        expressions: in order.
        k, among, exclude_inputs, seed: as the plan has them.
        version: of the package that hands it out.
    """

    place: Place
    first: int
    expressions: tuple[str, ...]
    k: int
    among: Among
    exclude_inputs: bool
    seed: int
    version: str = geometry.__version__


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
        if record == "landings":
            found += [(record, space, metric) for space, metric in plan.pairs]
        else:
            found += [(record, space, "logit" if record in OF_SUMS else None) for space in plan.spaces]
    return found


def places(plan: Plan, targets: Iterable[Target], expressions: int) -> Iterator[Place]:
    """Yield every part's place, in the order of :func:`parts`, without reading an expression.

    Args:
        expressions: how many there are.
    """
    for target in targets:
        for record, space, metric in rounds(plan):
            for number in range(files_a_round(plan, record, expressions)):
                yield Place(target, record, space, metric, number)


def parts(
    plan: Plan, targets: Iterable[Target], expressions: int, wanted: Callable[[Place], bool] = lambda _: True
) -> Iterator[Part]:
    """Stream the parts that are wanted, one head after the other.

    The expressions are gone through once for every round of a head in which something is wanted.
    """
    asked = (plan.k, plan.among, plan.exclude_inputs, plan.seed)
    for target in targets:
        for record, space, metric in rounds(plan):
            at = partial(Place, target, record, space, metric)
            numbers = range(files_a_round(plan, record, expressions))
            if not any(wanted(at(number)) for number in numbers):
                continue
            stream = chunks(plan.expressions, plan.part) if record in OF_SUMS else iter([()])
            for number, chunk in zip(numbers, stream, strict=False):
                if wanted(at(number)):
                    yield Part(at(number), number * plan.part, chunk, *asked)


def files_a_round(plan: Plan, record: str, expressions: int) -> int:
    """How many files one record of a head makes in one space by one metric."""
    return -(-expressions // plan.part) if record in OF_SUMS else 1


def files_a_head(plan: Plan, expressions: int) -> int:
    """How many files a head has once the batch is complete."""
    return sum(files_a_round(plan, record, expressions) for record, _, _ in rounds(plan))


def steps_of(plan: Plan, place: Place, expressions: int) -> int:
    """How many sums or reports are in a part: what progress is told in."""
    return min(plan.part, expressions - place.number * plan.part) if place.record in OF_SUMS else 1
