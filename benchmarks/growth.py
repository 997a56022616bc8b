"""How the time of exact search grows with vocab, dim and queries: log–log slopes, and the memory beside the head.

    python benchmarks/growth.py [--rounds 5] [--figure growth.png]

Along each axis the size doubles while the other two stay; all sizes of an axis are timed in turn, round by round. The
slope is that of a line through the logarithms, fitted round by round: 1 is linear. Below it what does not grow (making
ready, settling) weighs in small sizes. Memory is what the process takes of its own (``RssAnon``) beyond what it had
before, so without the mapped head.
"""

import argparse
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from rivals import made_head
from timing import Contender, Timing, interleave, watched

import geometry as geo
from geometry.figures import save
from geometry.figures.colors import GREY, series_color
from geometry.figures.page import house_style, open_page
from geometry.search import neighbors
from geometry.tables import Column, Table

K = 10
ALLOWED = 0.05
"""How far a slope may be from 1."""

AXES: Mapping[str, Sequence[tuple[int, int, int]]] = {
    "vocab": [(vocab, 512, 1_000) for vocab in (131_072, 262_144, 524_288, 1_048_576)],
    "dim": [(65_536, dim, 1_000) for dim in (1_024, 2_048, 4_096, 8_192)],
    "queries": [(65_536, 2_048, queries) for queries in (256, 512, 1_024, 2_048, 4_096)],
}
"""(vocab, dim, queries) along every axis."""


@dataclass(frozen=True)
class Growth:
    """One axis: its sizes, their seconds round by round, and the megabytes that each takes beside the head."""

    axis: str
    sizes: tuple[int, ...]
    timings: tuple[Timing, ...]
    megabytes: tuple[float, ...]

    @property
    def slopes(self) -> tuple[float, float, float]:
        """Quartiles of the slopes of log seconds over log size, one slope a round."""
        seconds = np.log([timing.seconds for timing in self.timings])
        low, middle, high = np.quantile(np.polyfit(np.log(self.sizes), seconds, 1)[0], [0.25, 0.5, 0.75]).tolist()
        return low, middle, high


def growth(axis: str, shapes: Sequence[tuple[int, int, int]], rounds: int) -> Growth:
    """Time searches of these shapes, of which one number grows."""
    place = ("vocab", "dim", "queries").index(axis)
    with ExitStack() as heads:
        opened = {size: heads.enter_context(made_head(*size)) for size in dict.fromkeys(one[:2] for one in shapes)}
        asked = {shape: _question(opened[shape[:2]], shape[2]) for shape in shapes}
        megabytes = tuple(watched(action)[2] for action in asked.values())
        timings = interleave({str(shape): Contender(action) for shape, action in asked.items()}, rounds)
    return Growth(axis, tuple(shape[place] for shape in shapes), tuple(timings), megabytes)


def _question(head: geo.Head, queries: int) -> Any:
    head.candidates()
    vectors = np.random.default_rng(0).normal(size=(queries, head.dim)).astype(np.float32)
    return lambda: neighbors(head, vectors, K, metric="logit")


def growths(rounds: int) -> Iterator[Growth]:
    """Every axis."""
    for axis, shapes in AXES.items():
        yield growth(axis, shapes, rounds)


def growth_table(found: Sequence[Growth]) -> Table:
    """The slopes, the times and the memory."""
    rows = []
    for one in found:
        low, slope, high = one.slopes
        met = f"within {ALLOWED:.0%} of 1: {'met' if abs(slope - 1) <= ALLOWED else 'MISSED'}"
        rows.append(
            (f"{one.axis} × {one.sizes[-1] // one.sizes[0]}", "", "", f"{slope:.2f}", f"{low:.2f}–{high:.2f}", met)
        )
        for size, timing, taken in zip(one.sizes, one.timings, one.megabytes, strict=True):
            rows.append((f"    {size:,}", f"{timing.median * 1e3:,.0f} ms", f"{taken:,.0f} MB", "", "", ""))
    columns = (
        Column("what", "left"), Column("time"), Column("memory"), Column("slope"), Column("quartiles"),
        Column("target", "left"),
    )  # fmt: skip
    shapes = "; ".join(f"{axis}: " + _others(axis) for axis in AXES)
    return Table(("Growth of exact search with what doubles, the rest staying", shapes), columns, tuple(rows))


def _others(axis: str) -> str:
    vocab, dim, queries = AXES[axis][0]
    named = {"vocab": f"{vocab:,} rows", "dim": f"{dim:,} numbers", "queries": f"{queries:,} queries"}
    return ", ".join(text for name, text in named.items() if name != axis)


def growth_figure(found: Sequence[Growth]) -> Any:
    """Seconds over size, both on logarithmic scales, beside a line of slope 1."""
    width, gap = 9.0, 0.75
    with house_style():
        page = open_page("Seconds of exact search while one thing doubles", "dashed: slope 1", width=width, body=2.7)
        side = (page.width - gap * len(found)) / len(found)
        for number, one in enumerate(found):
            left = gap * (number + 0.8) + side * number
            page.subtitle(f"{one.axis}: slope {one.slopes[1]:.2f}", left, 2.45, side)
            axes = page.axes(left, 0.5, side, 1.8)
            seconds = np.array([timing.median for timing in one.timings])
            sizes = np.array(one.sizes, dtype=np.float64)
            axes.plot(sizes, seconds[-1] * sizes / sizes[-1], color=GREY, linewidth=1.0, linestyle=(0, (4, 3)))
            axes.plot(sizes, seconds, color=series_color(0), linewidth=1.4, marker="o", markersize=4)
            axes.set_xscale("log", base=2)
            axes.set_yscale("log")
            axes.set_xticks(sizes, [f"{size:,}" for size in one.sizes])
            ticks = [
                tick for tick in (0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0) if seconds[0] / 2 < tick < seconds[-1] * 2
            ]
            axes.set_yticks(ticks, [f"{tick:g} s" for tick in ticks])
            axes.minorticks_off()
            axes.grid()
            axes.set_xlabel(f"{one.axis} ({_others(one.axis)})")
    return page.figure


def main() -> None:
    """Measure, print the table, draw the figure."""
    parser = argparse.ArgumentParser(description="Measure how search grows.")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--figure", type=Path, help="a picture to draw")
    asked = parser.parse_args()
    found = list(growths(asked.rounds))
    print(growth_table(found).text())
    if asked.figure is not None:
        save(growth_figure(found), asked.figure)


if __name__ == "__main__":
    main()
