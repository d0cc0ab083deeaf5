"""CycleGAN's game: two translators, two discriminators of patches, and pools of past translations."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn
from torch.nn.functional import l1_loss

from ganzoo.errors import GanzooError
from ganzoo.game import GAN, Batch, Phase, Terms
from ganzoo.games import SOURCE, ImagePool, jittered, patch_layers, source_of
from ganzoo.networks import PatchDiscriminator, ResnetTranslator
from ganzoo.recipes import DataSpec, Recipe

if TYPE_CHECKING:
    from . import CycleGANRecipe

X = "x"


class CycleGAN(GAN):
    """Players `g` and `d`, each with a network for samples `x` and one for inputs `source`, named after what it makes.

    Raises GanzooError for inputs of another size, and of other channels if there is an identity loss.
    """

    inputs = (SOURCE,)

    def __init__(self, recipe: CycleGANRecipe, data: DataSpec) -> None:
        source = source_of("cyclegan", data)
        if recipe.identity and source.shape != data.shape:
            raise GanzooError(
                f"the identity loss needs inputs of as many channels as the samples have: {data.name} has "
                f"{source.shape[0]} and {data.shape[0]}; use --set identity=0 or --set data.channels=3."
            )
        shapes = {X: data.shape, SOURCE: source.shape}

        def translator(into: str, of: str) -> nn.Module:
            return ResnetTranslator(shapes[of][0], shapes[into], recipe.width, blocks=recipe.blocks, downs=recipe.downs)

        layers = recipe.d_layers or patch_layers(data.shape)
        judges = {
            name: PatchDiscriminator(shape, recipe.d_width, layers=layers, norm="instance")
            for name, shape in shapes.items()
        }
        translators = {X: translator(X, SOURCE), SOURCE: translator(SOURCE, X)}
        super().__init__(
            {"g": nn.ModuleDict(translators), "d": nn.ModuleDict(judges)}, ema=["g"] if recipe.averaged else []
        )
        self.recipe = recipe
        self.pools = nn.ModuleDict({name: ImagePool(recipe.pool, shape) for name, shape in shapes.items()})

    def follow(self, recipe: Recipe) -> None:
        self.recipe = recipe  # type: ignore[assignment]

    @property
    def networks(self) -> tuple[Any, Any]:
        """The translators, and the discriminators, by what they make and judge."""
        return self.players["g"], self.players["d"]

    def phases(self) -> list[Phase]:
        return [Phase("g", "g", self.translators_loss), Phase("d", "d", self.discriminators_loss, new_batch=False)]

    def translators_loss(self, batch: Batch) -> Terms:
        """Equation 3, with least squares in place of the logarithm (section 4), and the identity loss (section 5.2)."""
        g, d = self.networks
        cycle = self.recipe.cycle
        real = self._real(batch)
        made = {X: g[X](real[SOURCE]), SOURCE: g[SOURCE](real[X])}
        again = {SOURCE: g[SOURCE](made[X]), X: g[X](made[SOURCE])}
        terms: Terms = {name: (d[name](made[name]) - 1).square().mean() for name in made}
        terms["cycle"] = cycle * (l1_loss(again[X], real[X]) + l1_loss(again[SOURCE], real[SOURCE]))
        if self.recipe.identity:
            same = l1_loss(g[X](real[X]), real[X]) + l1_loss(g[SOURCE](real[SOURCE]), real[SOURCE])
            terms["identity"] = cycle * self.recipe.identity * same
        return terms

    def discriminators_loss(self, batch: Batch) -> Terms:
        """Least squares of real images, and of generated ones from the pool, halved."""
        g, d = self.networks
        real = self._real(batch)
        with torch.no_grad():
            made = {X: self.pools[X](g[X](real[SOURCE])), SOURCE: self.pools[SOURCE](g[SOURCE](real[X]))}
        terms: Terms = {}
        for name in real:
            of_real, of_made = d[name](real[name]), d[name](made[name])
            terms[name] = 0.5 * ((of_real - 1).square().mean() + of_made.square().mean())
            if name == X:
                terms |= {"real": of_real.detach().mean(), "fake": of_made.detach().mean()}
        return terms

    def _real(self, batch: Batch) -> dict[str, Tensor]:
        real = {X: batch[X], SOURCE: batch[SOURCE]}
        if self.recipe.jitter:
            real = {name: jittered([images], self.recipe.jitter)[0] for name, images in real.items()}
        return real

    def sample(self, n: int, y: Tensor | None = None, given: Batch | None = None) -> Tensor:
        assert given is not None
        made: Tensor = self.networks[0][X](given[SOURCE])
        return made

    def back(self, x: Tensor) -> Tensor:
        made: Tensor = self.networks[0][SOURCE](x)
        return made
