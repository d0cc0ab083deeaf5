"""Sequences of tokens: embeddings and differentiable sampling."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional


class TokenEmbedding(nn.Module):
    """Integer tokens `[N, T]`, or rows of weights over the vocabulary `[N, T, V]`, to embeddings `[N, T, size]`.

    A one-hot row gives its token's embedding; a soft row gives the weighted mean, through which a discriminator's
    gradient reaches the generator (Kusner & Hernández-Lobato 2016; RelGAN, Nie et al. 2019). Tokens are told from rows
    by their dtype. The parameter is named `weight [V, size]` and initialised as N(0, std): 0.1 in SeqGAN's code (Yu et
    al. 2017).
    """

    def __init__(self, vocabulary: int, size: int, std: float = 0.1) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.randn(vocabulary, size) * std)

    def forward(self, tokens: Tensor) -> Tensor:
        if tokens.is_floating_point():
            return tokens @ self.weight
        return functional.embedding(tokens, self.weight)


class GumbelSoftmax(nn.Module):
    """Logits `[..., V]` to random rows `[..., V]` that sum to 1: relaxed one-hot samples of softmax(logits).

    Jang et al. 2017 (https://arxiv.org/abs/1611.01144), Maddison et al. 2017. Rows approach one-hot rows as the
    temperature approaches 0. straight_through: one-hot rows, with the gradient of the soft ones (Jang et al., section
    2.2).

    The temperature is a buffer, so it is in checkpoints; a game changes it in `on_step` with `anneal`. Rows are drawn
    in evaluation too.
    """

    temperature: Tensor

    def __init__(self, temperature: float = 1.0, *, straight_through: bool = False) -> None:
        super().__init__()
        self.straight_through = straight_through
        self.register_buffer("temperature", torch.tensor(float(temperature)))

    def anneal(self, temperature: float) -> None:
        """Set the temperature, which must be above 0."""
        self.temperature.fill_(temperature)

    def forward(self, logits: Tensor) -> Tensor:
        # The function takes a tensor as well, which a recorded CUDA graph can read anew.
        return functional.gumbel_softmax(logits, self.temperature, hard=self.straight_through)  # type: ignore[arg-type]
