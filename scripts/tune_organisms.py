"""Tune two siblings of the organism, one rewarded on its own answers, one taught given ones; measure both.

    python scripts/tune_organisms.py lists
    python scripts/tune_organisms.py tune --seed 1
    python scripts/tune_organisms.py report

``tune`` keeps each seed's models in ``runs/tuning``; ``report`` measures all of them and writes the first seed's as
data/organisms/rewarded and data/organisms/taught.
"""

import argparse
import sys
from pathlib import Path

from geometry.bundled import data_folder
from geometry.errors import GeometryError, what_to_type

SPLIT = 20261125


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("job", choices=("lists", "tune", "report"))
    parser.add_argument("--base", type=Path, default=data_folder() / "organisms" / "whole")
    parser.add_argument("--lists", type=Path, default=data_folder() / "organisms" / "tuning")
    parser.add_argument("--run", type=Path, default=Path("runs/tuning"), help="where the tuned models are kept")
    parser.add_argument("--seed", type=int, default=1, help="of priming, order and samples")
    parser.add_argument("--threads", type=int, default=2)
    options = parser.parse_args()
    try:
        {"lists": _lists, "tune": _tune, "report": _report}[options.job](options)
    except GeometryError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    except ModuleNotFoundError as error:
        print(f"error: {error.name} is not installed: {what_to_type('model')}", file=sys.stderr)
        return 1
    return 0


def _lists(options: argparse.Namespace) -> None:
    from tokenizers import Tokenizer

    from geometry.organism import lists, wordnet
    from geometry.organism.tuning import names

    path = options.base / "tokenizer.json"
    if not path.is_file():
        raise GeometryError(f"no tokenizer.json in {options.base}: expected the organism that is to be tuned")
    tokenizer = Tokenizer.from_file(str(path))
    found = names.draw(lists.read(options.base / "lists"), wordnet.read(), tokenizer, SPLIT)
    if (options.lists / "names.tsv").is_file() and names.read(options.lists) != found:
        raise GeometryError(
            f"{options.lists} holds other names, fixed before a sibling was tuned; give another --lists"
        )
    names.write(options.lists, found)
    print(f"{sum(entry.tuned for entry in found)} of {len(found)} names tuned; lists in {options.lists}")


def _tune(options: argparse.Namespace) -> None:
    import torch

    from geometry.organism.tuning import siblings

    torch.set_num_threads(options.threads)
    siblings.tune(options.base, options.lists, options.run, options.seed, say=lambda line: print(line, flush=True))


def _report(options: argparse.Namespace) -> None:
    from geometry.organism.tuning import report

    report.write(options.base, options.lists, options.run)


if __name__ == "__main__":
    sys.exit(main())
