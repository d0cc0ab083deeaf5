"""Training runs of a few steps on two ranks, to be compared with those on one rank.

python two_ranks.py FOLDER    trains every case on two ranks; rank R writes FOLDER/CASE-R.pt
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import nn

from ganzoo.game import GAN
from ganzoo.games import TwoPlayer
from ganzoo.machine.fabric import Fabric
from ganzoo.machine.launch import launch
from ganzoo.recipes import Data, DataSpec, Recipe, RunOptions
from ganzoo.training.trainer import Trainer
from ganzoo.zoo import config, registry

STEPS = 10


@dataclass(frozen=True)
class Case:
    """A recipe for digits with overriding keys. build: replaces the variant's. sync: synchronised batch norm."""

    recipe: str
    keys: Mapping[str, Any] = field(default_factory=dict)
    build: Callable[[Any, DataSpec], GAN] | None = None
    sync: bool = False


def with_dropout(recipe: Any, data: DataSpec) -> GAN:
    """Dropout in both networks; D sees real and fake samples in one pass, and its noise too is drawn by F.dropout2d."""
    g = nn.Sequential(
        nn.Linear(recipe.latent, 16), nn.ReLU(), nn.Dropout(0.3), nn.Linear(16, 64), nn.Unflatten(1, (1, 8, 8))
    )  # fmt: skip
    d = nn.Sequential(
        nn.Conv2d(1, 8, 3, 2, 1), nn.LeakyReLU(), nn.Dropout2d(0.2),
        nn.Flatten(), nn.Dropout(), nn.Linear(128, 1), nn.Flatten(0),
    )  # fmt: skip
    return TwoPlayer.from_recipe(g, d, recipe, data)


SMALL = {"g_hidden": "8", "d_hidden": "8", "width": 4, "d_width": 4, "embedding": 4, "latent": 4, "batch": 16}

SGD = {f"{player}.{key}": value for player in "gd" for key, value in (("name", "sgd"), ("lr", 0.01))}
"""For cases with gradients that are only rounding errors (a bias cancelled in a difference of logits), which Adam
amplifies in its first steps."""

CASES = {
    "vanilla": Case("vanilla.digits"),
    "frozen layers": Case("vanilla.digits", {"freeze": "d.body.0.*,g.*.bias"}),
    "parts of the batch": Case("vanilla.digits", {"accumulate": 2}),
    "lazy R1": Case("vanilla.digits", {"penalties.r1.every": 2}),
    "uniform latents, spectral norm": Case(
        "vanilla.digits", SGD | {"latent_distribution": "uniform", "spectral_norm": True, "loss": "hinge"}
    ),
    "relativistic pairs, lazy R2": Case("vanilla.digits", SGD | {"loss": "relativistic", "penalties.r2.every": 3}),
    "wgan": Case("wgan.digits", SGD | {"network": "mlp"}),
    "wgan-gp": Case("wgan-gp.digits", SGD | {"network": "mlp"}),
    "wgan-gp in parts": Case("wgan-gp.digits", SGD | {"network": "mlp", "accumulate": 2}),
    "conditional": Case("conditional.digits-mlp"),
    "dropout": Case("vanilla.digits", build=with_dropout),
    "dcgan": Case("dcgan.digits", sync=True),
    "dcgan in parts, lazy R1": Case("dcgan.digits", {"accumulate": 2, "penalties.r1.every": 2}, sync=True),
    "dcgan with a gradient penalty": Case("dcgan.digits", {"penalties.wgan-gp.every": 1}, sync=True),
    "wgan-gp with batch norm": Case("wgan-gp.digits", SGD, sync=True),
    "conditional with batch norm": Case("conditional.digits", sync=True),
}

UNEQUAL = {"batch norm of each rank": Case("dcgan.digits")}
"""A case that must differ, to show that the comparison detects differences."""


def train(case: Case, fabric: Fabric) -> dict[str, Any]:
    """The state after STEPS steps."""
    data = registry.datasets()["digits"].load(Data(), Path(), "train")
    found, _, base = registry.find_recipe(case.recipe)
    has = {key.path for key in config.keys(base)}
    keys: dict[str, Any] = {key: value for key, value in SMALL.items() if key in has} | dict(case.keys)
    recipe: Recipe = config.override(base, keys | {"steps": STEPS})
    torch.manual_seed(recipe.seed)
    gan = (case.build or found.build)(recipe, data.spec)
    trainer = Trainer(gan, data, recipe, fabric, sync_batch_norm=case.sync)
    for _ in range(STEPS):
        trainer.play_step()
    return trainer.state() | {"logged": trainer.read_log()}


if __name__ == "__main__":
    ranks = launch(RunOptions(device="cpu", devices=2))
    for name, case in (CASES | UNEQUAL).items():
        torch.save(train(case, ranks), Path(sys.argv[1]) / f"{name}-{ranks.global_rank}.pt")
