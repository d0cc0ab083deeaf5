"""Sample sheets during training, and lines of text for kinds of data that are text."""

from __future__ import annotations

import logging
import re
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import torch
from torch import Tensor

from ganzoo.data.modality import Modality
from ganzoo.errors import printable
from ganzoo.files.atomic import REASONS, remove_partial, write_atomically
from ganzoo.game import Reversible
from ganzoo.pictures import sheets
from ganzoo.pictures.plots import loss_plot
from ganzoo.runs.callbacks import reals
from ganzoo.runs.inputs import inputs_from, targets_of
from ganzoo.runs.sampling import on_host
from ganzoo.zoo import registry

if TYPE_CHECKING:
    from PIL.Image import Image

    from ganzoo.callbacks import Training
    from ganzoo.runs.run import Run


from ganzoo.callbacks import Callback

log = logging.getLogger(__name__)

SHEET = re.compile(r"\d{1,15}\.(png|txt)", re.ASCII)
"""Names of sheets: the step, with six digits or more."""

LOGGED = 1
"""Lines of text that are logged with each sheet."""


class Sheet(NamedTuple):
    """Current samples as a picture and as lines of text, for kinds of data that have these."""

    picture: Image | None
    lines: list[str] | None


class Sheets(Callback):
    """Draws the same latents every `every` steps into samples/; at the end samples.png, losses.png and training.gif.

    Samples that are text are also written to .txt files of the same names, and the first line is logged.
    At the start it draws samples that are trained on into reals.png.
    """

    def __init__(self, run: Run, every: int) -> None:
        self.run, self.every = run, every
        self.folder = run.path / "samples"
        self.failed: set[str] = set()

    def on_start(self, trainer: Training) -> None:
        file = self.run.path / reals.FILE
        with self.unless_it_fails(reals.FILE):
            if not file.exists() and (picture := reals.draw_reals(trainer)) is not None:
                sheets.write(picture, file)
        self.folder.mkdir(exist_ok=True)
        remove_partial(self.folder)
        for sheet in self.folder.iterdir():
            if SHEET.fullmatch(sheet.name) and int(sheet.stem) > trainer.progress.step:
                sheet.unlink()
        if trainer.progress.step == 0:
            self._draw(trainer)

    def drawn(self) -> dict[int, Path]:
        """The sheets by step, in the order of the steps."""
        found = {int(sheet.stem): sheet for sheet in self.folder.glob("*.png") if SHEET.fullmatch(sheet.name)}
        return dict(sorted(found.items()))

    def on_step(self, trainer: Training) -> None:
        if trainer.progress.step % self.every == 0:
            self._draw(trainer)

    def on_end(self, trainer: Training) -> None:
        # A run that was stopped adds no sheet, so that once resumed it has the sheets of an uninterrupted one.
        last = trainer.progress.step == trainer.progress.steps
        sheet = self._draw(trainer) if last else self._sheet(trainer)
        if sheet.lines is not None:
            with self.unless_it_fails("samples.txt"):
                write_lines(sheet.lines, self.run.path / "samples.txt")
        picture = sheet.picture
        if picture is None:
            return
        with self.unless_it_fails("samples.png"):
            sheets.write(picture, self.run.path / "samples.png")
        with self.unless_it_fails("training.gif"):
            sheets.animation(self.drawn().values(), self.run.path / "training.gif")
        with self.unless_it_fails("losses.png"):
            records = self.run.metrics()
            if records:
                sheets.write(loss_plot(records), self.run.path / "losses.png")

    def _sheet(self, trainer: Training) -> Sheet:
        with self.unless_it_fails("a sheet of samples"):
            return current(trainer)
        return Sheet(None, None)

    def _draw(self, trainer: Training) -> Sheet:
        sheet, name = self._sheet(trainer), f"{trainer.progress.step:06d}"
        with self.unless_it_fails("a sheet of samples"):
            if sheet.picture is not None:
                sheets.write(sheet.picture, self.folder / f"{name}.png")
            if sheet.lines is not None:
                write_lines(sheet.lines, self.folder / f"{name}.txt")
                for line in sheet.lines[:LOGGED]:
                    log.info("step %d: %s", trainer.progress.step, printable(line))
        return sheet

    @contextmanager
    def unless_it_fails(self, what: str) -> Iterator[None]:
        """Within this block, a picture that cannot be drawn is one warning, once, and costs no step of training.

        The last state is saved after the last pictures, so that a run that has it has all that can be drawn. A disk
        that cannot be written to still ends training: once it can be, resuming draws what is missing.
        """
        try:
            yield
        except Exception as error:
            if isinstance(error, OSError) and error.errno in REASONS:
                raise
            if what not in self.failed:
                self.failed.add(what)
                why = " ".join(f"{type(error).__name__}: {error}".split())
                log.warning("%s: %s could not be drawn (%s); training continues.", self.run.path, what, why)


def write_lines(lines: Iterable[str], path: Path) -> None:
    """Write a text file of these lines."""
    write_atomically(path, "".join(f"{line}\n" for line in lines).encode())


def draw(trainer: Training) -> Image | None:
    """A picture of current samples, from the same latents each time; None for data that have no picture."""
    return current(trainer).picture


def current(trainer: Training, averaged: bool = True) -> Sheet:
    """Current samples, from the same latents each time.

    averaged: draw them from the averaged weights, where the game keeps these.
    """
    gan, dataset = trainer.gan, trainer.stream.dataset
    modality = registry.modality(dataset.spec.modality)
    if not modality.has_picture and type(modality).lines is Modality.lines:
        return Sheet(None, None)
    count, columns = modality.sheet_size(gan.classes)
    given = inputs_from(dataset.held_out(), gan, count)
    count = min((len(values) for values in given.values()), default=count)
    y = torch.arange(count, device=trainer.fabric.device) % (columns or 1) if gan.classes else None
    with gan.for_sampling(averaged):
        # The next step sets its own seed, so drawing here does not affect training.
        torch.manual_seed(trainer.recipe.seed)
        on_device = {name: values.to(trainer.fabric.device) for name, values in given.items()}
        samples = on_host(gan.sample(count, y, **gan.given(on_device)), dataset.spec.range)
    real = None
    if modality.real_in_picture:
        real = dataset.batch(torch.arange(min(modality.real_in_picture, dataset.count)))["x"]
    title = f"step {trainer.progress.step}"
    if given and modality.shows_samples_apart:
        real = targets_of(dataset.held_out(), gan, count, spread=False)
    if isinstance(gan, Reversible) and len(given) == 1 and modality.shows_samples_apart:
        return Sheet(_both_ways(trainer, gan, given, samples, columns), None)
    # A modality that was made for games without inputs need not have the argument.
    more = {"given": given} if given else {}
    picture = modality.picture(samples, dataset.spec, real=real, columns=columns, title=title, **more)
    return Sheet(picture, modality.lines(samples, dataset.spec))


def _both_ways(
    trainer: Training, gan: Reversible, given: Mapping[str, Tensor], samples: Tensor, columns: int | None
) -> Image | None:
    """Rows of inputs, of the samples made from them, and of the inputs made from these; and below, the other way."""
    dataset, device = trainer.stream.dataset, trainer.fabric.device
    (name, inputs), spec = next(iter(given.items())), dataset.spec
    # Half as many, as six rows take the place of three.
    inputs, samples = inputs[: -(-len(inputs) // 2)], samples[: -(-len(samples) // 2)]
    x = dataset.held_out().batch(torch.arange(min(len(inputs), dataset.held_out().count)))["x"].cpu()
    with trainer.gan.for_sampling():
        torch.manual_seed(trainer.recipe.seed)
        again = on_host(gan.back(samples.to(device)), spec.inputs[name].range)
        back = on_host(gan.back(x.to(device)), spec.inputs[name].range)
        made = on_host(trainer.gan.sample(len(x), None, **trainer.gan.given({name: back.to(device)})), spec.range)
    one = registry.modality(spec.inputs[name].modality).picture(
        again, spec.inputs[name], columns=columns or 8, given={name: inputs, "x": samples}
    )
    other = registry.modality(spec.modality).picture(made, spec, columns=columns or 8, given={"x": x, name: back})
    return None if one is None or other is None else sheets.stacked([one, other])
