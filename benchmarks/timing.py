"""How long an action takes, as the tables tell it."""

import time
from collections.abc import Callable


def fewest(action: Callable[[], object], times: int = 5) -> float:
    """Fewest seconds of an action, run once before to warm up."""
    action()
    seconds = []
    for _ in range(times):
        start = time.perf_counter()
        action()
        seconds.append(time.perf_counter() - start)
    return min(seconds)
