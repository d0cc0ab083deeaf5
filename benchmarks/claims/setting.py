"""What the claims share: where runs go, how much is trained, and how curves over seeds are drawn."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean
from typing import Any

import ganzoo
from ganzoo.errors import TrainingError

# Brightness says nothing about digits, and a square that is cut out can make one digit of another. What moves in is
# background, not grey.
SHIFTS: dict[str, Any] = {
    "augment": "diffaug",
    "augment_options.colour": 0.0,
    "augment_options.cutout": 0.0,
    "augment_options.edge": 1.0,
}
"""Keys of a recipe for digits: DiffAugment by shifts alone."""


@dataclass(frozen=True)
class Setting:
    """folder: where runs go, and are found again. seeds: of each run. steps: instead of a claim's own, to try it."""

    folder: Path
    data_root: str | None = None
    seeds: tuple[int, ...] = (0, 1, 2)
    steps: int | None = None

    def train(self, name: str, recipe: str, seed: int, keys: Mapping[str, Any], steps: int, **more: Any) -> ganzoo.Run:
        """A finished run in FOLDER/NAME/seed-S: trained, resumed, or read if it is there.

        more: options of `ganzoo.train`.
        Raises TrainingError if it diverged, and at once if an earlier start found that it does.
        """
        path = self.folder / name / f"seed-{seed}"
        diverged = path.with_name(f"{path.name}.diverged")
        if diverged.exists():
            raise TrainingError(diverged.read_text("utf-8"))
        if not path.exists():
            options = {"out": path, "data_root": self.data_root, "device": "cpu", "progress": False} | more
            try:
                return ganzoo.train(recipe, steps=self.steps or steps, seed=seed, set=keys, **options)
            except TrainingError as error:
                diverged.write_text(str(error), "utf-8")
                raise
        run = ganzoo.load(path)
        if run.step < run.recipe.steps:
            run = ganzoo.resume(path, data_root=self.data_root, progress=False)
        return run


def scores(target: Any, metrics: str, setting: Setting, against: str | Path | None = None) -> dict[str, float]:
    """Scores of a run or a file of samples, by name without the features."""
    found = ganzoo.evaluate(target, against=against, metrics=metrics, data_root=setting.data_root, device="cpu")
    return {item.name.partition("[")[0]: item.value for item in found.scores}


def draw_seeds(axes: Any, x: Sequence[float], rows: Sequence[Sequence[float]], label: str, colour: str) -> None:
    """The mean over the seeds as a line, and each seed as a dot. `rows` has the values of each seed."""
    axes.plot(x, [fmean(column) for column in zip(*rows, strict=True)], color=colour, label=label)
    for row in rows:
        axes.plot(x, row, linestyle="none", marker="o", markersize=3, color=colour, alpha=0.5)
