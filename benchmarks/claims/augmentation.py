"""Differentiable augmentation makes up for much of the data that are missing (Zhao et al. 2020)."""

from __future__ import annotations

from statistics import fmean
from typing import Any

import numpy as np
from matplotlib.figure import Figure

from benchmarks.claims.setting import SHIFTS, Setting, scores
from ganzoo.recipes import Data, RunOptions
from ganzoo.zoo.datasets import load_data

RECIPE = "dcgan.mnist"
STEPS = 8000
PARTS = {"10 %": 10, "1 %": 100}
"""Every how many-th training image is kept."""
WAYS: dict[str, dict[str, Any]] = {"": {}, ", DiffAugment": SHIFTS}
ALL = "100 %"


def part(every: int, setting: Setting) -> str:
    """A file with every n-th training image. (data.fraction would keep others than the results are of.)"""
    path = setting.folder / f"mnist-1-in-{every}.npz"
    if not path.exists():
        whole = load_data(Data(name="mnist"), RunOptions(data_root=setting.data_root), "train")
        x, y = (whole.arrays[name][::every] for name in "xy")
        np.savez(path, x=np.asarray(x)[:, 0], y=np.asarray(y))
    return str(path)


def measure(setting: Setting) -> dict[str, Any]:
    """FD to all training images, of training on all of them and on parts, with augmentation and without."""
    setting.folder.mkdir(parents=True, exist_ok=True)
    rows: dict[str, list[float]] = {}
    for seed in setting.seeds:
        whole = setting.train("dcgan.mnist-mnist", RECIPE, seed, {}, STEPS)
        rows.setdefault(ALL, []).append(scores(whole, "fd", setting)["FD"])
        for size, every in PARTS.items():
            data = {"data.name": "npz", "data.path": part(every, setting), "data.held_out": 0}
            for way, keys in WAYS.items():
                run = setting.train(f"1-in-{every}{way.replace(', ', '-')}", RECIPE, seed, {**data, **keys}, STEPS)
                rows.setdefault(size + way, []).append(scores(run, "fd", setting, against="mnist")["FD"])
    return {"FD": rows}


def gaps(found: dict[str, Any]) -> dict[str, float]:
    """How much larger the mean FD is than with all data."""
    means = {way: fmean(values) for way, values in found["FD"].items()}
    return {way: mean - means[ALL] for way, mean in means.items() if way != ALL}


def summary(found: dict[str, Any]) -> list[tuple[str, str]]:
    """What to print: FD of all seeds, and the gap."""
    lines = [(way, ", ".join(f"{value:.3f}" for value in values)) for way, values in found["FD"].items()]
    return [*lines, *((f"gap of {way}", f"{gap:.3f}") for way, gap in gaps(found).items())]


def draw(found: dict[str, Any], figure: Figure) -> None:
    """FD on a logarithmic scale: a line for the mean, and dots for the seeds."""
    axes = figure.subplots()
    for number, (way, values) in enumerate(found["FD"].items()):
        colour = "tab:orange" if "DiffAugment" in way else "tab:blue"
        axes.plot([number - 0.3, number + 0.3], 2 * [fmean(values)], color=colour)
        axes.plot([number] * len(values), values, linestyle="none", marker="o", markersize=4, color=colour, alpha=0.6)
    axes.set_xticks(range(len(found["FD"])), [way.replace(", ", "\n") for way in found["FD"]])
    axes.set_yscale("log")
    axes.set_ylabel("FD to all training images (lower is better)")
    axes.grid(alpha=0.3, axis="y")
