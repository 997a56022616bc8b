"""The keys of a plan: what each may hold, and how it is read."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, cast

from geometry.batch.sources import Filled, Lines, Listed, Source, fields
from geometry.choices import AMONG, METRICS, SPACES
from geometry.errors import PlanError

OF_SUMS = ("landings", "why")
"""What a batch may record of every expression."""

OF_HEADS = ("census", "phantoms", "audit")
"""What it may record of every head."""

RECORDS = (*OF_SUMS, *OF_HEADS)

WILD = frozenset("*?[")


def beside(folder: Path, spec: str) -> str:
    """Return a spec in full if it is a path beside the plan, any other as it is."""
    try:
        path = folder / Path(spec).expanduser()
        return str(path.resolve()) if path.exists() else spec
    except (OSError, ValueError, RuntimeError):
        return spec


def _texts(key: str, given: Any, folder: Path) -> tuple[str, ...]:
    if not isinstance(given, list) or not given or not all(isinstance(one, str) and one.strip() for one in given):
        raise PlanError(f"{key} = {_short(given)} arrived; expected a list of texts, at least one and none empty")
    return tuple(given)


def _heads(key: str, given: Any, folder: Path) -> tuple[str, ...]:
    found: dict[str, None] = {}
    for one in _texts(key, given, folder):
        if not WILD & set(one) or Path(beside(folder, one)).exists():
            found[one] = None
            continue
        try:
            root = Path(one).anchor
            matches = sorted(
                str(Path(root) / match) if root else match.relative_to(folder).as_posix()
                for match in (Path(root) if root else folder).glob(one.removeprefix(root))
            )
        except (ValueError, NotImplementedError, OSError) as error:
            raise PlanError(f"heads: the pattern {one!r} cannot be searched for ({error})") from error
        if not matches:
            raise PlanError(
                f"heads: nothing matches {one!r}; expected folders or files of heads, relative to the plan's folder"
            )
        found.update(dict.fromkeys(matches))
    return tuple(found)


def _expressions(key: str, given: Any, folder: Path) -> Source:
    if isinstance(given, list):
        return Listed(_texts(key, given, folder))
    if isinstance(given, dict) and set(given) == {"file"} and isinstance(given["file"], str):
        return Lines(folder / given["file"])
    if isinstance(given, dict) and set(given) == {"templates", "words"} and isinstance(given["words"], dict):
        templates = _texts(f"{key}.templates", given["templates"], folder)
        words = {name: _words(f"{key}.words.{name}", one, folder) for name, one in given["words"].items()}
        used = {name for template in templates for name in fields(template)}
        for name in sorted(used ^ set(words)):
            what = "no words" if name in used else "words that no template uses"
            raise PlanError(f"{key}: {{{name}}} has {what}; expected words for every name in braces, and no others")
        return Filled(templates, words)
    raise PlanError(
        f'{key} = {_short(given)} arrived; expected a list of texts, {{ file = "…" }} or '
        '{ templates = ["{a} + {b}"], words = { a = [...], b = [...] } }'
    )


def _words(key: str, given: Any, folder: Path) -> tuple[str, ...]:
    if not isinstance(given, dict):
        return _texts(key, given, folder)
    if set(given) != {"file"} or not isinstance(given["file"], str):
        raise PlanError(f'{key} = {_short(given)} arrived; expected a list of words or {{ file = "…" }}')
    words = tuple(Lines(folder / given["file"]))
    if not words:
        raise PlanError(f"{key}: {given['file']!r} holds no words; expected one a line")
    return words


def _whole(key: str, given: Any, folder: Path) -> int:
    if isinstance(given, bool) or not isinstance(given, int):
        raise PlanError(f"{key} = {_short(given)} arrived; expected a whole number")
    return given


def _switch(key: str, given: Any, folder: Path) -> bool:
    if not isinstance(given, bool):
        raise PlanError(f"{key} = {_short(given)} arrived; expected true or false")
    return given


def _one_of(choices: Sequence[str]) -> "Reader":
    def read(key: str, given: Any, folder: Path) -> str:
        if given not in choices:
            raise PlanError(f"{key} = {_short(given)} arrived; expected one of {', '.join(choices)}")
        return cast(str, given)

    return read


def _some_of(choices: Sequence[str]) -> "Reader":
    def read(key: str, given: Any, folder: Path) -> tuple[str, ...]:
        texts = _texts(key, given, folder)
        for one in texts:
            if one not in choices:
                raise PlanError(f"{key}: {one!r} arrived; expected one of {', '.join(choices)}")
        return tuple(dict.fromkeys(texts))

    return read


Reader = Callable[[str, Any, Path], Any]

KEYS: Mapping[str, Reader] = {
    "heads": _heads,
    "expressions": _expressions,
    "k": _whole,
    "metrics": _some_of(METRICS),
    "spaces": _some_of(SPACES),
    "among": _one_of(AMONG),
    "exclude_inputs": _switch,
    "record": _some_of(RECORDS),
    "part": _whole,
    "seed": _whole,
}


def _short(given: Any) -> str:
    text = repr(given)
    return text if len(text) <= 60 else f"{text[:60]}…"
