"""Statistics of a batch as a feature of the discriminator."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from ganzoo.errors import GanzooError


class MinibatchStd(nn.Module):
    """Feature maps `[N, C, H, W]` to `[N, C + features, H, W]`: the standard deviation over groups of samples is added.

    Karras et al. 2018, section 3 (https://arxiv.org/abs/1710.10196): in each group, the standard deviation of every
    feature at every pixel, averaged over features and pixels, as one constant map. Groups are those of the authors'
    code: with M groups, sample i is in group i mod M. If `group` does not divide the batch, the largest divisor of N
    below it is used; a group of one has a standard deviation of 1e-4.

    group: samples per group, 4 in the paper's code. features: maps that are added, each of its own part of the
    channels; C must be a multiple of it, or GanzooError is raised.

    Samples of a batch affect each other, so real and generated samples must not share a pass: build the game with
    `joint=False`. With several ranks, groups are made of a rank's own samples.
    """

    def __init__(self, group: int = 4, features: int = 1) -> None:
        super().__init__()
        self.group, self.features = group, features

    def forward(self, x: Tensor) -> Tensor:
        batch, _, height, width = x.shape
        if x.shape[1] % self.features:
            raise GanzooError(
                f"{x.shape[1]} channels cannot be split into {self.features} equal parts: use features=1."
            )
        group = next(size for size in range(min(self.group, batch), 0, -1) if batch % size == 0)
        parts = x.reshape(group, -1, self.features, x.shape[1] // self.features, height, width)
        # On the CPU, torch's var() over the first axis takes several times as long.
        variance = (parts - parts.mean(0)).square().mean(0)
        spread = torch.sqrt(variance + 1e-8).mean((2, 3, 4))
        maps = spread.repeat(group, 1)[:, :, None, None].expand(-1, -1, height, width)
        return torch.cat([x, maps], 1)
