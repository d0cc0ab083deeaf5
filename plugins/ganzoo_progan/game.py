"""ProGAN's game: when the networks grow, and what D is shown meanwhile."""

from __future__ import annotations

from typing import Any, cast

from torch import Tensor
from torch.nn.functional import avg_pool2d, interpolate

from ganzoo.game import Batch, Level, Progress, Terms
from ganzoo.games import TwoPlayer

from .networks import Generator, Growing


class ProGAN(TwoPlayer):
    """The networks have buffers and attributes that say how far they have grown (`Growing`)."""

    @property
    def generator(self) -> Generator:
        return cast("Generator", self.players["g"])

    def stage(self, progress: Progress) -> tuple[int, float]:
        """The stage, and the fraction of it that is done: even ones train a resolution, odd ones fade the next one in.

        All stages of growth are equally long; the last resolution is trained for the rest of the run.
        """
        stages = 2 * (self.generator.levels - 1)
        growth = self.recipe.growth * progress.steps
        if progress.step >= growth:
            return stages, 0.0
        whole, part = divmod(progress.step * stages / growth, 1)
        return int(whole), part

    def on_step(self, progress: Progress) -> None:
        stage, done = self.stage(progress)
        for network in cast("list[Growing]", [*self.players.values(), *self.averages.values()]):
            network.level, network.fading = (stage + 1) // 2, bool(stage % 2)
            network.alpha.fill_(done if stage % 2 else 1.0)

    def level(self, progress: Progress) -> Level:
        """Optimisers start over with each stage, as in the authors' code; a step costs as much as its pixels."""
        stage, _ = self.stage(progress)
        finer = self.generator.levels - 1 - (stage + 1) // 2
        return Level(stage, cost=0.2 + 0.8 * 4.0**-finer, resets=("g", "d"))

    def shown(self, x: Any, batch: Batch) -> Any:
        """Real images at the current resolution, and while it fades in, as blurred as generated ones are."""
        if x is not batch["x"]:
            return x
        g = self.generator
        x = avg_pool2d(x, 2 ** (g.levels - 1 - g.level))
        return x.lerp(interpolate(avg_pool2d(x, 2), scale_factor=2), 1 - g.alpha) if g.fading else x

    def d_terms(self, batch: Batch, real: Any, fake: Any) -> Terms:
        terms = super().d_terms(batch, real, fake)
        if self.recipe.drift:
            terms["drift"] = self.recipe.drift * self.logits(real).square().mean()
        return terms

    def image_of(self, generated: Tensor) -> Tensor:
        """Samples of the data's size; G has no final activation, so they are clamped to the range."""
        assert self.data is not None
        image = interpolate(generated, self.data.shape[1:])
        return image if self.data.range is None else image.clamp(*self.data.range)
