"""Workers watched from outside: one that dies or stands still is a finding, and another goes on behind that input."""

import json
import os
import selectors
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

WALL_SECONDS = 20.0
START_SECONDS = 120.0

WORKER = Path(__file__).with_name("worker.py")

# one thread each; large blocks go back to the system at once, so that the resident set shows what an input takes
ENVIRONMENT = {
    "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "TOKENIZERS_PARALLELISM": "false",
    "MALLOC_MMAP_THRESHOLD_": "262144", "MALLOC_TRIM_THRESHOLD_": "262144", "MALLOC_ARENA_MAX": "1",
}  # fmt: skip


@dataclass
class Tally:
    """What a run has seen."""

    kinds: Counter[str] = field(default_factory=Counter)
    answered: Counter[str] = field(default_factory=Counter)  # inputs of which every step was answered
    opened: Counter[str] = field(default_factory=Counter)  # inputs of which some step was answered
    faults: dict[str, list[int]] = field(default_factory=dict)
    slowest: tuple[float, int] = (0.0, -1)
    largest: tuple[int, int, int] = (0, 0, -1)
    largest_factor: tuple[float, int] = (0.0, -1)
    seconds: float = 0.0

    @property
    def inputs(self) -> int:
        """How many inputs were gone through."""
        return sum(self.kinds.values())

    def add(self, line: dict[str, Any]) -> None:
        """Count one input."""
        kind, number = line["kind"], line["number"]
        self.kinds[kind] += 1
        self.answered[kind] += line["answered"] > 0 and not line["refused"]
        self.opened[kind] += line["answered"] > 0
        self.seconds += line["seconds"]
        self.slowest = max(self.slowest, (line["seconds"], number))
        self.largest = max(self.largest, (line["grown"], line["size"], number))
        if line["size"] > 2**16:
            self.largest_factor = max(self.largest_factor, (line["grown"] / line["size"], number))
        if line["fault"]:
            self.fault(line["fault"], number)

    def fault(self, what: str, number: int) -> None:
        """Count a finding, and tell of the first of its kind at once."""
        if what not in self.faults:
            sys.stderr.write(f"finding at {number}: {what}\n")
        self.faults.setdefault(what, []).append(number)


class Worker:
    """A process and the numbers of the inputs that are left to it."""

    def __init__(self, seed: int, first: int, stop: int, step: int, base: str) -> None:
        self.base = base
        self.seed, self.next, self.stop, self.step = seed, first, stop, step
        self.current, self.since, self.rest = -1, time.monotonic(), b""
        arguments = [sys.executable, str(WORKER), *map(str, (seed, first, stop, step))]
        self.process = subprocess.Popen(
            arguments,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env={**os.environ, **ENVIRONMENT, "TMPDIR": base},
        )
        assert self.process.stdout is not None
        self.pipe = self.process.stdout

    def lines(self) -> Iterator[dict[str, Any]]:
        """Yield what the worker has said since; raises EOFError where it has ended."""
        part = os.read(self.pipe.fileno(), 2**16)
        if not part:
            raise EOFError
        *whole, self.rest = (self.rest + part).split(b"\n")
        for text in whole:
            line = json.loads(text)
            self.since = time.monotonic()
            self.current = line["number"] if line["what"] == "begin" else -1
            if line["what"] == "end":
                self.next = line["number"] + self.step
                yield line

    def stands_still(self) -> bool:
        """Whether nothing was heard for longer than any input may take."""
        return time.monotonic() - self.since > (WALL_SECONDS if self.current >= 0 else START_SECONDS)

    def after(self) -> "Worker | None":
        """Return the worker that goes on behind the input at which this one ended."""
        first = self.current + self.step if self.current >= 0 else self.next
        return Worker(self.seed, first, self.stop, self.step, self.base) if first < self.stop else None

    def end(self) -> int:
        """Make an end of the process and return how it ended."""
        self.process.kill()
        self.pipe.close()
        return self.process.wait()


def run(inputs: int, seed: int, workers: int, seconds: float = float("inf")) -> Tally:
    """Go through inputs 0 to ``inputs`` of a seed, or as many as there is time for."""
    # a worker that is ended cannot tidy up; in memory where that is to be had, as the files are small and short-lived
    memory = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None
    with tempfile.TemporaryDirectory(prefix="geometry-fuzz-", dir=memory) as base:
        return _run(inputs, seed, workers, seconds, base)


def _run(inputs: int, seed: int, workers: int, seconds: float, base: str) -> Tally:
    tally, start, told = Tally(), time.monotonic(), time.monotonic()
    selector = selectors.DefaultSelector()
    running = {Worker(seed, n, inputs, workers, base) for n in range(workers)}
    for worker in running:
        selector.register(worker.pipe, selectors.EVENT_READ, worker)
    while running and time.monotonic() - start < seconds:
        ended: list[tuple[Worker, str]] = []
        for key, _ in selector.select(timeout=1.0):
            worker = key.data
            try:
                for line in worker.lines():
                    tally.add(line)
            except EOFError:
                ended.append((worker, "the process died"))
        ended += [(one, f"no end after {WALL_SECONDS:.0f} s") for one in running if one.stands_still()]
        for worker, how in dict(ended).items():
            selector.unregister(worker.pipe)
            running.discard(worker)
            status = worker.end()
            if worker.current >= 0:
                tally.fault(f"{how} (status {status})", worker.current)
                tally.kinds["did not come back"] += 1
            elif status:
                raise RuntimeError(f"a worker ended by itself with status {status}: run worker.py by hand to see why")
            if (fresh := worker.after()) is not None:
                running.add(fresh)
                selector.register(fresh.pipe, selectors.EVENT_READ, fresh)
        if time.monotonic() - told > 30:
            told = time.monotonic()
            sys.stderr.write(f"{tally.inputs:,} inputs, {len(tally.faults)} findings\n")
    for worker in running:
        worker.end()
    return tally
