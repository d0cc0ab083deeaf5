"""Spectral normalisation keeps the hinge loss stable at rates at which it fails without it (Miyato et al. 2018)."""

from __future__ import annotations

from typing import Any

from matplotlib.figure import Figure

from benchmarks.claims.setting import Setting, draw_seeds, scores
from ganzoo.errors import TrainingError

TITLE = "Spectral normalisation keeps training stable at high learning rates"
SOURCE = (
    "Miyato et al. 2018, Spectral Normalization for Generative Adversarial Networks, https://arxiv.org/abs/1802.05957"
)

RATES = (5e-4, 2e-3, 8e-3, 3.2e-2)
STEPS = 1000
KEYS = {"loss": "hinge", "d_norm": "none", "g.schedule": "constant", "d.schedule": "constant", "g.lr": 1e-3}
WAYS = {"with": True, "without": False}


def measure(setting: Setting) -> dict[str, Any]:
    """The Inception Score of dcgan on digits for each of D's learning rates, with and without normalisation."""
    rows: dict[str, list[list[float]]] = {}
    for way, on in WAYS.items():
        rows[way] = []
        for seed in setting.seeds:
            rows[way].append([])
            for rate in RATES:
                keys = KEYS | {"spectral_norm": on, "d.lr": rate}
                try:
                    run = setting.train(f"sn-{way}-{rate:g}", "dcgan.digits", seed, keys, STEPS)
                    value = scores(run, "is", setting)["IS"]
                except TrainingError:
                    # Not finite: no samples to score.
                    value = 1.0
                rows[way][-1].append(value)
    return {"rates": list(RATES), "scores": rows}


def summary(found: dict[str, Any]) -> list[tuple[str, str]]:
    """What to print: the scores of all seeds at each rate."""
    lines = []
    for way, rows in found["scores"].items():
        for number, rate in enumerate(found["rates"]):
            lines.append((f"{way}, d.lr {rate:g}", ", ".join(f"{row[number]:.2f}" for row in rows)))
    return lines


def draw(found: dict[str, Any], figure: Figure) -> None:
    """The score over D's learning rate."""
    axes = figure.subplots()
    colours = {"with": "tab:blue", "without": "tab:red"}
    for way, rows in found["scores"].items():
        draw_seeds(axes, found["rates"], rows, f"{way} spectral normalisation", colours[way])
    axes.set_xscale("log")
    axes.set_xlabel("learning rate of D")
    axes.set_ylabel("Inception Score, digits")
    axes.set_ylim(bottom=0.8)
    axes.grid(alpha=0.3)
    axes.legend(fontsize=8)
