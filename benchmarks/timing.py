"""How long an action takes, and how much memory, as the tables tell it."""

import re
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any


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
