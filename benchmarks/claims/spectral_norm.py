"""Spectral normalisation keeps the hinge loss stable at rates at which it fails without it (Miyato et al. 2018)."""

from __future__ import annotations

from typing import Any

from matplotlib.figure import Figure

from benchmarks.claims.setting import Setting, draw_seeds, scores
from ganzoo.errors import TrainingError
from ganzoo.zoo import registry

RECIPE = "sngan.digits"
FACTORS = (0.25, 1.0, 4.0, 16.0)
STEPS = 1500
WAYS = {"with": True, "without": False}


def measure(setting: Setting) -> dict[str, Any]:
    """The Inception Score with the learning rates times each factor, with and without normalisation."""
    known = registry.find_recipe(RECIPE)[2]
    rows: dict[str, list[list[float]]] = {}
    for way, on in WAYS.items():
        rows[way] = []
        for seed in setting.seeds:
            rows[way].append([])
            for factor in FACTORS:
                rates = {f"{player}.lr": factor * getattr(known, player).lr for player in "gd"}
                keys = {"spectral_norm": on, **rates}
                try:
                    run = setting.train(f"sn-{way}-{factor:g}", RECIPE, seed, keys, STEPS)
                    value = scores(run, "is", setting)["IS"]
                except TrainingError:
                    # Not finite: no samples to score.
                    value = 1.0
                rows[way][-1].append(value)
    return {"recipe": RECIPE, "factors": list(FACTORS), "scores": rows}


def summary(found: dict[str, Any]) -> list[tuple[str, str]]:
    """What to print: the scores of all seeds at each factor."""
    lines = []
    for way, rows in found["scores"].items():
        for number, factor in enumerate(found["factors"]):
            lines.append((f"{way}, rates x {factor:g}", ", ".join(f"{row[number]:.2f}" for row in rows)))
    return lines


def draw(found: dict[str, Any], figure: Figure) -> None:
    """The score over the learning rates."""
    axes = figure.subplots()
    colours = {"with": "tab:blue", "without": "tab:red"}
    for way, rows in found["scores"].items():
        draw_seeds(axes, found["factors"], rows, f"{way} spectral normalisation", colours[way])
    axes.set_xscale("log", base=2)
    axes.set_xlabel("learning rates of both players, as a multiple of the recipe's")
    axes.set_ylabel("Inception Score, digits")
    axes.set_ylim(bottom=0.8)
    axes.grid(alpha=0.3)
    axes.legend(fontsize=8)
