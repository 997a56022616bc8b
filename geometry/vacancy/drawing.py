"""How far P(win) can be trusted, as a figure: predicted for emoji that exist, against how many of them win."""

from typing import TYPE_CHECKING

import numpy as np

import geometry
from geometry.figures import Curve, Reliability, reliability

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    import geometry.vacancy.record


def draw_reliability(vacancy: "geometry.vacancy.record.Vacancy") -> "Figure":
    """Draw the bins of P(win) of existing emoji, each predicted without its family."""
    told = vacancy.reliability
    bins = np.array([(one.predicted, one.observed, one.n) for one in told.bins], dtype=np.float64).reshape(-1, 3)
    better = "better" if told.brier < told.brier_base else "no better"
    panel = Reliability(
        title=f"P(win) is {better} calibrated than a constant",
        curves=(Curve(f"{told.n:,} emoji that exist", bins[:, 0], bins[:, 1], bins[:, 2]),),
        predicted="P(win), predicted without the family",
        observed="share whose own row wins",
    )
    about = f"{vacancy.about} · Brier {told.brier:.3f}, constant {told.brier_base:.3f}"
    return reliability(panel, caption=f"{about} · seed {vacancy.seed} · geometry {geometry.__version__}")
