"""The rows of the speed table about cold starts: new processes on a warm disk cache, beside a bare interpreter.

python benchmarks/coldstarts.py
"""

import subprocess
import sys
from collections.abc import Mapping, Sequence

from timing import Contender, interleave

from geometry.tables import Column, Table

BARE = "python -c pass"
COMMANDS: Mapping[str, tuple[Sequence[str], float | None]] = {
    BARE: (("-c", "pass"), None),
    "import geometry": (("-c", "import geometry"), 0.1),
    "geometry --help": (("-m", "geometry", "--help"), 0.3),
    'geometry snap "sea + horse + emoji"': (("-m", "geometry", "snap", "sea + horse + emoji"), 1.5),
    "geometry snap … --null": (("-m", "geometry", "snap", "sea + horse + emoji", "--null"), None),
    "geometry info": (("-m", "geometry", "info"), None),
}
"""What is started, and how many seconds it may take; an import is told above the interpreter that does it."""


def start(arguments: Sequence[str]) -> None:
    """Run a new interpreter with these arguments to its end."""
    subprocess.run([sys.executable, *arguments], check=True, capture_output=True)


def cold_table(rounds: int) -> Table:
    """Every command once a round, in turn."""
    started = {name: Contender(lambda given=given: start(given)) for name, (given, _) in COMMANDS.items()}
    timings = {timing.name: timing for timing in interleave(started, rounds)}
    limit = timings[BARE]
    rows = []
    for name, timing in timings.items():
        _, times, _ = limit.ratios(timing)
        seconds = timing.median - (limit.median if name.startswith("import") else 0.0)
        most = COMMANDS[name][1]
        met = "" if most is None else f"≤ {most} s: {'met' if seconds <= most else 'MISSED'}"
        rows.append((name, f"{seconds:.2f} s", f"{times:.1f}", f"{max(timing.seconds):.2f} s", met))
    columns = (
        Column("what", "left"), Column("median"), Column("÷ bare"), Column("slowest"), Column("target", "left")
    )  # fmt: skip
    return Table((f"Cold starts, {rounds} each; an import is told above the bare interpreter",), columns, tuple(rows))


if __name__ == "__main__":
    print(cold_table(9).text())
