"""What the tests of batches share: a grid of sums, plans as their user writes them, and the command that runs them."""

import json
import subprocess
import sys
from pathlib import Path

from head_factory import HeadFactory

WORDS = ["sea", "horse", "fish", "king", "queen", "man", "woman", "boat", "ocean", "young", "dog", "sun"]
GRID = {"templates": ["{a} + {b}", "{a} - 0.5 * {b}"], "words": {"a": WORDS, "b": ["horse", "queen", "boat", "puppy"]}}
"""96 sums."""


def two_heads(folder: Path, tokenizer_file: Path) -> list[str]:
    """The folders of two heads, made by seed."""
    make_head = HeadFactory(folder, tokenizer_file)
    return [str(make_head(seed=seed).opened.checkpoint.folder) for seed in (11, 12)]


def written(plan_file: Path, **given: object) -> Path:
    """A plan as its user writes it."""
    expressions = given.pop("expressions", GRID)
    lines = [f"{key} = {json.dumps(value)}" for key, value in given.items()]
    if isinstance(expressions, dict) and "words" in expressions:
        lines += ["[expressions]", f"templates = {json.dumps(expressions['templates'], ensure_ascii=False)}"]
        lines += ["[expressions.words]"]
        lines += [f"{name} = {json.dumps(ws, ensure_ascii=False)}" for name, ws in expressions["words"].items()]
    elif isinstance(expressions, dict):
        lines += ["[expressions]", f"file = {json.dumps(expressions['file'])}"]
    else:
        lines += [f"expressions = {json.dumps(expressions, ensure_ascii=False)}"]
    plan_file.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return plan_file


def command(*arguments: object) -> list[str]:
    return [sys.executable, "-m", "geometry", "batch", *map(str, arguments)]


def run(*arguments: object) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command(*arguments), capture_output=True, text=True, timeout=120)


def contents(folder: Path) -> dict[str, bytes]:
    """Every file but the lock."""
    found = {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    return {name: content for name, content in found.items() if name != ".lock"}
