"""Draw the figures of docs/ with the commands that the pages name.

python scripts/make_figures.py [--only NAME]
"""

import argparse
import subprocess
import sys
from pathlib import Path

FOLDER = Path(__file__).resolve().parent.parent / "docs" / "figures"

FIGURES: dict[str, tuple[str, ...]] = {
    "sea-horse.png": ("why", "sea + horse + emoji", "--no-vacancy"),
    "seahorse.png": ("why", "seahorse + emoji", "--no-vacancy"),
    "reliability.png": ("why", "seahorse + emoji", "--figure", "vacancy"),
    "madeof.png": ("madeof", "🐠"),
    "census.png": ("census",),
    "audit.png": ("audit",),
    "phantoms.png": ("phantoms", "--name", "seahorse"),
    "compare.png": ("compare", "organism", "organism-rewarded"),
    "lens.png": (
        *("lens", "--prompt", "is there a seahorse emoji? yes:", "--track", "sea", "--track", "horse"),
        *("--track", "🐠", "--concept", "sea + horse + emoji", "--explain", "sea + horse + emoji"),
    ),
}
"""File → the command that draws it with ``-o``."""


def main() -> int:
    """Draw them; the first exit status that is not 0."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", choices=FIGURES, help="one of them")
    only = parser.parse_args().only
    FOLDER.mkdir(parents=True, exist_ok=True)
    for name, command in FIGURES.items():
        if only in (None, name):
            arguments = [sys.executable, "-m", "geometry", *command, "-o", str(FOLDER / name)]
            done = subprocess.run(arguments, stdout=subprocess.DEVNULL)
            if done.returncode:
                return done.returncode
    return 0


if __name__ == "__main__":
    sys.exit(main())
