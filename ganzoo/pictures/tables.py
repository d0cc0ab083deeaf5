"""Tables of scores as text: for the terminal and in Markdown."""

from __future__ import annotations

from dataclasses import dataclass, field

from rich import box
from rich.table import Table as RichTable
from rich.text import Text


@dataclass(frozen=True)
class ScoreTable:
    """A table. left: how many columns, counted from the first, hold words. best: cells to mark, as (row, column)."""

    title: str
    header: list[str]
    rows: list[list[str]]
    left: int = 1
    best: frozenset[tuple[int, int]] = frozenset()
    notes: list[str] = field(default_factory=list)

    def markdown(self) -> str:
        """GitHub's tables, what is best in bold, the notes below."""
        rule = ["---" if number < self.left else "---:" for number in range(len(self.header))]
        lines = [_row(self.header), _row(rule)]
        for number, row in enumerate(self.rows):
            lines.append(_row([f"**{text}**" if (number, i) in self.best else text for i, text in enumerate(row)]))
        return "\n".join([*lines, *[f"\n{note}" for note in self.notes]]) + "\n"

    def rich(self) -> RichTable:
        """For a rich console, the title above, what is best in bold with a star; the notes are not in it."""
        table = RichTable(title=self.title or None, title_justify="left", box=box.SIMPLE_HEAD, pad_edge=False)
        for number, name in enumerate(self.header):
            # The space of the features on a line of its own keeps columns narrow; words wrap, numbers do not.
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
        """The same with a column for each row."""
        header = [self.header[0], *[row[0] for row in self.rows]]
        rows = [[name, *[row[i] for row in self.rows]] for i, name in enumerate(self.header) if i]
        best = frozenset((column - 1, row + 1) for row, column in self.best)
        return ScoreTable(self.title, header, rows, 1, best, self.notes)


def _row(cells: list[str]) -> str:
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"
