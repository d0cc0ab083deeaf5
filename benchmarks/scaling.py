"""Seconds per step on one rank and on two, the cost of all-reduces, and when more ranks are faster.

python -m benchmarks.scaling [--rounds 3] [--seconds 2.0] [--only RECIPE ...]

Ranks are processes on this machine with one thread each, which communicate through gloo; the data are noise of the same
shape as the recipe's. Each configuration runs in new processes, and the configurations are interleaved. The numbers of
bytes are those of the bundled recipes' networks. Numbers for other interconnects come from a model, not a measurement.
Results are written to benchmarks/results/scaling.json.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import math
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from benchmarks import results
from benchmarks.timing import summary

RECIPES = ("vanilla.mnist", "dcgan.mnist", "wgan-gp.mnist", "dcgan.cifar10")
SHAPES: dict[str, tuple[int, ...]] = {
    "digits": (1, 8, 8),
    "mnist": (1, 28, 28),
    "fashion-mnist": (1, 28, 28),
    "stacked-mnist": (3, 28, 28),
    "one-class": (1, 8, 8),
    "cifar10": (3, 32, 32),
}
SHAPES |= {"edges": (1, 8, 8), "grey": (3, 8, 8), "segments": (1, 8, 8), "domains": (3, 8, 8)}
SHAPES |= dict.fromkeys(("paired", "maps", "unpaired"), (3, 64, 64))
SHAPES |= {"grammar": (12,), "text": (32,)}
SHAPES |= {"lowres": (3, 64, 64), "holes": (1, 8, 8), "photo-crops": (3, 64, 64)}
SHAPES |= {"celeba": (3, 64, 64), "folder": (3, 64, 64), "points": (2,)}
SHAPES |= {"spoken-digits": (1, 4096), "drums": (1, 4096), "wav-folder": (1, 16384)}
SHAPES |= {"moving-digits": (1, 12, 16, 16), "video-folder": (3, 16, 64, 64)}
"""Shapes of the data sets' samples; a recipe's `data.size` and `data.channels` override them."""

INPUTS: dict[str, Callable[[tuple[int, ...]], tuple[int, ...]]] = {
    "lowres": lambda shape: (shape[0], shape[1] // 4, shape[2] // 4),
    "holes": lambda shape: (4, *shape[1:]),
}
"""Shapes of inputs, from those of the samples, where they differ."""

SIZES = tuple(4**power for power in range(5, 14))
"""Bytes of the all-reduces that are timed by themselves: 1 KiB to 64 MiB."""


@dataclasses.dataclass(frozen=True)
class Configuration:
    """How a step runs: number of ranks, threads per rank, and the divisor of the recipe's batch."""

    name: str
    ranks: int = 1
    threads: int = 1
    parts: int = 1


CONFIGURATIONS = (
    Configuration("1 rank"),
    Configuration("2 ranks", ranks=2),
    Configuration("1 rank, half the batch", parts=2),
    Configuration("1 rank, 2 threads", 1, 2),
)


@dataclasses.dataclass(frozen=True)
class Link:
    """An interconnect: bytes per second in one direction, from its data sheet, and an assumed latency in seconds."""

    name: str
    bandwidth: float
    latency: float
    source: str


H100 = "NVIDIA H100 data sheet (900 GB/s in both directions together)"
PCIE = "NVIDIA H100 data sheet (128 GB/s in both directions together)"
NDR = "NVIDIA ConnectX-7 user manual (400 Gb/s)"
ETHERNET = "NVIDIA ConnectX-6 Lx user manual (25 Gb/s)"
LINKS = (
    Link("NVLink, 4th generation", 450e9, 20e-6, H100),
    Link("PCIe 5.0 x16", 64e9, 20e-6, PCIE),
    Link("InfiniBand NDR", 50e9, 40e-6, NDR),
    Link("25 Gb/s Ethernet", 25e9 / 8, 100e-6, ETHERNET),
    Link("1 Gb/s Ethernet", 1e9 / 8, 200e-6, "IEEE 802.3ab (1 Gb/s)"),
)


def all_reduce_seconds(ranks: int, bytes: float, calls: float, bandwidth: float, latency: float) -> float:
    """Seconds of `calls` ring all-reduces of `bytes` in total: each rank sends 2(n-1)/n of them.

    Patarasuk and Yuan 2009, section 4; the same factor is in nccl-tests, doc/PERFORMANCE.md.
    """
    return calls * latency + 2 * (ranks - 1) / ranks * bytes / bandwidth if ranks > 1 else 0.0


def break_even_compute(ranks: int, bytes: float, calls: float, bandwidth: float, latency: float) -> float:
    """Seconds of computation per step on one rank above which `ranks` are faster, if the computation divides evenly."""
    return all_reduce_seconds(ranks, bytes, calls, bandwidth, latency) * ranks / (ranks - 1)


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=2.0, help="of each recipe per round")
    parser.add_argument("--only", nargs="*", default=list(RECIPES))
    parser.add_argument("--sizes", nargs="*", type=int, default=list(SIZES), help=argparse.SUPPRESS)
    parser.add_argument("--measure", help=argparse.SUPPRESS)
    parser.add_argument("--to", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args(arguments)
    if options.measure:
        measure_steps(next(config for config in CONFIGURATIONS if config.name == options.measure), options)
        return
    timed = [
        {config.name: run_in_process(config, options) for config in rotated(CONFIGURATIONS, turn)}
        for turn in range(options.rounds)
    ]
    steps = {
        recipe: {
            config.name: pooled([found[config.name]["steps"][recipe] for found in timed]) for config in CONFIGURATIONS
        }
        for recipe in options.only
    }
    alone = {size: pooled([found["2 ranks"]["alone"][str(size)] for found in timed]) for size in options.sizes}
    traffic = {recipe: dataclasses.asdict(of) for recipe, of in ((name, traffic_of(name)) for name in bundled())}
    fit = fit_line({size: row["median"] for size, row in alone.items()})
    values = {
        "rounds": options.rounds,
        "steps": steps,
        "all-reduce": {str(size): row for size, row in alone.items()},
        "fit": fit,
        "predicted": {name: predicted(steps[name], traffic_of(name), fit) for name in options.only},
        "traffic": traffic,
        "links": [dataclasses.asdict(link) for link in LINKS],
        "least compute": {name: model(traffic_of(name)) for name in traffic},
    }
    print(json.dumps({key: values[key] for key in ("steps", "fit", "predicted")}, indent=1))
    results.write("scaling", "python -m benchmarks.scaling", values)


def rotated(configs: Sequence[Configuration], turn: int) -> Sequence[Configuration]:
    """The configurations with another one first in each round."""
    return [*configs[turn % len(configs) :], *configs[: turn % len(configs)]]


def pooled(rounds: Sequence[Sequence[float]]) -> dict[str, Any]:
    """Median and quartiles of the seconds of all rounds together, and the median of each round."""
    every = [value for values in rounds for value in values]
    return {**summary(every), "medians": [statistics.median(values) for values in rounds]}


def fit_line(seconds: dict[int, float]) -> dict[str, float]:
    """Latency and bandwidth of two ranks' all-reduce: a least-squares fit of relative errors of latency + bytes / b.

    With two ranks, the ring sends as many bytes as the tensor has. The fit is non-negative, even on a busy machine.
    """
    import numpy as np
    from scipy.optimize import nnls

    sizes, times = np.array(list(seconds)), np.array(list(seconds.values()))
    (latency, per_byte), _ = nnls(np.stack([1 / times, sizes / times], 1), np.ones(len(sizes)))
    fitted = latency + per_byte * sizes
    return {
        "latency": float(latency),
        "bandwidth": float(1 / per_byte) if per_byte else math.inf,
        "largest error": float(np.abs(fitted / times - 1).max()),
    }


@dataclasses.dataclass(frozen=True)
class Traffic:
    """Communication of a recipe: bytes of each player's gradients; mean bytes and collectives per step."""

    players: dict[str, int]
    bytes: float
    calls: float


def traffic_of(name: str) -> Traffic:
    """Derived from the bundled recipe's networks and phases; four bytes per weight, as gradients are float32.

    Besides one all-reduce per update, there is one for running statistics and one to agree on continuing.
    """
    gan, _ = game(name)
    players = {player: 4 * sum(w.numel() for w in module.parameters()) for player, module in gan.players.items()}
    turns = [(phase.repeats / phase.every, players[phase.player]) for phase in gan.phases()]
    buffers = 4 * sum(buffer.numel() for buffer in gan.buffers() if buffer.is_floating_point())
    calls = sum(times for times, _ in turns) + (buffers > 0) + 1
    return Traffic(players, sum(times * size for times, size in turns) + buffers, calls)


def predicted(steps: dict[str, Any], traffic: Traffic, fit: dict[str, float]) -> dict[str, float]:
    """Seconds per step for two ranks, predicted from half the batch and the all-reduce fit; also over measured ones."""
    seconds = steps["1 rank, half the batch"]["median"] + all_reduce_seconds(
        2, traffic.bytes, traffic.calls, fit["bandwidth"], fit["latency"]
    )
    return {"seconds": seconds, "of measured": seconds / steps["2 ranks"]["median"]}


def model(traffic: Traffic) -> dict[str, dict[str, float]]:
    """The break-even computation for each interconnect and 2, 8 and 32 ranks."""
    return {
        link.name: {
            str(ranks): break_even_compute(ranks, traffic.bytes, traffic.calls, link.bandwidth, link.latency)
            for ranks in (2, 8, 32)
        }
        for link in LINKS
    }


def bundled() -> list[str]:
    """The recipes of the bundled variants."""
    from benchmarks.bundled import bundled_variants

    return [f"{name}.{recipe}" for name, variant in bundled_variants().items() for recipe in variant.recipes]


COLOURS = {"colours": [[255 * (number >> bit & 1) for bit in range(3)] for number in range(8)]}
"""The classes of inputs that are label maps."""


def example(recipe: Any, inputs: Iterable[str] = ()) -> Any:
    """Noise of the same shape as a recipe's data, with the inputs of these names, or these data."""
    import torch

    from ganzoo.data.resize import height_width
    from ganzoo.recipes import RunOptions
    from ganzoo.testing.examples import example_data
    from ganzoo.zoo.datasets import load_data

    if recipe.data.name not in SHAPES:
        # Rows of a table are no noise: what their numbers are is known from the data.
        return load_data(recipe.data, RunOptions())
    shape = SHAPES[recipe.data.name]
    if recipe.data.kind in SHAPES:
        # Made from the images of another data set; these are as they are, others have channels of their own.
        of = SHAPES[recipe.data.kind]
        shape = of if recipe.data.name in INPUTS else (shape[0], *of[1:])
    if len(shape) == 3:
        size, channels = recipe.data.size, recipe.data.channels
        shape = (channels or shape[0], *(shape[1:] if size is None else height_width(size)))
    made = example_data("image" if len(shape) == 3 else "points", shape, count=1024, classes=10)
    given = INPUTS.get(recipe.data.name, tuple)(shape)
    described = {
        name: dataclasses.replace(made.spec, name=name, shape=given, classes=0, note=COLOURS) for name in inputs
    }
    made.arrays |= {
        name: torch.as_tensor(example_data("image", given, count=1024).arrays["x"]).flip(0) for name in described
    }
    return type(made)(made.arrays, dataclasses.replace(made.spec, inputs=described))


def game(name: str) -> tuple[Any, Any]:
    """A bundled recipe's game, and the recipe."""
    import torch

    from ganzoo.zoo import registry

    found, _, recipe = registry.find_recipe(name)
    torch.manual_seed(0)
    return found.build(recipe, example(recipe, found.inputs).spec), recipe


def run_in_process(config: Configuration, options: argparse.Namespace) -> dict[str, Any]:
    """Time a configuration in new processes."""
    with tempfile.TemporaryDirectory() as folder:
        to = Path(folder) / "times.json"
        numbers = ["--seconds", str(options.seconds), "--only", *options.only, "--sizes", *map(str, options.sizes)]
        command = [sys.executable, "-m", "benchmarks.scaling", "--measure", config.name, "--to", str(to), *numbers]
        subprocess.run(
            command, check=True, env=os.environ | {"OMP_NUM_THREADS": str(config.threads)}, stderr=sys.stderr
        )
        found: dict[str, Any] = json.loads(to.read_text("utf-8"))
    print(
        f"{config.name}: {', '.join(f'{name} {statistics.median(t):.4f}' for name, t in found['steps'].items())}",
        flush=True,
    )
    return found


def measure_steps(configuration: Configuration, options: argparse.Namespace) -> None:
    """In a new process: seconds of each step of each recipe and, on several ranks, of each all-reduce by itself."""
    import torch

    from ganzoo.machine.launch import launch
    from ganzoo.recipes import RunOptions
    from ganzoo.training.trainer import Trainer
    from ganzoo.zoo import config

    fabric = launch(RunOptions(device="cpu", devices=configuration.ranks))
    torch.set_num_threads(configuration.threads)
    steps = {}
    for name in options.only:
        gan, recipe = game(name)
        recipe = config.override(recipe, {"batch": recipe.batch // configuration.parts})
        trainer = Trainer(gan, example(recipe, gan.inputs), recipe, fabric)
        steps[name] = timed(partial(step, trainer), options.seconds, fabric)
    alone = {}
    for size in options.sizes if configuration.ranks > 1 else ():
        flat = torch.zeros(size // 4)
        alone[size] = timed(partial(fabric.all_reduce, flat, reduce_op="mean"), options.seconds / 4, fabric)
    if fabric.is_global_zero:
        options.to.write_text(json.dumps({"steps": steps, "alone": alone}), "utf-8")


def step(trainer: Any) -> None:
    """A step as in `Trainer.fit`: first the ranks agree on continuing."""
    trainer._agree_to_stop()
    trainer.play_step()


def timed(work: Callable[[], object], seconds: float, fabric: Any) -> list[float]:
    """Seconds of each call, after three to warm up; about `seconds` in total, the same number on each rank."""
    for _ in range(3):
        work()
    start = time.perf_counter()
    work()
    count = fabric.broadcast(min(500, max(5, int(seconds / max(1e-6, time.perf_counter() - start)))))
    found = []
    for _ in range(count):
        start = time.perf_counter()
        work()
        found.append(time.perf_counter() - start)
    return found


if __name__ == "__main__":
    main()
