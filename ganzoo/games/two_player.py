"""The common game: one generator, one discriminator, any loss, any penalties, optional class labels."""

from __future__ import annotations

import logging
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
from ganzoo.specs import LossSpec
from ganzoo.zoo import registry

log = logging.getLogger(__name__)


class TwoPlayer(GAN):
    """Players `g` (latent to sample) and `d` (sample to logit).

    loss, penalties: any loss can be combined with any penalties. `penalties` maps a name to the penalty and its Term
    (weight, every); those with `every` 1 are part of the discriminator's phase, the others have phases of their own.
    latent, latent_distribution: z is `[N, latent]`, normal or uniform on [-1, 1].
    classes: if above 0, both networks are called with class numbers `y [N]` as the second argument.
    n_critic: updates of D per step. clip: if above 0, D's weights are clipped to [-clip, clip] after each update.
    ema: whether to keep an exponential moving average of G's weights for sampling.
    joint: whether D sees real and fake samples in one pass, which is faster. By default it does unless it has batch
    normalisation, whose meaning would change (DCGAN normalises real and fake batches separately).
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
        check_options(spec, recipe.loss_options)
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
        """The device of the game, on which latents are drawn."""
        # Of a stored parameter, as finding one takes longer than drawing latents for a small network.
        if not self._anchor:
            self._anchor.append(next(self.players.parameters()))
        return self._anchor[0].device

    def phases(self) -> list[Phase]:
        rows = [Phase("d", "d", self.discriminator_loss, repeats=self.n_critic)]
        for name, (_, term) in self.penalties.items():
            if term.every > 1:
                # As often as D's own phase runs: the weight means the same as in that phase.
                lazy = partial(self.lazy_penalty, name)
                rows.append(Phase(name, "d", lazy, every=term.every, repeats=self.n_critic, new_batch=False))
        rows.append(Phase("g", "g", self.generator_loss, new_batch=False))
        return rows

    def draw_latent(self, n: int, truncation: float | None = None) -> Tensor:
        """Latent vectors `[n, latent]`; each coordinate is within `truncation` standard deviations if it is given.

        The truncated normal is drawn through its distribution function, one draw per coordinate, so that a seed gives
        similar latents for similar truncations. A uniform z is multiplied by the truncation, but by 1 at most.
        """
        if self.latent_distribution == "uniform":
            return (torch.rand(n, self.latent, device=self.device) * 2 - 1) * min(1.0, truncation or 1.0)
        z = torch.randn(n, self.latent, device=self.device)
        if truncation is None:
            return z
        inside = torch.erfinv(torch.erf(z / 2**0.5) * math.erf(truncation / 2**0.5)) * 2**0.5
        return inside.clamp(-truncation, truncation)

    def generate(self, z: Tensor, y: Tensor | None = None) -> Tensor:
        """Samples `[N, *shape]` from latents `[N, latent]`, of classes `y [N]` if the game is conditional."""
        sample: Tensor = self.generator(z, y) if self.classes else self.generator(z)
        return sample

    def judge(self, x: Tensor, y: Tensor | None = None) -> Tensor:
        """Logits `[N]` of samples."""
        logits: Tensor = self.discriminator(x, y) if self.classes else self.discriminator(x)
        return logits

    def judge_both(self, real: Tensor, fake: Tensor, y: Tensor | None) -> tuple[Tensor, Tensor]:
        """Logits of real and fake samples, in one pass if `joint`."""
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
        """One weighted penalty, eager and in fp32, as it is differentiated twice."""
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
        # Moving to a device may create new parameters.
        self._anchor.clear()
        return super()._apply(*args, **options)

    def sample(self, n: int, y: Tensor | None = None, truncation: float | None = None) -> Tensor:
        if self.classes and y is None:
            y = torch.randint(self.classes, (n,), device=self.device)
        return self.generate(self.draw_latent(n, truncation), y)


def check_options(spec: LossSpec, options: Mapping[str, float]) -> None:
    """Raise GanzooError for an option that the loss does not have, or a value outside its bounds."""
    known = {option.name: option for option in spec.options}
    for name, value in options.items():
        if name not in known:
            has = "it has " + ", ".join(known) if known else "it has none"
            raise GanzooError(f"loss {spec.name!r} has no option {name!r}: {has}.")
        if not known[name].allows(value):
            raise GanzooError(f"loss_options.{name}: expected a number {known[name].bounds}, not {value:g}.")


NORMALISATION = (nn.LayerNorm, nn.GroupNorm, nn.RMSNorm, nn.modules.batchnorm._NormBase)


def add_spectral_norm(module: nn.Module) -> None:
    """Divide each weight by its largest singular value (Miyato et al. 2018, https://arxiv.org/abs/1802.05957).

    These are the parameters named `weight` with two dimensions or more: of linear, convolution and embedding layers,
    and of layers of your own. Normalisation layers keep theirs. Other parameters of two dimensions or more are left as
    they are, with a warning. Raises GanzooError for recurrent layers, whose weights are not read when they are
    normalised, and if there is no layer to normalise.
    """
    left_out, found = [], False
    for path, layer in list(module.named_modules()):
        if isinstance(layer, nn.RNNBase):
            raise GanzooError(f"spectral_norm: the recurrent layer {path!r} cannot be normalised: leave it out.")
        if isinstance(layer, NORMALISATION):
            continue
        for name, weight in list(layer.named_parameters(recurse=False)):
            if name == "weight" and weight.ndim > 1:
                spectral_norm(layer)
                found = True
            elif weight.ndim > 1 and not name.startswith("original"):
                left_out.append(f"{path}.{name}".removeprefix("."))
    if not found:
        raise GanzooError("spectral_norm: the discriminator has no layer with a weight to normalise: leave it out.")
    if left_out:
        log.warning("spectral_norm leaves out the parameters %s of the discriminator.", ", ".join(left_out))
