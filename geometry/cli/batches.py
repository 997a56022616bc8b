"""The command that runs a plan over many heads."""

import json
import signal
import sys
from pathlib import Path
from typing import Annotated

import typer

from geometry.cli.options import JsonOption
from geometry.errors import OptionError

INTERRUPTED = 130


def batch(
    plan: Annotated[Path, typer.Argument(metavar="PLAN", help="A .toml file: heads, expressions, what to record.")],
    output: Annotated[
        Path, typer.Option("-o", "--output", metavar="DIR", help="A new folder, or that of the same plan, to go on.")
    ],
    workers: Annotated[int, typer.Option(metavar="N", help="Processes that work at a time.")] = 1,
    threads: Annotated[bool, typer.Option("--threads", help="Let the workers be threads.")] = False,
    cluster: Annotated[
        str | None, typer.Option(metavar="tcp://…", help="A Dask scheduler, whose workers open the heads themselves.")
    ] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Say what would be read, computed and written; write nothing.")
    ] = False,
    as_json: JsonOption = False,
) -> None:
    """Many sums on many heads, as Parquet files; run again, it goes on where it was ended."""
    from geometry.batch import crew, read_plan, run_batch
    from geometry.batch.forecast import forecast
    from geometry.batch.reading import first_error
    from geometry.tables import many

    if cluster is not None and (workers != 1 or threads):
        raise OptionError("--cluster arrived with --workers or --threads; the cluster has its own: give one of them")
    # asked to end by another process it ends as at Ctrl-C
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    asked = read_plan(plan)
    try:
        with crew(1 if dry_run else workers, threads=threads, cluster=cluster) as found:
            if dry_run:
                ahead = forecast(asked, output, found)
                typer.echo(json.dumps(ahead.to_dict(), ensure_ascii=False) if as_json else str(ahead.table()))
                return
            outcome = run_batch(asked, output, found)
    except KeyboardInterrupt:
        sys.stderr.write(f"interrupted: what is done is in {str(output)!r}; run the same command to go on\n")
        sys.stderr.flush()
        raise typer.Exit(INTERRUPTED) from None
    if as_json:
        typer.echo(json.dumps(outcome.to_dict(), ensure_ascii=False))
    else:
        typer.echo(f"{output}: {outcome.told()}")
    if outcome.errors:
        sys.stderr.write(
            f"error: {many(outcome.errors, 'row')} of errors in {str(output / 'errors')!r}; the rest is done; "
            f"the first says: {first_error(output)}\n"
        )
        raise typer.Exit(1)
