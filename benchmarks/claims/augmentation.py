"""Differentiable augmentation makes up for much of the data that are missing (Zhao et al. 2020)."""

from __future__ import annotations

from statistics import fmean
from typing import Any

import numpy as np
from matplotlib.figure import Figure

from benchmarks.claims.setting import Setting, scores
from ganzoo.recipes import Data, RunOptions
from ganzoo.zoo.datasets import load_data

RECIPE = "dcgan.mnist"
STEPS = 8000
FRACTION = 0.1
# Without the square that is cut out: it can make one digit of another.
AUGMENTED = {"augment": "diffaug", "augment_options.cutout": 0.0}
WAYS: dict[str, dict[str, Any]] = {"10 %": {}, "10 %, DiffAugment": AUGMENTED}


def tenth(setting: Setting) -> str:
    """A file with every tenth training image of MNIST. (data.fraction would keep others than the results are of.)"""
    path = setting.folder / "mnist-tenth.npz"
    if not path.exists():
        whole = load_data(Data(name="mnist"), RunOptions(data_root=setting.data_root), "train")
        every = round(1 / FRACTION)
        x, y = (whole.arrays[name][::every] for name in "xy")
        np.savez(path, x=np.asarray(x)[:, 0], y=np.asarray(y))
    return str(path)


def measure(setting: Setting) -> dict[str, Any]:
    """FD to all training images, of training on all of them, on a tenth, and on a tenth with augmentation."""
    setting.folder.mkdir(parents=True, exist_ok=True)
    path = tenth(setting)
    rows: dict[str, list[float]] = {}
    for seed in setting.seeds:
        whole = setting.train("dcgan.mnist-mnist", RECIPE, seed, {}, STEPS)
        rows.setdefault("100 %", []).append(scores(whole, "fd", setting)["FD"])
        for number, (way, keys) in enumerate(WAYS.items()):
            settings = {"data.name": "npz", "data.path": path, "data.held_out": 0, **keys}
            run = setting.train(f"tenth-{number}", RECIPE, seed, settings, STEPS)
            rows.setdefault(way, []).append(scores(run, "fd", setting, against="mnist")["FD"])
    return {"FD": rows}


def gaps(found: dict[str, Any]) -> dict[str, float]:
    """How much larger the mean FD is than with all data."""
    means = {way: fmean(values) for way, values in found["FD"].items()}
    return {way: mean - means["100 %"] for way, mean in means.items() if way != "100 %"}


def summary(found: dict[str, Any]) -> list[tuple[str, str]]:
    """What to print: FD of all seeds, and the gap."""
    lines = [(way, ", ".join(f"{value:.3f}" for value in values)) for way, values in found["FD"].items()]
    return [*lines, *((f"gap of {way}", f"{gap:.3f}") for way, gap in gaps(found).items())]


def draw(found: dict[str, Any], figure: Figure) -> None:
    """FD as bars, with the seeds as dots."""
    axes = figure.subplots()
    for number, values in enumerate(found["FD"].values()):
        axes.bar(number, fmean(values), color="tab:blue", alpha=0.5)
        axes.plot([number] * len(values), values, linestyle="none", marker="o", markersize=3, color="black")
    axes.set_xticks(range(len(found["FD"])), list(found["FD"]))
    axes.set_ylabel("FD to all training images (lower is better)")
    axes.grid(alpha=0.3, axis="y")
