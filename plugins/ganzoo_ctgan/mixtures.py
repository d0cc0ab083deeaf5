"""Mode-specific normalisation (Xu et al. 2019, section 4.2): a value as a mode of its column, and a place within it."""

from __future__ import annotations

import warnings

import torch
from torch import Tensor, nn

SMALLEST = 0.005
"""Weight below which a mode is not used (authors' code)."""

ROWS = 5_000
"""Rows that a mixture is fitted to at most."""

WIDTH = 4
"""Standard deviations of a mode at which a position is 1."""


class Mixtures(nn.Module):
    """A mixture of normal distributions for each of `count` columns, in buffers; before `fit`, one standard normal."""

    means: Tensor
    deviations: Tensor
    weights: Tensor

    def __init__(self, count: int, modes: int) -> None:
        super().__init__()
        self.register_buffer("means", torch.zeros(count, modes))
        self.register_buffer("deviations", torch.ones(count, modes))
        # Of modes that are not used, 0.
        self.register_buffer("weights", torch.eye(modes)[:1].repeat(count, 1))

    def fitted(self, x: Tensor) -> dict[str, Tensor]:
        """The state of a module that was fitted to the columns of `x [N, count]`."""
        other = Mixtures(*self.means.shape)
        other.fit(x)
        return other.state_dict()

    @torch.no_grad()
    def fit(self, x: Tensor) -> None:
        """Variational Gaussian mixtures of the columns of `x [N, count]`; always the same for the same values."""
        from sklearn.mixture import BayesianGaussianMixture

        count, modes = self.means.shape
        # Evenly spaced, as a data set may be sorted.
        rows = torch.linspace(0, len(x) - 1, min(len(x), ROWS)).long().unique()
        values = x.cpu()[rows].double().numpy()
        for column in range(count):
            part = values[:, column : column + 1]
            mixture = BayesianGaussianMixture(
                n_components=min(modes, len(part)),
                weight_concentration_prior_type="dirichlet_process",
                weight_concentration_prior=0.001,
                n_init=1,
                random_state=0,
            )
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                mixture.fit(part)
            found = len(mixture.weights_)
            weights = torch.tensor(mixture.weights_, dtype=torch.float32)
            self.weights[column] = 0
            self.weights[column, :found] = weights.where(weights > SMALLEST, 0)
            self.means[column, :found] = torch.tensor(mixture.means_[:, 0], dtype=torch.float32)
            deviations = torch.tensor(mixture.covariances_[:, 0, 0], dtype=torch.float32).sqrt()
            self.deviations[column, :found] = deviations.clamp(min=1e-4)

    def masked(self, logits: Tensor) -> Tensor:
        """Logits of modes `[N, count, modes]`, very low for modes that are not used."""
        return logits.masked_fill(self.weights == 0, -1e9)

    def encode(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Positions within modes `[N, count]`, -0.99 to 0.99, and modes `[N, count]`, drawn by their probabilities."""
        distance = (x[:, :, None] - self.means) / self.deviations
        density = self.masked((self.weights + 1e-30).log() - self.deviations.log() - 0.5 * distance.square())
        drawn = torch.rand(*density.shape, device=x.device).clamp(1e-6, 1 - 1e-6)
        mode = (density - torch.log(-torch.log(drawn))).argmax(2)
        position = distance.gather(2, mode[:, :, None])[:, :, 0] / WIDTH
        return position.clamp(-0.99, 0.99), mode

    def decode(self, position: Tensor, mode: Tensor) -> Tensor:
        """Values `[N, count]` at positions within modes."""
        deviations, means = (of.gather(1, mode.T).T for of in (self.deviations, self.means))
        return position * WIDTH * deviations + means
