"""What gradient penalties cost, in ways that give the same gradients.

python -m benchmarks.penalties [--repetitions 25] [--only TEXT ...]

R1 and R2 in every update: D's pass for its loss serves the penalty, or the penalty has a pass of its own; milliseconds
of a training step. WGAN-GP's penalty of one batch, alone: differentiated twice (reverse over reverse), or once, along
the direction in which the penalty pulls, whose derivative comes from forward mode (forward over reverse); in both
memory layouts of images. A row's `difference` is the largest between these two, as a fraction of the largest gradient.

Milliseconds are of CPU time, on one thread; the ways take turns in one process. Samples are random. Results are written
to benchmarks/results/penalties.json.
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Callable
from functools import partial
from typing import Any
from unittest import mock

import torch
from torch import Tensor, nn
from torch.autograd import forward_ad

from benchmarks import results, timing
from benchmarks.only import add_only, chosen
from ganzoo.games import TwoPlayer
from ganzoo.machine.fabric import SingleDevice
from ganzoo.testing.examples import example_data
from ganzoo.training.trainer import Trainer
from ganzoo.zoo import config, registry

STEPS = {
    "vanilla.mnist, R1": ("vanilla.mnist", {"penalties": "r1"}),
    "dcgan.mnist, R1": ("dcgan.mnist", {"penalties": "r1", "d_norm": "none"}),
    "dcgan.mnist, R1 and R2": ("dcgan.mnist", {"penalties": "r1,r2", "d_norm": "none", "loss": "relativistic"}),
}
SHARED, OWN = "D's pass", "a pass of its own"

CRITICS: dict[str, tuple[str, dict[str, Any], tuple[int, int, int]]] = {
    "wgan-gp.mnist": ("wgan-gp.mnist", {}, (1, 28, 28)),
    # With the paper's width, one takes half a minute on a CPU.
    "wgan-gp.cifar10-residual, width 32": ("wgan-gp.cifar10-residual", {"width": 32}, (3, 32, 32)),
}
LAYOUTS = {"": torch.contiguous_format, ", channels-last": torch.channels_last}
REVERSE, FORWARD = "reverse over reverse", "forward over reverse"
WEIGHT = 10.0


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repetitions", type=int, default=25)
    add_only(parser, "rows")
    options = parser.parse_args(arguments)
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    rows: dict[str, Any] = results.rows("penalties")
    for name in (*STEPS, *CRITICS):
        if not chosen(name, options.only):
            continue
        ways, facts = step_ways(*STEPS[name]) if name in STEPS else critic_ways(*CRITICS[name])
        seconds = timing.interleaved({way: partial(timed, work) for way, work in ways.items()}, options.repetitions)
        milliseconds = {way: 1000 * statistics.median(found) for way, found in seconds.items()}
        rows[name] = {"ms": milliseconds, **facts}
        print(f"{name}: " + ", ".join(f"{way} {value:.1f} ms" for way, value in milliseconds.items()), flush=True)
        in_order = {name: rows[name] for name in (*STEPS, *CRITICS) if name in rows}
        results.write("penalties", "python -m benchmarks.penalties", {"rows": in_order})
    torch.set_num_threads(threads)


def timed(work: Callable[[], object]) -> float:
    """CPU seconds of a call."""
    start = time.process_time()
    work()
    return time.process_time() - start


def step_ways(name: str, keys: dict[str, Any]) -> tuple[dict[str, Callable[[], object]], dict[str, Any]]:
    """Training steps with the penalty in D's pass, and in one of its own."""

    def apart(trainer: Trainer) -> None:
        with mock.patch.object(TwoPlayer, "_shared_penalties", return_value={}):
            trainer.play_step()

    return {SHARED: make_trainer(name, keys).play_step, OWN: partial(apart, make_trainer(name, keys))}, {}


def make_trainer(name: str, keys: dict[str, Any], bf16: bool = False) -> Trainer:
    """A trainer on random images of 28x28."""
    variant, _, recipe = registry.find_recipe(name)
    recipe, data = config.override(recipe, keys), example_data("image", (1, 28, 28), 256)
    torch.manual_seed(0)
    return Trainer(variant.build(recipe, data.spec), data, recipe, SingleDevice(torch.device("cpu"), bf16))


def critic_ways(
    name: str, keys: dict[str, Any], shape: tuple[int, int, int]
) -> tuple[dict[str, Callable[[], object]], dict[str, Any]]:
    """The gradients of WGAN-GP's penalty at a batch of random images, in each way and layout."""
    variant, _, recipe = registry.find_recipe(name)
    recipe = config.override(recipe, keys)
    ways: dict[str, Callable[[], object]] = {}
    differences = []
    for suffix, layout in LAYOUTS.items():
        torch.manual_seed(0)
        data = example_data("image", shape, classes=0)
        critic = variant.build(recipe, data.spec).players["d"].to(memory_format=layout)
        x = (2 * torch.rand(recipe.batch, *shape) - 1).contiguous(memory_format=layout)
        twice, once = reverse_over_reverse(critic, x), forward_over_reverse(critic, x)
        largest = max(float(gradient.abs().max()) for gradient in twice)
        differences.append(max(float((a - b).abs().max()) for a, b in zip(twice, once, strict=True)) / largest)
        ways[REVERSE + suffix] = partial(reverse_over_reverse, critic, x)
        ways[FORWARD + suffix] = partial(forward_over_reverse, critic, x)
    return ways, {"difference": max(differences), "batch": recipe.batch}


def reverse_over_reverse(critic: nn.Module, x: Tensor) -> list[Tensor]:
    """The penalty's gradients of the critic's weights, as the trainer computes them."""
    x = x.detach().requires_grad_()
    (slope,) = torch.autograd.grad(critic(x).sum(), x, create_graph=True)
    return gradients(critic, WEIGHT * (_norms(slope) - 1).square().mean())


def forward_over_reverse(critic: nn.Module, x: Tensor) -> list[Tensor]:
    """The same gradients. With slopes s and their norms n, the penalty's gradient is that of the sum of v s with the
    constant v = 2 weight (n - 1) s / (n N); and v s is the critic's derivative in the direction v."""
    at = x.detach().requires_grad_()
    (slope,) = torch.autograd.grad(critic(at).sum(), at)
    norms = _norms(slope)
    direction = slope * (2 * WEIGHT * (norms - 1) / (norms * len(x)))[:, None, None, None]
    with forward_ad.dual_level():
        values = critic(forward_ad.make_dual(x, direction))
        return gradients(critic, forward_ad.unpack_dual(values).tangent.sum())


def gradients(critic: nn.Module, value: Tensor) -> list[Tensor]:
    """Those of the critic's weights; zeros where the value does not depend on them."""
    weights = list(critic.parameters())
    found = torch.autograd.grad(value, weights, allow_unused=True)
    return [torch.zeros_like(w) if g is None else g for w, g in zip(weights, found, strict=True)]


def _norms(slope: Tensor) -> Tensor:
    return (slope.flatten(1).square().sum(1) + 1e-12).sqrt()


if __name__ == "__main__":
    main()
