"""The lens as figures: layers by positions, and one position's path over the map of emoji."""

from typing import TYPE_CHECKING

import numpy as np
from jaxtyping import Float64

from geometry.choices import DEFAULT_SPACE
from geometry.errors import OptionError
from geometry.figures import Heatmap, HeatmapStrip, MapPanel, Trail, emoji_map, heatmap
from geometry.head import Head
from geometry.landing.record import text_of
from geometry.maps import emoji_map as map_emoji
from geometry.readings.tables import headline
from geometry.readings.words import said, share, signed
from geometry.tokens.printable import dotted

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    import geometry.readings.record

MOST_COLUMNS = 14
"""Positions, the last ones, that a page of paper has room for."""

MOST_STRIPS = 5


def draw_lens(lens: "geometry.readings.record.Lens") -> "Figure":
    """Draw what is first read at every layer and position, and beside it the numbers of the last one."""
    columns = range(len(lens.positions))[-MOST_COLUMNS:]
    labels = tuple(tuple(said(lens, layer, column) for column in columns) for layer in range(lens.layers))
    fewer = f" · the last {len(columns)} of {len(lens.positions)} positions" * (len(columns) < len(lens.positions))
    panel = Heatmap(
        title=headline(lens),
        labels=labels,
        values=lens.reading.probabilities[:, list(columns), 0],
        columns=tuple(dotted(lens.text_at(lens.positions[i])) or str(lens.positions[i]) for i in columns),
        strips=tuple(_strips(lens)),
        strips_title=f"at position {lens.positions[-1]}: entropy and KL in nats" + ", ranks" * bool(lens.tracked),
    )
    return heatmap(panel, caption=lens.provenance() + fewer)


def _strips(lens: "geometry.readings.record.Lens") -> list[HeatmapStrip]:
    reading, found = lens.reading, []
    for name, values in (("entropy", reading.entropy[:, -1]), ("KL", reading.divergence[:, -1])):
        found.append(HeatmapStrip(name, values, tuple("–" if np.isnan(v) else f"{v:.2f}" for v in values)))
    for index, one in enumerate(lens.tracked[:MOST_STRIPS]):
        ranks = reading.ranks[:, -1, index]
        texts = tuple(f"{rank:,}" for rank in ranks)
        found.append(HeatmapStrip(one.label, -np.log(ranks.astype(np.float64)), texts))
    if lens.standing is not None:
        cosine = lens.standing.cosine[:, -1]
        found.append(HeatmapStrip("cosine", cosine, tuple(signed(v, 2) for v in cosine)))
    if lens.explained is not None:
        part = lens.explained.share[:, -1]
        found.append(HeatmapStrip("R²", part, tuple(share(v) for v in part)))
    return found


def draw_path(lens: "geometry.readings.record.Lens", position: int | None = None) -> "Figure":
    """Draw one position's residuals through the layers on the map of emoji, and the sum beside them.

    Raises:
        OptionError: The position was not read, or the head has too few whole emoji.
    """
    at = lens.positions[-1] if position is None else position
    if at not in lens.positions:
        raise OptionError(f"position {at} arrived; this lens has read {', '.join(map(str, lens.positions))}")
    column, head = lens.positions.index(at), lens.head.in_space(lens.options.space or DEFAULT_SPACE)
    plane = map_emoji(head, method="pca", space=head.space.name)
    path = _as_rows(head, lens.directions[:, column])
    labels = tuple(f"{layer} {said(lens, layer, column)}" for layer in range(lens.layers))
    aims = [(one.label, one.direction) for one in lens.tracked if one.direction is not None]
    if lens.standing is not None:
        aims.append((lens.standing.concept.expression, lens.standing.direction))
    marks = [(name, plane.place(_as_rows(head, aim[None, :]))[0]) for name, aim in dict(aims).items()]
    texts = [text_of(lens.head, int(token)).strip() for token in lens.reading.ids[:, column, 0]]
    followed = [one.text.strip() for one in lens.tracked]
    inside = plane.in_plane(path)
    words = lens.text_at(at)
    panel = MapPanel(
        title=f"Position {at}{f' (“{dotted(words)}”)' if words else ''} through the layers  →  {texts[-1]}",
        emoji=plane.texts,
        points=plane.points,
        trails=(Trail("residual", plane.place(path), labels),),
        marks=tuple((name, (float(x), float(y))) for name, (x, y) in marks),
        said=tuple(dict.fromkeys([*texts, *followed])),
        axes_names=("principal component 1 of the emoji rows at unit length", "principal component 2"),
    )
    trust = (
        f"plane: {plane.variance or 0.0:.0%} of the emoji's variance, trustworthiness {plane.trust:.2f}, "
        f"{plane.overlap:.0%} of the 10 nearest kept; {inside.min():.0%} to {inside.max():.0%} of the residuals' "
        "distance lies in it"
    )
    return emoji_map(panel, caption=f"{trust} · space {head.space.name} · {lens.provenance()}")


def _as_rows(head: Head, aims: Float64[np.ndarray, "points dim"]) -> Float64[np.ndarray, "points dim"]:
    """Residual directions as points among the rows of the head's space: the row that would point the same way."""
    root = head.space.root
    return aims if root is None else aims @ np.linalg.pinv(root)
