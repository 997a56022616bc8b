"""Ask for every emoji of a head by its own name, by three metrics, and tell how often each one finds it.

    python scripts/rank_by_metric.py -H organism --space folded

An emoji is asked for by the words of its name plus the emoji direction, taken without it for its own row; the words and
their variants are no candidates. (Distances are left out: how long a sum is means nothing to them.) Differences to
``cosine`` are paired emoji by emoji; brackets are 95% intervals over families. With ``-o FILE`` the figures go to a
JSON file too.
"""

import argparse
import json
import sys
from dataclasses import asdict, replace
from pathlib import Path

import numpy as np

import geometry
from geometry.asking import Items, items
from geometry.choices import Metric
from geometry.errors import GeometryError
from geometry.intervals import Figure, mean_figure
from geometry.linalg import on_sphere, unit
from geometry.names import name_sums, near_ids
from geometry.scoring import score_with
from geometry.search import neighbors
from geometry.tables import Column, Table

ASKED: tuple[Metric, ...] = ("cosine", "csls", "logit")
DEEP = 64
"""Rows found for each name, of which its own words and their variants are dropped."""


def hits_of(head: geometry.Head, known: Items, metric: Metric) -> np.ndarray:
    """1 where an emoji's own row comes first for its own name, else 0."""
    names, every = name_sums(head, known.names), head.rows(head.opened.emoji_ids).astype(np.float64)
    size = float(np.linalg.norm(head.emoji_direction))
    left_out = (every.mean(axis=0) - head.rows(known.ids)) / (len(every) - 1)
    sums, own_sums = (names + (head.emoji_direction + more) / size for more in (0.0, left_out))
    place = on_sphere if metric == "logit" else unit
    found = neighbors(head, np.stack([place(one) for one in sums]), DEEP, metric=metric)
    own = score_with(head, np.stack([place(one) for one in own_sums]), metric)
    if metric == "csls":  # r of the sum is the same for its own row and for all others
        own = replace(own, levels=score_with(head, sums, metric).levels)
    hits = np.zeros(len(known))
    for index, (token, name, near) in enumerate(zip(known.ids.tolist(), known.names, found, strict=True)):
        dropped = np.array([token, *near_ids(head, name)])
        hits[index] = own.exact(index, dropped[:1])[0] > near.scores[~np.isin(near.ids, dropped)][0]
    return hits


def main() -> int:
    """Run the script; 1 if the head cannot be asked."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("-H", "--head", default="organism")
    parser.add_argument("--space", choices=("folded", "centered"), default="folded")
    parser.add_argument("-o", "--output", type=Path)
    asked = parser.parse_args()
    if asked.output and (asked.output.is_dir() or not asked.output.parent.is_dir()):
        parser.error(f"{asked.output} cannot be written: expected a file in a folder that exists")
    try:
        head = geometry.open_head(asked.head).in_space(asked.space)
        known = items(head)
        hits = {metric: hits_of(head, known, metric) for metric in ASKED}
    except GeometryError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    recall = {metric: mean_figure(own, known.family, 0) for metric, own in hits.items()}
    lead = {metric: mean_figure(own - hits["cosine"], known.family, 0) for metric, own in hits.items()}
    about = f"head {head.name} ({head.fingerprint}) · space {asked.space} · seed 0 · geometry {geometry.__version__}"
    title = (f"{len(known):,} emoji by their names", about)
    columns = (Column("metric", "left"), Column("recall@1", "left"), Column("less that of cosine", "left"))
    print(Table(title, columns, tuple((metric, _told(recall[metric]), _told(lead[metric])) for metric in ASKED)).text())
    if asked.output:
        figures = {metric: {"recall_at_1": asdict(recall[metric]), "lead": asdict(lead[metric])} for metric in ASKED}
        whence = {"head": head.to_dict(), "space": asked.space, "seed": 0, "version": geometry.__version__}
        asked.output.write_text(json.dumps({**whence, "n": len(known), **figures}, indent=1) + "\n", encoding="utf-8")
    return 0


def _told(one: Figure) -> str:
    return f"{one.value:.3f} [{one.low:.3f}, {one.high:.3f}]"


if __name__ == "__main__":
    sys.exit(main())
