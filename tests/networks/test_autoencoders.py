"""Discriminators that are autoencoders."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import nn

from ganzoo.errors import GanzooError
from ganzoo.networks import AutoencodingDiscriminator


@pytest.mark.parametrize("energy", ["l1", "l2", "norm"])
def test_the_energy_is_the_error_of_the_reconstruction(energy: str) -> None:
    network = AutoencodingDiscriminator(
        nn.Sequential(nn.Flatten(), nn.Linear(12, 3)),
        nn.Sequential(nn.Linear(3, 12), nn.Unflatten(1, (3, 2, 2))),
        energy,
    )
    x = torch.randn(5, 3, 2, 2)
    energies, codes = network(x)
    reconstruction = network.decoder(network.encoder(x)).detach().numpy()
    difference = (reconstruction - x.numpy()).reshape(5, -1)
    expected = {
        "l1": np.abs(difference).mean(1),
        "l2": (difference**2).mean(1),
        "norm": np.linalg.norm(difference, axis=1),
    }
    assert np.allclose(energies.detach().numpy(), expected[energy], rtol=1e-5)
    assert torch.equal(codes, network.encoder(x))


def test_a_perfect_reconstruction_has_a_finite_gradient() -> None:
    x = torch.ones(2, 4, requires_grad=True)
    AutoencodingDiscriminator(nn.Identity(), nn.Identity(), "norm")(x)[0].sum().backward()
    assert torch.equal(x.grad, torch.zeros(2, 4))


def test_an_unknown_energy_is_refused() -> None:
    with pytest.raises(GanzooError, match="unknown energy 'l3': choose one of l1, l2, norm"):
        AutoencodingDiscriminator(nn.Identity(), nn.Identity(), "l3")
