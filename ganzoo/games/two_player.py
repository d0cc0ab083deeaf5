"""The common game: one generator, one discriminator, any loss, any penalties, optional class labels."""

from __future__ import annotations

import math
from collections.abc import Mapping
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm
from torch.nn.utils.parametrizations import spectral_norm

from ganzoo.errors import GanzooError
from ganzoo.game import GAN, AdversarialLoss, Batch, Penalty, Phase, Terms, batch_size, uncompiled
from ganzoo.games.losses import mean_logits
from ganzoo.recipes import DataSpec, Term, TwoPlayerRecipe
from ganzoo.zoo import registry


class TwoPlayer(GAN):
    """Players `g` (latent to sample) and `d` (sample to logit).

    loss, penalties: any of each combine. `penalties` maps a name to the penalty and its Term (weight, every); those
    with `every` 1 join the discriminator's own phase, the others are phases of their own.
    latent, latent_distribution: z is `[N, latent]`, normal or uniform on [-1, 1].
    classes: when above 0 both networks are called with class numbers `y [N]` as second argument.
    joint: whether D sees real and fake samples in one pass, which is faster. By default it does unless it has batch
    normalisation, whose meaning that would change (DCGAN normalises real and fake batches apart).
    """

    def __init__(
        self,
        generator: nn.Module,
        discriminator: nn.Module,
        loss: AdversarialLoss,
        penalties: Mapping[str, tuple[Penalty, Term]] | None = None,
        *,
        latent: int,
        latent_distribution: str = "normal",
        classes: int = 0,
        n_critic: int = 1,
        clip: float = 0.0,
        ema: bool = True,
        joint: bool | None = None,
    ) -> None:
        super().__init__({"g": generator, "d": discriminator}, ema=["g"] if ema else [])
        self.loss = loss
        self.penalties = dict(penalties or {})
        self.latent, self.latent_distribution = latent, latent_distribution
        self.classes, self.n_critic, self.clip = classes, n_critic, clip
        if joint is None:
            joint = not any(isinstance(module, _BatchNorm) for module in discriminator.modules())
        self.joint = joint
        self._anchor: list[nn.Parameter] = []

    @classmethod
    def from_recipe(
        cls, generator: nn.Module, discriminator: nn.Module, recipe: TwoPlayerRecipe, data: DataSpec, classes: int = 0
    ) -> TwoPlayer:
        """The game that a recipe describes: loss and penalties come from the registry by name.

        Raises GanzooError for a name that is not registered or an option that the loss does not have.
        """
        spec = registry.losses().find(recipe.loss)
        known = [option.name for option in spec.options]
        for option in recipe.loss_options:
            if option not in known:
                has = "it has " + ", ".join(known) if known else "it has none"
                raise GanzooError(f"loss {recipe.loss!r} has no option {option!r}: {has}.")
        penalties = {name: (registry.penalties().find(name).build(), term) for name, term in recipe.penalties.items()}
        if recipe.spectral_norm:
            add_spectral_norm(discriminator)
        return cls(
            generator,
            discriminator,
            spec.build(**recipe.loss_options),
            penalties,
            latent=recipe.latent,
            latent_distribution=recipe.latent_distribution,
            classes=classes,
            n_critic=recipe.n_critic,
            clip=recipe.clip,
            ema=recipe.ema > 0,
        )

    @property
    def generator(self) -> nn.Module:
        return self.players["g"]

    @property
    def discriminator(self) -> nn.Module:
        return self.players["d"]

    @property
    def device(self) -> torch.device:
        """Where the game is, and new latents are drawn."""
        # Of a parameter that is kept, as to look for one takes longer than to draw latents for a small network.
        if not self._anchor:
            self._anchor.append(next(self.players.parameters()))
        return self._anchor[0].device

    def phases(self) -> list[Phase]:
        rows = [Phase("d", "d", self.discriminator_loss, repeats=self.n_critic)]
        for name, (_, term) in self.penalties.items():
            if term.every > 1:
                rows.append(Phase(name, "d", partial(self.lazy_penalty, name), every=term.every))
        rows.append(Phase("g", "g", self.generator_loss))
        return rows

    def draw_latent(self, n: int, truncation: float | None = None) -> Tensor:
        """Latent vectors `[n, latent]`, with `truncation` only those within that many deviations in each coordinate.

        The truncated normal is drawn through its distribution function, one draw per coordinate, so that a seed gives
        neighbouring latents for neighbouring truncations. A uniform z is scaled; above 1 there is nothing to cut.
        """
        if self.latent_distribution == "uniform":
            return (torch.rand(n, self.latent, device=self.device) * 2 - 1) * min(1.0, truncation or 1.0)
        z = torch.randn(n, self.latent, device=self.device)
        if truncation is None:
            return z
        inside = torch.erfinv(torch.erf(z / 2**0.5) * math.erf(truncation / 2**0.5)) * 2**0.5
        return inside.clamp(-truncation, truncation)

    def generate(self, z: Tensor, y: Tensor | None = None) -> Tensor:
        """Samples `[N, *shape]` from latents `[N, latent]`, of classes `y [N]` when the game knows classes."""
        sample: Tensor = self.generator(z, y) if self.classes else self.generator(z)
        return sample

    def judge(self, x: Tensor, y: Tensor | None = None) -> Tensor:
        """Logits `[N]` of samples."""
        logits: Tensor = self.discriminator(x, y) if self.classes else self.discriminator(x)
        return logits

    def judge_both(self, real: Tensor, fake: Tensor, y: Tensor | None) -> tuple[Tensor, Tensor]:
        """Logits of real and fake samples, in one pass where that means the same."""
        if not self.joint:
            return self.judge(real, y), self.judge(fake, y)
        labels = torch.cat([y, y]) if self.classes and y is not None else None
        both = self.judge(torch.cat([real, fake]), labels)
        return both[: len(real)], both[len(real) :]

    def discriminator_loss(self, batch: Batch) -> Terms:
        real, y = batch["x"], batch.get("y")
        with torch.no_grad():
            fake = self.generate(self.draw_latent(len(real)), y)
        real_logits, fake_logits = self.judge_both(real, fake, y)
        terms = {"loss": self.loss.discriminator(real_logits, fake_logits), **mean_logits(real_logits, fake_logits)}
        for name, (_, term) in self.penalties.items():
            if term.every == 1:
                terms[name] = self.penalty(name, real, fake, y)
        return terms

    def lazy_penalty(self, name: str, batch: Batch) -> Terms:
        """The terms of a penalty's own phase."""
        real, y = batch["x"], batch.get("y")
        with torch.no_grad():
            fake = self.generate(self.draw_latent(len(real)), y)
        return {"loss": self.penalty(name, real, fake, y)}

    def penalty(self, name: str, real: Tensor, fake: Tensor, y: Tensor | None) -> Tensor:
        """One weighted penalty, eager and in fp32: neither compiled code nor bf16 survives two derivatives."""
        penalty, term = self.penalties[name]
        with torch.autocast(real.device.type, enabled=False), uncompiled(self.discriminator):
            return term.weight * penalty(lambda x: self.judge(x, y), real.float(), fake.float())

    def generator_loss(self, batch: Batch) -> Terms:
        y = batch.get("y")
        fake = self.generate(self.draw_latent(batch_size(batch)), y)
        if self.loss.paired:
            real_logits, fake_logits = self.judge_both(batch["x"], fake, y)
        else:
            fake_logits = self.judge(fake, y)
            real_logits = fake_logits.new_empty(0)
        return {"loss": self.loss.generator(fake_logits, real_logits)}

    def after_update(self, phase: Phase) -> None:
        if self.clip and phase.player == "d":
            with torch.no_grad():
                for weight in self.discriminator.parameters():
                    weight.clamp_(-self.clip, self.clip)

    def _apply(self, *args: Any, **options: Any) -> Any:
        # Moving to a device may make new parameters.
        self._anchor.clear()
        return super()._apply(*args, **options)

    def sample(self, n: int, y: Tensor | None = None, truncation: float | None = None) -> Tensor:
        if self.classes and y is None:
            y = torch.randint(self.classes, (n,), device=self.device)
        return self.generate(self.draw_latent(n, truncation), y)


def add_spectral_norm(module: nn.Module) -> None:
    """Divide each linear and convolution weight by its largest singular value (Miyato et al. 2018)."""
    for layer in list(module.modules()):
        if isinstance(layer, (nn.Linear, nn.Conv2d, nn.ConvTranspose2d)):
            spectral_norm(layer)
