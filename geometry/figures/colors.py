"""Colours that colour-blind readers can tell apart, and the tints of regions."""

import zlib
from colorsys import hls_to_rgb

import numpy as np
from jaxtyping import Float64

from geometry.figures.text import picture

INK, GREY, GRID, PAPER = "#1f2328", "#6e7781", "#e4e7eb", "#ffffff"

SERIES = ("#0072B2", "#E69F00", "#009E73", "#CC79A7", "#56B4E9", "#D55E00", "#F0E442")
"""Okabe and Ito, Color universal design (2008), without black, which is for ink."""

BIAS = "#9aa1a9"

_STRENGTH = 0.5  # of an emoji's colour in its region's, so that the emoji stands out from it


def series_color(index: int) -> str:
    """Return the colour of a term, group or sample by its place; after seven they come again."""
    return SERIES[index % len(SERIES)]


def series_hatch(index: int) -> str:
    """Return the hatching that tells the colours' second round from the first."""
    return ("", "////", "....", "xxxx")[index // len(SERIES) % 4]


def term_colors(names: tuple[str, ...]) -> list[str]:
    """Return a colour for each term; ``bias`` is grey and takes none from the others."""
    colors, index = [], 0
    for name in names:
        colors.append(BIAS if name == "bias" else series_color(index))
        index += name != "bias"
    return colors


def tint(label: str) -> Float64[np.ndarray, "3"]:
    """Return the colour of the region that a token wins, red, green, blue from 0 to 1.

    An emoji's own mean colour, made lighter; for a word a light, nearly neutral one that depends on the word alone.
    """
    found = picture(label)
    if found is not None:
        own = np.array([int(found.color[at : at + 2], 16) for at in (1, 3, 5)]) / 255
        return 1 - _STRENGTH * (1 - own)
    hashed = zlib.crc32(label.encode("utf-8", "surrogatepass"))
    return np.array(hls_to_rgb(hashed % 360 / 360, 0.80 + hashed // 360 % 8 / 100, 0.14))
