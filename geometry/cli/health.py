"""The command that examines a head."""

from typing import Annotated

import typer

from geometry.choices import DEFAULT_SPACE, SpaceName
from geometry.cli.options import HeadOption, JsonOption, MemoryOption, PageOrFigureOption, show, size, write


def audit(
    head: HeadOption = "organism",
    space: Annotated[
        SpaceName | None, typer.Option(help=f"Where neighbours are counted; {DEFAULT_SPACE} by default.")
    ] = None,
    hubs: Annotated[bool, typer.Option(help="Count hubs: every row against every other.")] = True,
    reach: Annotated[bool, typer.Option(help="Find tokens that can never come first: quadratic too.")] = True,
    truth: Annotated[
        str | None,
        typer.Option(metavar="FILE", help="Ids of rows known to be unused, one a line: adds precision and recall."),
    ] = None,
    seed: Annotated[int, typer.Option(help="Of hidden halves, nulls and samples.")] = 0,
    output: PageOrFigureOption = None,
    max_memory: MemoryOption = None,
    as_json: JsonOption = False,
) -> None:
    """Is this head healthy? What to look at before believing any neighbour in it."""
    from geometry.head import open_head
    from geometry.health import audit as examine
    from geometry.health.truth import read_truth

    opened = open_head(head, max_memory=size(max_memory))
    known = None if truth is None else read_truth(truth, opened.vocab)
    found = examine(opened, space=space, hubs=hubs, reach=reach, truth=known, seed=seed)
    show(found, as_json)
    if output is not None:
        write(found.page, found.figure, output)
