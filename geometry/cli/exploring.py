"""The command that opens the page in a browser."""

import os
import signal
from typing import Annotated

import typer


def explore(
    head: Annotated[
        list[str] | None,
        typer.Option(
            "-H",
            "--head",
            metavar="HEAD",
            help="A folder, a file or a bundled name; repeatable, the first is shown first; else the bundled ones.",
        ),
    ] = None,
    host: Annotated[
        str, typer.Option(help="Where to listen; by default nothing but this machine can ask.")
    ] = "127.0.0.1",
    port: Annotated[int, typer.Option(help="Where to listen; 0 takes a free one.")] = 8750,
    browser: Annotated[bool, typer.Option("--open/--no-open", help="Open the page in a browser.")] = False,
) -> None:
    """The page in a browser: sums and why they land there, on the map, as they are typed."""  # fmt: skip
    from geometry.checkpoint.spec import BUNDLED
    from geometry.explore.serving import serve

    # asked to end by another process it ends as at Ctrl-C, and so does what it has drawn beside it
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    own = os.environ.get("GEOMETRY_HEAD")
    serve(head or ([own] if own else list(BUNDLED)), host=host, port=port, browser=browser)
