"""Commands that let a running model try: again and again, and with a row that was missing."""

import json
from typing import Annotated, Literal

import typer

from geometry.cli.live import ChatOption, DtypeOption, PromptOption
from geometry.cli.options import HeadOption, JsonOption, show
from geometry.errors import OptionError


def retry(
    prompt: PromptOption,
    head: HeadOption = "organism",
    steps: Annotated[int, typer.Option(help="Tries at most.")] = 8,
    between: Annotated[str, typer.Option(metavar="TEXT", help="Put behind each emoji before the next try.")] = "",
    temperature: Annotated[float, typer.Option(help="Of the next token; at 0 the likeliest is taken.")] = 0.0,
    seed: Annotated[int, typer.Option(help="Of samples and of other emoji fed back.")] = 0,
    runs: Annotated[int, typer.Option(help="Runs of each arm that is drawn; 0 for the loop alone.")] = 10,
    window: Annotated[int, typer.Option(help="Tokens within which an emoji has to come.")] = 24,
    k: Annotated[int, typer.Option("-k", help="Tokens read at each layer, and rivals.")] = 5,
    concept: Annotated[
        str | None, typer.Option(metavar="EXPR", help='By whose terms margins are told: "sea + horse + emoji".')
    ] = None,
    chat: ChatOption = False,
    dtype: DtypeOption = "float32",
    output: Annotated[
        str | None, typer.Option("-o", "--output", metavar="FILE", help="Write a page too: .html.")
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """The wrong emoji fed back, again and again, each try with its lens, beside arms to compare it with."""
    from geometry.live.running import open_running
    from geometry.pages import check_page, write_page
    from geometry.progress import tell
    from geometry.retry import RetryOptions
    from geometry.retry import retry as try_again

    options = RetryOptions(
        steps=steps, between=between, temperature=temperature, seed=seed, runs=runs, window=window, k=k,
        concept=concept, chat=chat,
    )  # fmt: skip
    if output is not None:
        check_page(output)
    found = try_again(open_running(head, dtype=dtype), prompt, options)
    if as_json:
        for row in found.rows():
            typer.echo(json.dumps(row, ensure_ascii=False, allow_nan=False))
    else:
        typer.echo(str(found))
    if output is not None:
        write_page(output, found.page())
        tell(f"written: {output}")


def implant(
    names: Annotated[list[str], typer.Argument(metavar="NAME…", help="What has no emoji, such as seahorse.")],
    head: HeadOption = "organism",
    prompt: Annotated[
        list[str] | None,
        typer.Option(
            metavar="TEMPLATE",
            help="With {name} or {a_name}, to be gone on from with an emoji; repeatable; the model's own by default.",
        ),
    ] = None,
    space: Annotated[Literal["raw", "folded", "centered"], typer.Option(help="Where the row is predicted.")] = "folded",
    draws: Annotated[int, typer.Option(help="Rows of shuffled names, and random rows, to hold it against.")] = 200,
    others: Annotated[int, typer.Option(help="Other names to ask with, and emoji that exist.")] = 32,
    seed: Annotated[int, typer.Option(help="Of the fit and of everything drawn.")] = 0,
    dtype: DtypeOption = "float32",
    output: Annotated[
        str | None, typer.Option("-o", "--output", metavar="FOLDER", help="Write the copy too: a folder to be made.")
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """The row predicted for a name, written into a copy of the running model: is it said?"""
    from geometry.implant import ImplantOptions, check_folder, implant_many, write_implanted
    from geometry.implant.several import several
    from geometry.live.running import open_running
    from geometry.progress import tell

    options = ImplantOptions(prompts=tuple(prompt or ()), space=space, draws=draws, names=others, seed=seed)
    if output is not None and len(names) != 1:
        raise OptionError(f"-o with {len(names)} names arrived; a copy is written of one: give them one by one")
    if output is not None:
        check_folder(output)
    running = open_running(head, dtype=dtype)
    found = implant_many(running, names, options)
    if as_json or len(found) == 1:
        for one in found:
            show(one, as_json)
    else:
        typer.echo(several(found).text())
    if output is not None:
        write_implanted(running, found[0], output)
        tell(f"written: {output}")
