"""Images per second on a GPU: eager, bf16, compiled, phases as CUDA graphs; and whether graphs change the results.

python -m benchmarks gpu [--cases dcgan-32 ...] [--batches 64 512] [--steps 50] [--agree 200]

One command for a machine with an NVIDIA GPU. Random images are on the device, so that only training is timed. Modes of
the same precision are interleaved; times are medians of the repetitions. Then training with and without CUDA graphs is
compared step by step over `--agree` steps, with deterministic kernels. `--device cpu` does the same with tiny networks,
to try the script; it then writes no results file unless --name is given.
"""

from __future__ import annotations

import argparse
import gc
import math
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from typing import Any

import torch

from benchmarks import results, timing
from benchmarks.loops.cases import CASES, Case
from ganzoo.api import planning
from ganzoo.data.dataset import Dataset
from ganzoo.machine.launch import launch
from ganzoo.machine.tf32 import set_tf32
from ganzoo.recipes import DataSpec, RunOptions
from ganzoo.training.capture import WARM_UPS, make_recorder, side_stream
from ganzoo.training.trainer import Trainer

NEEDS = "gpu"

NETWORKS: dict[str, dict[str, Any]] = {"dcgan-32": {}, "wgan-gp-residual-32": {"width": 128}, "dcgan-64": {}}
"""Cases with keys that override theirs, such as the paper's width, which takes too long on a CPU."""

TINY = {"width": 4, "latent": 4, "n_critic": 1}
IMAGES = 4096


@dataclass(frozen=True)
class Mode:
    """How training runs: precision, compiled networks, CUDA graphs."""

    precision: str
    compile: bool = False
    capture: bool = False


MODES = {
    "fp32, eager": Mode("fp32"),
    "fp32, graphs": Mode("fp32", capture=True),
    "tf32, eager": Mode("tf32"),
    "tf32, graphs": Mode("tf32", capture=True),
    "bf16, eager": Mode("bf16"),
    "bf16, compiled": Mode("bf16", compile=True),
    "bf16, graphs": Mode("bf16", capture=True),
    "bf16, compiled, graphs": Mode("bf16", compile=True, capture=True),
}

RATIOS = {
    "graphs / eager, fp32": ("fp32, graphs", "fp32, eager"),
    "graphs / eager, tf32": ("tf32, graphs", "tf32, eager"),
    "graphs / eager, bf16": ("bf16, graphs", "bf16, eager"),
    "all / eager, fp32": ("bf16, compiled, graphs", "fp32, eager"),
}
"""Speed-ups that are reported: the faster and the slower mode, by name."""


def main() -> int:
    options = arguments()
    if options.device == "cuda" and not torch.cuda.is_available():
        print("error: torch finds no CUDA GPU: `--device cpu` tries the script with tiny networks.", file=sys.stderr)
        return 2
    rows: dict[str, Any] = {}
    for case in [CASES[name] for name in options.cases]:
        for batch in options.batches:
            row = rows[f"{case.name}, batch {batch}"] = speeds(case, batch, options)
            show(case, batch, row)
        row = rows[f"{case.name}, agreement"] = agreement(case, options.batches[0], options)
        print(f"{case.name}, with and without graphs over {options.agree} steps: {row}", flush=True)
        if options.name:
            command = f"python -m benchmarks gpu --steps {options.steps} --agree {options.agree}"
            print(f"wrote {results.write(options.name, command, {'gpu': device_name(options.device), 'rows': rows})}")
    return 0


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cases", nargs="*", default=list(NETWORKS), choices=list(NETWORKS))
    parser.add_argument("--modes", nargs="*", default=list(MODES), choices=list(MODES))
    parser.add_argument("--batches", nargs="*", type=int, default=[64, 512])
    parser.add_argument("--steps", type=int, default=50, help="steps per repetition")
    parser.add_argument("--repetitions", type=int, default=7)
    parser.add_argument("--agree", type=int, default=200, help="number of steps that are compared")
    parser.add_argument("--device", choices=["cuda", "cpu"], default="cuda")
    parser.add_argument("--name", help="name of the results file [default: gpu; with --device cpu, no file]")
    options = parser.parse_args()
    if options.name is None and options.device == "cuda":
        options.name = "gpu"
    return options


def device_name(device: str) -> str:
    return torch.cuda.get_device_name() if device == "cuda" else "none: a trial on the CPU"


def speeds(case: Case, batch: int, options: argparse.Namespace) -> dict[str, Any]:
    """Seconds per step, images per second and memory of each mode, and phases that could not be recorded."""
    facts: dict[str, Any] = {}
    seconds: dict[str, list[float]] = {}
    for precision in dict.fromkeys(MODES[name].precision for name in options.modes):
        # Only modes of one precision are interleaved: all modes may not fit into the GPU's memory.
        names = [name for name in options.modes if MODES[name].precision == precision]
        seconds |= compared(case, batch, names, facts, options)
        free(options.device)
    pairs = {name: pair for name, pair in RATIOS.items() if {*pair} <= {*seconds}}
    return {
        "modes": {name: facts[name] for name in options.modes},
        "times as fast": {name: timing.ratio(seconds[slow], seconds[fast]) for name, (fast, slow) in pairs.items()},
    }


def compared(
    case: Case, batch: int, names: Sequence[str], facts: dict[str, Any], options: argparse.Namespace
) -> dict[str, list[float]]:
    """Seconds of each repetition of interleaved modes; their other measurements are added to `facts`."""
    trainers: dict[str, Trainer] = {}
    for name in names:
        before, start = allocated(options.device), time.perf_counter()
        trainers[name] = trainer = make(case, batch, MODES[name], options)
        run_mode(trainer, MODES[name], WARM_UPS + 3)
        wait(options.device)
        facts[name] = {
            "seconds of the first steps": time.perf_counter() - start,
            "MiB": allocated(options.device) - before,
            "unrecorded": trainer.recording.unrecorded,
        }
    seconds = timing.interleaved(
        {name: partial(run_mode, trainer, MODES[name], options.steps) for name, trainer in trainers.items()},
        options.repetitions,
        wait=partial(wait, options.device),
    )
    images = trainer.recipe.images_per_step()
    for name, values in seconds.items():
        spent = timing.summary(values, options.steps)
        facts[name] |= {"seconds": spent, "images per second": images / spent["median"]}
    return seconds


def free(device: str) -> None:
    """Free the memory of the trainers of earlier comparisons."""
    gc.collect()
    if device == "cuda":
        torch.cuda.empty_cache()


def make(case: Case, batch: int, mode: Mode, options: argparse.Namespace) -> Trainer:
    """A trainer of the case's recipe on random images."""
    keys = dict(case.set) | NETWORKS[case.name] | {"batch": batch}
    if options.device == "cpu":
        keys |= TINY
    plan = planning.plan(case.recipe, set=keys, device=options.device)
    dataset = images(case)
    torch.manual_seed(0)
    gan = planning.build(plan, dataset.spec)
    fabric = launch(RunOptions(device=options.device, precision=mode.precision))
    recorder = make_recorder(fabric.device, mode.capture)
    trainer = Trainer(gan, dataset, plan.recipe, fabric, recorder=recorder)
    if mode.compile:
        for player in gan.players.values():
            # Inductor takes minutes for these networks on a CPU, where only the script is tried.
            player.compile(backend="inductor" if options.device == "cuda" else "aot_eager")
    return trainer


def images(case: Case) -> Dataset:
    generator = torch.Generator().manual_seed(0)
    x = torch.randint(0, 256, (IMAGES, *case.shape), generator=generator, dtype=torch.uint8)
    return Dataset({"x": x}, DataSpec("random", "image", case.shape))


def run_mode(trainer: Trainer, mode: Mode, steps: int) -> None:
    """Run steps in one of several interleaved modes; the TF32 setting is global, so it is set each time."""
    set_tf32(trainer.fabric.device, mode.precision != "fp32")
    run_steps(trainer, steps)
    trainer.read_log()


def run_steps(trainer: Trainer, steps: int) -> None:
    with side_stream(trainer.fabric.device):
        for _ in range(steps):
            trainer.play_step()


def wait(device: str) -> None:
    if device == "cuda":
        torch.cuda.synchronize()


def allocated(device: str) -> float:
    """MiB that torch has reserved on the device."""
    return torch.cuda.memory_reserved() / 2**20 if device == "cuda" else 0.0


def agreement(case: Case, batch: int, options: argparse.Namespace) -> dict[str, Any]:
    """Differences of the logged terms with and without CUDA graphs, step by step, in fp32."""
    with deterministic():
        pair = [make(case, batch, Mode("fp32", capture=capture), options) for capture in (True, False)]
        largest, differing = 0.0, 0
        for _ in range(options.agree):
            logs = []
            for trainer in pair:
                run_steps(trainer, 1)
                logs.append(trainer.read_log())
            difference = max(distance(logs[0][term], logs[1][term]) for term in logs[0])
            largest, differing = max(largest, difference), differing + (difference > 0)
        weights = zip(*(trainer.gan.players.parameters() for trainer in pair), strict=True)
        return {
            "steps": options.agree,
            "largest relative difference of a term": largest,
            "steps with any difference": differing,
            "weights bitwise equal": all(torch.equal(a, b) for a, b in weights),
            "unrecorded": pair[0].recording.unrecorded,
        }


def distance(a: float, b: float) -> float:
    """The difference relative to the larger number, or to 1 for small ones."""
    return abs(a - b) / max(abs(a), abs(b), 1.0) if math.isfinite(a) and math.isfinite(b) else math.inf


@contextmanager
def deterministic() -> Iterator[None]:
    """Use deterministic kernels, so that differences come from the CUDA graphs and not from the order of sums."""
    before = torch.backends.cudnn.deterministic
    torch.backends.cudnn.deterministic = True
    try:
        yield
    finally:
        torch.backends.cudnn.deterministic = before


def show(case: Case, batch: int, row: Mapping[str, Any]) -> None:
    print(f"{case.name} ({case.summary}), batch {batch}:")
    for name, part in row["modes"].items():
        unrecorded = f"; not recorded: {part['unrecorded']}" if part["unrecorded"] else ""
        print(
            f"  {name:24} {timing.milliseconds(part['seconds'])}, {part['images per second']:,.0f} images/s{unrecorded}"
        )
    for name, part in row["times as fast"].items():
        print(f"  {name}: {timing.times(part)} times as fast", flush=True)


if __name__ == "__main__":
    sys.exit(main())
