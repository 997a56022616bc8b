"""geometry: what a language model's output matrix means.

Names are loaded when they are first used, so that ``import geometry`` costs nothing.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from geometry.batch import read_batch
    from geometry.comparison import compare
    from geometry.concepts import Concept
    from geometry.errors import GeometryError
    from geometry.head import Head, open_head
    from geometry.health import audit
    from geometry.landing import Landing
    from geometry.maps import emoji_map
    from geometry.readings import lens
    from geometry.recall import census

__version__ = "0.1.0"

# no module is called what a public name is called: importing it would put the module in the name's place
_HOME = {
    "Concept": "geometry.concepts",
    "GeometryError": "geometry.errors",
    "Head": "geometry.head",
    "Landing": "geometry.landing",
    "audit": "geometry.health",
    "census": "geometry.recall",
    "compare": "geometry.comparison",
    "emoji_map": "geometry.maps",
    "lens": "geometry.readings",
    "open_head": "geometry.head",
    "read_batch": "geometry.batch",
}

__all__ = [
    "Concept",
    "GeometryError",
    "Head",
    "Landing",
    "__version__",
    "audit",
    "census",
    "compare",
    "emoji_map",
    "lens",
    "open_head",
    "read_batch",
]


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module 'geometry' has no attribute {name!r}")
    value = getattr(import_module(_HOME[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(__all__)
