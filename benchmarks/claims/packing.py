"""A discriminator that judges several samples at once makes the generator cover more modes (Lin et al. 2018)."""

from __future__ import annotations

from typing import Any

from matplotlib.figure import Figure

from benchmarks.claims.setting import Setting, draw_seeds, scores

RECIPE = "pacgan.stacked-mnist"
PACKS = (1, 2, 4)
STEPS = 1500
# The recipe's networks are the paper's; these train in minutes on a CPU. With two fully connected layers before the
# feature maps and a high learning rate, G collapses, which packing is meant to prevent. Without them it does not.
KEYS: dict[str, Any] = {"width": 16, "ema": 0.999, "g_hidden": (256, 256), "g.lr": 1e-3, "d.lr": 1e-3}


def measure(setting: Setting) -> dict[str, Any]:
    """Modes of stacked MNIST, of 1,000, for each number of samples in a pack."""
    rows: dict[str, list[list[float]]] = {}
    for seed in setting.seeds:
        found = [
            scores(setting.train(f"pack-{pack}", RECIPE, seed, KEYS | {"pack": pack}, STEPS), "stacked", setting)
            for pack in PACKS
        ]
        for name in found[0]:
            rows.setdefault(name, []).append([at[name] for at in found])
    return {"packs": list(PACKS), "scores": rows}


def summary(found: dict[str, Any]) -> list[tuple[str, str]]:
    """What to print: the scores of all seeds for each pack."""
    return [
        (f"{name}, pack {pack}", ", ".join(f"{row[number]:.4g}" for row in rows))
        for name, rows in found["scores"].items()
        for number, pack in enumerate(found["packs"])
    ]


def draw(found: dict[str, Any], figure: Figure) -> None:
    """Modes over the pack."""
    axes = figure.subplots()
    draw_seeds(axes, found["packs"], found["scores"]["modes"], "modes", "tab:blue")
    axes.set_xticks(found["packs"])
    axes.set_xlabel("samples that D judges at once")
    axes.set_ylabel("modes of stacked MNIST, of 1,000")
    axes.set_ylim(bottom=0)
    axes.grid(alpha=0.3)
