"""The fastest plain loops that we can write for the same mathematics as ganzoo's: no logs and no checks.

The data are in memory as uint8. As in ganzoo, each update of D reads its own batch, and the update of
G reads only labels. D processes real and fake samples in one pass unless it has batch normalisation. Adam is fused; the
averaged generator is updated in one call. G's update computes no gradients of D's weights (`backward(inputs=...)`).
"""

from __future__ import annotations

import copy
from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.functional import softplus

from ganzoo.machine.seeds import mixed_seed


class Batches:
    """Shuffled batches of `size` uint8 images, scaled to [-1, 1], and their labels."""

    def __init__(self, images: Tensor, labels: Tensor, size: int, seed: int, channels_last: bool) -> None:
        self.labels, self.size, self.seed = labels, size, seed
        self.images = images.contiguous(memory_format=torch.channels_last) if channels_last else images
        self.per_epoch, self.epoch = len(images) // size, -1
        self.order = torch.empty(0, dtype=torch.long)

    def index(self, i: int) -> Tensor:
        epoch, at = divmod(i, self.per_epoch)
        if epoch != self.epoch:
            generator = torch.Generator().manual_seed(mixed_seed("order", self.seed, epoch))
            self.epoch, self.order = epoch, torch.randperm(len(self.images), generator=generator)
        return self.order[at * self.size : (at + 1) * self.size]

    def x(self, index: Tensor) -> Tensor:
        return self.images.index_select(0, index).float().mul_(1 / 127.5).sub_(1)

    def y(self, index: Tensor) -> Tensor:
        return self.labels.index_select(0, index)


class Average:
    """The moving average of a network's weights and running statistics; not updated if the decay is 0."""

    def __init__(self, network: nn.Module, decay: float) -> None:
        self.network, self.decay = copy.deepcopy(network).requires_grad_(False), decay
        self.slow, self.fast = floats(self.network), floats(network)

    @torch.no_grad()
    def update(self, step: int) -> None:
        if self.decay:
            torch._foreach_lerp_(self.slow, self.fast, 1 - min(self.decay, (step + 1) / (step + 10)))


def floats(network: nn.Module) -> list[Tensor]:
    return [t.detach() for t in (*network.parameters(), *network.buffers()) if t.is_floating_point()]


def cross_entropy(
    g: nn.Module,
    d: nn.Module,
    images: Tensor,
    labels: Tensor,
    recipe: Any,
    conditional: bool = False,
    channels_last: bool = False,
) -> Iterator[None]:
    """The non-saturating GAN: vanilla, DCGAN, and with `conditional` their conditional form."""
    batch, latent, average = recipe.batch, recipe.latent, Average(g, recipe.ema)
    batches = Batches(images, labels, batch, recipe.seed, channels_last)
    weights = list(g.parameters())
    optimiser_g = torch.optim.Adam(weights, recipe.g.lr, recipe.g.betas, fused=True)
    optimiser_d = torch.optim.Adam(d.parameters(), recipe.d.lr, recipe.d.betas, fused=True)
    joint = not any(isinstance(module, nn.BatchNorm2d) for module in d.modules())
    sign = torch.cat([-torch.ones(batch), torch.ones(batch)])
    step = 0
    while True:
        index = batches.index(step)
        real, y = batches.x(index), [batches.y(index)] if conditional else []
        with torch.no_grad():
            fake = g(torch.randn(batch, latent), *y)
        if joint:
            logits = d(torch.cat([real, fake]), *[torch.cat([labels, labels]) for labels in y])
        else:
            logits = torch.cat([d(real, *y), d(fake, *y)])
        (2 * softplus(sign * logits).mean()).backward()
        optimiser_d.step()
        optimiser_d.zero_grad()

        softplus(-d(g(torch.randn(batch, latent), *y), *y)).mean().backward(inputs=weights)
        optimiser_g.step()
        optimiser_g.zero_grad()
        average.update(step)
        step += 1
        yield


def wgan_gp(
    g: nn.Module, d: nn.Module, images: Tensor, labels: Tensor, recipe: Any, channels_last: bool = False
) -> Iterator[None]:
    """WGAN-GP; one step is a generator update and the `n_critic` critic updates before it."""
    batch, latent, average = recipe.batch, recipe.latent, Average(g, recipe.ema)
    batches = Batches(images, labels, batch, recipe.seed, channels_last)
    weights = list(g.parameters())
    optimiser_g = torch.optim.Adam(weights, recipe.g.lr, recipe.g.betas, fused=True)
    optimiser_d = torch.optim.Adam(d.parameters(), recipe.d.lr, recipe.d.betas, fused=True)
    factor = recipe.penalties["wgan-gp"].weight
    sign = torch.cat([-torch.ones(batch), torch.ones(batch)])
    step = 0
    while True:
        for i in range(recipe.n_critic):
            real = batches.x(batches.index(recipe.n_critic * step + i))
            with torch.no_grad():
                fake = g(torch.randn(batch, latent))
            distance = 2 * (sign * d(torch.cat([real, fake]))).mean()
            between = torch.lerp(real, fake, torch.rand(batch, 1, 1, 1)).requires_grad_()
            (gradient,) = torch.autograd.grad(d(between).sum(), between, create_graph=True)
            norm = (gradient.flatten(1).square().sum(1) + 1e-12).sqrt()
            (distance + factor * (norm - 1).square().mean()).backward()
            optimiser_d.step()
            optimiser_d.zero_grad()
        (-d(g(torch.randn(batch, latent))).mean()).backward(inputs=weights)
        optimiser_g.step()
        optimiser_g.zero_grad()
        average.update(step)
        step += 1
        yield
