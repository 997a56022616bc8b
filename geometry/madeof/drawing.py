"""What a token's row is made of, as a figure: R² word by word, beside other tokens and any words."""

from typing import TYPE_CHECKING

import numpy as np

import geometry
from geometry.figures import Intervals, Measure, intervals
from geometry.tokens.printable import dotted

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    import geometry.madeof.record
    from geometry.madeof.record import Spread


def draw_made_of(found: "geometry.madeof.record.MadeOf") -> "Figure":
    """Draw R² as words enter, and the 5th to 95th percentile of what controls reach."""
    rows = [
        (
            f"{'+ ' * (place > 0)}{term.weight:.2f} {dotted(term.text.strip() or term.text)}",
            "the words",
            r2,
            np.nan,
            np.nan,
        )
        for place, (term, r2) in enumerate(zip(found.terms, found.r2_path, strict=True))
    ]
    beside: list[tuple[str, Spread]] = [
        (f"any {len(found.terms)} words, {found.random_words.n} times", found.random_words)
    ]
    if found.controls is not None:
        beside.insert(0, (f"{found.controls.n} {found.controls.kind}", found.controls))
    rows += [(label, "controls", one.median, one.low, one.high) for label, one in beside]
    values = np.array([row[2:] for row in rows], dtype=np.float64)
    panel = Intervals(
        title=f"{len(found.terms)} words give {found.label} with R² {found.r2:.2f}",
        labels=tuple(row[0] for row in rows),
        groups=tuple(row[1] for row in rows),
        measures=(Measure("R²", values[:, 0], values[:, 1], values[:, 2]),),
    )
    about = f"head {found.head.name} ({found.head.fingerprint}) · space {found.space} · seed {found.seed}"
    return intervals(panel, caption=f"{about} · bars: 5th to 95th percentile · geometry {geometry.__version__}")
