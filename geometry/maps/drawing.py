"""A map as a figure."""

from typing import TYPE_CHECKING

from geometry.figures import MapPanel, emoji_map

if TYPE_CHECKING:
    import matplotlib.figure

    import geometry.maps.record


def draw_map(found: "geometry.maps.record.EmojiMap") -> "matplotlib.figure.Figure":
    """Draw a map."""
    panel = MapPanel(found.headline(), found.texts, found.points)
    return emoji_map(panel, caption=found.provenance())
