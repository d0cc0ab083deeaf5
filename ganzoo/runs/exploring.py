"""A generator's latent space: single latents, a walk between them, and pictures of their samples."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from functools import cached_property
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from ganzoo.errors import GanzooError
from ganzoo.game import GAN
from ganzoo.machine.seeds import mixed_seed
from ganzoo.machine.threads import require_no_other_training
from ganzoo.recipes import DataSpec
from ganzoo.runs.directions import Directions, find_directions
from ganzoo.runs.sampling import on_host, slerp
from ganzoo.zoo import registry

if TYPE_CHECKING:
    from PIL.Image import Image

COUNT = 8
"""Directions to move along."""


class Explorer:
    """Draws from chosen latents of a game that has some (`ganzoo.game.has_latent`).

    name: the variant's, for messages. Drawing changes neither the game nor torch's random state; its methods raise
    GanzooError while another thread trains.
    """

    def __init__(self, gan: GAN, spec: DataSpec, name: str) -> None:
        self.gan: Any = gan
        self.spec, self.name = spec, name
        self.uniform = getattr(gan, "latent_distribution", "normal") == "uniform"

    @cached_property
    def directions(self) -> Directions | None:
        """The directions along which samples change most, as the generator was at first use; None if none are found."""
        # They are found on the CPU, and a game that is being trained must stay where it is.
        gan = self.gan if next(self.gan.parameters()).device.type == "cpu" else copy.deepcopy(self.gan)
        try:
            return find_directions(gan, self.name, COUNT)
        except GanzooError:
            return None

    def latents(self, seed: int, count: int = 1) -> Tensor:
        """Random latents `[count, latent]`; the same seed gives the same ones."""
        require_no_other_training()
        with torch.random.fork_rng([]):
            torch.manual_seed(mixed_seed("explore", seed))
            drawn: Tensor = self.gan.draw_latent(count)
        return drawn

    def on_walk(self, seed: int, position: float) -> Tensor:
        """The latent `[1, latent]` at a position of an endless walk through the random latents of `seed`, seed + 1, ...

        position: 0 is the first, 1 the second, 1.5 between the second and the third. The walk is along great circles
        for normal latents, straight for uniform ones.
        """
        number = int(position)
        a, b = self.latents(seed + number), self.latents(seed + number + 1)
        fraction = position - number
        return torch.lerp(a, b, fraction) if self.uniform else slerp(a, b, fraction)

    def samples(
        self,
        z: Tensor,
        y: Tensor | None = None,
        *,
        moves: Mapping[int, float] | None = None,
        averaged: bool = True,
    ) -> Tensor:
        """Samples `[N, *shape]` of latents `z [N, latent]`, on the CPU; without `y`, all classes in turn.

        moves: how far to move the latents along some directions, by their numbers, in standard deviations.
        """
        if not self.gan.classes:
            y = None
        elif y is None:
            y = torch.arange(len(z), device=z.device) % self.gan.classes
        directions = self.directions
        amounts = torch.zeros(len(z), len(directions or ()), device=z.device)
        for number, amount in (moves or {}).items():
            if 0 <= number < amounts.shape[1]:
                amounts[:, number] = amount
        with self.gan.for_sampling(averaged), torch.random.fork_rng([]):
            torch.manual_seed(mixed_seed("explore"))
            moving = directions if amounts.any() else None
            made = self.gan.generate(z, y) if moving is None else moving.generate(self.gan, z, amounts, y)
            return on_host(made, self.spec.range)

    def picture(self, z: Tensor, y: Tensor | None = None, **options: Any) -> Image | None:
        """A picture of these samples; None for data that have none. options: those of `samples`."""
        return self.picture_and_lines(z, y, **options)[0]

    def picture_and_lines(
        self, z: Tensor, y: Tensor | None = None, **options: Any
    ) -> tuple[Image | None, list[str] | None]:
        """A picture of these samples, and each as a line of text; None for data without. options: as of `samples`."""
        modality = registry.modality(self.spec.modality)
        x = self.samples(z, y, **options)
        picture = modality.picture(x, self.spec) if modality.has_picture else None
        return picture, modality.lines(x, self.spec)
