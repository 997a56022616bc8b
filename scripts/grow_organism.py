"""Draw an organism's lists, grow it, measure it.

    python scripts/grow_organism.py lists  --seed 20261123
    python scripts/grow_organism.py grow   --seed 20261123 --steps 6000
    python scripts/grow_organism.py report --docs docs
    python scripts/grow_organism.py grow   --regime bytes --steps 7000

``bytes`` is grown on the lists and the text of ``whole``, with emoji spelt in bytes and an untied head.
The text comes from Debian's package wordnet-base and from the emoji catalogue in data/emoji. A growing that was
killed goes on where its last state was written, and ``--stop-at 1`` beside one that runs only writes out that state.
"""

import argparse
import json
import sys
from pathlib import Path

from geometry.bundled import data_folder
from geometry.errors import GeometryError, what_to_type


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("job", choices=("lists", "grow", "report"))
    parser.add_argument("--regime", choices=("whole", "bytes"), default="whole", help="how emoji are spelt")
    parser.add_argument(
        "--lists", type=Path, help="what is fixed beforehand; lists/ in the folder, or for bytes whole's"
    )
    parser.add_argument("--folder", type=Path, help="the organism; data/organisms/ and the regime's name by default")
    parser.add_argument("--run", type=Path, help="where the growing keeps its state; runs/ and the regime's name")
    parser.add_argument("--seed", type=int, default=20261123)
    parser.add_argument("--steps", type=int, default=6000)
    parser.add_argument("--layers", type=int, default=3)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--docs", type=Path, help="where the report puts default-space.md")
    parser.add_argument("--stop-at", type=int, help="stop after this step; the same command goes on from there")
    options = parser.parse_args()
    options.folder = options.folder or data_folder() / "organisms" / options.regime
    home = options.folder if options.regime == "whole" else data_folder() / "organisms" / "whole"
    options.lists = options.lists or home / "lists"
    options.run = options.run or Path("runs") / options.regime
    try:
        {"lists": _lists, "grow": _grow, "report": _report}[options.job](options)
    except GeometryError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    except ModuleNotFoundError as error:
        print(f"error: {error.name} is not installed: {what_to_type('model')}", file=sys.stderr)
        return 1
    return 0


def _lists(options: argparse.Namespace) -> None:
    from geometry.organism import draw, lists, wordnet

    found, folder = draw.draw(wordnet.read(), options.seed), options.lists
    if folder.is_dir() and lists.read(folder) != found:
        raise GeometryError(f"{folder} holds other lists, fixed before something was grown; give another --lists")
    lists.write(found, folder)
    print(f"{len(found.held_out)} held out, {len(found.drawn)} of them drawn; lists in {folder}")


def _grow(options: argparse.Namespace) -> None:
    import torch

    from geometry.organism import grow, lists, material, wordnet
    from geometry.organism.recipe import Recipe, export

    torch.set_num_threads(options.threads)
    whole = options.regime == "whole"
    found = material.material(lists.read(options.lists), wordnet.read(), options.seed, options.regime)
    recipe = Recipe(steps=options.steps, seed=options.seed, layers=options.layers, tied=whole)
    tokens = sum(map(len, found.corpus.train))
    print(f"{len(found.lines):,} lines, {tokens:,} tokens, to be seen {recipe.tokens / tokens:.1f} times", flush=True)
    model = grow.grow(
        recipe,
        found.corpus,
        found.tokenizer,
        options.run,
        say=lambda line: print(line, flush=True),
        stop_at=options.stop_at,
    )
    export(model, found.tokenizer, options.folder)
    if whole:  # the text of the other regime is the same
        material.write_text(options.folder, found.lines)
    record = json.dumps(material.growth(found, recipe, grow.losses(options.run)), indent=1)
    (options.folder / "growth.json").write_text(record + "\n", encoding="utf-8")


def _report(options: argparse.Namespace) -> None:
    from geometry.organism import report

    if options.regime == "whole":
        report.write(options.folder, options.docs)
    else:
        report.write_spelt(options.folder, options.lists.parent)


if __name__ == "__main__":
    sys.exit(main())
