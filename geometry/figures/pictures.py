"""An emoji's picture as something that matplotlib can place."""

from typing import TYPE_CHECKING, Any

import numpy as np

from geometry.sprites import SIDE, Sprite

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.offsetbox import AnnotationBbox


def sprite_box(
    found: Sprite, at: tuple[float, float], side: float, *, coords: Any = "data", shift: float = 0.0
) -> "AnnotationBbox":
    """Return a picture ``side`` inches wide with its middle at a point, moved ``shift`` inches to the right."""
    from matplotlib.offsetbox import AnnotationBbox, OffsetImage

    pixels = np.array(found.pixels)
    # What is transparent gets the emoji's colour too, or older versions of matplotlib blend black into its edges.
    pixels[pixels[..., 3] == 0, :3] = [int(found.color[start : start + 2], 16) for start in (1, 3, 5)]
    image = OffsetImage(pixels, zoom=side * 72 / SIDE, interpolation="bicubic")
    return AnnotationBbox(
        image, at, xybox=(shift * 72, 0), xycoords=coords, boxcoords="offset points", frameon=False, pad=0,
        annotation_clip=False, zorder=5,
    )  # fmt: skip


def draw_sprite(
    axes: "Axes", found: Sprite, at: tuple[float, float], side: float, *, coords: Any = "data", shift: float = 0.0
) -> None:
    """Draw it on axes."""
    axes.add_artist(sprite_box(found, at, side, coords=coords, shift=shift))
