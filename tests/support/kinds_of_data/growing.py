"""Progressive growing (Karras et al. 2018): both networks begin with 4x4 pixels and fade in 8x8."""

from __future__ import annotations

from typing import Any

from ganzoo import hookimpl
from ganzoo.recipes import Data, DataSpec, TwoPlayerRecipe
from ganzoo.specs import Variant


def networks(recipe: TwoPlayerRecipe, data: DataSpec) -> tuple[Any, Any]:
    """Networks with attributes `grown`, whether there is a second level, and `alpha`, how much of it is faded in."""
    import torch
    from torch import nn
    from torch.nn.functional import avg_pool2d, interpolate, leaky_relu

    c, h, _ = data.shape

    class Generator(nn.Module):
        grown, alpha = False, 0.0

        def __init__(self) -> None:
            super().__init__()
            self.first = nn.Sequential(nn.Linear(recipe.latent, 16 * h * h // 4), nn.Unflatten(1, (16, h // 2, h // 2)))
            self.second = nn.Conv2d(16, 8, 3, padding=1)
            self.small, self.large = nn.Conv2d(16, c, 1), nn.Conv2d(8, c, 1)

        def forward(self, z: Any) -> Any:
            x = leaky_relu(self.first(z), 0.2)
            image = interpolate(torch.tanh(self.small(x)), scale_factor=2.0)
            if not self.grown:
                return image
            large = torch.tanh(self.large(leaky_relu(self.second(interpolate(x, scale_factor=2.0)), 0.2)))
            return torch.lerp(image, large, self.alpha)

    class Discriminator(nn.Module):
        grown, alpha = False, 0.0

        def __init__(self) -> None:
            super().__init__()
            self.small, self.large = nn.Conv2d(c, 16, 1), nn.Conv2d(c, 8, 1)
            self.second = nn.Conv2d(8, 16, 3, padding=1)
            self.last = nn.Sequential(nn.Flatten(), nn.Linear(16 * h * h // 4, 1), nn.Flatten(0))

        def forward(self, image: Any) -> Any:
            x = leaky_relu(self.small(avg_pool2d(image, 2)), 0.2)
            if self.grown:
                large = avg_pool2d(leaky_relu(self.second(leaky_relu(self.large(image), 0.2)), 0.2), 2)
                x = torch.lerp(x, large, self.alpha)
            return self.last(x)

    return Generator(), Discriminator()


def build(recipe: TwoPlayerRecipe, data: DataSpec) -> Any:
    from ganzoo.game import Level
    from ganzoo.games import TwoPlayer

    class Growing(TwoPlayer):
        def on_step(self, progress: Any) -> None:
            # Half of training with small images, a quarter fading the large ones in.
            grown, alpha = progress.share >= 0.5, min(1.0, max(0.0, 4 * (progress.share - 0.5)))
            for network in (*self.players.values(), *self.averages.values()):
                network.grown, network.alpha = grown, alpha

        def level(self, progress: Any) -> Level:
            return Level(1, 8, 0.5, cost=3.0, resets=("g", "d")) if progress.share >= 0.5 else Level(0)

    return Growing.from_recipe(*networks(recipe, data), recipe, data)


@hookimpl
def ganzoo_variants() -> list[Variant]:
    recipes = {"digits": TwoPlayerRecipe(data=Data(name="digits"), steps=30, batch=16, latent=8)}
    return [Variant("growing-gan", "ProGAN, in two levels.", "none", ("image",), recipes, build)]
