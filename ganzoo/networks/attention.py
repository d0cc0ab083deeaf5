"""Self-attention over the pixels of feature maps."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional


class SelfAttention(nn.Module):
    """Feature maps `[N, C, H, W]` to the same shape: x + gamma * what each pixel gathers from all others.

    Zhang et al. 2019, section 3 (https://arxiv.org/abs/1805.08318), with the authors' saving of memory: keys and values
    are max-pooled 2x2. Queries and keys have C/8 channels, values C/2, all by 1x1 convolutions without bias. `gamma` is
    a scalar that begins at 0, so the layer begins as the identity. Spectral normalisation leaves it as it is.

    Height and width must be at least 2. The attention matrix has H * W * (H // 2) * (W // 2) entries per image.
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        inner, values = max(1, channels // 8), max(1, channels // 2)
        self.query = nn.Conv2d(channels, inner, 1, bias=False)
        self.key = nn.Conv2d(channels, inner, 1, bias=False)
        self.value = nn.Conv2d(channels, values, 1, bias=False)
        self.output = nn.Conv2d(values, channels, 1, bias=False)
        for layer in (self.query, self.key, self.value, self.output):
            nn.init.xavier_uniform_(layer.weight)
        self.gamma = nn.Parameter(torch.zeros(()))

    def forward(self, x: Tensor) -> Tensor:
        query = self.query(x).flatten(2)
        key = functional.max_pool2d(self.key(x), 2).flatten(2)
        value = functional.max_pool2d(self.value(x), 2).flatten(2)
        weights = torch.softmax(query.transpose(1, 2) @ key, -1)
        gathered = (value @ weights.transpose(1, 2)).unflatten(2, x.shape[2:])
        attended: Tensor = x + self.gamma * self.output(gathered)
        return attended
