"""Step times with R1 and R2 in every update: one pass of D for its loss and the penalty, or a pass for each.

python -m benchmarks penalty_pass [--rounds 25] [--steps 4]

The two ways take turns in one process; a row has the medians over the rounds and their ratio. Samples are random.
"""

from __future__ import annotations

import argparse
import statistics
import time
from typing import Any
from unittest import mock

import torch

from benchmarks import results
from ganzoo.games import TwoPlayer
from ganzoo.machine.fabric import SingleDevice
from ganzoo.testing.examples import example_data
from ganzoo.training.trainer import Trainer
from ganzoo.zoo import config, registry

CASES: dict[str, tuple[str, dict[str, Any]]] = {
    "vanilla.mnist, R1": ("vanilla.mnist", {"penalties": "r1"}),
    "dcgan.mnist, R1": ("dcgan.mnist", {"penalties": "r1", "d_norm": "none"}),
    "dcgan.mnist, R1 and R2": ("dcgan.mnist", {"penalties": "r1,r2", "d_norm": "none", "loss": "relativistic"}),
}
SHAPE = (1, 28, 28)
WAYS = ("one pass", "a pass for each")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=25)
    parser.add_argument("--steps", type=int, default=4)
    options = parser.parse_args()
    rows = {}
    for case, (name, keys) in CASES.items():
        seconds = measure(name, keys, options.rounds, options.steps)
        medians = {way: statistics.median(found) for way, found in seconds.items()}
        rows[case] = medians | {"ratio": medians[WAYS[0]] / medians[WAYS[1]]}
        shown = ", ".join(f"{way} {value * 1e3:.1f} ms" for way, value in medians.items())
        print(f"{case}: {shown}, ratio {rows[case]['ratio']:.3f}", flush=True)
    command = f"python -m benchmarks penalty_pass --rounds {options.rounds} --steps {options.steps}"
    print(f"wrote {results.write('penalty_pass', command, {'seconds a step': rows})}")


def measure(name: str, keys: dict[str, Any], rounds: int, steps: int) -> dict[str, list[float]]:
    """Seconds per step in each round, both ways."""
    found: dict[str, list[float]] = {way: [] for way in WAYS}
    trainers = {way: make_trainer(name, keys) for way in WAYS}
    for number in range(rounds + 1):
        for way, trainer in trainers.items():
            with mock.patch.object(TwoPlayer, "_shared_penalties", SHARED if way == WAYS[0] else lambda *_: {}):
                start = time.perf_counter()
                for _ in range(steps):
                    trainer.play_step()
            # The first round starts with cold caches.
            if number:
                found[way].append((time.perf_counter() - start) / steps)
    return found


SHARED = TwoPlayer._shared_penalties


def make_trainer(name: str, keys: dict[str, Any]) -> Trainer:
    variant, _, recipe = registry.find_recipe(name)
    recipe, data = config.override(recipe, keys), example_data("image", SHAPE, 256)
    torch.manual_seed(0)
    return Trainer(variant.build(recipe, data.spec), data, recipe, SingleDevice(torch.device("cpu")))


if __name__ == "__main__":
    main()
