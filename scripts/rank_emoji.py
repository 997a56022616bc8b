"""Draw emoji that a head has, by seed, and show at which rank each one's own name finds it. All are shown.

    python scripts/rank_emoji.py -H organism -n 10 --seed 0

An emoji is asked for by the words of its name plus the emoji direction, inputs and their variants left out; only
names in words the head has are drawn from. With ``-o FILE`` the same goes to a JSON file, with fingerprint, seed and
version.
"""

import argparse
import json
import sys
from pathlib import Path

import numpy as np

import geometry
from geometry.asking import items
from geometry.choices import DEFAULT_SPACE
from geometry.errors import GeometryError
from geometry.landing import LandingOptions, land_many
from geometry.tables import Column, Table


def rank_emoji(head: geometry.Head, number: int, seed: int) -> list[dict[str, object]]:
    """The rank of each drawn emoji for the sum of its name's words and the emoji direction, and what came first."""
    known = items(head)
    drawn = np.sort(np.random.default_rng(seed).choice(len(known), size=min(number, len(known)), replace=False))
    expressions = [" + ".join([f"#{token}" for token in known.words[i]] + ["emoji"]) for i in drawn]
    landings = land_many(head, expressions, LandingOptions(k=head.vocab, exclude_inputs=True))
    found = []
    for i, landing in zip(drawn, landings, strict=True):
        rank = next((one.rank for one in landing.landings if one.id == known.ids[i]), None)
        first = landing.landings[0].text.strip()
        found.append({"emoji": known.emoji[i].text, "name": known.emoji[i].name, "rank": rank, "first": first})
    return found


def main() -> int:
    """Run the script; 1 if the head cannot be asked."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("-H", "--head", default="organism")
    parser.add_argument("-n", "--number", type=int, default=10)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("-o", "--output", type=Path)
    asked = parser.parse_args()
    if asked.number < 1 or asked.seed < 0:
        parser.error(f"-n {asked.number} --seed {asked.seed} arrived; expected at least one emoji and a seed from 0")
    if asked.output and (asked.output.is_dir() or not asked.output.parent.is_dir()):
        parser.error(f"{asked.output} cannot be written: expected a file in a folder that exists")
    try:
        head = geometry.open_head(asked.head)
        found = rank_emoji(head, asked.number, asked.seed)
    except GeometryError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    rivals = int(head.candidates().sum())
    title = (
        f"{len(found)} emoji drawn by seed {asked.seed}, asked for by name + emoji, among {rivals:,} rows",
        f"head {head.name} ({head.fingerprint}) · space {DEFAULT_SPACE} · metric logit",
    )
    columns = (Column("rank"), Column("name", "left"), Column("asked → came first", "left"))
    rows = tuple((str(one["rank"]), str(one["name"]), f"{one['emoji']} → {one['first']}") for one in found)
    print(Table(title, columns, rows).text())
    if asked.output:
        about = {"head": head.to_dict(), "seed": asked.seed, "version": geometry.__version__, "emoji": found}
        asked.output.write_text(json.dumps(about, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
