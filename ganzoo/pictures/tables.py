"""Tables of scores as text, for the terminal and as Markdown."""

from __future__ import annotations

from dataclasses import dataclass, field

from rich import box
from rich.table import Table as RichTable
from rich.text import Text


@dataclass(frozen=True)
class ScoreTable:
    """A table. left: number of leading columns that contain words. best: cells to mark, as (row, column)."""

    title: str
    header: list[str]
    rows: list[list[str]]
    left: int = 1
    best: frozenset[tuple[int, int]] = frozenset()
    notes: list[str] = field(default_factory=list)

    def markdown(self) -> str:
        """As a GitHub table with the best values in bold and the notes below."""
        rule = ["---" if number < self.left else "---:" for number in range(len(self.header))]
        lines = [_row(self.header), _row(rule)]
        for number, row in enumerate(self.rows):
            lines.append(_row([f"**{text}**" if (number, i) in self.best else text for i, text in enumerate(row)]))
        return "\n".join([*lines, *[f"\n{note}" for note in self.notes]]) + "\n"

    def rich(self) -> RichTable:
        """As a rich table with its title and the best values in bold with a star; without the notes."""
        table = RichTable(title=self.title or None, title_justify="left", box=box.SIMPLE_HEAD, pad_edge=False)
        for number, name in enumerate(self.header):
            # Columns stay narrow with the feature space on a separate line; words wrap, numbers do not.
            title = Text(name.replace("[", "\n[", 1).replace(" (", "\n(", 1))
            words = number < self.left
            least = None if words and self.left > 1 else max([len(row[number]) + 1 for row in self.rows], default=1)
            table.add_column(title, justify="left" if words else "right", min_width=least, overflow="fold")
        for number, row in enumerate(self.rows):
            table.add_row(
                *[
                    Text(f"{text}*", style="bold") if (number, i) in self.best else Text(text)
                    for i, text in enumerate(row)
                ]
            )
        return table

    def transposed(self) -> ScoreTable:
        """The table with rows and columns exchanged."""
        header = [self.header[0], *[row[0] for row in self.rows]]
        rows = [[name, *[row[i] for row in self.rows]] for i, name in enumerate(self.header) if i]
        best = frozenset((column - 1, row + 1) for row, column in self.best)
        return ScoreTable(self.title, header, rows, 1, best, self.notes)


def _row(cells: list[str]) -> str:
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"
