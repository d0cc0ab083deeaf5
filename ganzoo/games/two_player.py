"""The common game: one generator, one discriminator, any loss, any penalties, optional class labels."""

from __future__ import annotations

import math
from collections.abc import Mapping
from functools import partial
from typing import Any, Self, cast

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm
from torch.nn.modules.dropout import _DropoutNd
from torch.nn.utils.parametrize import is_parametrized

from ganzoo.errors import GanzooError
from ganzoo.game import (
    GAN,
    AdversarialLoss,
    Augmentation,
    Batch,
    Penalty,
    Phase,
    SharedPenalty,
    Terms,
    batch_size,
    uncompiled,
)
from ganzoo.games.chosen import build_augmentation, build_loss, build_penalties
from ganzoo.games.losses import mean_logits
from ganzoo.games.outputs import (
    first_tensor,
    flattened,
    is_floating,
    joined,
    mean,
    per_sample,
    restored,
    scales,
    split,
)
from ganzoo.games.spectral import add_spectral_norm
from ganzoo.games.traces import leaves_traces
from ganzoo.recipes import DataSpec, Term, TwoPlayerRecipe, value_at
from ganzoo.zoo.boundary import kind_of

PASS = ("look", "look_at_both", "judge", "penalty")
"""What a game must not override if the pass of D's loss is to serve penalties too."""


class TwoPlayer(GAN):
    """Players `g` (latent to sample) and `d` (sample to logit).

    A subclass overrides one step of an update at a time. `batch` is the batch that the update was given:

    - `fakes(batch)`: what G returns for a batch, from latents that it leaves in `batch["z"]`. A game with `inputs` uses
      these instead; when it draws samples, the batch has only its inputs, and "y" if it is conditional.
    - `fake_labels(batch)`: their classes; by default those of the batch's real samples.
    - `shown(x, batch)`: what D is shown of real or generated samples; by default the samples themselves.
    - `look(x, y)`: D's raw output, of augmented samples.
    - `logits(output)`: the logits in that output, if D returns more than these.
    - `d_terms(batch, real, fake)`, `g_terms(batch, fakes, fake, real)`: each player's loss, from D's raw outputs.
    - `image_of(generated)`: the samples, if G returns more than these.

    loss, penalties: any loss can be combined with any penalties. `penalties` maps a name to the penalty and its Term
    (weight, every); those with `every` 1 are part of the discriminator's phase, the others have phases of their own.
    latent, latent_distribution: z is `[N, latent]`, normal or uniform on [-1, 1].
    classes: if above 0, both networks are called with class numbers `y [N]` as the second argument; D is not if
    `d_labels` is False, as for an auxiliary classifier.
    n_critic: updates of D per step. g_batch: samples in an update of G, if not the recipe's batch.
    clip: if above 0, D's weights are clipped to [-clip, clip] after each update.
    ema: whether to keep an exponential moving average of G's weights for sampling.
    joint: whether D sees real and fake samples in one pass, which is faster. By default it does unless it has batch
    normalisation, whose meaning would change (DCGAN normalises real and fake batches separately). Pass False for any
    other D in which samples of a batch affect each other.
    augmentation: changes every sample that D sees, real or generated.
    """

    recipe: Any = None
    """The recipe that `from_recipe` was given."""

    data: DataSpec | None = None
    """The data that `from_recipe` was given."""

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
        d_labels: bool = True,
        n_critic: int = 1,
        g_batch: int | None = None,
        clip: float = 0.0,
        ema: bool = True,
        joint: bool | None = None,
        augmentation: Augmentation | None = None,
    ) -> None:
        super().__init__({"g": generator, "d": discriminator}, ema=["g"] if ema else [])
        self.loss = loss
        self.penalties = dict(penalties or {})
        self.latent, self.latent_distribution = latent, latent_distribution
        self.classes, self.d_labels, self.n_critic, self.clip = classes, d_labels, n_critic, clip
        self.g_batch = g_batch
        if joint is None:
            joint = not any(isinstance(module, _BatchNorm) for module in discriminator.modules())
        self.joint = joint
        self.augmentation = augmentation
        self._anchor: list[nn.Parameter] = []
        self._traces: bool | None = None

    @classmethod
    def from_recipe(
        cls,
        generator: nn.Module,
        discriminator: nn.Module,
        recipe: TwoPlayerRecipe,
        data: DataSpec,
        classes: int = 0,
        *,
        d_labels: bool = True,
        joint: bool | None = None,
    ) -> Self:
        """The game that a recipe describes: loss, penalties and augmentation come from the registry by name.

        It has `recipe` and `data` as attributes, and `setup` has been called. The other arguments are those of the
        class. Raises GanzooError for a name that is not registered, an option that the loss or the augmentation does
        not have, and an augmentation of another kind of data.
        """
        if recipe.spectral_norm:
            add_spectral_norm(discriminator)
        game = cls(
            generator,
            discriminator,
            build_loss(recipe),
            build_penalties(recipe),
            latent=recipe.latent,
            latent_distribution=recipe.latent_distribution,
            classes=classes,
            d_labels=d_labels,
            n_critic=recipe.n_critic,
            g_batch=recipe.g_batch,
            clip=recipe.clip,
            ema=recipe.averaged,
            joint=joint,
            augmentation=build_augmentation(recipe, data),
        )
        game.recipe, game.data = recipe, data
        game._check_schedules(recipe)
        game.setup(recipe, data)
        return game

    def setup(self, recipe: Any, data: DataSpec) -> None:
        """Prepare the game for a recipe: attributes and buffers of a subclass. Called by `from_recipe`."""

    def follow(self, recipe: Any) -> None:
        """The recipe of a step becomes `self.recipe`; options with a schedule are set as attributes of their object."""
        self.recipe, self.clip = recipe, recipe.clip
        self.penalties = {name: (penalty, recipe.penalties[name]) for name, (penalty, _) in self.penalties.items()}
        for name in recipe.schedules:
            owner, option = self._owner(name)
            if owner is not None:
                setattr(owner, option, value_at(recipe, name.split(".")))

    def _owner(self, key: str) -> tuple[Any, str]:
        """The loss, the penalty or the augmentation that has the option at a recipe key, and the option's name."""
        path = key.split(".")
        if path[0] == "penalties" and path[2] == "options":
            return self.penalties[path[1]][0], path[3]
        return {"loss_options": self.loss, "augment_options": self.augmentation}.get(path[0]), path[-1]

    def _check_schedules(self, recipe: TwoPlayerRecipe) -> None:
        """Raise GanzooError for a schedule of an option that is no attribute."""
        for name in recipe.schedules:
            owner, option = self._owner(name)
            if owner is not None and not hasattr(owner, option):
                raise GanzooError(f"{name} can have no schedule: {kind_of(owner)} has no attribute {option!r} to set.")

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
        rows.append(Phase("g", "g", self.generator_loss, new_batch=False, batch=self.g_batch))
        return rows

    # Drawing

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
        return self.image_of(self._generated(z, y))

    def image_of(self, generated: Any) -> Tensor:
        """The samples `[N, *shape]` in what G returns, which is by default the samples themselves."""
        samples: Tensor = generated
        return samples

    def sample(
        self, n: int, y: Tensor | None = None, given: Batch | None = None, truncation: float | None = None
    ) -> Tensor:
        if self.classes and y is None:
            y = torch.randint(self.classes, (n,), device=self.device)
        if given is not None:
            return self.image_of(self.fakes({**given} if y is None else {**given, "y": y}))
        return self.generate(self.draw_latent(n, truncation), y)

    def _generated(self, z: Tensor, y: Tensor | None) -> Any:
        return self.generator(z, y) if self.classes else self.generator(z)

    # The steps of an update

    def fakes(self, batch: Batch) -> Any:
        """What G returns for a batch: as many samples as the batch has, from new latents, left in `batch["z"]`."""
        z = batch["z"] = self.draw_latent(batch_size(batch))
        return self._generated(z, self.fake_labels(batch))

    def fake_labels(self, batch: Batch) -> Tensor | None:
        """Classes `y [N]` of the generated samples: by default those of the batch's real samples."""
        return batch.get("y")

    def shown(self, x: Any, batch: Batch) -> Any:
        """What D is shown of real or generated samples `x`; a translator shows them together with their input."""
        return x

    def look(self, x: Any, y: Tensor | None = None) -> Any:
        """D's raw output for samples, which the augmentation changes first. D is called nowhere else."""
        if self.augmentation is not None:
            x = self.augmentation(x)
        return self.discriminator(x, y) if self.classes and self.d_labels else self.discriminator(x)

    def logits(self, output: Any) -> Any:
        """The logits in D's raw output: `[N]`, `[N, ...]` for patches, or a tuple of these for several scales."""
        return output

    def d_terms(self, batch: Batch, real: Any, fake: Any) -> Terms:
        """D's loss, from its raw outputs for real and generated samples; penalties are added to it."""
        pairs = list(zip(scales(self.logits(real)), scales(self.logits(fake)), strict=True))
        loss = mean([self.loss.discriminator(real, fake) for real, fake in pairs])
        return {"loss": loss, **mean_logits(*pairs[0])}

    def g_terms(self, batch: Batch, fakes: Any, fake: Any, real: Any) -> Terms:
        """G's loss, from what it returned and D's raw output for that. real: of real samples; None unless `paired`."""
        of_fake = scales(self.logits(fake))
        of_real = [logits.new_empty(0) for logits in of_fake] if real is None else scales(self.logits(real))
        pairs = zip(of_fake, of_real, strict=True)
        return {"loss": mean([self.loss.generator(fake, real) for fake, real in pairs])}

    # Updates

    def discriminator_loss(self, batch: Batch) -> Terms:
        with torch.no_grad():
            fake = self.shown(self.fakes(batch), batch)
        real, y, fake_y = self.shown(batch["x"], batch), batch.get("y"), self.fake_labels(batch)
        shared = self._shared_penalties(real, y)
        if shared:
            # They differentiate the outputs of this pass, in place of a pass of their own. Two passes, as a gradient
            # would have to go back through both halves of a joint one.
            real = real.detach().requires_grad_("real" in shared.values())
            fake = fake.detach().requires_grad_("fake" in shared.values())
            real_output, fake_output = self.look(real, y), self.look(fake, fake_y)
        else:
            real_output, fake_output = self.look_at_both(real, fake, y, fake_y)
        terms = self.d_terms(batch, real_output, fake_output)
        if self.augmentation is not None:
            terms |= self.augmentation.terms(per_sample(self.logits(real_output)))
        for name, (penalty, term) in self.penalties.items():
            if name in shared:
                at, output = (real, real_output) if shared[name] == "real" else (fake, fake_output)
                terms[name] = term.weight * cast("SharedPenalty", penalty).of(per_sample(self.logits(output)), at)
            elif term.every == 1:
                terms[name] = self.penalty(name, real, fake, y)
        return terms

    def _shared_penalties(self, real: Any, y: Tensor | None) -> dict[str, str]:
        """The penalties at real or at fake samples, by name, for which D's pass for its loss can serve; mostly none.

        Only where a pass of their own would return the same up to rounding: nothing is drawn and nothing is kept in it,
        samples are judged one by one, in full precision, with the labels that penalties are given.
        """
        sides = ("real", "fake") if type(self).fake_labels is TwoPlayer.fake_labels or y is None else ("real",)
        names = {
            name: str(penalty.at)
            for name, (penalty, term) in self.penalties.items()
            if term.every == 1 and isinstance(penalty, SharedPenalty) and penalty.at in sides
        }
        if not names or not self.joint or self.augmentation is not None:
            return {}
        if not isinstance(real, Tensor) or real.dtype != torch.float32 or torch.is_autocast_enabled(real.device.type):
            return {}
        if any(getattr(type(self), name) is not getattr(TwoPlayer, name) for name in PASS):
            return {}
        layers = list(self.discriminator.modules())
        compiled = any(layer._compiled_call_impl is not None for layer in layers)
        if compiled or any(isinstance(layer, _DropoutNd) or is_parametrized(layer) for layer in layers):
            return {}
        if self._traces is None:
            labels = [y[:2]] if self.classes and self.d_labels and y is not None else []
            self._traces = leaves_traces(self.discriminator, real[:2], *labels)
        return {} if self._traces else names

    def lazy_penalty(self, name: str, batch: Batch) -> Terms:
        """The terms of a penalty's own phase."""
        with torch.no_grad():
            fake = self.shown(self.fakes(batch), batch)
        return {"loss": self.penalty(name, self.shown(batch["x"], batch), fake, batch.get("y"))}

    def generator_loss(self, batch: Batch) -> Terms:
        fakes = self.fakes(batch)
        fake, fake_y = self.shown(fakes, batch), self.fake_labels(batch)
        if not self.loss.paired:
            return self.g_terms(batch, fakes, self.look(fake, fake_y), None)
        real_output, fake_output = self.look_at_both(self.shown(batch["x"], batch), fake, batch.get("y"), fake_y)
        return self.g_terms(batch, fakes, fake_output, real_output)

    def look_at_both(self, real: Any, fake: Any, y: Tensor | None, fake_y: Tensor | None) -> tuple[Any, Any]:
        """D's raw outputs for real and generated samples, in one pass if `joint`."""
        if not self.joint:
            return self.look(real, y), self.look(fake, fake_y)
        labels = torch.cat([y, fake_y]) if self.classes and y is not None and fake_y is not None else None
        return split(self.look(joined(real, fake), labels), len(first_tensor(real)))

    def penalty(self, name: str, real: Any, fake: Any, y: Tensor | None) -> Tensor:
        """One weighted penalty, eager and in fp32, as it is differentiated twice.

        If D is shown several tensors, the penalty sees them as one vector per sample.
        """
        penalty, term = self.penalties[name]
        several = not isinstance(real, Tensor)
        if several and not is_floating(real):
            raise GanzooError(f"the penalty {name!r} cannot differentiate the integers that D is shown: leave it out.")
        samples = [(flattened(x) if several else x).detach().float() for x in (real, fake)]
        device = samples[0].device.type
        with torch.autocast(device, enabled=False), uncompiled(self.discriminator):
            value = penalty(lambda x: self.judge(restored(x, real) if several else x, y), *samples)
            if not isinstance(value, Tensor):
                raise GanzooError(f"the penalty {name!r} must return a scalar tensor, not {kind_of(value)}.")
            return term.weight * value

    def judge(self, x: Any, y: Tensor | None = None) -> Tensor:
        """Logits `[N]` of samples: the mean over patches and scales, where D has these."""
        return per_sample(self.logits(self.look(x, y)))

    def judge_batch(self, batch: Batch) -> tuple[Tensor, Tensor]:
        """Logits of a batch's real samples and of as many generated ones, as in an update, in one pass if `joint`."""
        fake = self.shown(self.fakes(batch), batch)
        labels = batch.get("y"), self.fake_labels(batch)
        of_real, of_fake = self.look_at_both(self.shown(batch["x"], batch), fake, *labels)
        return per_sample(self.logits(of_real)), per_sample(self.logits(of_fake))

    def after_update(self, phase: Phase, terms: Terms) -> None:
        if phase.player != "d":
            return
        if self.augmentation is not None and phase.name == "d":
            self.augmentation.adapt(terms)
        if self.clip:
            with torch.no_grad():
                # Frozen weights stay as they are.
                for weight in (own for own in self.discriminator.parameters() if own.requires_grad):
                    weight.clamp_(-self.clip, self.clip)

    def _apply(self, *args: Any, **options: Any) -> Any:
        # Moving to a device may create new parameters.
        self._anchor.clear()
        return super()._apply(*args, **options)
