"""Begin a batch and kill it at a random time, again and again: python kill_often.py PLAN DIR KILLS WORKERS SECONDS.

Each run is a fork of this process, which has imported all that a batch needs, so that the kill falls into the run and
not into the imports. Every other run is killed within SECONDS of its beginning, and the rest soon after its first new
file, however busy the machine is. A run that comes to its end loses half of its files, so that there is something to
do for the next one. Says how many files there were after each kill.
"""

import json
import os
import random
import signal
import sys
import time
from importlib import import_module
from pathlib import Path

from geometry.batch import crew, read_plan, run_batch

NEEDED = ("faiss", "filelock", "lark", "pandas", "pyarrow.parquet", "regex", "tokenizers")
"""What a run imports when it comes to it."""

SOON = 0.05


def begin(plan: str, folder: Path, workers: int) -> int:
    """Fork a run, and return its process id."""
    child = os.fork()
    if child == 0:
        with crew(workers) as found:
            run_batch(read_plan(plan), folder, found)
        os._exit(0)
    return child


def files(folder: Path) -> list[Path]:
    return sorted(folder.rglob("[!.]*.parquet"))


def await_a_file(child: int, folder: Path) -> None:
    """Wait until the run has written something, or has ended."""
    before = len(files(folder))
    while len(files(folder)) == before and os.waitid(os.P_PID, child, os.WEXITED | os.WNOHANG | os.WNOWAIT) is None:
        time.sleep(0.002)


def main() -> None:
    plan, folder, kills, workers, seconds = sys.argv[1:]
    for name in NEEDED:
        import_module(name)
    out, generator, found = Path(folder), random.Random(0), list[int]()
    while len(found) < int(kills):
        child = begin(plan, out, int(workers))
        if len(found) % 2 == 0:
            await_a_file(child, out)
        time.sleep(generator.uniform(0, SOON if len(found) % 2 == 0 else float(seconds)))
        os.kill(child, signal.SIGKILL)
        _, status = os.waitpid(child, 0)
        there = files(out)
        if os.WIFSIGNALED(status):
            found.append(len(there))
        else:
            assert os.WEXITSTATUS(status) == 0
            for file in generator.sample(there, len(there) // 2):
                file.unlink()
    print(json.dumps(found))


if __name__ == "__main__":
    main()
