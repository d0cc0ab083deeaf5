"""For tests of the core: small games, recipes and runs."""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import Tensor, nn

from ganzoo.data.dataset import Dataset
from ganzoo.games import TwoPlayer
from ganzoo.machine.fabric import SingleDevice
from ganzoo.recipes import DataSpec, Optimiser, Term, TwoPlayerRecipe
from ganzoo.training.trainer import Trainer
from ganzoo.zoo import registry

SMALL = {"g_hidden": "8", "d_hidden": "8", "latent": "4", "batch": "16"}
SMALL |= {f"{player}.{key}": value for player in "gd" for key, value in (("lr", "0.0002"), ("schedule", "constant"))}
"""Keys that override a perceptron's recipe for very fast training."""

SET = [argument for key, value in SMALL.items() for argument in ("--set", f"{key}={value}")]
"""The same on the command line."""


def point_data(count: int = 32, classes: int = 0, dims: int = 2) -> Dataset:
    """Normal noise around (0.5, ...), with labels in rotation if there are classes."""
    generator = torch.Generator().manual_seed(0)
    arrays: dict[str, Tensor] = {"x": torch.randn(count, dims, generator=generator) + 0.5}
    if classes:
        arrays["y"] = torch.arange(count) % classes
    return Dataset(arrays, DataSpec("test", "points", (dims,), classes, range=None))


def perceptron(fan_in: int, fan_out: int) -> nn.Sequential:
    return nn.Sequential(nn.Linear(fan_in, 8), nn.Tanh(), nn.Linear(8, fan_out))


class Logits(nn.Module):
    """A network whose single output column is the logits `[N]`."""

    def __init__(self, body: nn.Module) -> None:
        super().__init__()
        self.body = body

    def forward(self, x: Tensor) -> Tensor:
        return self.body(x)[:, 0]


def recipe(**keys: Any) -> TwoPlayerRecipe:
    fast = Optimiser(lr=1e-2)
    return TwoPlayerRecipe(**({"g": fast, "d": fast, "latent": 4, "batch": 8, "steps": 6} | keys))


def two_player(
    used: TwoPlayerRecipe, discriminator: nn.Module | None = None, kind: type[TwoPlayer] = TwoPlayer
) -> TwoPlayer:
    """A game of perceptrons on points, the same each time."""
    torch.manual_seed(0)
    return kind.from_recipe(
        perceptron(used.latent, 2), discriminator or Logits(perceptron(2, 1)), used, point_data().spec
    )


def trainer(used: TwoPlayerRecipe, gan: TwoPlayer | None = None, callbacks: Any = (), *, bf16: bool = False) -> Trainer:
    fabric = SingleDevice(torch.device("cpu"), bf16)
    return Trainer(gan or two_player(used), point_data(), used, fabric, callbacks)


def penalty(name: str, term: Term) -> dict[str, tuple[Any, Term]]:
    return {name: (registry.penalties().find(name).build(), term)}


def same(a: Any, b: Any) -> bool:
    """Whether two states (nested dicts and lists of tensors and values) are bitwise equal."""
    if isinstance(a, Tensor):
        return isinstance(b, Tensor) and a.dtype == b.dtype and torch.equal(a, b)
    if isinstance(a, Mapping):
        return a.keys() == b.keys() and all(same(a[key], b[key]) for key in a)
    if isinstance(a, (list, tuple)):
        return len(a) == len(b) and all(same(x, y) for x, y in zip(a, b, strict=True))
    return bool(a == b)


def moved(module: nn.Module, action: Callable[[], Any]) -> bool:
    """Whether an action changes any weight or buffer of a module."""
    before = copy.deepcopy(module.state_dict())
    action()
    return not same(before, dict(module.state_dict()))


def train_digits(folder: Any, variant: str = "vanilla", steps: int = 3, **keys: Any) -> Any:
    """A run of a few steps on the digits."""
    from ganzoo.api.train import train

    values = dict(SMALL) | {"batch": "8"} | keys
    if variant != "vanilla":
        values |= {"network": "mlp", "embedding": "4"}
    return train(variant, dataset="digits", steps=steps, set=values, out=str(folder), progress=False, device="cpu")


def train_points(folder: Any) -> Any:
    """A run of two steps on points in the plane, without scores."""
    from ganzoo.api.train import train

    options: dict[str, Any] = {"progress": False, "device": "cpu", "scores": False}
    return train("vanilla.points", steps=2, set=dict(SMALL), out=str(folder), **options)
