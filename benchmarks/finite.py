"""What it costs that no loss or gradient that is not finite ever moves a weight.

python -m benchmarks.finite [--repetitions 60] [--only TEXT ...] [--threads 1 2]

Milliseconds of a training step with the check of all terms and gradients, without it, and with other ways to check:
products of the gradients with themselves, which a BLAS library computes, and norms of all gradients from one call. The
ways take turns in one process, each for a few steps. Samples are random. Results are written to
benchmarks/results/finite.json.
"""

from __future__ import annotations

import argparse
import math
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any
from unittest import mock

import torch
from torch import Tensor

from benchmarks import results, timing
from benchmarks.only import add_only, chosen
from benchmarks.penalties import make_trainer
from ganzoo.training import nonfinite
from ganzoo.training.trainer import Trainer

RECIPES = ("vanilla.mnist", "dcgan.mnist", "sngan.mnist")
STEPS = 4
"""Of a repetition."""

NONE, CHECK = "no check", "sum of each gradient"


def unchecked(tensors: Sequence[Tensor], *others: Any) -> None:
    """Nothing."""


def by_products(tensors: Sequence[Tensor], *others: Any) -> None:
    """The product of each tensor with itself, which is not finite if a value is not."""
    _raise_unless(sum(torch.dot(flat, flat).item() for flat in map(torch.flatten, tensors)))


def by_norms(tensors: Sequence[Tensor], *others: Any) -> None:
    """The sum of absolute values of each tensor, from one call for all."""
    _raise_unless(sum(norm.item() for norm in torch._foreach_norm(list(tensors), 1)))


def _raise_unless(value: float) -> None:
    if not math.isfinite(value):
        raise nonfinite.NonFinite("a random game is not expected to diverge.")


WAYS: dict[str, Callable[..., None]] = {
    CHECK: nonfinite.flag_nonfinite,
    NONE: unchecked,
    "products": by_products,
    "norms in one call": by_norms,
}


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repetitions", type=int, default=60)
    add_only(parser, "rows")
    parser.add_argument("--threads", nargs="+", type=int, default=[1, 2], help="[default: 1 2]")
    options = parser.parse_args(arguments)
    before = torch.get_num_threads()
    rows: dict[str, Any] = results.rows("finite")
    for name in RECIPES:
        if not chosen(name, options.only):
            continue
        for threads in options.threads:
            torch.set_num_threads(threads)
            rows.setdefault(name, {})[f"threads {threads}"] = row = measured(name, options.repetitions)
            shown = (f"{way} {timing.times(found['to no check'])}" for way, found in row.items())
            print(f"{name}, {threads} threads: {', '.join(shown)}", flush=True)
            results.write("finite", "python -m benchmarks.finite", {"rows": rows})
    torch.set_num_threads(before)


def measured(name: str, repetitions: int) -> dict[str, Any]:
    """Seconds per step in each way, and their ratio to those without a check."""
    trainer = make_trainer(name, {})
    seconds = timing.interleaved({way: partial(steps, trainer, check) for way, check in WAYS.items()}, repetitions)
    return {
        way: {**timing.summary(found, per=STEPS), "to no check": timing.ratio(found, seconds[NONE])}
        for way, found in seconds.items()
    }


def steps(trainer: Trainer, check: Callable[..., None]) -> None:
    with mock.patch.object(nonfinite, "flag_nonfinite", check):
        for _ in range(STEPS):
            trainer.play_step()


if __name__ == "__main__":
    main()
