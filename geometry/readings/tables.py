"""The lens in tables: layers by positions, then one position closely, the sum it stands beside, the span it lies in."""

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

import numpy as np

from geometry.landing.record import text_of
from geometry.readings.explained import RANDOM_WINNERS
from geometry.readings.words import cells, context, fitted, said, share, signed
from geometry.tables import WIDTH, Column, Table
from geometry.tokens.printable import dotted

if TYPE_CHECKING:
    import geometry.readings.record
    from geometry.readings.explained import Explained
    from geometry.readings.standing import Standing

WIDEST = 12
"""Columns of a terminal for one token."""

BETWEEN = 3
"""Columns between two cells."""

TRACKED_WIDTH = 62
"""Columns of a terminal for the ranks of what is tracked; what has no room there has a table of its own."""

MOST_CLOSE = 4
"""Positions, the last ones asked for, that are told closely."""


def lens_tables(lens: "geometry.readings.record.Lens") -> Iterator[Table]:
    """Yield the tables; the first is layers by positions, its notes are everybody's."""
    yield _overview(lens)
    close = range(len(lens.positions)) if lens.options.positions is not None else [len(lens.positions) - 1]
    for column in list(close)[-MOST_CLOSE:]:
        yield from _closely(lens, column)
        if lens.standing is not None:
            yield _standing(lens, lens.standing, column)
        if lens.explained is not None and lens.positions[column] in lens.explained.positions:
            yield _explained(lens, lens.explained, column)


def headline(lens: "geometry.readings.record.Lens") -> str:
    """Return the finding: what the last layer says at the last position."""
    column = len(lens.positions) - 1
    after = context(lens)
    where = f"“{after}”" if after else f"position {lens.positions[-1]} of {lens.residuals.source}"
    probability = share(float(lens.reading.probabilities[-1, column, 0]))
    return f"{where}  →  {said(lens, lens.layers - 1, column)}{f'  ({probability})' if probability else ''}"


def _overview(lens: "geometry.readings.record.Lens") -> Table:
    columns, heads = list[list[str]](), list[str]()
    left = WIDTH - 2 - len("layer")
    for column in reversed(range(len(lens.positions))):
        written = [_cell(lens, layer, column) for layer in range(lens.layers)]
        head = fitted(f"{lens.positions[column]} {dotted(lens.text_at(lens.positions[column]))}".strip(), WIDEST + 4)
        width = max(map(cells, [*written, head])) + BETWEEN
        if columns and left < width:
            break
        left -= width
        columns.append(written)
        heads.append(head)
    columns, heads = columns[::-1], heads[::-1]
    shown = lens.positions[-len(heads) :]
    which = (
        "all positions"
        if len(shown) == lens.residuals.shape[1]
        else f"position{'s' * (len(shown) > 1)} {_listed(shown)}"
    )
    if len(shown) < len(lens.positions):
        which += f", the last that fit of {len(lens.positions)}"
    about = f"{lens.layers} states (0 is the embedding, {lens.layers - 1} the last), {which}: first token"
    rows = [(str(layer), *(column[layer] for column in columns)) for layer in range(lens.layers)]
    titles = (Column("layer"), *(Column(head, "left") for head in heads))
    return Table((headline(lens), lens.provenance(), about), titles, tuple(rows), lens.notes)


def _cell(lens: "geometry.readings.record.Lens", layer: int, column: int) -> str:
    text = fitted(said(lens, layer, column), WIDEST)
    return f"{text} {share(float(lens.reading.probabilities[layer, column, 0]))}".rstrip()


def _closely(lens: "geometry.readings.record.Lens", column: int) -> Iterator[Table]:
    """Entropy, divergence and whatever is tracked, a few at a time."""
    for number, group in enumerate(_groups(lens, column)):
        columns, rows = [Column("layer")], [[str(layer)] for layer in range(lens.layers)]
        if number == 0:
            columns += [Column("entropy"), Column("KL")]
            for layer, row in enumerate(rows):
                row += [_number(lens.reading.entropy[layer, column]), _number(lens.reading.divergence[layer, column])]
        for index in group:
            columns.append(Column(fitted(lens.tracked[index].label, 16)))
            for layer, row in enumerate(rows):
                row.append(_tracked(lens, index, layer, column))
        columns.append(Column("first", "left"))
        for layer, row in enumerate(rows):
            row.append(_cell(lens, layer, column))
        told = ["entropy and KL(last ‖ layer) in nats"] * (number == 0) + ["ranks (probabilities)"] * bool(group)
        title = f"{_place(lens, column)}: {', '.join(told)}"
        yield Table((title,), tuple(columns), tuple(map(tuple, rows)))


def _groups(lens: "geometry.readings.record.Lens", column: int) -> list[list[int]]:
    """What is tracked, in as many tables as it needs; the first has one even where nothing is."""
    groups, left = list[list[int]]([[]]), TRACKED_WIDTH
    for index, one in enumerate(lens.tracked):
        written = [_tracked(lens, index, layer, column) for layer in range(lens.layers)]
        width = max(map(cells, [*written, fitted(one.label, 16)])) + BETWEEN
        if groups[-1] and width > left:
            groups.append([])
            left = TRACKED_WIDTH
        groups[-1].append(index)
        left -= width
    return groups


def _tracked(lens: "geometry.readings.record.Lens", index: int, layer: int, column: int) -> str:
    rank = int(lens.reading.ranks[layer, column, index])
    probability = share(float(lens.reading.tracked[layer, column, index]))
    cosine = f" cos {signed(lens.cosines[index][layer, column])}" if index in lens.cosines else ""
    return f"{rank:,}{f' ({probability})' if probability else ''}{cosine}"


def _standing(lens: "geometry.readings.record.Lens", found: "Standing", column: int) -> Table:
    columns = [Column("layer"), Column("cosine")]
    if found.low is not None:
        columns += [Column("random 5–95%"), Column("random below")]
    rows = []
    for layer in range(lens.layers):
        row = [str(layer), signed(found.cosine[layer, column])]
        if found.low is not None and found.high is not None and found.below is not None:
            row += [
                f"{signed(found.low[layer, column])} … {signed(found.high[layer, column])}",
                f"{found.below[layer, column]:.1%}",
            ]
        rows.append((*row, _cell(lens, layer, column)))
    title = f"{_place(lens, column)}: cosine similarity to {found.concept.expression}, space {found.space}"
    return Table((title,), (*columns, Column("first", "left")), tuple(rows))


def _explained(lens: "geometry.readings.record.Lens", found: "Explained", column: int) -> Table:
    at = found.positions.index(lens.positions[column])
    columns = [Column("layer"), Column("R²")]
    if found.low is not None:
        columns += [Column("random 5–95%"), Column("below")]
    if found.kept is not None:
        columns.append(Column("kept"))
    if found.random_survivals is not None:
        columns.append(Column("random hold"))
    rows = []
    for layer in range(lens.layers):
        row = [str(layer), _part(found.share[layer, at])]
        if found.low is not None and found.high is not None and found.below is not None:
            row += [f"{_part(found.low[layer, at])} … {_part(found.high[layer, at])}", f"{found.below[layer, at]:.1%}"]
        if found.kept is not None:
            row.append(_part(found.kept[layer, at]))
        if found.random_survivals is not None:
            row.append(f"{found.random_survivals[layer, at]:.0%}")
        rows.append((*row, *(_token(lens, int(one[layer, at])) for one in _winners(found))))
    columns += [Column("first", "left"), Column("in span", "left"), Column("without", "left")]
    title = (
        f"{_place(lens, column)}: share in the span of {', '.join(term.label for term in found.concept.terms)} "
        f"({found.rank} dimensions, space {found.space})"
    )
    keeps = "in span, without: what is read once the residual is replaced by its projection, or rid of it"
    if found.random_survivals is not None:
        keeps += f"; random hold: of {RANDOM_WINNERS} random words' spans, how many keep the first token"
    if found.kept is not None:
        keeps += "; kept: R² of what random words do not replace"
    return Table((title,), tuple(columns), tuple(rows), (keeps,))


def _winners(found: "Explained") -> tuple[np.ndarray, ...]:
    return found.winner, found.projected, found.removed


def _token(lens: "geometry.readings.record.Lens", token: int) -> str:
    return "nothing" if token < 0 else fitted(dotted(text_of(lens.head, token)), WIDEST)


def _place(lens: "geometry.readings.record.Lens", column: int) -> str:
    position = lens.positions[column]
    text = lens.text_at(position)
    return f"Position {position}" + (f", after “{dotted(text)}”" if text else "")


def _number(value: float) -> str:
    return "–" if not np.isfinite(value) else f"{value:.2f}" if value < 1000 else f"{value:.3g}"


def _part(value: float) -> str:
    """A share in four characters, such as ``.047``."""
    return f"{value:.3f}".removeprefix("0")


def _listed(positions: Sequence[int]) -> str:
    """Positions as a person writes them: 4 to 8, or 1, 4, 7."""
    if len(positions) > 2 and positions[-1] - positions[0] == len(positions) - 1:
        return f"{positions[0]} to {positions[-1]}"
    return ", ".join(map(str, positions))
