"""Write docs/cli.md and docs/families.md from what they describe; with --check only say whether they are up to date.

python scripts/make_docs.py [--check]
"""

import argparse
import inspect
import sys
from pathlib import Path
from typing import Literal, get_args, get_origin

from families_page import families
from typer import Context
from typer.models import ArgumentInfo

from geometry.cli import app

DOCS = Path(__file__).resolve().parent.parent / "docs"


def describe_parameter(parameter: inspect.Parameter) -> str:
    """One line of a command's table, from the signature of the function behind it."""
    kind, info = get_args(parameter.annotation)[:2]
    choices = next((get_args(part) for part in (kind, *get_args(kind)) if get_origin(part) is Literal), ())
    # inside Annotated the first name stands where a default would
    given = [name for name in (info.default, *(info.param_decls or ())) if isinstance(name, str)]
    plain = parameter.name.replace("_", "-")
    both = [f"--{plain}", f"--no-{plain}"] if parameter.default is True else [f"--{plain}"]
    names = ", ".join(f"`{name}`" for name in given or both)
    if isinstance(info, ArgumentInfo):
        names = f"`{info.metavar}`"
    empty = parameter.default == "" or any(parameter.default is one for one in (None, False, inspect.Parameter.empty))
    text = (info.help or "").replace("|", "\\|")
    if choices:
        text += f" One of {', '.join(f'`{choice}`' for choice in choices)}."
    return f"| {names} | {'' if empty else f'`{parameter.default}`'} | {text} |"


def commands() -> str:
    """The page of the command line."""
    lines = [
        "# The command line",
        "",
        "Made by `make docs` from the commands themselves.",
        "",
        "Results go to standard output, notes and progress to standard error. Exit status 0; 2 for usage; 1 with one",
        "line `error: …`. `geometry --debug COMMAND` shows the traceback.",
    ]
    for command in app.registered_commands:
        function = command.callback
        assert function is not None
        lines += ["", f"## geometry {command.name or function.__name__}", "", inspect.getdoc(function) or "", ""]
        lines += ["| option | default | what |", "|---|---|---|"]
        parameters = inspect.signature(function).parameters.values()
        lines += [describe_parameter(one) for one in parameters if one.annotation is not Context]
    return "\n".join(lines) + "\n"


def main() -> int:
    """Write or check the pages; 1 if the check fails."""
    parser = argparse.ArgumentParser(description="Write the pages of docs/ that are made from the code.")
    parser.add_argument("--check", action="store_true")
    check, stale = parser.parse_args().check, False
    for path, text in ((DOCS / "cli.md", commands()), (DOCS / "families.md", families())):
        if not check:
            path.write_text(text, encoding="utf-8")
        elif not path.exists() or path.read_text(encoding="utf-8") != text:
            print(f"error: {path.name} is out of date; run make docs", file=sys.stderr)
            stale = True
    return int(stale)


if __name__ == "__main__":
    sys.exit(main())
