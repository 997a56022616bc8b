"""What a batch is to do, read from a TOML file and checked whole before anything is computed."""

import tomllib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, cast

from geometry.batch.sources import Filled, Lines, Listed, Source, fields
from geometry.choices import AMONG, DEFAULT_SPACE, METRICS, SPACES, Among, Metric, SpaceName
from geometry.errors import GeometryError, PlanError
from geometry.hubness import check_metric
from geometry.landing import LandingOptions

OF_SUMS = ("landings", "why")
"""What a batch may record of every expression."""

OF_HEADS = ("census", "phantoms", "audit")
"""What it may record of every head."""

RECORDS = (*OF_SUMS, *OF_HEADS)

PART = 4096
"""Expressions whose rows share a file, unless the plan says otherwise."""

MOST_A_PART = 1_000_000
NO_SUMS = Listed(())
WILD = frozenset("*?[")


@dataclass(frozen=True, kw_only=True)
class Plan:
    """Heads × records × spaces × metrics × expressions.

    Attributes:
        heads: specs as :func:`geometry.open_head` takes them; globs are expanded, folders are relative to the plan's.
        expressions: what is to be landed or explained, streamed.
        k: tokens ranked, or rivals told.
        metrics: of the landings.
        spaces: that terms are added up in.
        among: candidates.
        exclude_inputs: drop the inputs and their variants from the ranking.
        record: of :data:`RECORDS`.
        part: expressions a file.
        seed: of everything drawn.
        folder: what relative paths are relative to.
    """

    heads: tuple[str, ...]
    expressions: Source = NO_SUMS
    k: int = 10
    metrics: tuple[Metric, ...] = ("logit",)
    spaces: tuple[SpaceName, ...] = (DEFAULT_SPACE,)
    among: Among = "all"
    exclude_inputs: bool = False
    record: tuple[str, ...] = ("landings",)
    part: int = PART
    seed: int = 0
    folder: Path = Path()

    def __post_init__(self) -> None:
        if "landings" in self.record:
            for space in self.spaces:
                for metric in self.metrics:
                    _held("metrics", partial(check_metric, metric, space))
        _held("options", lambda: LandingOptions(k=self.k, among=self.among, seed=self.seed))
        if not 1 <= self.part <= MOST_A_PART:
            raise PlanError(f"part = {self.part} arrived; expected 1 to {MOST_A_PART:,} expressions a file")

    @property
    def asks_sums(self) -> bool:
        """Whether anything is recorded of expressions."""
        return any(record in OF_SUMS for record in self.record)

    def spec(self, head: str) -> str:
        """What opens a head from anywhere on this machine: a path beside the plan in full, other specs as they are."""
        return _beside(self.folder, head)

    def to_dict(self) -> dict[str, Any]:
        """Everything that decides on rows, but for the expressions themselves."""
        names = ("heads", "k", "metrics", "spaces", "among", "exclude_inputs", "record", "part", "seed")
        values = {name: getattr(self, name) for name in names}
        return {name: list(value) if isinstance(value, tuple) else value for name, value in values.items()}


def read_plan(path: str | Path) -> Plan:
    """Read a plan.

    Raises:
        PlanError: It cannot be read, or asks for something that does not exist; one line names the key.
    """
    path = Path(path)
    try:
        given = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise PlanError(f"{str(path)!r} cannot be read ({error.strerror}); expected a plan, a .toml file") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, RecursionError) as error:
        raise PlanError(f"{str(path)!r} is no TOML ({error}); expected a plan such as docs/batch.md shows") from error
    return make_plan(given, path.parent)


def make_plan(given: Mapping[str, Any], folder: Path) -> Plan:
    """Make a plan of what a TOML file holds.

    Args:
        given: Its keys; ``heads`` must be there, and ``expressions`` unless nothing is recorded of them.
        folder: What relative paths are relative to.

    Raises:
        PlanError: A key is unknown, missing, of another type or value than expected.
    """
    unknown = [key for key in given if key not in KEYS]
    if unknown:
        raise PlanError(f"the key {unknown[0]!r} arrived; expected one of {', '.join(KEYS)}")
    read = {key: KEYS[key](key, given[key], folder) for key in given}
    needed = ["heads"] if set(read.get("record", OF_SUMS)) <= set(OF_HEADS) else ["heads", "expressions"]
    for key in needed:
        if key not in given:
            raise PlanError(f"the plan has no {key!r}; expected heads = [...] and expressions = [...]")
    return Plan(**read, folder=folder)


def _texts(key: str, given: Any, folder: Path) -> tuple[str, ...]:
    if not isinstance(given, list) or not given or not all(isinstance(one, str) and one.strip() for one in given):
        raise PlanError(f"{key} = {_short(given)} arrived; expected a list of texts, at least one")
    return tuple(given)


def _heads(key: str, given: Any, folder: Path) -> tuple[str, ...]:
    found: dict[str, None] = {}
    for one in _texts(key, given, folder):
        if not WILD & set(one) or Path(_beside(folder, one)).exists():
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
    if isinstance(given, dict) and set(given) == {"file"} and isinstance(given["file"], str):
        given = list(Lines(folder / given["file"]))
    return _texts(key, given, folder)


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


def _beside(folder: Path, spec: str) -> str:
    try:
        path = folder / Path(spec).expanduser()
        return str(path.resolve()) if path.exists() else spec
    except (OSError, ValueError, RuntimeError):
        return spec


def _held(key: str, check: Callable[[], object]) -> None:
    """Let a check of the library speak for a key of the plan."""
    try:
        check()
    except PlanError:
        raise
    except GeometryError as error:
        raise PlanError(f"{key}: {error}") from error


def _short(given: Any) -> str:
    text = repr(given)
    return text if len(text) <= 60 else f"{text[:60]}…"
