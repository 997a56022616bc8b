"""The page's own files: a fixed table by name, read once; what is asked for is looked up in it and is never a path."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from hashlib import sha256
from pathlib import Path

from geometry import pages

TYPES: Mapping[str, str] = {
    ".html": "text/html; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".svg": "image/svg+xml",
    ".png": "image/png",
}

INDEX = "index.html"

_FOLDERS = (Path(__file__).with_name("assets"), Path(pages.__file__).with_name("assets"))


@dataclass(frozen=True)
class File:
    """What is sent for a name.

    Attributes:
        content: Its bytes.
        type: Its media type.
        tag: Of the content, so that a browser that has it need not have it again.
    """

    content: bytes = field(repr=False)
    type: str

    @property
    def tag(self) -> str:
        """An ETag."""
        return f'"{sha256(self.content).hexdigest()[:20]}"'


@cache
def files() -> Mapping[str, File]:
    """Return every file of the page by its name."""
    found = {}
    for folder in reversed(_FOLDERS):
        for path in sorted(folder.iterdir()):
            if path.suffix in TYPES and path.is_file():
                found[path.name] = File(path.read_bytes(), TYPES[path.suffix])
    return found
