"""Commands that run the model of -H: its residuals, and what it believes in."""

import json
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from geometry.cli.options import HeadOption, JsonOption, show

if TYPE_CHECKING:
    from geometry.live.capturing import Captured

PromptOption = Annotated[
    str, typer.Option("--prompt", metavar="TEXT", help="What the model reads; mind the space that it begins with.")
]
ChatOption = Annotated[bool, typer.Option("--chat", help="The prompt is a user's, in the model's chat template.")]
PrefixOption = Annotated[str, typer.Option("--prefix", metavar="TEXT", help="How the model's answer begins.")]
DtypeOption = Annotated[
    Literal["float32", "bfloat16", "auto"], typer.Option(help="What it is computed in; auto is as stored.")
]
StepsOption = Annotated[int, typer.Option("--steps", metavar="N", help="Append N of its own likeliest tokens first.")]


def capture(
    prompt: PromptOption,
    output: Annotated[str, typer.Option("-o", "--output", metavar="FILE", help="A .safetensors file.")],
    head: HeadOption = "organism",
    chat: ChatOption = False,
    prefix: PrefixOption = "",
    steps: StepsOption = 0,
    positions: Annotated[
        str, typer.Option(metavar="WHICH", help="all, last (where the prompt ends, and each step), or such as 3,-1.")
    ] = "all",
    dtype: DtypeOption = "float32",
    as_json: JsonOption = False,
) -> None:
    """Run a prompt and write the residuals of all layers to a file."""
    from geometry.progress import tell
    from geometry.residuals import check_writable, write_residuals

    check_writable(output)
    found = run_prompt(head, prompt, chat=chat, prefix=prefix, steps=steps, positions=positions, dtype=dtype)
    write_residuals(output, found.residuals)
    show(found, as_json)
    tell(f"written: {output}")


def spell(
    prompt: PromptOption,
    head: HeadOption = "organism",
    k: Annotated[int | None, typer.Option("-k", min=1, help="How many emoji; 20 by default, with --json all.")] = None,
    chat: ChatOption = False,
    prefix: PrefixOption = "",
    against: Annotated[
        str | None, typer.Option(metavar="TEXT", help="Another prompt beside it, such as one that asks for none.")
    ] = None,
    floor: Annotated[float, typer.Option(help="Ways to write that are less likely are not followed.")] = 1e-6,
    limit: Annotated[int, typer.Option(help="How many ways to write are followed at most.")] = 2_000,
    dtype: DtypeOption = "float32",
    as_json: JsonOption = False,
) -> None:
    """How strongly the model believes in each emoji as the next thing it says, however it is spelt."""
    from geometry.live.beliefs import believe
    from geometry.live.prompts import check_prompt
    from geometry.live.record import SHOWN
    from geometry.live.running import open_running

    check_prompt(prompt)
    found = believe(
        open_running(head, dtype=dtype), prompt, chat=chat, prefix=prefix, against=against, floor=floor, limit=limit
    )
    if as_json:
        typer.echo(json.dumps(found.to_dict(k), ensure_ascii=False, allow_nan=False))
    else:
        typer.echo(found.text(SHOWN if k is None else k))


def run_prompt(
    head: str,
    prompt: str,
    *,
    chat: bool = False,
    prefix: str = "",
    steps: int = 0,
    positions: str = "all",
    dtype: str = "float32",
) -> "Captured":
    """Run the model of a head on a prompt, for every command that reads its states; say where it ended early."""
    from geometry.live.capturing import capture as run
    from geometry.live.prompts import check_prompt
    from geometry.live.running import open_running
    from geometry.progress import tell

    check_prompt(prompt)
    found = run(open_running(head, dtype=dtype), prompt, chat=chat, prefix=prefix, steps=steps, positions=positions)
    if found.steps < steps:
        tell(f"the model ended after {found.steps} of {steps} steps")
    return found
