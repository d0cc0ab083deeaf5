"""Runs one training loop of one case in this process on request, and reports the time.

`python -m benchmarks.loops.worker CASE LOOP [options]`, as `processes.py` starts it. It prints a line of JSON when
it is ready, and one for each line that it reads: `run STEPS` gives seconds, `seconds N` the seconds per step of each
of as many repetitions as that takes, `peak` MiB.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from benchmarks import timing
from benchmarks.loops import best, tutorial
from benchmarks.loops.cases import CASES, CHANNELS_LAST, GANZOO, LOOPS, PRECISIONS, TUTORIAL, Case
from ganzoo import callbacks
from ganzoo.api import planning
from ganzoo.api.execution import make_callbacks
from ganzoo.api.planning import Plan
from ganzoo.api.train import create
from ganzoo.data.dataset import Dataset
from ganzoo.data.paths import without_downloads
from ganzoo.errors import GanzooError
from ganzoo.machine.launch import launch
from ganzoo.recipes import DataSpec
from ganzoo.runs.callbacks.sheets import Sheets
from ganzoo.runs.folders import claim
from ganzoo.training.trainer import Trainer
from ganzoo.zoo.datasets import load_data

RANDOM = 10_000
"""Number of random images that replace missing data."""


class Setup:
    """What all loops of a case share: the plan, the data, and networks from the same seed."""

    def __init__(self, case: Case, root: str | None, batch: int | None, folder: Path, precision: str = "fp32") -> None:
        keys = dict(case.set) | ({"batch": batch} if batch else {})
        self.folder, self.bf16 = folder, precision == "bf16"
        where: dict[str, Any] = {"data_root": root, "device": "cpu", "out": str(folder / "run")}
        self.plan: Plan = planning.plan(case.recipe, set=keys, precision=precision, **where)
        self.recipe: Any = self.plan.recipe
        self.dataset, self.data = read(case, self.plan, root)
        images, labels = self.dataset.arrays["x"], self.dataset.arrays["y"]
        assert isinstance(images, Tensor)
        assert isinstance(labels, Tensor)
        self.images, self.labels = images, labels

    def make_loop(self, name: str) -> Callable[[int], None]:
        """A function that runs a given number of steps of the named loop.

        Raises ValueError for a recipe with more to compute in a step than the plain loops do.
        """
        if set(self.recipe.penalties) - {"wgan-gp"} or self.recipe.augment or self.recipe.spectral_norm:
            raise ValueError(f"{self.plan.title} has penalties or augmentation that the loops do not play")
        if name == GANZOO:
            return GanzooLoop(self.plan, self.dataset, self.folder)
        # Importing Fabric sets this variable, and then torch's Adam looks for a GPU in each step.
        os.environ.pop("PYTORCH_NVML_BASED_CUDA_CHECK", None)
        if name == TUTORIAL:
            return self.tutorial()
        return self.best(channels_last=name == CHANNELS_LAST)

    def tutorial(self) -> Callable[[int], None]:
        g, d = self.networks()
        if "wgan-gp" in self.recipe.penalties:
            return step_loop(tutorial.wgan_gp(g, d, self.images, self.labels, self.recipe))
        return step_loop(tutorial.cross_entropy(g, d, self.images, self.labels, self.recipe, self.conditional))

    def best(self, channels_last: bool = False) -> Callable[[int], None]:
        networks = self.networks()
        if channels_last:
            for network in networks:
                network.to(memory_format=torch.channels_last)
        given = (networks, self.images, self.labels, self.recipe)
        how: dict[str, Any] = {"channels_last": channels_last, "bf16": self.bf16}
        if "wgan-gp" in self.recipe.penalties:
            return step_loop(best.wgan_gp(*given, **how))
        return step_loop(best.cross_entropy(*given, conditional=self.conditional, **how))

    @property
    def conditional(self) -> bool:
        return self.plan.variant.needs_labels

    def networks(self) -> tuple[torch.nn.Module, torch.nn.Module]:
        players = planning.build(self.plan, self.dataset.spec).players
        return players["g"].train(), players["d"].train()


def read(case: Case, plan: Plan, root: str | None) -> tuple[Dataset, str]:
    """The recipe's data set if it is in the root or the user's data folder, else random images; and its description."""
    wanted = plan.recipe.data
    if wanted.name != "folder":
        with suppress(GanzooError), without_downloads():
            return load_data(wanted, plan.options), wanted.name
    generator = torch.Generator().manual_seed(0)
    images = torch.randint(256, (RANDOM, *case.shape), dtype=torch.uint8, generator=generator)
    labels = torch.randint(10, (RANDOM,), generator=generator)
    return Dataset({"x": images, "y": labels}, DataSpec("random", "image", case.shape, 10)), "random images"


def step_loop(loop: Iterator[None]) -> Callable[[int], None]:
    """A function that runs a given number of steps of a loop."""

    def run(steps: int) -> None:
        for _ in range(steps):
            next(loop)

    return run


class Paused(Exception):
    """Interrupts `Trainer.fit` after a repetition; the next one continues from there."""


class GanzooLoop(callbacks.Callback):
    """The trainer as in `ganzoo train`, with all its callbacks except the sheets, in its own run folder."""

    def __init__(self, plan: Plan, dataset: Dataset, folder: Path) -> None:
        with ExitStack() as stack:
            lock = claim(plan.options.out, "")
            stack.callback(lock.release)
            run = create(lock.folder, plan, dataset)
            made = make_callbacks(run, plan.recipe, plan.options, lock)
            self.inner = [callback for callback in made if not isinstance(callback, Sheets)]
            gan = planning.build(plan, dataset.spec)
            fabric = launch(plan.options)
            self.trainer = Trainer(gan, dataset, plan.recipe, fabric, [self], plan.options.log_every)
            self.held = stack.pop_all()
        self.started = False
        self.left = 0

    def __call__(self, steps: int) -> None:
        self.left = steps
        try:
            self.trainer.fit()
        except Paused:
            return
        raise RuntimeError(f"the recipe ended after {self.trainer.progress.step} steps")

    def on_start(self, trainer: callbacks.Training) -> None:
        if not self.started:
            self.started = True
            for callback in self.inner:
                callback.on_start(trainer)

    def on_log(self, trainer: callbacks.Training, values: dict[str, float]) -> None:
        for callback in self.inner:
            callback.on_log(trainer, values)

    def on_step(self, trainer: callbacks.Training) -> None:
        for callback in self.inner:
            callback.on_step(trainer)
        self.left -= 1
        if not self.left:
            raise Paused


def main() -> None:
    options = arguments()
    case = CASES[options.case]
    with tempfile.TemporaryDirectory() as folder:
        setup = Setup(case, options.data_root, options.batch, Path(folder), options.precision)
        before = timing.peak_memory()
        run = setup.make_loop(options.loop)
        recipe = setup.plan.recipe
        send({"batch": recipe.batch, "images": recipe.images_per_step(), "data": setup.data, "before": before})
        for line in sys.stdin:
            word, _, number = line.strip().partition(" ")
            if word == "run":
                send(timed(run, int(number)))
            elif word == "seconds":
                end, steps, taken = time.perf_counter() + float(number), case.steps, []
                while time.perf_counter() < end:
                    taken.append(timed(run, steps) / steps)
                send(taken)
            else:
                send(timing.peak_memory())


def timed(run: Callable[[int], None], steps: int) -> float:
    start = time.perf_counter()
    run(steps)
    return time.perf_counter() - start


def send(value: Any) -> None:
    print(json.dumps(value), flush=True)


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("case", choices=CASES)
    parser.add_argument("loop", choices=LOOPS)
    parser.add_argument("--batch", type=int)
    parser.add_argument("--data-root")
    parser.add_argument("--precision", choices=PRECISIONS, default="fp32")
    return parser.parse_args()


if __name__ == "__main__":
    main()
