"""The command that holds two heads against each other."""

from typing import Annotated

import typer

from geometry.choices import DEFAULT_SPACE, SpaceName
from geometry.cli.options import JsonOption, MemoryOption, OutputOption, draw, show, size


def compare(
    a: Annotated[str, typer.Argument(metavar="A", help="A head, as -H takes it elsewhere; the parent of two.")],
    b: Annotated[str, typer.Argument(metavar="B", help="Another.")],
    space: Annotated[SpaceName, typer.Option(help="Where rows are taken, then centred; raw is as stored.")] = "raw",
    align: Annotated[
        bool | None,
        typer.Option("--align/--no-align", help="Also under the best orthogonal map; by default where rows allow it."),
    ] = None,
    expression: Annotated[
        list[str] | None,
        typer.Option(
            "-e", "--expression", metavar="EXPR", help=f"A sum to land in both, in {DEFAULT_SPACE}; repeatable."
        ),
    ] = None,
    expressions: Annotated[
        str | None, typer.Option("--expressions", metavar="FILE", help="Such sums, one a line.")
    ] = None,
    phantoms: Annotated[bool, typer.Option(help="Tell the emoji that names without one land on apart.")] = True,
    seed: Annotated[int, typer.Option(help="Of everything drawn.")] = 0,
    output: OutputOption = None,
    max_memory: MemoryOption = None,
    as_json: JsonOption = False,
) -> None:
    """Two heads: how alike they are, which rows moved, and where sums land in each."""
    from geometry.comparison import compare as hold
    from geometry.comparison.sides import read_expressions
    from geometry.head import open_head

    given = None if expression is None and expressions is None else [*(expression or ())]
    if given is not None and expressions is not None:
        given += read_expressions(expressions)
    most = size(max_memory)
    each = None if most is None else most // 2  # for both heads together
    heads = [open_head(one, max_memory=each) for one in (a, b)]
    found = hold(*heads, space=space, expressions=given, align=align, phantoms=phantoms, seed=seed)
    show(found, as_json)
    if output is not None:
        draw(found.figure, output)
