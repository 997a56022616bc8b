"""Commands that let a running model try: again and again, and with a row that was missing."""

import json
from typing import Annotated

import typer

from geometry.cli.live import ChatOption, DtypeOption, PromptOption
from geometry.cli.options import HeadOption, JsonOption


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
