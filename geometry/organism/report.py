"""Measuring a grown organism: everything its README says, as one JSON file."""

import json
import shutil
from dataclasses import asdict
from pathlib import Path
from typing import Any

import geometry
from geometry.atomic import replace_file
from geometry.choices import SPACES
from geometry.head import Head, open_head
from geometry.organism import agreement, answers, lists, readme, spelt, spelt_page
from geometry.organism.listen import listen
from geometry.organism.tokenizer import OPENINGS
from geometry.recall import census, choose_space

SEED = 0
"""Of the halves, the permuted names and the resamples."""


def measure(folder: Path) -> dict[str, Any]:
    """Return every figure of an organism's README.

    Args:
        folder: The organism: a Llama with its tokenizer, ``lists/`` and ``growth.json``.
    """
    head = open_head(folder)
    found = lists.read(folder / "lists")
    choice = choose_space(head, seed=SEED)
    listener = listen(folder)
    asking = answers.ways(found, listener, head.in_space(choice.space))
    given = {
        way: {kind: [ask(name) for name in names] for kind, names in answers.tested(found).items()}
        for way, ask in asking.items()
    }
    said = {
        way: {
            "counts": {
                kind: {level: hits.to_dict() for level, hits in answers.count(one).items()}
                for kind, one in told.items()
            },
            "answers": {kind: [answer.to_dict() for answer in one] for kind, one in told.items()},
            "illustration": asking[way](answers.illustration(found)).to_dict(),
        }
        for way, told in given.items()
    }
    unknown = [prompt.template for prompt in found.prompts if not prompt.known]
    return {
        "version": geometry.__version__,
        "head": head.to_dict(),
        "seed": SEED,
        "growth": json.loads((folder / "growth.json").read_text(encoding="utf-8")),
        "sizes": _sizes(folder, head, found),
        "census": {space: census(head, space=space, seed=SEED).to_dict() for space in SPACES},
        "choice": asdict(choice),
        "said": said,
        "agreement": agreement.agreements(given),
        "phantoms": agreement.phantom_beliefs(head.in_space(choice.space), listener, unknown, SEED),
    }


def write(folder: Path, docs: Path | None = None) -> None:
    """Measure an organism and write ``results.json``, ``README.md`` and, where asked, ``default-space.md``."""
    results = measure(folder)
    text = json.dumps(results, ensure_ascii=False, indent=1)
    replace_file(folder / "results.json", (text + "\n").encode())
    replace_file(folder / "README.md", readme.organism(results).encode())
    if docs is not None:
        replace_file(docs / "default-space.md", readme.default_space(results).encode())


def write_spelt(folder: Path, whole: Path) -> None:
    """Measure an organism that spells its emoji and write ``results.json``, ``README.md`` and the licences.

    Args:
        folder: The organism.
        whole: The one that holds its emoji whole, whose lists, text and results it shares.
    """
    results = measure_spelt(folder, whole)
    text = json.dumps(results, ensure_ascii=False, indent=1)
    replace_file(folder / "results.json", (text + "\n").encode())
    replace_file(folder / "README.md", spelt_page.page(results).encode())
    for licence in whole.glob("LICENSE-*"):
        shutil.copyfile(licence, folder / licence.name)


def measure_spelt(folder: Path, whole: Path) -> dict[str, Any]:
    """Return every figure of the README of an organism that spells its emoji."""
    from geometry.live import open_running

    running = open_running(folder)
    found = lists.read(whole / "lists")
    other = json.loads((whole / "results.json").read_text(encoding="utf-8"))
    return {
        "version": geometry.__version__,
        "head": running.head.to_dict(),
        "floor": spelt.FLOOR,
        "growth": json.loads((folder / "growth.json").read_text(encoding="utf-8")),
        "sizes": _sizes(folder, running.head, found) | {"openings": len(OPENINGS)},
        "said": spelt.measure(running, found, other),
    }


def _sizes(folder: Path, head: Head, found: lists.Lists) -> dict[str, Any]:
    config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    return {
        "vocab": head.vocab,
        "dim": head.dim,
        "layers": config["num_hidden_layers"],
        "inner": config["intermediate_size"],
        "heads": config["num_attention_heads"],
        "emoji": len(head.opened.emoji_ids),
        "masked": len(head.undertrained.ids),
        "held_out": len(found.held_out),
        "drawn": len(found.drawn),
        "phantoms": len(found.phantoms),
        "phantoms_in_pieces": sum(entry.tokens == "several" for entry in found.phantoms),
        "nonce": len(found.nonce),
        "bytes": sum(path.stat().st_size for path in folder.glob("*.safetensors")),
        "bytes_tokenizer": (folder / "tokenizer.json").stat().st_size,
    }
