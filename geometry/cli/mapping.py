"""The command that draws tokens on a plane."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from geometry.choices import DEFAULT_SPACE, Among, SpaceName
from geometry.cli.options import HeadOption, JsonOption, KeepOption, MemoryOption, check_writable, draw, is_page, size
from geometry.errors import OptionError
from geometry.progress import tell

if TYPE_CHECKING:
    import geometry.maps

STORED = ".parquet"

_WITH_FROM = {"output", "stored", "head", "points", "as_json", "max_memory"}
"""Options that make sense for a map that is there already."""


def _is_stored(path: str) -> bool:
    return Path(path).suffix.lower() == STORED


def _check(paths: list[str] | None) -> list[str]:
    """Refuse a file's path before anything is computed for it."""
    for path in paths or []:
        if _is_stored(path):
            from geometry.atomic import check_place

            check_place(path, STORED)
            continue
        try:
            check_writable(path)
        except OptionError as error:
            raise OptionError(str(error).replace("ends in .html, .png", "ends in .parquet, .html, .png", 1)) from None
    return paths or []


def map_(
    context: typer.Context,
    expressions: Annotated[
        list[str] | None,
        typer.Argument(metavar="[EXPR]…", help='Sums to put on it, such as "sea + horse + emoji".'),
    ] = None,
    head: HeadOption = "organism",
    output: Annotated[
        list[str] | None,
        typer.Option(
            "-o", "--output", metavar="FILE", callback=_check,
            help="Write it too: .html, .parquet, or drawn as .png, .svg or .pdf; repeatable.",
        ),
    ] = None,
    method: Annotated[Literal["umap", "pca"], typer.Option(help="How the plane is found.")] = "umap",
    among: Annotated[Among, typer.Option(help="Tokens to map; at most 50,000.")] = "emoji",
    around: Annotated[
        int | None, typer.Option(metavar="N", help="Only the N that rank first for each sum, and its own terms.")
    ] = None,
    space: Annotated[SpaceName | None, typer.Option(help=f"Where rows are taken; {DEFAULT_SPACE} by default.")] = None,
    keep_undertrained: KeepOption = False,
    neighbors: Annotated[int, typer.Option(help="Nearest points that UMAP holds on to, itself counted.")] = 15,
    min_dist: Annotated[float, typer.Option(help="How near UMAP lets points come.")] = 0.3,
    spread: Annotated[float, typer.Option(help="How far UMAP spreads the picture.")] = 1.5,
    seed: Annotated[int, typer.Option(help="Of UMAP, and of the trust figures' sample.")] = 0,
    stored: Annotated[
        str | None, typer.Option("--from", metavar="FILE", help="Draw a .parquet again instead of mapping.")
    ] = None,
    points: Annotated[bool, typer.Option("--points", help="Every point too, in --json.")] = False,
    max_memory: MemoryOption = None,
    as_json: JsonOption = False,
) -> None:  # fmt: skip
    """Tokens on a plane: which lie together, and where sums come among them."""
    from geometry.head import open_head
    from geometry.maps import emoji_map, read_map

    if points and not as_json:
        raise OptionError(
            "--points arrived without --json; a table has no room for them: add --json or -o FILE.parquet"
        )
    given = {name for name in context.params if _was_given(context, name)}
    if stored is not None:
        _check_alone(given)
        opened = open_head(head, max_memory=size(max_memory)) if "head" in given else None
        found = read_map(stored, opened)
    else:
        found = emoji_map(
            open_head(head, max_memory=size(max_memory)), expressions or [], method=method, among=among, around=around,
            space=space, keep_undertrained=keep_undertrained, neighbors=neighbors, min_dist=min_dist, spread=spread,
            seed=seed,
        )  # fmt: skip
    if as_json:
        typer.echo(json.dumps(found.to_dict(points=points), ensure_ascii=False, allow_nan=False))
    else:
        typer.echo(str(found))
    for path in output or []:
        _write(found, path)


def _was_given(context: typer.Context, name: str) -> bool:
    source = context.get_parameter_source(name)
    return source is not None and source.name == "COMMANDLINE"


def _check_alone(given: set[str]) -> None:
    """Refuse what would have to be computed anew together with --from."""
    other = sorted(given - _WITH_FROM)
    if other:
        names = ", ".join("expressions" if name == "expressions" else f"--{name.replace('_', '-')}" for name in other)
        raise OptionError(
            f"--from arrived together with {names}; a stored map is drawn as it is: leave one of them out"
        )


def _write(found: "geometry.maps.EmojiMap", path: str) -> None:
    if _is_stored(path):
        found.write(path)
    elif is_page(path):
        from geometry.pages import write_page

        write_page(path, found.page())
    else:
        draw(found.figure, path)
        return
    tell(f"written: {path}")
