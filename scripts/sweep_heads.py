"""Land a few sums on every head below some folders, and say which heads agree on the winner.

    python scripts/sweep_heads.py runs/*/ -e "sea + horse" -e "king - man + woman" -o sweep

Heads are what ``geometry snap -H`` takes. The folder is a batch: run again after an interrupt it goes on, and
``geometry.read_batch("sweep")`` gives all rows. Its ``manifest.json`` has the heads' fingerprints, seed and version.
The exit status is 1 if a head or a sum could not be read: see ``sweep/errors``.
"""

import argparse
import sys
from pathlib import Path

import pandas as pd

import geometry as geo
from geometry.batch import crew, make_plan, run_batch

NAMED = 3
"""Heads that are named for each winner; all are in the batch."""


def told(frame: pd.DataFrame) -> str:
    """Return, for every sum, each winner and the heads it wins in, most first."""
    lines = []
    first = frame[frame["rank"] == 1]
    for _, rows in first.groupby("index"):
        lines.append(f"{rows.expression.iloc[0]}")
        heads = rows.groupby("text", sort=False).spec.apply(list)
        for text, specs in sorted(heads.items(), key=lambda winner: -len(winner[1])):
            others = f" and {len(specs) - NAMED} more" if len(specs) > NAMED else ""
            lines.append(f"  {len(specs)} × {text.strip() or repr(text)}  in {', '.join(specs[:NAMED])}{others}")
    return "\n".join(lines)


def main() -> int:
    """Run the script; 1 if anything went wrong."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("heads", nargs="+", help="folders, files, bundled names or org/model on the Hub")
    parser.add_argument("-e", "--expression", action="append", required=True, help="a sum; repeatable")
    parser.add_argument("-o", "--output", type=Path, required=True, help="the batch's folder")
    parser.add_argument("-k", type=int, default=10)
    parser.add_argument("--metric", default="logit")
    parser.add_argument("--space", default="folded")
    parser.add_argument("--workers", type=int, default=1, help="processes that work at a time")
    asked = parser.parse_args()
    try:
        given = {
            "heads": asked.heads, "expressions": asked.expression, "k": asked.k, "metrics": [asked.metric],
            "spaces": [asked.space], "exclude_inputs": True,
        }  # fmt: skip
        plan = make_plan(given, Path())
        with crew(asked.workers) as workers:
            outcome = run_batch(plan, asked.output, workers)
        print(told(geo.read_batch(asked.output)))
        for row in geo.read_batch(asked.output, "errors").itertuples():
            sys.stderr.write(f"error: {row.spec}: {row.message}\n")
    except geo.GeometryError as error:
        sys.stderr.write(f"error: {error}\n")
        return 1
    return 1 if outcome.errors else 0


if __name__ == "__main__":
    sys.exit(main())
