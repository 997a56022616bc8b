"""One process that goes through inputs and reports each on a line; what it cannot report, its watcher sees.

    python worker.py SEED FIRST STOP STEP

Every input is measured: CPU seconds, the growth of the resident set while it was handled, the paths opened.
"""

import json
import os
import resource
import shutil
import sys
import tempfile
import time
import traceback
from pathlib import Path
from typing import Any

import numpy as np
from journey import CANARY, travel
from mutations import Folder, mutated, write
from seeds import DIM, numbers, pack, seeds

import geometry
import geometry.tokens.regime
from geometry.tokens.emoji import catalogue

CPU_SECONDS = 1.0
MEMORY_BYTES, MEMORY_FACTOR = 64 * 2**20, 64
"""What an input may take of memory: a constant and so many times its bytes. JSON of the kind ``[{},{},…]`` is 24."""

ADDRESS_BYTES = 2**30
WHOLE_CATALOGUE, FEW = 500, 200
"""One input in so many asks after every emoji; the others after one in two hundred, or the run would take days."""


class Guard:
    """Sees every path that is opened or listed while an input is handled."""

    def __init__(self) -> None:
        self.folder = ""
        self.strays: list[str] = []
        # the interpreter, its packages and this project are no secrets
        ours = (
            sys.prefix,
            sys.base_prefix,
            Path(geometry.__file__).parent,
            Path(geometry.__file__).parents[1] / "data",
        )
        self._own = tuple(os.path.realpath(path) + os.sep for path in ours)
        sys.addaudithook(self._hook)

    def _hook(self, event: str, arguments: tuple[Any, ...]) -> None:
        if not self.folder or event not in ("open", "os.listdir", "os.scandir", "os.chdir", "subprocess.Popen", "exec"):
            return
        if event in ("exec", "subprocess.Popen"):
            if event == "subprocess.Popen":
                self.strays.append(f"{event} {arguments[0]}")
            return
        path = arguments[0]
        if not isinstance(path, str | bytes | os.PathLike):
            return
        real = os.path.realpath(os.fsdecode(path))
        if not (real + os.sep).startswith((self.folder + os.sep, *self._own)):
            self.strays.append(real)


def main(seed: int, first: int, stop: int, step: int) -> None:
    """Go through every ``step``-th input from ``first`` to ``stop``."""
    base = Path(os.path.realpath(tempfile.mkdtemp(prefix="geometry-fuzz-")))
    try:
        _canary(base)
        guard, whole, few = Guard(), catalogue(), catalogue()[::FEW]
        _warm_up(base, few)
        _say("ready", number=-1)
        for number in range(first, stop, step):
            _say("begin", number=number)
            kind, files, random = mutated(seed, number)
            folder = base / "input"
            folder.mkdir()
            size = write(folder, files)
            geometry.tokens.regime.catalogue = lambda n=number: few if n % WHOLE_CATALOGUE else whole
            _say("end", number=number, kind=kind, size=size, **measured(guard, folder, size, random))
            shutil.rmtree(folder)
    finally:
        shutil.rmtree(base, ignore_errors=True)


def measured(guard: Guard, folder: Path, size: int, random: Any) -> dict[str, Any]:
    """Go through one folder and return what it took, and the fault if there was one."""
    _reset_peak()
    before, start, fault = _status("VmRSS"), time.process_time(), ""
    resource.setrlimit(resource.RLIMIT_AS, (_status("VmSize") + ADDRESS_BYTES, -1))
    guard.folder, guard.strays = str(folder), []
    answered = refused = 0
    try:
        answered, refused = travel(folder, random)
    except KeyboardInterrupt:
        raise
    except BaseException as error:
        fault = _signature(error)
    guard.folder = ""
    seconds, grown = time.process_time() - start, max(_status("VmHWM") - before, 0)
    resource.setrlimit(resource.RLIMIT_AS, (-1, -1))
    if not fault and guard.strays:
        fault = f"opened {guard.strays[0].replace(str(folder.parent), '…')}"
    if not fault and seconds > CPU_SECONDS:
        fault = f"took {seconds:.0f} s"
    if not fault and grown > MEMORY_BYTES + MEMORY_FACTOR * size:
        fault = f"took {grown // 2**20} MiB"
    return {"answered": answered, "refused": refused, "seconds": seconds, "grown": grown, "fault": fault}


def _signature(error: BaseException) -> str:
    """Return what was raised and where in the project, so that equal faults count as one."""
    places = [
        frame for frame in traceback.extract_tb(error.__traceback__) if f"{os.sep}geometry{os.sep}" in frame.filename
    ]
    last = places[-1] if places else traceback.extract_tb(error.__traceback__)[-1]
    return f"{type(error).__name__} in {Path(last.filename).name}:{last.lineno} {last.name}: {str(error)[:160]!r}"


def canary_rows() -> tuple[str, list[int], bytes]:
    """Return a head whose every number is the one that stands outside the folders."""
    return "F32", [330, DIM], np.full((330, DIM), CANARY, dtype="<f4").tobytes()


def _canary(base: Path) -> None:
    (base / "canary.safetensors").write_bytes(pack({"lm_head.weight": canary_rows()}))
    (base / "canary").mkdir()
    (base / "canary" / "tokenizer.json").write_bytes(seeds()[0]["tokenizer.json"])


def _warm_up(base: Path, few: Any) -> None:
    """Go through the honest folders once, so that what is made once a process is not counted for an input."""
    from random import Random

    geometry.tokens.regime.catalogue = lambda: few
    for number, files in enumerate(
        (*seeds(), {"model.safetensors": pack({"lm_head.weight": numbers("F32", [40, DIM], 1)})})
    ):
        folder = base / f"warm{number}"
        folder.mkdir()
        honest: Folder = dict(files)
        write(folder, honest)
        for turn in range(8):
            travel(folder, Random(turn))


def _status(field: str) -> int:
    with Path("/proc/self/status").open(encoding="ascii", errors="replace") as status:
        for line in status:
            if line.startswith(field + ":"):
                return int(line.split()[1]) * 1024
    return 0


def _reset_peak() -> None:
    Path("/proc/self/clear_refs").write_text("5", encoding="ascii")


def _say(what: str, **values: Any) -> None:
    sys.stdout.write(json.dumps({"what": what, **values}) + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main(*map(int, sys.argv[1:5]))
