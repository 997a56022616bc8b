"""The command line in a process of its own; or in this one, where what it says matters and not how it starts."""

import io
import os
import subprocess
import sys
from contextlib import redirect_stderr, redirect_stdout
from unittest.mock import patch

from geometry.cli import main

GEOMETRY = [sys.executable, "-m", "geometry"]


def run(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run a command as a shell does."""
    return subprocess.run([*GEOMETRY, *arguments], capture_output=True, text=True, env=_with(environment), timeout=120)


def run_here(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run a command in this process, whose libraries are loaded already: a second saved each time.

    Not `map`, which typer gives a context of another class than it says; the tests' type checker minds.
    """
    out, err, code = io.StringIO(), io.StringIO(), 0
    with (
        patch.object(sys, "argv", ["geometry", *arguments]),
        patch.dict(os.environ, _with(environment), clear=True),
        redirect_stdout(out),
        redirect_stderr(err),
    ):
        try:
            main()
        except SystemExit as left:
            code = left.code if isinstance(left.code, int) else 0
    return subprocess.CompletedProcess(arguments, code, out.getvalue(), err.getvalue())


def one_line(done: subprocess.CompletedProcess[str], said: str) -> None:
    """What a mistake looks like: exit 1, nothing on standard output, one line on standard error."""
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith("error: ")
    assert done.stderr.count("\n") == 1
    assert said in done.stderr


def _with(environment: dict[str, str]) -> dict[str, str]:
    """What a command finds, without the head that whoever runs the tests may have chosen."""
    kept = {name: value for name, value in os.environ.items() if name != "GEOMETRY_HEAD"}
    return {**kept, **environment}
