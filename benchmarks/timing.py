"""How long an action takes, and how much memory, as the tables tell it."""

import re
import statistics
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

PAUSE = 0.2
"""Seconds after which the threads of numerical libraries no longer wait at full speed for more to do."""


@dataclass(frozen=True)
class Contender:
    """Something that is measured.

    Attributes:
        action: What it does once a round.
        share: The part of the whole question that this is; seconds are divided by it.
    """

    action: Callable[[], object]
    share: float = 1.0


@dataclass(frozen=True)
class Timing:
    """Seconds of one contender, round by round."""

    name: str
    seconds: tuple[float, ...]

    @property
    def median(self) -> float:
        """The middle of them."""
        return statistics.median(self.seconds)

    def ratios(self, ours: "Timing") -> tuple[float, float, float]:
        """Quartiles of ours ÷ theirs within each round."""
        rounds = [mine / theirs for mine, theirs in zip(ours.seconds, self.seconds, strict=True)]
        low, middle, high = np.quantile(rounds, [0.25, 0.5, 0.75]).tolist()
        return low, middle, high


def interleave(contenders: Mapping[str, Contender], rounds: int, *, warm: bool = False) -> list[Timing]:
    """Run every contender once a round, so that what else the machine does falls on all of them alike.

    Between two of them the threads of the one before come to rest. One round before all others is not counted.

    Args:
        warm: each runs once more before it is timed, so that its rows are in the processor's cache as far as they fit.
    """
    seconds: dict[str, list[float]] = {name: [] for name in contenders}
    for number in range(rounds + 1):
        for name, contender in contenders.items():
            time.sleep(PAUSE)
            if warm:
                contender.action()
            start = time.perf_counter()
            contender.action()
            if number:
                seconds[name].append((time.perf_counter() - start) / contender.share)
    return [Timing(name, tuple(spent)) for name, spent in seconds.items()]


def fewest(action: Callable[[], object], times: int = 5) -> float:
    """Fewest seconds of an action, run once before to warm up."""
    action()
    seconds = []
    for _ in range(times):
        start = time.perf_counter()
        action()
        seconds.append(time.perf_counter() - start)
    return min(seconds)


def watched(action: Callable[[], object]) -> tuple[Any, float, float]:
    """What an action gives, its seconds, and the most megabytes it took beyond what was taken before."""
    before, most, done = _anonymous(), [0.0], threading.Event()

    def watch() -> None:
        while not done.wait(0.02):
            most[0] = max(most[0], _anonymous())

    watcher = threading.Thread(target=watch)
    watcher.start()
    start = time.perf_counter()
    try:
        result = action()
    finally:
        seconds = time.perf_counter() - start
        done.set()
        watcher.join()
    return result, seconds, max(most[0] - before, 0.0)


def _anonymous() -> float:
    """Megabytes in memory that belong to no file; not a number where the system does not say."""
    try:
        status = Path("/proc/self/status").read_text(encoding="ascii")
    except OSError:
        return float("nan")
    found = re.search(r"RssAnon:\s+(\d+)", status)
    return int(found[1]) / 1024 if found else float("nan")
