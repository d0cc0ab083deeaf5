"""Normalisation whose scale and shift depend on a class, a style or a label map."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from ganzoo.errors import GanzooError, unknown
from ganzoo.networks.equalised import EqualisedLinear
from ganzoo.networks.layers import InstanceNorm2d, orthogonal_init


class ConditionalBatchNorm(nn.Module):
    """Feature maps `[N, C, H, W]` and a condition to the same shape: batch normalisation with a scale and shift of it.

    After Dumoulin et al. 2017, as used by Miyato & Koyama 2018 (https://arxiv.org/abs/1802.05637) and Brock et al. 2019
    (https://arxiv.org/abs/1809.11096): the scale is 1 + gain(y), the shift is bias(y).

    classes: the condition is class numbers `y [N]`, each with a gain and a bias of its own, 0 at first. Spectral
    normalisation leaves these as they are.
    features: the condition is a vector `[N, features]` (a shared class embedding, a part of the latent, or both),
    mapped by linear layers without bias, with orthogonal weights at first (Brock et al. 2019, appendix B). Spectral
    normalisation includes these. Exactly one of the two arguments is above 0.
    """

    def __init__(self, channels: int, *, classes: int = 0, features: int = 0) -> None:
        super().__init__()
        if (classes > 0) == (features > 0):
            raise GanzooError("conditional batch normalisation takes either classes or features: give one of them.")
        self.norm = nn.BatchNorm2d(channels, affine=False)
        self.gain: nn.Parameter | nn.Linear
        self.bias: nn.Parameter | nn.Linear
        if classes:
            self.gain, self.bias = (nn.Parameter(torch.zeros(classes, channels)) for _ in range(2))
        else:
            self.gain, self.bias = (nn.Linear(features, channels, bias=False) for _ in range(2))
            orthogonal_init(self)

    def forward(self, x: Tensor, y: Tensor) -> Tensor:
        gain, bias = (
            table(y) if isinstance(table, nn.Linear) else functional.embedding(y, table)
            for table in (self.gain, self.bias)
        )
        normalised: Tensor = self.norm(x) * (1 + gain[:, :, None, None]) + bias[:, :, None, None]
        return normalised


class AdaptiveInstanceNorm(nn.Module):
    """Feature maps `[N, C, H, W]` and styles `[N, style]` to the same shape: each map normalised, scaled and shifted.

    Huang & Belongie 2017 (https://arxiv.org/abs/1703.06868), with the learnt affine map of Karras et al. 2019
    (https://arxiv.org/abs/1812.04948, equation 1): an `EqualisedLinear` whose scales begin around 1 and shifts around
    0. Maps must have more than one pixel.
    """

    def __init__(self, channels: int, style: int) -> None:
        super().__init__()
        self.norm = InstanceNorm2d(channels)
        self.scale = EqualisedLinear(style, channels, bias_init=1.0)
        self.shift = EqualisedLinear(style, channels)

    def forward(self, x: Tensor, style: Tensor) -> Tensor:
        scale, shift = self.scale(style)[:, :, None, None], self.shift(style)[:, :, None, None]
        styled: Tensor = self.norm(x) * scale + shift
        return styled


class SPADENorm(nn.Module):
    """Feature maps `[N, C, H, W]` and a label map `[N, labels, *, *]` to the shape of the former: SPADE.

    Park et al. 2019, equation 1 and appendix A (https://arxiv.org/abs/1903.07291): batch or instance normalisation
    without parameters, then a scale `1 + gamma` and a shift per pixel, made from the label map by two convolutions
    with ReLU between them. The map is resized to the size of the features (nearest neighbour). Weights are initialised
    as in the authors' code, by Xavier's rule with gain 0.02.

    Spectral normalisation of the whole generator includes these convolutions; the authors leave them out.
    hidden: channels between the convolutions, 128 in the paper. kernel: odd. norm: "batch" or "instance".
    """

    def __init__(self, channels: int, labels: int, *, hidden: int = 128, kernel: int = 3, norm: str = "batch") -> None:
        super().__init__()
        if norm not in ("batch", "instance"):
            raise unknown("normalisation of SPADE", norm, ("batch", "instance"))
        self.norm: nn.Module
        self.norm = nn.InstanceNorm2d(channels) if norm == "instance" else nn.BatchNorm2d(channels, affine=False)
        self.shared = nn.Conv2d(labels, hidden, kernel, 1, kernel // 2)
        self.scale = nn.Conv2d(hidden, channels, kernel, 1, kernel // 2)
        self.shift = nn.Conv2d(hidden, channels, kernel, 1, kernel // 2)
        for layer in (self.shared, self.scale, self.shift):
            nn.init.xavier_normal_(layer.weight, 0.02)
            if layer.bias is not None:
                nn.init.zeros_(layer.bias)

    def forward(self, x: Tensor, labels: Tensor) -> Tensor:
        hidden = functional.relu(self.shared(functional.interpolate(labels, x.shape[2:])))
        modulated: Tensor = self.norm(x) * (1 + self.scale(hidden)) + self.shift(hidden)
        return modulated
