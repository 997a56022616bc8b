"""An answer as a command line and as Python: what to type elsewhere to have the same numbers again."""

import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import geometry
from geometry.explore.shelf import Volume


@dataclass(frozen=True)
class Copy:
    """How to ask the same elsewhere.

    Attributes:
        command: For a shell.
        python: For an interpreter.
        note: From where, if not from anywhere; else empty.
    """

    command: str
    python: str
    note: str


def stamp(volume: Volume, copied: Copy, seed: int) -> dict[str, Any]:
    """Return what every answer says of where it is from, and how to ask for it elsewhere."""
    return {
        "head": volume.name,
        "fingerprint": volume.head.fingerprint,
        "command": copied.command,
        "python": copied.python,
        "seed": seed,
        "version": geometry.__version__,
    }


def copy_why(
    volume: Volume, expression: str, *, space: str, among: str, rivals: int, vary: Sequence[str] = (),
    vacancy: bool = False,
) -> Copy:  # fmt: skip
    """Return how to ask why a sum lands where it does.

    Args:
        volume: The head.
        expression: The sum, with the weights in force.
        space, among, rivals, vary, vacancy: What was asked besides.
    """
    options = {"--space": space, "--among": "" if among == "all" else among, "-k": str(rivals)}
    more = [word for label in vary for word in ("--vary", label)] + ["--no-vacancy"] * (not vacancy)
    landing = f"head.land({expression!r}, space={space!r}"
    landing += f", among={among!r}" if among != "all" else ""
    landing += ', metric="cosine"' if space == "whitened" else ""  # why tells logits there all the same
    why = f"k={rivals}" + (f", vary={tuple(vary)!r}" if vary else "") + ("" if vacancy else ", vacancy=False")
    code = [
        "import geometry as geo",
        "",
        f"head = geo.open_head({volume.typed!r})",
        f"why = {landing}).why({why})",
        "print(why)",
    ]
    return _copy(volume, "why", options, more, expression, code)


def copy_lens(volume: Volume, prompt: str, k: int) -> Copy:
    """Return how to read every layer on a prompt."""
    code = [
        "import geometry as geo",
        "from geometry.live.capturing import capture",
        "from geometry.live.running import open_running",
        "",
        f"running = open_running({volume.typed!r})",
        f"residuals = capture(running, {prompt!r}).residuals",
        f"print(geo.lens(running.head, residuals, k={k}))",
    ]
    return _copy(volume, "lens", {"--prompt": prompt, "-k": str(k)}, [], None, code)


def copy_retry(volume: Volume, prompt: str, steps: int, between: str) -> Copy:
    """Return how to let the model try again and again."""
    behind = f"between={between!r}, " if between else ""
    code = [
        "from geometry.live.running import open_running",
        "from geometry.retry import RetryOptions, retry",
        "",
        f"running = open_running({volume.typed!r})",
        f"print(retry(running, {prompt!r}, RetryOptions(steps={steps}, {behind}runs=0)))",
    ]
    options = {"--prompt": prompt, "--between": between, "--steps": str(steps), "--runs": "0"}
    return _copy(volume, "retry", options, [], None, code)


def _copy(
    volume: Volume,
    command: str,
    options: Mapping[str, str],
    more: Sequence[str],
    expression: str | None,
    code: Sequence[str],
) -> Copy:
    words = ["geometry", command, "-H", volume.typed]
    for name, value in options.items():
        # a value that begins with a minus is only read as one behind an equals sign
        words += [f"{name}={value}"] if value.startswith("-") and name.startswith("--") else [name, value] * bool(value)
    words += more
    if expression is not None:
        words += ["--"] * expression.startswith("-") + [expression]
    held = volume.typed.removeprefix("./")
    note = f"run the copied command in the folder that holds {held}" if volume.is_local else ""
    return Copy(shlex.join(words), "\n".join(code) + "\n", note)
