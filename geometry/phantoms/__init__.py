"""Phantoms: names with no emoji, such as the seahorse, ranked by how strongly a head would believe in one."""

from geometry.phantoms.record import Control, Phantom, Phantoms
from geometry.phantoms.search import find_phantoms

__all__ = ["Control", "Phantom", "Phantoms", "find_phantoms"]
