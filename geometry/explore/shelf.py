"""The heads that the page can be asked about: those it was started with, each under a name that is no path."""

import re
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from geometry.checkpoint.spec import BUNDLED
from geometry.choices import SPACES, SpaceName
from geometry.errors import CheckpointError, GeometryError, TokenError
from geometry.explore.refusals import RefusedError
from geometry.head import SMALL_DIM, Head, open_head
from geometry.maps.rows import FEWEST_POINTS
from geometry.why.options import HULL_NUMBERS

EXAMPLES = (
    "sea + horse + emoji", "sea + horse + prefix", "sea + horse", "king - man + woman", "fire + 0.5*water + emoji",
    "mean(🐟, 🐴) + star", "#1 + #2",
)  # fmt: skip
"""Sums to begin with, those of them that a head can be asked; any can be asked the last."""


@dataclass(frozen=True, eq=False)
class Volume:
    """One head on the shelf.

    Attributes:
        name: What the page calls it; unlike any other here.
        source: What opens it again without asking anybody.
        typed: What a command line has behind ``-H``: a name as given, or of a path its last part.
        head: The head, its rows unread until they are asked for.
    """

    name: str
    source: str
    typed: str
    head: Head

    @property
    def is_local(self) -> bool:
        """Whether it was opened by a path, so that a command has to run beside it."""
        return self.typed.startswith("./")

    @property
    def is_small(self) -> bool:
        """Whether an answer about it takes milliseconds."""
        return self.head.vocab * self.head.dim <= HULL_NUMBERS

    @cached_property
    def spaces(self) -> tuple[SpaceName, ...]:
        """The spaces that sums can be made in."""
        full = self.head.dim <= SMALL_DIM or self.head.vocab > self.head.dim
        return SPACES if full else tuple(space for space in SPACES if space != "whitened")

    @cached_property
    def spelling(self) -> tuple[str, str]:
        """How the head holds emoji, ``whole``, ``bytes`` or ``none``, and the same in a sentence."""
        tokens = self.head.tokens
        if tokens is None:
            return "none", "no tokenizer, so that only ids such as #42 can be asked"
        try:
            regime = tokens.regime()
        except TokenError:
            whole = len(self.head.opened.emoji_ids)
            return (
                ("whole", f"{whole:,} emoji are one token each")
                if whole
                else ("none", "how emoji are spelt is not known")
            )
        for one, where in ((regime.bare, ""), (regime.after_space, " after a space")):
            if one.regime == "whole":
                return "whole", f"{one.whole:,} of {one.of:,} emoji are one token each{where}"
        if "bytes" in (regime.bare.regime, regime.after_space.regime):
            few = f"only {regime.bare.whole:,} are" if regime.bare.whole else "none is"
            return "bytes", f"emoji are spelt in bytes, of {regime.bare.of:,} {few} one token"
        return "none", "emoji cannot be written"

    @cached_property
    def maps(self) -> bool:
        """Whether it has emoji enough for a map."""
        return len(self.head.opened.emoji_ids) >= FEWEST_POINTS

    @cached_property
    def examples(self) -> tuple[str, ...]:
        """Sums that it can be asked, at least one."""
        viewed, found = self.head.in_space("raw"), []
        for expression in EXAMPLES[:-1]:
            with suppress(GeometryError):
                viewed.concept(expression)
                found.append(expression)
        return tuple(found) or EXAMPLES[-1:]

    @property
    def example(self) -> str:
        """The first of them."""
        return self.examples[0]

    @cached_property
    def why_no_model(self) -> str:
        """Why its model cannot be run, so far as that shows without opening it; empty where nothing speaks against."""
        from geometry.live.loading import check_installed, find_folder

        try:
            find_folder(self.source)
            check_installed()
        except CheckpointError as error:
            return str(error).replace(self.source, self.name)
        blocks = any(_IN_BLOCK.search(name) for name in self.head.opened.checkpoint.tensors)
        return "" if blocks else f"{self.name} is a head alone: it has no layers to run"

    def check_unchanged(self, fingerprint: str) -> None:
        """Check that what was opened again from its source is still this head.

        Raises:
            RefusedError: It has another fingerprint.
        """
        if fingerprint != self.head.fingerprint:
            raise RefusedError(
                f"{self.name} changed on the disk, from {self.head.fingerprint} to {fingerprint}: start the server anew"
            )

    def to_dict(self) -> dict[str, Any]:
        """What the page has to know of it."""
        regime, spelling = self.spelling
        return {
            **self.head.to_dict(),
            "name": self.name,
            "regime": regime,
            "spelling": spelling,
            "spaces": list(self.spaces),
            "model": not self.why_no_model,
            "model_note": self.why_no_model,
            "maps": self.maps,
            "example": self.example,
            "examples": list(self.examples),
        }


_IN_BLOCK = re.compile(r"(^|\.)(layers?|h|blocks?)\.\d+\.")


class Shelf:
    """The heads by name, the first being the default one."""

    def __init__(self, volumes: Sequence[Volume]) -> None:
        self._volumes = {one.name: one for one in volumes}

    def __iter__(self) -> Any:
        return iter(self._volumes.values())

    @property
    def default(self) -> Volume:
        """The first one."""
        return next(iter(self._volumes.values()))

    def get(self, name: str) -> Volume:
        """Return a head by its name; the default one for an empty name.

        Raises:
            RefusedError: There is none; a name is looked up among those given at the start and nowhere else.
        """
        found = self._volumes.get(name) if name else self.default
        if found is None:
            raise RefusedError(f"no head {name!r:.80} here; expected one of {', '.join(self._volumes)}", 404)
        return found


def open_shelf(specs: Sequence[str]) -> Shelf:
    """Open heads so far that it is known that they can be read.

    Args:
        specs: Folders, files, bundled names, or names on the Hub whose heads are in the cache already.

    Raises:
        CheckpointError: One of them is not there, or would have to be fetched.
    """
    volumes: list[Volume] = []
    for spec in dict.fromkeys(specs):
        source = spec if _is_here(spec) or spec in BUNDLED else _kept(spec)
        head = open_head(source)
        typed = f"./{Path(spec).expanduser().resolve().name}" if _is_here(spec) else spec
        volumes.append(Volume(_unlike(head.name, volumes), source, typed, head))
    return Shelf(volumes)


def _unlike(name: str, volumes: Sequence[Volume]) -> str:
    """Return a name that none of the others has."""
    taken = {one.name for one in volumes}
    return next(one for one in (name, *(f"{name}-{n}" for n in range(2, len(taken) + 3))) if one not in taken)


def _is_here(spec: str) -> bool:
    try:
        return bool(spec) and Path(spec).expanduser().exists()
    except (OSError, ValueError, RuntimeError):
        return False


def _kept(spec: str) -> str:
    """Return a head on the Hub by the commit that is in the cache, or by the folder of a whole model; fetch nothing."""
    from geometry.checkpoint import hub  # its requests need modules that local heads do without

    name = hub.parse_name(spec)
    if name is None:
        return spec  # opening it says what is wrong
    for cache in hub.user_caches():
        at = cache.commit_of(name)
        if at is not None and cache.find("heads", name, at[0]) is not None:
            return f"{name.repo}@{at[0]}"
    folder = hub.find_snapshot(name)
    if folder is not None:
        return str(folder)
    raise CheckpointError(
        f"{spec} is a name on the Hub, and the page fetches nothing; expected a head that is here: run "
        f"`geometry info -H {spec}` first, or give a folder"
    )
