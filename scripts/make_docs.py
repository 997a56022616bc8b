"""Write docs/cli.md from the command line's own definitions; with --check only say whether it is up to date.

python scripts/make_docs.py [--check]
"""

import argparse
import inspect
import sys
from pathlib import Path
from typing import Literal, get_args, get_origin

from typer.models import ArgumentInfo

from geometry.cli import app

PAGE = Path(__file__).resolve().parent.parent / "docs" / "cli.md"


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
    empty = parameter.default is None or parameter.default is False or parameter.default is inspect.Parameter.empty
    text = (info.help or "").replace("|", "\\|")
    if choices:
        text += f" One of {', '.join(f'`{choice}`' for choice in choices)}."
    return f"| {names} | {'' if empty else f'`{parameter.default}`'} | {text} |"


def page() -> str:
    """The whole page."""
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
        lines += [describe_parameter(one) for one in inspect.signature(function).parameters.values()]
    return "\n".join(lines) + "\n"


def main() -> int:
    """Write or check the page; 1 if the check fails."""
    parser = argparse.ArgumentParser(description="Write docs/cli.md.")
    parser.add_argument("--check", action="store_true")
    text = page()
    if parser.parse_args().check:
        current = PAGE.read_text(encoding="utf-8") if PAGE.exists() else ""
        if current != text:
            print(f"error: {PAGE.name} is out of date; run make docs", file=sys.stderr)
        return int(current != text)
    PAGE.write_text(text, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
