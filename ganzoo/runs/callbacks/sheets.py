"""Sample sheets during training."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import Tensor

from ganzoo.files.atomic import remove_partial
from ganzoo.pictures import sheets
from ganzoo.pictures.plots import loss_plot
from ganzoo.zoo import registry

if TYPE_CHECKING:
    from PIL.Image import Image

    from ganzoo.callbacks import Training
    from ganzoo.runs.run import Run


from ganzoo.callbacks import Callback


class Sheets(Callback):
    """Draws the same latents every `every` steps into samples/; at the end samples.png, losses.png and training.gif."""

    def __init__(self, run: Run, every: int) -> None:
        self.run, self.every = run, every
        self.folder = run.path / "samples"

    def on_start(self, trainer: Training) -> None:
        self.folder.mkdir(exist_ok=True)
        remove_partial(self.folder)
        for sheet in self.folder.glob("*.png"):
            if sheet.stem.isdigit() and int(sheet.stem) > trainer.progress.step:
                sheet.unlink()
        if trainer.progress.step == 0:
            self._draw(trainer)

    def on_step(self, trainer: Training) -> None:
        if trainer.progress.step % self.every == 0:
            self._draw(trainer)

    def on_end(self, trainer: Training) -> None:
        # A run that was stopped adds no sheet, so that once resumed it has the sheets of an uninterrupted one.
        last = trainer.progress.step == trainer.progress.steps
        picture = self._draw(trainer) if last else draw(trainer)
        if picture is None:
            return
        sheets.write(picture, self.run.path / "samples.png")
        frames = sorted(sheet for sheet in self.folder.glob("*.png") if sheet.stem.isdigit())
        sheets.animation(frames, self.run.path / "training.gif")
        records = self.run.metrics()
        if records:
            sheets.write(loss_plot(records), self.run.path / "losses.png")

    def _draw(self, trainer: Training) -> Image | None:
        picture = draw(trainer)
        if picture is not None:
            sheets.write(picture, self.folder / f"{trainer.progress.step:06d}.png")
        return picture


def draw(trainer: Training) -> Image | None:
    """A picture of current samples, from the same latents each time; None for data that have no picture."""
    gan, dataset = trainer.gan, trainer.stream.dataset
    modality = registry.modality(dataset.spec.modality)
    if not modality.has_picture:
        return None
    count, columns = modality.sheet_size(gan.classes)
    y = torch.arange(count, device=trainer.fabric.device) % (columns or 1) if gan.classes else None
    with gan.for_sampling():
        # The next step sets its own seed, so drawing here does not affect training.
        torch.manual_seed(trainer.recipe.seed)
        samples: Tensor = gan.sample(count, y)
    real = None
    if modality.real_in_picture:
        real = dataset.batch(torch.arange(min(modality.real_in_picture, dataset.count)))["x"]
    title = f"step {trainer.progress.step}"
    return modality.picture(samples, dataset.spec, real=real, columns=columns, title=title)
