"""Penalties on the discriminator. Each takes a critic, real and fake samples, and returns its unweighted value.

They differentiate twice, so the caller runs them uncompiled and in full precision.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

Critic = Callable[[Tensor], Tensor]


def squared_gradient_norm(critic: Critic, x: Tensor) -> Tensor:
    """Squared Euclidean norm of the critic's gradient at each sample: `x [N, ...]` to `[N]`, differentiable."""
    x = x.detach().requires_grad_(True)
    return squared_gradient_of(critic(x), x)


def squared_gradient_of(logits: Tensor, x: Tensor) -> Tensor:
    """The same from logits `[N]` that were computed from samples `x [N, ...]` which require a gradient."""
    (gradient,) = torch.autograd.grad(logits.sum(), x, create_graph=True)
    return gradient.flatten(1).square().sum(1)


def _norm(squared: Tensor) -> Tensor:
    # The derivative of the root is infinite at 0, which an untrained critic on constant data can reach.
    return (squared + 1e-12).sqrt()


@dataclass
class WGANGradientPenalty:
    """(|gradient| - target)^2 / target^2 between real and fake samples (Gulrajani et al. 2017, equation 3; weight 10).

    target: 1 there; ProGAN (Karras et al. 2018, appendix A.1) divides by a target of 750 on CIFAR-10.
    """

    target: float = 1.0

    def __call__(self, critic: Critic, real: Tensor, fake: Tensor) -> Tensor:
        fraction = torch.rand(len(real), *[1] * (real.ndim - 1), device=real.device)
        between = torch.lerp(real.detach(), fake.detach(), fraction)
        return _distance(critic, between, self.target)


@dataclass
class DRAGAN:
    """(|gradient| - target)^2 / target^2 around real samples (Kodali et al. 2017, equation 4; weight 10 there).

    noise: its largest value, in standard deviations of the real samples; target: 1 there.
    """

    noise: float = 0.5
    target: float = 1.0

    def __call__(self, critic: Critic, real: Tensor, fake: Tensor) -> Tensor:
        noise = self.noise * real.std() * torch.rand_like(real)
        fraction = torch.rand(len(real), *[1] * (real.ndim - 1), device=real.device)
        return _distance(critic, real.detach() + fraction * noise, self.target)


def _distance(critic: Critic, x: Tensor, target: float) -> Tensor:
    """Mean squared distance of the gradient's norm from the target, relative to that."""
    value = (_norm(squared_gradient_norm(critic, x)) - target).square().mean()
    return value if target == 1 else value / target**2


class R1:
    """Half the squared gradient norm at real samples (Mescheder et al. 2018, equation 9; weight 10 there)."""

    at = "real"

    def __call__(self, critic: Critic, real: Tensor, fake: Tensor) -> Tensor:
        return 0.5 * squared_gradient_norm(critic, real).mean()

    def of(self, logits: Tensor, x: Tensor) -> Tensor:
        return 0.5 * squared_gradient_of(logits, x).mean()


class R2:
    """Half the squared gradient norm at fake samples (Mescheder et al. 2018, equation 10; weight 10 there)."""

    at = "fake"

    def __call__(self, critic: Critic, real: Tensor, fake: Tensor) -> Tensor:
        return 0.5 * squared_gradient_norm(critic, fake).mean()

    def of(self, logits: Tensor, x: Tensor) -> Tensor:
        return 0.5 * squared_gradient_of(logits, x).mean()
