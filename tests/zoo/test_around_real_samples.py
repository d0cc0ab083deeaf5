"""dragan: a game whose penalty is around real samples."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from ganzoo.recipes import DataSpec, Term
from ganzoo.zoo import registry


def test_dragan_penalises_the_gradient_around_real_samples_alone() -> None:
    card = registry.variants()["dragan"]
    game: Any = card.build(card.recipes["digits"], DataSpec("digits", "image", (1, 8, 8), 10))
    assert card.recipes["digits"].penalties == {"dragan": Term(weight=10.0)}
    real, fake = torch.randn(4, 1, 8, 8), torch.full((4, 1, 8, 8), float("nan"))
    torch.manual_seed(3)
    value = game.penalty("dragan", real, fake, None)

    torch.manual_seed(3)
    noise = 0.5 * real.std() * torch.rand(4, 1, 8, 8)
    x = (real + torch.rand(4, 1, 1, 1) * noise).requires_grad_()
    (gradient,) = torch.autograd.grad(game.discriminator(x).sum(), x)
    norms = gradient.flatten(1).norm(dim=1)
    assert value.item() == pytest.approx(10 * (norms - 1).square().mean().item(), rel=1e-4)
