"""Begin a batch and kill it at a random time, again and again: python kill_often.py PLAN DIR KILLS WORKERS SECONDS.

Each run is a fork of this process, which has imported all that a batch needs, so that the kill falls into the run and
not into the imports; where a run came to nothing, the next may go on a little longer, however busy the machine is.
A run that comes to its end loses half of its files, so that there is something to do for the next one. Says how many
files there were after each kill.
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

NEEDED = ("faiss", "filelock", "lark", "pandas", "pyarrow.parquet", "regex", "tokenizers", "torch")
"""What a run imports when it comes to it."""


def begin(plan: str, folder: Path, workers: int) -> int:
    """Fork a run, and return its process id."""
    child = os.fork()
    if child == 0:
        with crew(workers) as found:
            run_batch(read_plan(plan), folder, found)
        os._exit(0)
    return child


def main() -> None:
    plan, folder, kills, workers, longest = sys.argv[1:]
    for name in NEEDED:
        import_module(name)
    out, generator, found, before, seconds = Path(folder), random.Random(0), list[int](), 0, float(longest)
    while len(found) < int(kills):
        child = begin(plan, out, int(workers))
        time.sleep(generator.uniform(0, seconds))
        os.kill(child, signal.SIGKILL)
        _, status = os.waitpid(child, 0)
        files = sorted(out.rglob("[!.]*.parquet"))
        seconds *= 1.2 if len(files) == before else 0.9
        if os.WIFSIGNALED(status):
            found.append(len(files))
        else:
            assert os.WEXITSTATUS(status) == 0
            for file in generator.sample(files, len(files) // 2):
                file.unlink()
        before = len(list(out.rglob("[!.]*.parquet")))
    print(json.dumps(found))


if __name__ == "__main__":
    main()
