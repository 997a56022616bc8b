"""Draw the emoji around the same sums on several heads, one figure a head, all drawn alike.

    python scripts/plot_emoji.py "sea + horse + emoji" "seahorse + emoji" -H organism -H organism-taught -o figures

Each figure holds the emoji that rank first for the sums on its head, and the sums among them; beside the plane stands
how far it can be believed. ``about.json`` in the same folder says of every figure which head it is of, where the sums
landed and what is nearest to them in full dimension, and whatever went wrong. A head that cannot be drawn is reported,
the others are drawn, and the exit status is 1.
"""

import argparse
import json
import re
import sys
from pathlib import Path
from typing import Any

import geometry as geo
from geometry.figures import save
from geometry.maps import EmojiMap


def file_name(head: geo.Head, ending: str) -> str:
    """The head's name, in letters that every file system takes, and its fingerprint."""
    return f"{re.sub(r'[^A-Za-z0-9._-]+', '-', head.name)[:100].strip('-.')}-{head.fingerprint}.{ending}"


def lines(found: EmojiMap) -> list[str]:
    """Say of each sum where it lands, and which emoji are nearest to it in full dimension."""
    told = []
    for one in found.composites:
        emoji = [found.texts[place] for place in one.nearest if found.kinds[place] == "emoji"]
        told.append(
            f"{found.head_facts['name']}  {one.expression}  →  {one.winner_text.strip()}  {' '.join(emoji[:5])}"
        )
    return told


def write_whole(file: Path, text: str) -> None:
    """Write a file so that it is there whole or not at all."""
    waiting = file.with_name(file.name + ".part")
    try:
        waiting.write_text(text, encoding="utf-8")
        waiting.replace(file)
    finally:
        waiting.unlink(missing_ok=True)


def main() -> int:
    """Run the script; 1 if a head could not be drawn."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("sums", nargs="+", metavar="SUM")
    parser.add_argument("-H", "--head", action="append", dest="heads")
    parser.add_argument("-o", "--output", type=Path, required=True, help="a folder, made if need be")
    parser.add_argument("--around", type=int, default=100, help="so many emoji for each sum")
    parser.add_argument("--method", choices=("umap", "pca"), default="umap")
    parser.add_argument("--ending", choices=("png", "svg", "pdf"), default="png")
    parser.add_argument("--seed", type=int, default=0)
    asked = parser.parse_args()
    if asked.output.exists() and not asked.output.is_dir():
        parser.error(f"{asked.output} is a file; expected a folder, or a name that is free")
    heads = list(dict.fromkeys(asked.heads or ["organism"]))
    drawn: list[dict[str, Any]] = []
    wrong: list[dict[str, str]] = []
    try:
        asked.output.mkdir(parents=True, exist_ok=True)
        for spec in heads:
            if sys.stderr.isatty():
                print(f"drawing {spec} …", file=sys.stderr)
            try:
                head = geo.open_head(spec)
                found = geo.emoji_map(head, asked.sums, method=asked.method, around=asked.around, seed=asked.seed)
                name = file_name(head, asked.ending)
                save(found.figure(), asked.output / name)
                drawn.append({"spec": spec, "file": name, **found.to_dict()})
                print("\n".join(lines(found)))
            except geo.GeometryError as error:
                wrong.append({"spec": spec, "error": str(error)})
        about = {"version": geo.__version__, "seed": asked.seed, "sums": asked.sums, "drawn": drawn, "errors": wrong}
        write_whole(asked.output / "about.json", json.dumps(about, ensure_ascii=False, indent=1) + "\n")
    except OSError as error:
        print(f"error: {asked.output} cannot be written ({error}); choose another folder", file=sys.stderr)
        return 1
    for one in wrong:
        print(f"error: {one['spec']}: {one['error']}", file=sys.stderr)
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
