"""Whether `--compile` pays on the CPU: seconds to compile, and milliseconds per step compiled and not.

python -m benchmarks.compiled [CASE ...] [--data-root DIR] [--repetitions 8]

Two trainers of a case take turns in one process, with the networks of one compiled as `ganzoo train --compile` does.
Their first two steps, in which all graphs are compiled, are timed apart, with nothing cached from earlier runs. A row
says after how many steps the time is regained, and how many the recipe has. Results of other cases are kept.
"""

from __future__ import annotations

import argparse
import os
import tempfile
import time
from functools import partial
from typing import Any

import torch

from benchmarks import results, timing
from benchmarks.loops.cases import CASES, Case, parse_cases
from benchmarks.loops.worker import read
from ganzoo.api import planning
from ganzoo.machine.launch import launch
from ganzoo.training.trainer import Trainer

BACKEND = "inductor"
FIRST = 2
"""Steps in which graphs are compiled: those of the first, and those that change once there is an optimiser's state."""


def main() -> None:
    options = arguments()
    rows = results.rows("compiled")
    for case in [CASES[name] for name in options.cases or CASES]:
        with tempfile.TemporaryDirectory() as cache:
            os.environ["TORCHINDUCTOR_CACHE_DIR"] = cache
            row = rows[case.name] = measured(case, options.data_root, options.repetitions)
        pays = f"pays after {row['pays after']:,} steps" if row["pays after"] else "never pays"
        print(
            f"{case.name}: {row['seconds to compile']:.0f} s to compile, {row['eager']['median'] * 1e3:.1f} ms a step "
            f"without and {row['compiled']['median'] * 1e3:.1f} with it: {pays}; {case.recipe} has {row['steps']:,}",
            flush=True,
        )
        in_order = {name: rows[name] for name in CASES if name in rows}
        results.write(
            "compiled", "python -m benchmarks.compiled", {"threads": torch.get_num_threads(), "rows": in_order}
        )


def measured(case: Case, root: str | None, repetitions: int) -> dict[str, Any]:
    """Seconds to compile, seconds per step of both trainers, and after how many steps compiling pays."""
    torch._dynamo.reset()
    trainers = {"eager": make_trainer(case, root), "compiled": make_trainer(case, root)}
    for player in trainers["compiled"].gan.players.values():
        player.compile(backend=BACKEND)
    first = {name: seconds(trainer, FIRST) for name, trainer in trainers.items()}
    turns = {name: partial(seconds, trainer, case.steps) for name, trainer in trainers.items()}
    found = timing.interleaved(turns, repetitions)
    spent = {name: timing.summary(values, case.steps) for name, values in found.items()}
    once = max(0.0, first["compiled"] - first["eager"])
    gain = spent["eager"]["median"] - spent["compiled"]["median"]
    return {
        "recipe": case.recipe,
        "set": dict(case.set),
        "batch": trainers["eager"].recipe.batch,
        "steps": trainers["eager"].recipe.steps,
        "seconds to compile": once,
        **spent,
        "eager / compiled": timing.ratio(found["eager"], found["compiled"]),
        "pays after": round(once / gain) if gain > 0 else None,
    }


def make_trainer(case: Case, root: str | None) -> Trainer:
    """A trainer of a case, without a run folder."""
    plan = planning.plan(case.recipe, set=dict(case.set), data_root=root, device="cpu")
    dataset, _ = read(case, plan, root)
    return Trainer(planning.build(plan, dataset.spec), dataset, plan.recipe, launch(plan.options))


def seconds(trainer: Trainer, steps: int) -> float:
    """Seconds of some steps."""
    start = time.perf_counter()
    for _ in range(steps):
        trainer.play_step()
    return time.perf_counter() - start


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("cases", nargs="*", metavar="CASE", help=f"available: {', '.join(CASES)} [default: all]")
    parser.add_argument("--data-root", metavar="DIR")
    parser.add_argument("--repetitions", type=int, default=8)
    return parse_cases(parser)


if __name__ == "__main__":
    main()
