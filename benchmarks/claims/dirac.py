"""R1 makes the simplest GAN converge (Mescheder et al. 2018, section 2 and theorem 4.1).

The Dirac-GAN: all data are the point 0, G returns its only weight theta, and D(x) = psi x. Theta should go to 0 and
stay there. Near the solution, one step is a linear map, whose spectral radius says how the distance changes per step.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import torch
from matplotlib.figure import Figure
from torch import Tensor, nn

import ganzoo
from benchmarks.claims.setting import Setting
from ganzoo.callbacks import Callback, Training
from ganzoo.games import TwoPlayer
from ganzoo.recipes import Data, DataSpec, Optimiser, TwoPlayerRecipe
from ganzoo.specs import Variant
from ganzoo.zoo.zoo import register

SOURCE = (
    "Mescheder et al. 2018, Which Training Methods for GANs do actually Converge?, https://arxiv.org/abs/1801.04406"
)

RATE = 0.1
START = 0.001
"""Where both weights begin: near the solution, so that a game that leaves it can be seen to."""
WEIGHT = 1.0
STEPS = 500
OPTIMISERS: dict[str, dict[str, Any]] = {
    "SGD": {"name": "sgd"},
    "SGD, momentum 0.5": {"name": "sgd", "momentum": 0.5},
    "Adam, betas 0.5, 0.999": {"name": "adam"},
}
PENALTIES: dict[str, dict[str, float]] = {"no penalty": {}, f"R1, weight {WEIGHT:g}": {"penalties.r1.weight": WEIGHT}}


class Theta(nn.Module):
    """G: `z [N, 1]` to `x [N, 1]`, all of them its weight."""

    def __init__(self) -> None:
        super().__init__()
        self.theta = nn.Parameter(torch.tensor(START))

    def forward(self, z: Tensor) -> Tensor:
        return self.theta.expand_as(z)


class Psi(nn.Module):
    """D: `x [N, 1]` to logits `[N]`: `x` times its weight."""

    def __init__(self) -> None:
        super().__init__()
        self.psi = nn.Parameter(torch.tensor(START))

    def forward(self, x: Tensor) -> Tensor:
        return self.psi * x[:, 0]


def build(recipe: TwoPlayerRecipe, data: DataSpec) -> TwoPlayer:
    return TwoPlayer.from_recipe(Theta(), Psi(), recipe, data)


class Path(Callback):
    """Both weights after each step."""

    def __init__(self) -> None:
        self.points: list[tuple[float, float]] = []

    def on_start(self, trainer: Training) -> None:
        self.on_step(trainer)

    def on_step(self, trainer: Training) -> None:
        players: Any = trainer.gan.players
        self.points.append((float(players["g"].theta.detach()), float(players["d"].psi.detach())))


class Dirac:
    """The plugin: the variant, and the callback that watches it."""

    path: Path | None = None

    @ganzoo.hookimpl
    def ganzoo_variants(self) -> list[Variant]:
        recipe = TwoPlayerRecipe(
            data=Data(name="npz"),
            latent=1,
            batch=8,
            ema=0.0,
            g=Optimiser(name="sgd", lr=RATE),
            d=Optimiser(name="sgd", lr=RATE),
        )
        return [Variant("dirac", "The Dirac-GAN.", SOURCE, ("points",), {"zeros": recipe}, build)]

    @ganzoo.hookimpl
    def ganzoo_callbacks(self, variant: Variant) -> list[Callback]:
        return [self.path] if variant.name == "dirac" and self.path is not None else []


def measure(setting: Setting) -> dict[str, Any]:
    """The distance to the solution after each step, and its change per step near the solution where theory gives it."""
    plugin = Dirac()
    register(plugin, "dirac-claim")
    setting.folder.mkdir(parents=True, exist_ok=True)
    zeros = setting.folder / "zeros.npz"
    np.savez(zeros, x=np.zeros((64, 1), np.float32))
    rows: list[dict[str, Any]] = []
    for optimiser, keys in OPTIMISERS.items():
        for penalty, more in PENALTIES.items():
            plugin.path = Path()
            both = {f"{player}.{key}": value for player in "gd" for key, value in keys.items()}
            name = f"dirac-{len(rows)}"
            settings = {"data.path": str(zeros), **both, **more}
            setting.train(name, "dirac.zeros", 0, settings, STEPS)
            distance = [math.hypot(*point) for point in plugin.path.points]
            row: dict[str, Any] = {"optimiser": optimiser, "penalty": penalty, "distance": distance}
            if keys["name"] == "sgd":
                row["spectral radius"] = spectral_radius(
                    more.get("penalties.r1.weight", 0.0), keys.get("momentum", 0.0)
                )
                row["measured"] = change_per_step(distance)
            rows.append(row)
    plugin.path = None
    return {"rows": rows}


def change_per_step(distance: list[float]) -> float:
    """The factor by which the distance changes in a step, on average over the second half, where it has a trend."""
    half = len(distance) // 2
    return (distance[-1] / distance[half]) ** (1 / (len(distance) - 1 - half))


def spectral_radius(weight: float, momentum: float, rate: float = RATE) -> float:
    """That of one step of D and then of G by gradient descent, linearised at the solution theta = psi = 0.

    D minimises log(1 + exp(psi theta)) + log 2 + weight psi^2 / 2, whose gradient is theta / 2 + weight psi near 0.
    G minimises log(1 + exp(-psi theta)), with gradient -psi / 2. Momentum keeps a mean of each player's gradients, so
    the state is theta, psi and both means.
    """
    columns = []
    for theta, psi, mean_g, mean_d in np.eye(4):
        mean_d = momentum * mean_d + theta / 2 + weight * psi
        psi -= rate * mean_d
        mean_g = momentum * mean_g - psi / 2
        theta -= rate * mean_g
        columns.append((theta, psi, mean_g, mean_d))
    return float(np.abs(np.linalg.eigvals(np.array(columns).T)).max())


def summary(found: dict[str, Any]) -> list[tuple[str, str]]:
    """What to print: each row's distance at the end."""
    lines = []
    for row in found["rows"]:
        rate = (
            f"; x {row['measured']:.4f} per step, by theory {row['spectral radius']:.4f}" if "measured" in row else ""
        )
        lines.append((f"{row['optimiser']}, {row['penalty']}", f"{row['distance'][-1]:.2g} at the end{rate}"))
    return lines


def draw(found: dict[str, Any], figure: Figure) -> None:
    """The distance over the steps, one panel for each optimiser."""
    (axes,) = figure.subplots(1, len(OPTIMISERS), sharey=True, squeeze=False)
    for axis, optimiser in zip(axes, OPTIMISERS, strict=True):
        for colour, row in zip(
            ("tab:red", "tab:blue"), (row for row in found["rows"] if row["optimiser"] == optimiser), strict=True
        ):
            axis.plot(row["distance"], color=colour, label=row["penalty"])
        axis.set_yscale("log")
        axis.set_title(optimiser, fontsize=9)
        axis.set_xlabel("step")
        axis.grid(alpha=0.3)
    axes[0].set_ylabel("distance from the solution")
    axes[0].legend(fontsize=8)
