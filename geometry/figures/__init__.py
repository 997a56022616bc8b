"""Figures: arrays and strings in, a matplotlib Figure out; nothing here knows a head.

Every figure has one visual language: colours that colour-blind readers can tell apart, a title that states the
finding, units on the axes, emoji as pictures, and in the corner where the numbers come from. No figure touches
pyplot or a backend, and matplotlib is loaded when the first one is drawn.
"""

from geometry.figures.bars import MarginBars, margin_bars
from geometry.figures.curves import Curve, Reliability, reliability
from geometry.figures.emojimap import MapPanel, Trail, emoji_map
from geometry.figures.files import as_svg, check_path, save
from geometry.figures.grid import grid
from geometry.figures.heatmap import Heatmap, HeatmapStrip, heatmap
from geometry.figures.lines import Line, Lines
from geometry.figures.measures import Intervals, Measure, intervals
from geometry.figures.outcomes import Outcome, outcomes_figure
from geometry.figures.phase import Cells, PhaseDiagram, Polygons, phase_diagram
from geometry.figures.samples import Distributions, Mark, Sample, distributions
from geometry.figures.strip import Stretch, Strip, Strips, strips
from geometry.figures.why import why_figure

__all__ = [
    "Cells",
    "Curve",
    "Distributions",
    "Heatmap",
    "HeatmapStrip",
    "Intervals",
    "Line",
    "Lines",
    "MapPanel",
    "MarginBars",
    "Mark",
    "Measure",
    "Outcome",
    "PhaseDiagram",
    "Polygons",
    "Reliability",
    "Sample",
    "Stretch",
    "Strip",
    "Strips",
    "Trail",
    "as_svg",
    "check_path",
    "distributions",
    "emoji_map",
    "grid",
    "heatmap",
    "intervals",
    "margin_bars",
    "outcomes_figure",
    "phase_diagram",
    "reliability",
    "save",
    "strips",
    "why_figure",
]
