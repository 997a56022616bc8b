"""One table, drawn for a terminal and for a notebook.

Terminals disagree on how wide an emoji is, so tokens stand in the last column and nothing stands to its right.
"""

import html
from dataclasses import dataclass
from io import StringIO
from typing import ClassVar, Literal

WIDTH = 100

Align = Literal["left", "right"]


def many(count: int, noun: str) -> str:
    """Return a count with its noun, whose plural ends in s."""
    return f"{count:,} {noun}" if count == 1 else f"{count:,} {noun}s"


@dataclass(frozen=True)
class Column:
    """A heading and the side its cells keep to."""

    name: str
    align: Align = "right"


@dataclass(frozen=True)
class Table:
    """Cells as text, with what stands above and below them.

    Attributes:
        title: lines above the table; the first is its headline.
        columns: one for each cell of a row.
        rows: the cells.
        notes: sentences below the table.
    """

    title: tuple[str, ...]
    columns: tuple[Column, ...]
    rows: tuple[tuple[str, ...], ...]
    notes: tuple[str, ...] = ()

    def text(self) -> str:
        """Draw it for a terminal of 100 columns, without colour and without a trailing newline."""
        from rich import box
        from rich.console import Console
        from rich.padding import Padding
        from rich.table import Table as RichTable
        from rich.text import Text

        # Text() throughout: "[/red]" and ":horse:" are tokens here, not markup
        drawn = RichTable(box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False)
        for column in self.columns:
            drawn.add_column(Text(column.name), justify=column.align, overflow="fold")
        for row in self.rows:
            drawn.add_row(*map(Text, row))
        console = Console(
            file=StringIO(), width=WIDTH, color_system=None, emoji=False, highlight=False, force_jupyter=False
        )
        with console.capture() as capture:
            for line in self.title:
                console.print(Text(line))
            if self.title:
                console.print()
            if self.rows:
                console.print(Padding(drawn, (0, 0, 0, 2)))
            if self.notes and (self.title or self.rows):
                console.print()
            for note in self.notes:
                console.print(Text(note))
        return "\n".join(line.rstrip() for line in capture.get().splitlines())

    def html(self) -> str:
        """Draw it for a notebook, every text escaped."""
        headline, *rest = self.title or ("",)
        lines = [
            f"<p><b>{html.escape(headline)}</b>",
            *(f"<br>{html.escape(line)}" for line in rest),
            "</p>",
            "<table>",
        ]
        heads = "".join(f'<th style="text-align:{c.align}">{html.escape(c.name)}</th>' for c in self.columns)
        lines.append(f"<thead><tr>{heads}</tr></thead><tbody>")
        for row in self.rows:
            cells = "".join(
                f'<td style="text-align:{column.align};white-space:pre">{html.escape(cell)}</td>'
                for column, cell in zip(self.columns, row, strict=True)
            )
            lines.append(f"<tr>{cells}</tr>")
        lines.append("</tbody></table>")
        lines.extend(f"<p>{html.escape(note)}</p>" for note in self.notes)
        return "\n".join(lines)

    def __str__(self) -> str:
        return self.text()

    __repr__ = __str__

    def _repr_html_(self) -> str:
        return self.html()


class Tabled:
    """A record that is shown as tables: as text by ``str()`` and ``repr()``, as HTML in a notebook.

    A dataclass that is one says ``repr=False``, for the ``repr()`` it would write itself stands before this one.
    """

    __slots__ = ()

    BETWEEN: ClassVar[str] = "\n\n"
    """What stands between the text of two tables."""

    def tables(self) -> tuple[Table, ...]:
        """Return the tables, in the order they are shown in."""
        raise NotImplementedError

    def __str__(self) -> str:
        return self.BETWEEN.join(table.text() for table in self.tables())

    def __repr__(self) -> str:
        return str(self)

    def _repr_html_(self) -> str:
        return "\n".join(table.html() for table in self.tables())
