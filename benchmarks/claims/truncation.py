"""Truncated latents trade recall for precision (Brock et al. 2019, section 3.1)."""

from __future__ import annotations

from typing import Any

from matplotlib.figure import Figure

from benchmarks.claims.setting import Setting, draw_seeds, scores
from ganzoo.api.sample import write_samples

RECIPE = "dcgan.mnist"
STEPS = 8000
SAMPLES = 5000
THRESHOLDS = (0.1, 0.25, 0.5, 0.75, 1.0, 1.5, 3.0)


def measure(setting: Setting) -> dict[str, Any]:
    """Precision, recall and FD of a trained generator's samples for each threshold."""
    rows: dict[str, list[list[float]]] = {}
    for seed in setting.seeds:
        run = setting.train("dcgan.mnist-mnist", RECIPE, seed, {}, STEPS)
        for threshold in THRESHOLDS:
            path = setting.folder / f"truncated-{seed}-{threshold:g}.npz"
            if not path.exists():
                write_samples(run, SAMPLES, seed=seed + 1, truncation=threshold, npz=path)
            for name, value in scores(path, "prc,fd", setting, against="mnist").items():
                rows.setdefault(name, [[] for _ in setting.seeds])[setting.seeds.index(seed)].append(value)
    return {"thresholds": list(THRESHOLDS), "samples": SAMPLES, "scores": rows}


def summary(found: dict[str, Any]) -> list[tuple[str, str]]:
    """What to print: precision, recall and FD of all seeds at each threshold."""
    lines = []
    for name, rows in found["scores"].items():
        for number, threshold in enumerate(found["thresholds"]):
            lines.append((f"{name}, within {threshold:g}", ", ".join(f"{row[number]:.3f}" for row in rows)))
    return lines


def draw(found: dict[str, Any], figure: Figure) -> None:
    """Precision and recall over the threshold, and one over the other."""
    left, right = figure.subplots(1, 2)
    colours = {"precision": "tab:blue", "recall": "tab:orange"}
    for name, colour in colours.items():
        draw_seeds(left, found["thresholds"], found["scores"][name], name, colour)
    left.set_xlabel("latents within this many standard deviations")
    left.set_ylim(0, 1.05)
    left.legend(fontsize=8)
    for recall, precision in zip(found["scores"]["recall"], found["scores"]["precision"], strict=True):
        right.plot(recall, precision, marker="o", markersize=3)
    right.set_xlabel("recall")
    right.set_ylabel("precision")
    for axes in (left, right):
        axes.grid(alpha=0.3)
