"""The command line: parses, calls, prints. Nothing heavy is imported before a command runs."""

import os
import sys
from typing import Annotated

import typer

import geometry
from geometry.cli import batches, comparing, exploring, heads, health, layers, live, loops, mapping, sums, surveys
from geometry.errors import GeometryError

app = typer.Typer(
    add_completion=False,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    help="What a language model's output matrix means: open the head alone, add concepts up, see where they land.",
)

for command in (
    heads.info,
    heads.tokens,
    heads.cache,
    sums.snap,
    sums.why,
    sums.madeof,
    surveys.census,
    surveys.phantoms,
    layers.lens,
    live.capture,
    live.spell,
    loops.retry,
    loops.implant,
    health.audit,
    comparing.compare,
    batches.batch,
    exploring.explore,
):
    app.command()(command)
app.command("map")(mapping.map_)  # map is Python's own


def _version(asked: bool) -> bool:
    if asked:
        typer.echo(f"geometry {geometry.__version__}")
        raise typer.Exit
    return asked


@app.callback()
def options(
    debug: Annotated[bool, typer.Option("--debug", help="Show a traceback where something fails.")] = False,
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Show the version.")
    ] = False,
) -> None:
    """Options before the command; --debug is read in main(), which stands outside this."""


def main() -> None:
    """Run the command line: exit 0, 2 for usage, 1 with one line on standard error."""
    debug = "--debug" in sys.argv[1:]
    try:
        app()
    except GeometryError as error:
        if debug:
            raise
        _fail(str(error))
    except BrokenPipeError:
        # the reader of our output went away, as `| head` does: nothing is wrong
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    except Exception as error:
        if debug:
            raise
        _fail(f"{type(error).__name__}: {error}; this should not happen: run again with --debug and report it")


def _fail(message: str) -> None:
    sys.stderr.write(f"error: {' '.join(message.split())}\n")
    sys.exit(1)
