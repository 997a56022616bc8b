"""Throw forged checkpoints at the library, and say which broke what it promises.

    python scripts/fuzz_checkpoints.py --inputs 200000 --seed 0 --workers 2

Each input is a small folder made wrong on purpose: bytes, headers, JSON, tokenizers, numbers, links. It is opened,
described, asked for rows, tokens, landings and logits in a watched process. What counts as a finding stands in
docs/hostile-input.md. Exits with 1 where there is one.
"""

import argparse
import json
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests" / "fuzz"))

from mutations import KINDS, mutated, write
from watcher import Tally, run

from geometry import __version__
from geometry.tables import Column, Table


def table(tally: Tally, seed: int) -> Table:
    """The run as a table: inputs by kind, then the findings and the extremes."""
    rows = [
        (kind, f"{tally.kinds[kind]:,}", f"{tally.opened[kind]:,}", f"{tally.answered[kind]:,}")
        for kind in (*KINDS, *(tally.kinds.keys() - KINDS.keys()))
    ]
    rows.append(("all", *(f"{count.total():,}" for count in (tally.kinds, tally.opened, tally.answered))))
    grown, size, number = tally.largest
    notes = [
        f"{len(tally.faults)} findings; {tally.seconds / max(tally.inputs, 1) * 1e3:.1f} ms of CPU an input",
        f"slowest input: {tally.slowest[0]:.2f} s of CPU (number {tally.slowest[1]})",
        f"largest growth: {grown / 2**20:.1f} MiB for {size:,} bytes (number {number})",
        f"largest growth by size, above 64 KiB: {tally.largest_factor[0]:.0f} × (number {tally.largest_factor[1]})",
    ]
    notes += [f"FINDING {what}: {len(numbers):,}, first {numbers[0]}" for what, numbers in tally.faults.items()]
    columns = (Column("kind", "left"), Column("inputs"), Column("something answered"), Column("all answered"))
    return Table((f"geometry {__version__}, seed {seed}",), columns, tuple(rows), tuple(notes))


def main() -> None:
    """Run, print the table, write it as JSON where asked."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0] if __doc__ else None)
    parser.add_argument("--inputs", type=int, default=200_000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--seconds", type=float, default=float("inf"), help="stop after so long")
    parser.add_argument("--write", type=int, metavar="NUMBER", help="only write that input's files to --to")
    parser.add_argument("--to", type=Path, default=Path("fuzz-input"))
    parser.add_argument("-o", "--output", type=Path, help="write what was counted as JSON too")
    asked = parser.parse_args()
    if asked.write is not None:
        asked.to.mkdir(parents=True)
        kind, files, _ = mutated(asked.seed, asked.write)
        print(f"{kind}: {write(asked.to, files):,} bytes in {asked.to}")
        return
    tally = run(asked.inputs, asked.seed, asked.workers, asked.seconds)
    print(table(tally, asked.seed).text())
    if asked.output is not None:
        record = {"version": __version__, "seed": asked.seed, **vars(tally)}
        asked.output.write_text(json.dumps(record, indent=1) + "\n", encoding="utf-8")
    sys.exit(bool(tally.faults))


if __name__ == "__main__":
    main()
