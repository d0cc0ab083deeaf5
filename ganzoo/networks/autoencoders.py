"""Discriminators that are autoencoders: how badly a sample is reconstructed says how real it is."""

from __future__ import annotations

from torch import Tensor, nn

from ganzoo.errors import GanzooError

ENERGIES = ("l1", "l2", "norm")


class AutoencodingDiscriminator(nn.Module):
    """`x [N, *shape]` to energies `[N]`, the errors of the reconstruction, low for real samples, and codes `[N, ...]`.

    Zhao et al. 2017, EBGAN (https://arxiv.org/abs/1609.03126); Berthelot et al. 2017, BEGAN
    (https://arxiv.org/abs/1703.10717). encoder: samples to codes. decoder: codes to reconstructions of the same shape.

    energy: "l1" is the mean absolute difference over a sample's values, "l2" the mean squared one, "norm" the
    Euclidean norm of the difference. GanzooError for any other.
    """

    def __init__(self, encoder: nn.Module, decoder: nn.Module, energy: str = "l1") -> None:
        super().__init__()
        if energy not in ENERGIES:
            raise GanzooError(f"unknown energy {energy!r}: choose one of {', '.join(ENERGIES)}.")
        self.encoder, self.decoder, self.energy = encoder, decoder, energy

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        code = self.encoder(x)
        difference = (self.decoder(code) - x).flatten(1)
        if self.energy == "l1":
            return difference.abs().mean(1), code
        if self.energy == "l2":
            return difference.square().mean(1), code
        # The derivative of the root is infinite at 0.
        return (difference.square().sum(1) + 1e-12).sqrt(), code
