"""bf16 against fp32 on this machine's CPU: how much faster a training step is, and whether a game learns as well.

python -m benchmarks.precision [--only TEXT ...] [--repetitions 12] [--runs FOLDER] [--data-root DIR] [--seeds 0 1 2]

Each recipe of an image variant that benchmarks/results/zoo.json has scores of on MNIST. Two trainers of it, one in each
precision, take turns in this process, on one thread and random images, each for a few steps. With --runs, nothing is
timed: each recipe is trained to its end in bf16 with each seed, in FOLDER, resumable, and scored, to be compared with
the scores of the same seeds in zoo.json that were trained in fp32. Only a processor with bf16 units gains from it, so
results name the processor. Results are written to benchmarks/results/precision.json, and other rows are kept.
"""

from __future__ import annotations

import argparse
import json
import math
import statistics
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import torch

from benchmarks import results, timing
from benchmarks.claims.setting import Setting, scores
from benchmarks.only import add_only, chosen
from benchmarks.penalties import make_trainer
from ganzoo.machine.bf16 import bf16_units
from ganzoo.training.trainer import Trainer

STEPS = 4
"""Of a repetition."""

WAYS = ("fp32", "bf16")
METRICS = ("IS", "FD", "precision", "recall")
FASTER = 1.1
COMMAND = "python -m benchmarks.precision [--runs FOLDER --data-root DIR]"


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repetitions", type=int, default=12)
    add_only(parser, "recipes")
    parser.add_argument("--runs", type=Path, metavar="FOLDER", help="train to the end, in this folder")
    parser.add_argument("--data-root", metavar="DIR")
    parser.add_argument("--seeds", nargs="+", type=int, default=[0, 1, 2])
    options = parser.parse_args(arguments)
    torch.set_num_threads(1)
    references = fp32_scores()
    for name, reference in references.items():
        if not chosen(name, options.only):
            continue
        row: dict[str, Any]
        if options.runs:
            setting = Setting(options.runs, options.data_root, tuple(options.seeds))
            row = {"quality": quality(name, setting, reference)}
            print(f"{name}: {shown(row['quality'])}", flush=True)
        else:
            row = {"step": step_times(name, options.repetitions)}
            print(f"{name}: fp32 / bf16 {timing.times(row['step']['fp32 / bf16'])}", flush=True)
        # Read again, as several of these processes may run side by side.
        rows = results.rows("precision")
        rows[name] = rows.get(name, {}) | row
        # A recipe that was trained in bf16 since then has no reference any more, but its row still holds.
        in_order = {each: rows[each] for each in (*references, *rows) if each in rows}
        results.write("precision", COMMAND, {"bf16 units": bf16_units(), "rows": in_order})


def fp32_scores() -> dict[str, dict[str, Any]]:
    """Scores on MNIST of runs that were not trained in bf16, as `{recipe: {score: [of each seed], "seeds": [...]}}`.

    Also "IS of real images" and the number of "steps".
    """
    found = json.loads((results.FOLDER / "zoo.json").read_text("utf-8"))
    return {
        group["recipe"]: {score["name"].partition("[")[0]: score["values"] for score in group["scores"]}
        | {"IS of real images": group["scores"][0]["real"]["mean"], "seeds": group["done"], "steps": group["steps"]}
        for group in found["groups"]
        if group["dataset"] == "mnist" and group["done"] and "bf16" not in group.get("precision", [])
    }


def step_times(name: str, repetitions: int) -> dict[str, Any]:
    """Seconds per step in each precision, and their ratio."""
    trainers = {"fp32": make_trainer(name, {}), "bf16": make_trainer(name, {}, bf16=True)}
    found = timing.interleaved({way: partial(play, trainer) for way, trainer in trainers.items()}, repetitions)
    seconds = {way: timing.summary(values, STEPS) for way, values in found.items()}
    return {**seconds, "fp32 / bf16": timing.ratio(found["fp32"], found["bf16"])}


def play(trainer: Trainer) -> None:
    for _ in range(STEPS):
        trainer.play_step()
    trainer.read_log()


def quality(name: str, setting: Setting, reference: Mapping[str, Any]) -> dict[str, Any]:
    """Scores of runs in bf16, `{"bf16": {score: [of each seed]}, "fp32": ...}`, and CPU seconds of their training."""
    how: dict[str, Any] = {"precision": "bf16", "scores": False}
    runs = [setting.train(name, name, seed, {}, reference["steps"], **how) for seed in setting.seeds]
    found = [scores(run, "is,fd,prc", setting) for run in runs]
    seeds = [reference["seeds"].index(seed) for seed in setting.seeds]
    return {
        "seeds": list(setting.seeds),
        "steps": reference["steps"],
        "bf16": {metric: [each[metric] for each in found] for metric in METRICS},
        "fp32": {metric: [reference[metric][seed] for seed in seeds] for metric in METRICS},
        "IS of real images": reference["IS of real images"],
        "cpu seconds": [run.metrics()[-1]["cpu_seconds"] for run in runs],
    }


def shown(row: Mapping[str, Any]) -> str:
    """Means and deviations over the seeds as text."""
    parts = []
    for metric in METRICS:
        means = (f"{way} {statistics.fmean(row[way][metric]):.3f} ± {deviation(row[way][metric]):.3f}" for way in WAYS)
        parts.append(f"{metric} {', '.join(means)}")
    return "; ".join(parts)


def pays(row: Mapping[str, Any]) -> bool:
    """Whether a recipe gains from bf16: steps are faster by a tenth, and it learns as well.

    That is, neither its IS nor its FD is worse than in fp32 by more than the larger of the two deviations over seeds.
    """
    if row["step"]["fp32 / bf16"]["median"] < FASTER or "quality" not in row:
        return False
    fp32, bf16 = row["quality"]["fp32"], row["quality"]["bf16"]
    worse = {"IS": statistics.fmean(fp32["IS"]) - statistics.fmean(bf16["IS"])}
    worse["FD"] = statistics.fmean(bf16["FD"]) - statistics.fmean(fp32["FD"])
    return all(worse[name] <= max(deviation(fp32[name]), deviation(bf16[name])) for name in worse)


def deviation(values: Sequence[float]) -> float:
    """The standard deviation over seeds; not a number for one seed."""
    return statistics.stdev(values) if len(values) > 1 else math.nan


if __name__ == "__main__":
    main()
