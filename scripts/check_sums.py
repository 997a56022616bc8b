"""Land a file of expressions on many heads and write one JSON object a line.

    python scripts/check_sums.py sums.txt -H organism -H path/to/checkpoint -o sums.jsonl

The file holds one expression a line; empty lines and lines that start with ``//`` are passed over. Beside the
result stands ``sums.jsonl.about.json``: heads with their fingerprints, options, version, and whatever went wrong. A
head or an expression that cannot be read is reported and left out; the rest completes, and the exit status is 1.
"""

import argparse
import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import geometry
from geometry.choices import DEFAULT_SPACE, SPACES
from geometry.concepts import check_direction, evaluate
from geometry.errors import GeometryError
from geometry.landing import Landing, LandingOptions, land_many

BLOCK = 256
"""Expressions landed in one scan of a head."""


def read_expressions(file: Path) -> list[str]:
    """Return the file's expressions, in order."""
    lines = (line.strip() for line in file.read_text(encoding="utf-8").splitlines())
    return [line for line in lines if line and not line.startswith("//")]


def land_all(head: geometry.Head, expressions: list[str], options: LandingOptions) -> Iterator[Landing | str]:
    """Yield every expression's landing, or what is wrong with it; whole blocks are landed in one scan."""
    for start in range(0, len(expressions), BLOCK):
        good, bad = [], {}
        for expression in expressions[start : start + BLOCK]:
            try:
                check_direction(evaluate(head, expression))
                good.append(expression)
            except GeometryError as error:
                bad[expression] = str(error)
        landed = iter(land_many(head, good, options))
        for expression in expressions[start : start + BLOCK]:
            yield bad[expression] if expression in bad else next(landed)


def write_whole(file: Path, text: str) -> None:
    """Write a file so that it is there whole or not at all."""
    waiting = file.with_name(file.name + ".part")
    waiting.write_text(text, encoding="utf-8")
    waiting.replace(file)


def main() -> int:
    """Run the script; 1 if anything went wrong."""
    parser = argparse.ArgumentParser(description="Land a file of expressions on many heads, JSON lines out.")
    parser.add_argument("file", type=Path)
    parser.add_argument("-H", "--head", action="append", dest="heads", default=None)
    parser.add_argument("-o", "--output", type=Path, required=True)
    parser.add_argument("-k", type=int, default=10)
    parser.add_argument("--metric", choices=["logit", "cosine", "euclidean"], default="logit")
    parser.add_argument("--space", choices=SPACES, default=DEFAULT_SPACE)
    parser.add_argument("--include-inputs", action="store_true")
    asked = parser.parse_args()

    about: dict[str, Any] = {"version": geometry.__version__, "heads": {}, "errors": []}
    lines: list[str] = []
    if not asked.output.parent.is_dir():
        parser.error(f"no folder {asked.output.parent} to write {asked.output.name} into")
    try:
        expressions = read_expressions(asked.file)
        options = LandingOptions(k=asked.k, metric=asked.metric, exclude_inputs=not asked.include_inputs)
    except (OSError, UnicodeDecodeError, GeometryError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    for spec in asked.heads or ["organism"]:
        try:
            head = geometry.open_head(spec)
            about["heads"][spec] = head.to_dict()
            landings = land_all(head.in_space(asked.space), expressions, options)
            for expression, landing in zip(expressions, landings, strict=True):
                if isinstance(landing, str):
                    about["errors"].append({"head": spec, "expression": expression, "error": landing})
                else:
                    lines.append(json.dumps(landing.to_dict(), ensure_ascii=False))
        except GeometryError as error:
            about["errors"].append({"head": spec, "expression": None, "error": str(error)})
    write_whole(asked.output, "".join(f"{line}\n" for line in lines))
    write_whole(asked.output.with_name(asked.output.name + ".about.json"), json.dumps(about, indent=1) + "\n")
    for wrong in about["errors"]:
        print(f"error: {wrong['head']}: {wrong['error']}", file=sys.stderr)
    print(f"{len(lines)} landings on {len(about['heads'])} heads in {asked.output}", file=sys.stderr)
    return 1 if about["errors"] else 0


if __name__ == "__main__":
    sys.exit(main())
