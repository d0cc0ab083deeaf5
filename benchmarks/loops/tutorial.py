"""Loops in the style of public tutorials: DataLoader, ToTensor and Normalize, plain Adam, `.item()` for the logs.

They follow no particular tutorial. Each update draws its own latents, as in the papers' algorithms and in the recipes.
If a recipe averages the generator, so do they, weight by weight, as example code does. The generator's update also
computes gradients of the discriminator's weights, which are not used.
"""

from __future__ import annotations

import copy
from collections.abc import Iterator
from typing import Any

import numpy as np
import torch
from PIL import Image
from torch import Tensor, nn
from torch.utils.data import DataLoader
from torch.utils.data import Dataset as TorchDataset
from torchvision import transforms

from ganzoo.recipes import TwoPlayerRecipe


class Images(TorchDataset[tuple[Tensor, int]]):
    """uint8 images `[N, C, H, W]` and labels, returned as transformed PIL images, as by torchvision's data sets."""

    def __init__(self, images: Tensor, labels: Tensor) -> None:
        channels = images.shape[1]
        last = images.permute(0, 2, 3, 1)
        self.images: np.ndarray = (last[..., 0] if channels == 1 else last).contiguous().numpy()
        self.labels = labels.tolist()
        self.transform = transforms.Compose(
            [transforms.ToTensor(), transforms.Normalize((0.5,) * channels, (0.5,) * channels)]
        )

    def __len__(self) -> int:
        return len(self.images)

    def __getitem__(self, i: int) -> tuple[Tensor, int]:
        return self.transform(Image.fromarray(self.images[i])), self.labels[i]


def cross_entropy(
    netG: nn.Module, netD: nn.Module, images: Tensor, labels: Tensor, recipe: Any, conditional: bool = False
) -> Iterator[None]:
    """The non-saturating GAN: vanilla, DCGAN, and with `conditional` their conditional form."""
    dataloader = DataLoader(Images(images, labels), batch_size=recipe.batch, shuffle=True)
    criterion = nn.BCEWithLogitsLoss()
    optimizerD = torch.optim.Adam(netD.parameters(), lr=recipe.d.lr, betas=recipe.d.betas)
    optimizerG = torch.optim.Adam(netG.parameters(), lr=recipe.g.lr, betas=recipe.g.betas)
    netG_ema = copy.deepcopy(netG) if recipe.ema else None
    G_losses, D_losses, D_real, D_fake = [], [], [], []
    while True:
        for real, label in dataloader:
            n = real.size(0)
            y = [label] if conditional else []
            ones, zeros = torch.ones(n), torch.zeros(n)

            netD.zero_grad()
            output = netD(real, *y)
            errD_real = criterion(output, ones)
            errD_real.backward()
            D_real.append(output.mean().item())
            noise = torch.randn(n, recipe.latent)
            fake = netG(noise, *y)
            output = netD(fake.detach(), *y)
            errD_fake = criterion(output, zeros)
            errD_fake.backward()
            D_fake.append(output.mean().item())
            errD = errD_real + errD_fake
            optimizerD.step()

            netG.zero_grad()
            noise = torch.randn(n, recipe.latent)
            fake = netG(noise, *y)
            output = netD(fake, *y)
            errG = criterion(output, ones)
            errG.backward()
            optimizerG.step()
            if netG_ema is not None:
                update_average(netG_ema, netG, recipe.ema)

            G_losses.append(errG.item())
            D_losses.append(errD.item())
            yield


def wgan_gp(
    netG: nn.Module, netD: nn.Module, images: Tensor, labels: Tensor, recipe: TwoPlayerRecipe
) -> Iterator[None]:
    """WGAN-GP; one step is a generator update and the `n_critic` critic updates before it."""
    dataloader = DataLoader(Images(images, labels), batch_size=recipe.batch, shuffle=True)
    optimizerD = torch.optim.Adam(netD.parameters(), lr=recipe.d.lr, betas=recipe.d.betas)
    optimizerG = torch.optim.Adam(netG.parameters(), lr=recipe.g.lr, betas=recipe.g.betas)
    lambda_gp = recipe.penalties["wgan-gp"].weight
    netG_ema = copy.deepcopy(netG) if recipe.ema else None
    G_losses, D_losses, i = [], [], 0
    while True:
        for real, _ in dataloader:
            n = real.size(0)
            optimizerD.zero_grad()
            noise = torch.randn(n, recipe.latent)
            fake = netG(noise)
            loss_real = netD(real).mean()
            loss_fake = netD(fake.detach()).mean()
            penalty = gradient_penalty(netD, real, fake.detach())
            lossD = loss_fake - loss_real + lambda_gp * penalty
            lossD.backward()
            optimizerD.step()
            D_losses.append(lossD.item())

            i += 1
            if i % recipe.n_critic == 0:
                optimizerG.zero_grad()
                fake = netG(torch.randn(n, recipe.latent))
                lossG = -netD(fake).mean()
                lossG.backward()
                optimizerG.step()
                if netG_ema is not None:
                    update_average(netG_ema, netG, recipe.ema)
                G_losses.append(lossG.item())
                yield


@torch.no_grad()
def update_average(netG_ema: nn.Module, netG: nn.Module, decay: float) -> None:
    for average, weight in zip(netG_ema.parameters(), netG.parameters(), strict=True):
        average.mul_(decay).add_(weight, alpha=1 - decay)
    for copied, buffer in zip(netG_ema.buffers(), netG.buffers(), strict=True):
        copied.copy_(buffer)


def gradient_penalty(netD: nn.Module, real: Tensor, fake: Tensor) -> Tensor:
    alpha = torch.rand(real.size(0), 1, 1, 1)
    interpolates = (alpha * real + (1 - alpha) * fake).requires_grad_(True)
    output = netD(interpolates)
    (gradients,) = torch.autograd.grad(
        outputs=output,
        inputs=interpolates,
        grad_outputs=torch.ones(output.size()),
        create_graph=True,
        retain_graph=True,
        only_inputs=True,
    )
    gradients = gradients.view(gradients.size(0), -1)
    return ((gradients.norm(2, dim=1) - 1) ** 2).mean()
