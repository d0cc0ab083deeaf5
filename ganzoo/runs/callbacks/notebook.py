"""Training in a notebook: a bar with the losses, and the newest sheet, which are drawn in place."""

from __future__ import annotations

import html
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ganzoo.callbacks import Callback
from ganzoo.pictures.inline import read_picture
from ganzoo.pictures.sheets import newest_sheet

if TYPE_CHECKING:
    from ganzoo.callbacks import Training
    from ganzoo.runs.run import Run

REFRESH_SECONDS = 0.5
WIDEST = 420
"""Pixels of the sheet."""


def in_notebook() -> bool:
    """Whether this process is the kernel of a notebook (Jupyter, VS Code, Colab), not a terminal."""
    ipython = sys.modules.get("IPython")
    shell = ipython.get_ipython() if ipython is not None and hasattr(ipython, "get_ipython") else None
    return getattr(shell, "kernel", None) is not None


class NotebookView(Callback):
    """A bar and the newest sheet in the output of the cell that trains, in place of the bar of a terminal.

    It reads the sheets that the run writes, so it comes after the callback that draws them.
    """

    def __init__(self, run: Run) -> None:
        self.run = run
        self.handle: Any = None
        self.losses, self.sheet, self.over = "", "", False
        self.newest: Path | None = None

    def on_start(self, trainer: Training) -> None:
        from IPython.display import HTML, display

        self.html = HTML
        self.first, self.start = trainer.progress.step, time.perf_counter()
        self.shown_at = 0.0
        self.handle = display(HTML(self.content(trainer)), display_id=True)

    def on_log(self, trainer: Training, values: dict[str, float]) -> None:
        self.losses = "  ".join(f"{name} {value:.3f}" for name, value in values.items() if name.endswith("/loss"))

    def on_step(self, trainer: Training) -> None:
        if time.perf_counter() - self.shown_at >= REFRESH_SECONDS:
            self.show(trainer)

    def on_end(self, trainer: Training) -> None:
        self.over = True
        self.show(trainer)

    def show(self, trainer: Training) -> None:
        """Draw bar and sheet again."""
        self.shown_at = time.perf_counter()
        if self.handle is not None:
            self.handle.update(self.html(self.content(trainer)))

    def content(self, trainer: Training) -> str:
        """The HTML: a bar, the losses, the time that is left, and the newest sheet."""
        done, steps = trainer.progress.step, trainer.progress.steps
        path = newest_sheet(self.run.path / "samples")
        if path is not None and path != self.newest:
            picture = read_picture(path, WIDEST)
            if picture is not None:
                alt = f"Samples at step {int(path.stem):,}."
                self.sheet = f'<br><img src="{picture.uri}" width="{picture.width}" alt="{alt}">'
                self.newest = path
        seconds = time.perf_counter() - self.start
        left = ""
        if self.first < done < steps and not self.over:
            rest = trainer.course.cost(steps) - trainer.course.cost(done)
            left = f"{seconds * rest / (trainer.course.cost(done) - trainer.course.cost(self.first)):.0f} s left"
        return (
            f'<progress max="{steps}" value="{done}" style="width:16em"></progress> '
            f"step {done:,} of {steps:,} &nbsp; {html.escape(self.losses)} &nbsp; {left}{self.sheet}"
        )
