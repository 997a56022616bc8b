"""The command that reads every layer: the logit lens, on residuals from a file or captured just now."""

import json
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from geometry.cli.live import ChatOption, DtypeOption, PrefixOption, StepsOption, run_prompt
from geometry.cli.options import HeadOption, JsonOption, MemoryOption, PageOrFigureOption, is_page, size, write
from geometry.errors import OptionError

if TYPE_CHECKING:
    from geometry.head import Head
    from geometry.residuals import Residuals


def lens(
    file: Annotated[
        str | None, typer.Argument(metavar="FILE", help="Residuals: .safetensors, .npy or .npz; or give --prompt.")
    ] = None,
    head: HeadOption = "organism",
    prompt: Annotated[
        str | None, typer.Option(metavar="TEXT", help="Run the model of -H on this instead of reading a file.")
    ] = None,
    norm: Annotated[
        Literal["normed", "raw"], typer.Option(help="Each state through the final norm, or none.")
    ] = "normed",
    k: Annotated[int, typer.Option("-k", help="Tokens a cell.")] = 5,
    track: Annotated[
        list[str] | None,
        typer.Option(metavar="TEXT", help="Follow its rank: a word, 🐠, #42, or what a sum lands on; repeatable."),
    ] = None,
    position: Annotated[
        list[int] | None,
        typer.Option("-p", "--position", metavar="N", help="Read this one only, -1 the last; repeatable."),
    ] = None,
    concept: Annotated[
        str | None, typer.Option(metavar="EXPR", help="Cosine similarity to this sum, beside random sums.")
    ] = None,
    explain: Annotated[
        str | None,
        typer.Option(metavar="EXPR", help="Share in the span of its terms, beside random words; what survives that."),
    ] = None,
    space: Annotated[
        Literal["folded", "centered", "whitened"] | None, typer.Option(help="Where sums are made.")
    ] = None,
    last: Annotated[
        Literal["normed", "residual"] | None,
        typer.Option(help="What the last state is, where the file does not say or is wrong."),
    ] = None,
    seed: Annotated[int, typer.Option(help="Of the random words.")] = 0,
    chat: ChatOption = False,
    prefix: PrefixOption = "",
    steps: StepsOption = 0,
    dtype: DtypeOption = "float32",
    figure: Annotated[
        Literal["lens", "map"],
        typer.Option(help="What -o draws: the cells, or the last position's path over the emoji."),
    ] = "lens",
    output: PageOrFigureOption = None,
    max_memory: MemoryOption = None,
    as_json: JsonOption = False,
) -> None:
    """The logit lens: what the head reads in the residual after every layer."""
    from geometry.progress import tell
    from geometry.readings import LensOptions, read_lens

    options = LensOptions(
        k=k, norm=norm, track=tuple(track or ()), positions=None if position is None else tuple(position),
        concept=concept, explain=explain, space=space, last_is_normed=None if last is None else last == "normed",
        seed=seed,
    )  # fmt: skip
    if figure == "map":
        _check_map(output)
    opened, residuals = _open(
        file, head, prompt, chat=chat, prefix=prefix, steps=steps, dtype=dtype, max_memory=size(max_memory)
    )
    found = read_lens(opened, residuals, options)
    if as_json:
        for cell in found.cells():
            typer.echo(json.dumps(cell, ensure_ascii=False, allow_nan=False))
        for note in found.notes:  # of the whole answer, and no line is
            tell(note)
    else:
        typer.echo(str(found))
    if output is not None:
        write(found.page, found.map if figure == "map" else found.figure, output)


def _check_map(output: str | None) -> None:
    """Refuse a path over the emoji that has nowhere to be drawn, or no page to stand on."""
    if output is None:
        raise OptionError("--figure map arrived without -o; expected a file to draw it to, such as -o path.png")
    if is_page(output):
        raise OptionError("--figure map with a .html page arrived; expected .png, .svg or .pdf: rename it")


def _open(
    file: str | None,
    head: str,
    prompt: str | None,
    *,
    chat: bool,
    prefix: str,
    steps: int,
    dtype: str,
    max_memory: int | None,
) -> "tuple[Head, Residuals]":
    """The head and the residuals, from a file or from the head's own model."""
    if (file is None) == (prompt is None):
        given = "neither a FILE nor --prompt" if file is None else "a FILE and --prompt"
        raise OptionError(f"{given} arrived; expected one of them: residuals, or a text to run the model of -H on")
    if prompt is not None:
        if max_memory is not None:
            raise OptionError("--max-memory arrived with --prompt; the whole model is in memory then: leave it out")
        captured = run_prompt(head, prompt, chat=chat, prefix=prefix, steps=steps, dtype=dtype)
        return captured.running.head, captured.residuals
    asked = (("--chat", chat), ("--prefix", prefix), ("--steps", steps), ("--dtype", dtype != "float32"))
    running = [name for name, one in asked if one]
    if running:
        raise OptionError(
            f"{' and '.join(running)} arrived without --prompt; that is about running the model: leave it out"
        )
    from geometry.head import open_head
    from geometry.residuals import read_residuals

    assert file is not None
    residuals = read_residuals(file)
    return open_head(head, max_memory=max_memory), residuals
