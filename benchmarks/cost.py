"""CPU seconds per training step of each cell of a grid, on one thread, for comparisons at equal CPU time.

python -m benchmarks.cost GRID.toml [--data-root FOLDER] [--budget 150] [--rounds 5] [--steps 16]

The cells are interleaved, each with `--steps` steps per round, after a warm-up round. The median over the rounds is
written to benchmarks/results/NAME-cost.json, together with the number of steps that fill the budget, which has to be
copied to the grid by hand. Only steps are timed, not the pictures and checkpoints of a training run.
"""

from __future__ import annotations

import argparse
import dataclasses
import statistics
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import torch

from benchmarks import results
from ganzoo.api.bench.grid import Cell, cell_plan, read_grid
from ganzoo.api.planning import build
from ganzoo.data.dataset import Dataset
from ganzoo.machine.launch import launch
from ganzoo.training.trainer import Trainer
from ganzoo.zoo.datasets import load_data

NEEDS = "GRID.toml"


def main(arguments: list[str] | None = None) -> None:
    options = parser().parse_args(arguments)
    torch.set_num_threads(1)
    grid = read_grid(options.grid)
    trainers = dict(make_trainers([Cell(group, grid.seeds[0]) for group in grid.groups], options.data_root))
    seconds: dict[str, list[float]] = {name: [] for name in trainers}
    for _ in range(options.rounds + 1):
        for name, trainer in trainers.items():
            seconds[name].append(timed(trainer, options.steps))
    cells = {name: summarised(each[1:], options.budget) for name, each in seconds.items()}
    for name, cell in cells.items():
        print(
            f"{name}: {1000 * cell['seconds a step']:.1f} ms per step, {cell['steps']:,} steps in {options.budget:g} s"
        )
    command = f"python -m benchmarks.cost benchmarks/{options.grid.name}"
    values = {"budget": options.budget, "rounds": options.rounds, "steps a round": options.steps, "cells": cells}
    print(f"wrote {results.write(f'{grid.name}-cost', command, values)}")


def parser() -> argparse.ArgumentParser:
    made = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    made.add_argument("grid", type=Path)
    made.add_argument("--data-root")
    made.add_argument("--budget", type=float, default=150.0, help="CPU seconds of a training run")
    made.add_argument("--rounds", type=int, default=5)
    made.add_argument("--steps", type=int, default=16, help="steps of each cell per round")
    return made


def make_trainers(cells: list[Cell], data_root: str | None) -> Iterator[tuple[str, Trainer]]:
    """A trainer for each cell, by its label or else its title; all use the same copy of the data."""
    datasets: dict[str, Dataset] = {}
    for cell in cells:
        plan = cell_plan(cell, data_root=data_root, device="cpu")
        data = repr(plan.recipe.data)
        if data not in datasets:
            datasets[data] = load_data(plan.recipe.data, plan.options)
        gan = build(plan, datasets[data].spec)
        recipe = dataclasses.replace(plan.recipe, steps=max(plan.recipe.steps, 10_000))
        yield cell.group.label or cell.group.title, Trainer(gan, datasets[data], recipe, launch(plan.options))


def timed(trainer: Trainer, steps: int) -> float:
    """CPU seconds per step, averaged over `steps` steps."""
    start = time.process_time()
    for _ in range(steps):
        trainer.play_step()
    trainer.read_log()
    return (time.process_time() - start) / steps


def summarised(seconds: list[float], budget: float) -> dict[str, Any]:
    """Seconds per step (median, fastest and slowest round), and the number of steps that fill the budget."""
    median = statistics.median(seconds)
    return {
        "seconds a step": round(median, 6),
        "min": round(min(seconds), 6),
        "max": round(max(seconds), 6),
        # A multiple of 50: measurements are not reproducible to higher precision.
        "steps": round(budget / median / 50) * 50,
    }


if __name__ == "__main__":
    main()
