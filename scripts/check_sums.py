"""Land a file of expressions on many heads and write one JSON object a line.

    python scripts/check_sums.py sums.txt -H organism -H path/to/checkpoint -o sums.jsonl

The file holds one expression a line; empty lines and lines that start with ``//`` are passed over. Beside the
result stands ``sums.jsonl.about.json``: heads with their fingerprints, options, version, and whatever went wrong. A
head or an expression that cannot be read is reported and left out; the rest completes, and the exit status is 1.
"""

import argparse
import json
import sys
from dataclasses import asdict
from pathlib import Path

import geometry as geo
from geometry.errors import GeometryError, OptionError
from geometry.landing import LandingOptions, land_many

BLOCK = 256
"""Expressions landed in one scan of a head."""


def read_expressions(file: Path) -> list[str]:
    """Return the file's expressions, in order."""
    try:
        lines = [line.strip() for line in file.read_text(encoding="utf-8-sig").split("\n")]
    except (OSError, UnicodeDecodeError) as error:
        raise OptionError(f"{file} cannot be read as UTF-8 text ({error}); expected one expression a line") from error
    return [line for line in lines if line and not line.startswith("//")]


def land(head: geo.Head, sums: list[str], options: LandingOptions, space: str) -> list[geo.Landing | str]:
    """Return every sum's landing, or what is wrong with it: good ones in one scan, halved until the bad are alone."""
    try:
        return list(land_many(head, sums, options, space=space))
    except GeometryError as error:
        if len(sums) == 1:
            return [str(error)]
    half = len(sums) // 2
    return land(head, sums[:half], options, space) + land(head, sums[half:], options, space)


def write_whole(file: Path, text: str) -> None:
    """Write a file so that it is there whole or not at all."""
    waiting = file.with_name(file.name + ".part")
    try:
        waiting.write_text(text, encoding="utf-8")
        waiting.replace(file)
    finally:
        waiting.unlink(missing_ok=True)


def main() -> int:
    """Run the script; 1 if anything went wrong."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("file", type=Path)
    parser.add_argument("-H", "--head", action="append", dest="heads", default=None)
    parser.add_argument("-o", "--output", type=Path, required=True)
    parser.add_argument("-k", type=int, default=10)
    parser.add_argument("--metric", default="logit")
    parser.add_argument("--space", default="folded")
    parser.add_argument("--include-inputs", action="store_true")
    asked = parser.parse_args()
    about_file = asked.output.with_name(asked.output.name + ".about.json")
    written = (asked.output.resolve(), about_file.resolve())
    if not asked.output.parent.is_dir() or asked.output.is_dir() or asked.file.resolve() in written:
        parser.error(f"{asked.output} cannot be written: expected a new file in a folder that exists, not the input")
    heads, lines, wrong = [], [], []
    try:
        expressions = read_expressions(asked.file)
        options = LandingOptions(k=asked.k, metric=asked.metric, exclude_inputs=not asked.include_inputs)
        for spec in asked.heads or ["organism"]:
            try:
                head = geo.open_head(spec)
                heads.append({"spec": spec, **head.to_dict()})
                for start in range(0, len(expressions), BLOCK):
                    block = expressions[start : start + BLOCK]
                    for expression, landing in zip(block, land(head, block, options, asked.space), strict=True):
                        if isinstance(landing, str):
                            wrong.append({"head": spec, "expression": expression, "error": landing})
                        else:
                            lines.append(json.dumps(landing.to_dict(), ensure_ascii=False))
            except GeometryError as error:
                wrong.append({"head": spec, "expression": None, "error": str(error)})
        about = {"version": geo.__version__, "space": asked.space, "options": asdict(options)}
        write_whole(asked.output, "".join(f"{line}\n" for line in lines))
        write_whole(about_file, json.dumps({**about, "heads": heads, "errors": wrong}, indent=1) + "\n")
    except (OSError, GeometryError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    for one in wrong:
        print(f"error: {one['head']}: {one['error']}", file=sys.stderr)
    print(f"landings: {len(lines):,}, heads: {len(heads):,}, in {asked.output}", file=sys.stderr)
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
