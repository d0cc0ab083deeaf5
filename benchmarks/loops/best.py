"""The fastest plain loops that we can write for the same mathematics as ganzoo's: no logs and no checks.

The data are in memory as uint8. As in ganzoo, each update of D reads its own batch, and the update of
G reads only labels. D processes real and fake samples in one pass unless it has batch normalisation. Adam is fused; the
averaged generator is updated in one call. G's update computes no gradients of D's weights (`backward(inputs=...)`).

In bf16, networks and images are bf16, apart from batch normalisation, and the optimiser updates fp32 weights, which are
cast once per update. Losses, averages and the gradient penalty are in fp32.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor, nn
from torch.func import functional_call
from torch.nn.functional import softplus
from torch.nn.modules.batchnorm import _BatchNorm

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


class Player:
    """A network and its optimiser. In bf16, `masters` are its weights in fp32, of which the network has copies."""

    def __init__(self, network: nn.Module, recipe: Any, bf16: bool) -> None:
        self.network, self.bf16 = network, bf16
        self.weights = list(network.parameters())
        self.masters = self.weights
        if bf16:
            self.masters = [nn.Parameter(weight.detach().clone()) for weight in self.weights]
            for module in network.modules():
                if not isinstance(module, _BatchNorm):
                    for weight in module.parameters(recurse=False):
                        weight.data = weight.data.bfloat16()
        self.optimiser = torch.optim.Adam(self.masters, recipe.lr, recipe.betas, fused=True)

    def __call__(self, x: Tensor, *y: Tensor) -> Tensor:
        """The network's output, in fp32 for a loss."""
        output: Tensor = self.network(x.bfloat16() if self.bf16 else x, *y)
        return output.float() if output.ndim < 3 else output

    def in_full(self, x: Tensor, *y: Tensor) -> Tensor:
        """The network's output with the weights in fp32."""
        if not self.bf16:
            return self(x, *y)
        names = (name for name, _ in self.network.named_parameters())
        return functional_call(self.network, dict(zip(names, self.masters, strict=True)), (x, *y))

    def step(self) -> None:
        """Update the weights, and delete the gradients."""
        if self.bf16:
            for master, weight in zip(self.masters, self.weights, strict=True):
                gradient = None if weight.grad is None else weight.grad.float()
                # Those of a penalty are there already.
                master.grad = gradient if master.grad is None or gradient is None else master.grad.add_(gradient)
                weight.grad = None
        self.optimiser.step()
        self.optimiser.zero_grad()
        if self.bf16:
            with torch.no_grad():
                torch._foreach_copy_([*self.weights], [*self.masters])


class Average:
    """The moving average of a player's weights and running statistics; not updated if the decay is 0."""

    def __init__(self, player: Player, decay: float) -> None:
        buffers = [buffer for buffer in player.network.buffers() if buffer.is_floating_point()]
        self.decay, self.fast = decay, [tensor.detach() for tensor in (*player.masters, *buffers)]
        self.slow = [tensor.clone() for tensor in self.fast]

    @torch.no_grad()
    def update(self, step: int) -> None:
        if self.decay:
            torch._foreach_lerp_(self.slow, self.fast, 1 - min(self.decay, (step + 1) / (step + 10)))


def cross_entropy(
    networks: tuple[nn.Module, nn.Module],
    images: Tensor,
    labels: Tensor,
    recipe: Any,
    *,
    conditional: bool = False,
    channels_last: bool = False,
    bf16: bool = False,
) -> Iterator[None]:
    """The non-saturating GAN: vanilla, DCGAN, and with `conditional` their conditional form."""
    g, d = (Player(network, recipe.optimiser(name), bf16) for name, network in zip("gd", networks, strict=True))
    batch, latent, average = recipe.batch, recipe.latent, Average(g, recipe.ema)
    batches = Batches(images, labels, batch, recipe.seed, channels_last)
    joint = not any(isinstance(module, _BatchNorm) for module in d.network.modules())
    sign = torch.cat([-torch.ones(batch), torch.ones(batch)])
    step = 0
    while True:
        index = batches.index(step)
        real, y = batches.x(index), [batches.y(index)] if conditional else []
        with torch.no_grad():
            fake = g(torch.randn(batch, latent), *y)
        if joint:
            logits = d(torch.cat([real.to(fake.dtype), fake]), *[torch.cat([labels, labels]) for labels in y])
        else:
            logits = torch.cat([d(real, *y), d(fake, *y)])
        (2 * softplus(sign * logits).mean()).backward()
        d.step()

        softplus(-d(g(torch.randn(batch, latent), *y), *y)).mean().backward(inputs=g.weights)
        g.step()
        average.update(step)
        step += 1
        yield


def wgan_gp(
    networks: tuple[nn.Module, nn.Module],
    images: Tensor,
    labels: Tensor,
    recipe: Any,
    *,
    channels_last: bool = False,
    bf16: bool = False,
) -> Iterator[None]:
    """WGAN-GP; one step is a generator update and the `n_critic` critic updates before it."""
    g, d = (Player(network, recipe.optimiser(name), bf16) for name, network in zip("gd", networks, strict=True))
    batch, latent, average = recipe.batch, recipe.latent, Average(g, recipe.ema)
    batches = Batches(images, labels, batch, recipe.seed, channels_last)
    factor = recipe.penalties["wgan-gp"].weight
    sign = torch.cat([-torch.ones(batch), torch.ones(batch)])
    step = 0
    while True:
        for i in range(recipe.n_critic):
            real = batches.x(batches.index(recipe.n_critic * step + i))
            with torch.no_grad():
                fake = g(torch.randn(batch, latent))
            distance = 2 * (sign * d(torch.cat([real.to(fake.dtype), fake]))).mean()
            between = torch.lerp(real, fake.float(), torch.rand(batch, 1, 1, 1)).requires_grad_()
            (gradient,) = torch.autograd.grad(d.in_full(between).sum(), between, create_graph=True)
            norm = (gradient.flatten(1).square().sum(1) + 1e-12).sqrt()
            (distance + factor * (norm - 1).square().mean()).backward()
            d.step()
        (-d(g(torch.randn(batch, latent))).mean()).backward(inputs=g.weights)
        g.step()
        average.update(step)
        step += 1
        yield
