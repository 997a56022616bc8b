"""Commands that ask a head for many things at once: what it has, what it lacks."""

import json
import os
import sys
from typing import Annotated, Literal

import typer

from geometry.choices import DEFAULT_SPACE, SpaceName
from geometry.cli.options import HeadOption, JsonOption, MemoryOption, OutputOption, draw, show, size
from geometry.errors import OptionError


def census(
    head: HeadOption = "organism",
    among: Annotated[
        Literal["emoji", "words"], typer.Option(help="Emoji by their names, or compounds by their parts.")
    ] = "emoji",
    space: Annotated[
        SpaceName | None,
        typer.Option(help="By default the best one on half of the items; figures are of the other half."),
    ] = None,
    seed: Annotated[int, typer.Option(help="Of halves, permuted names and resampled families.")] = 0,
    output: OutputOption = None,
    max_memory: MemoryOption = None,
    as_json: JsonOption = False,
) -> None:
    """Does adding up work in this head? Everything whose answer is known, beside its baselines."""
    from geometry.head import open_head
    from geometry.recall import census as take

    found = take(open_head(head, max_memory=size(max_memory)), space=space, among=among, seed=seed)
    show(found, as_json)
    if output is not None:
        draw(found.figure, output)


def phantoms(
    head: Annotated[
        list[str] | None,
        typer.Option(
            "-H",
            "--head",
            metavar="HEAD",
            help="As elsewhere; repeatable: one table, and how far the heads agree.",
        ),
    ] = None,
    lexicon: Annotated[
        str | None,
        typer.Option(
            metavar="FILE", help="Names, one a line or a table parted by tabs; by default 6,070 concrete nouns."
        ),
    ] = None,
    name: Annotated[
        list[str] | None, typer.Option(metavar="NAME", help="A name to show wherever it ranks; repeatable.")
    ] = None,
    k: Annotated[int | None, typer.Option("-k", help="How many names; 20 by default, with --json all.")] = None,
    space: Annotated[SpaceName | None, typer.Option(help=f"Where rows are added; {DEFAULT_SPACE} by default.")] = None,
    seed: Annotated[int, typer.Option(help="Of shuffled names and samples.")] = 0,
    output: OutputOption = None,
    max_memory: MemoryOption = None,
    as_json: JsonOption = False,
) -> None:
    """Names with no emoji, ranked by how strongly the head would believe in one."""
    from geometry.head import open_head
    from geometry.lexicon import read_lexicon
    from geometry.phantoms import find_phantoms
    from geometry.phantoms.several import several

    nouns = None if lexicon is None else read_lexicon(lexicon)
    given = dict.fromkeys(head or [os.environ.get("GEOMETRY_HEAD", "organism")])
    names = tuple(name or ())
    if output is not None and len(given) > 1:
        raise OptionError(f"-o with {len(given)} heads arrived; a figure is drawn of one: give them one by one")
    found = [find_phantoms(open_head(one, max_memory=size(max_memory)), nouns, space=space, seed=seed) for one in given]
    side_by_side = several(found) if len(found) > 1 else None
    table = (found[0] if side_by_side is None else side_by_side).table(k, names)
    if as_json:
        for one in found:
            for row in one.rows(k, names if side_by_side is None else [n for n in names if one.find(n)]):
                typer.echo(json.dumps(row, ensure_ascii=False, allow_nan=False))
        for line in () if side_by_side is None else table.notes:
            sys.stderr.write(f"{line}\n")
    else:
        typer.echo(table.text())
    if output is not None:
        draw(lambda: found[0].figure(names), output)
