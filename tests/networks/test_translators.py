"""Networks from image to image, and the discriminator of patches."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import nn

from ganzoo.errors import GanzooError
from ganzoo.networks import PatchDiscriminator, ResnetTranslator, UNet


def weights(network: nn.Module) -> int:
    return sum(parameter.numel() for parameter in network.parameters())


@pytest.fixture
def meta() -> Any:
    with torch.device("meta"):
        yield


def test_the_weights_of_pix2pix_and_cyclegan(meta: Any) -> None:
    # The authors' PyTorch code prints 54.414 M (unet_256, batch), 2.769 M (basic, six channels, batch), 2.765 M (basic,
    # three channels, instance) and 11.378 M (resnet_9blocks, instance); the exact numbers are those of its layers.
    assert weights(UNet(3, (3, 256, 256))) == 54_413_955
    assert weights(PatchDiscriminator((6, 256, 256))) == 2_768_705
    assert weights(PatchDiscriminator((3, 256, 256), norm="instance")) == 2_764_737
    assert weights(ResnetTranslator(3, (3, 256, 256))) == 11_378_179


@pytest.mark.parametrize("norm", ["batch", "instance", "none"])
@pytest.mark.parametrize(("size", "downs"), [((8, 8), 3), ((28, 28), 2), ((16, 24), 3), ((32, 32), 5)])
def test_a_unet_makes_the_size(size: tuple[int, int], downs: int, norm: str) -> None:
    network = UNet(2, (3, *size), 4, norm=norm)
    assert len(network.down) == len(network.up) == downs
    x = network(torch.randn(2, 2, *size))
    assert x.shape == (2, 3, *size)
    assert x.abs().max() <= 1


def test_every_level_of_a_unet_has_a_skip_connection() -> None:
    network = UNet(3, (3, 16, 16), 2, downs=4)
    fan_in = [up[0].in_channels for up in network.up]
    assert [down[0].out_channels for down in network.down] == [2, 4, 8, 16]
    assert fan_in == [16, 16, 8, 4]
    # Without the way through the innermost levels, details of the input still reach the output.
    with torch.no_grad():
        network.up[-2][0].weight.zero_()
    x = torch.randn(2, 3, 16, 16)
    network.dropout = 0.0
    assert not torch.allclose(network(x), network(torch.zeros_like(x)), atol=1e-6)


def test_the_dropout_of_a_unet_is_its_noise_in_evaluation_too() -> None:
    x = torch.randn(2, 3, 32, 32)
    noisy, still = UNet(3, (3, 32, 32), 4).eval(), UNet(3, (3, 32, 32), 4, dropout=0).eval()
    assert not torch.equal(noisy(x), noisy(x))
    assert torch.equal(still(x), still(x))
    torch.manual_seed(3)
    first = noisy(x)
    torch.manual_seed(3)
    assert torch.equal(noisy(x), first)


@pytest.mark.parametrize("norm", ["batch", "instance", "none"])
@pytest.mark.parametrize("size", [(8, 8), (28, 28), (16, 24)])
def test_a_residual_translator_makes_the_size(size: tuple[int, int], norm: str) -> None:
    x = ResnetTranslator(2, (3, *size), 4, blocks=1, norm=norm)(torch.randn(2, 2, *size))
    assert x.shape == (2, 3, *size)
    assert x.abs().max() <= 1


def test_the_number_of_residual_blocks_depends_on_the_size(meta: Any) -> None:
    assert len(ResnetTranslator(3, (3, 256, 256), 4).body) - len(ResnetTranslator(3, (3, 128, 128), 4).body) == 3


@pytest.mark.parametrize(("layers", "field"), [(1, 16), (2, 34), (3, 70), (4, 142), (5, 286)])
def test_the_receptive_field_is_what_a_logit_depends_on(layers: int, field: int) -> None:
    size = 3 * 2**layers + 2 * field if layers < 4 else 3 * 2**layers
    network = PatchDiscriminator((1, size, size), 1, layers=layers, norm="none")
    assert network.receptive_field == field
    if layers < 4:
        for parameter in network.parameters():
            nn.init.constant_(parameter, 0.1)
        x = torch.zeros(1, 1, size, size, requires_grad=True)
        logits = network(x)
        logits[0, logits.shape[1] // 2, logits.shape[2] // 2].backward()
        assert int((x.grad[0, 0].abs().sum(0) > 0).sum()) == field


@pytest.mark.parametrize("norm", ["batch", "instance", "none"])
def test_patches_have_a_logit_each(norm: str) -> None:
    assert PatchDiscriminator((3, 32, 48), 4, norm=norm)(torch.randn(2, 3, 32, 48)).shape == (2, 2, 4)
    assert PatchDiscriminator((3, 24, 24), 4, norm="none")(torch.randn(2, 3, 24, 24)).shape == (2, 1, 1)


def test_weights_are_initialised_as_in_the_papers() -> None:
    for network in (
        UNet(3, (3, 16, 16), 16),
        PatchDiscriminator((3, 32, 32), 16),
        ResnetTranslator(3, (3, 16, 16), 16),
    ):
        for layer in network.modules():
            if isinstance(layer, nn.Conv2d) and layer.weight.numel() > 5000:
                assert layer.weight.std().item() == pytest.approx(0.02, rel=0.1)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: UNet(3, (3, 30, 30), downs=3), r"30x30 cannot be halved evenly 3 times: use --set data.size=32"),
        (lambda: UNet(3, (3, 9, 9)), r"9x9 cannot be halved evenly 2 times: use --set data.size=8"),
        (lambda: UNet(3, (3, 16, 16), downs=1), r"downs=2 or more"),
        (lambda: ResnetTranslator(3, (3, 30, 30)), r"30x30 cannot be halved evenly 2 times: use --set data.size=32"),
        (lambda: ResnetTranslator(3, (3, 4, 4)), r"4x4 are too small.*data.size=8"),
        (lambda: PatchDiscriminator((3, 16, 16)), r"use layers=2 or --set data.size=24 or more"),
        (lambda: PatchDiscriminator((3, 4, 4)), r"use --set data.size=24 or more"),
    ],
)
def test_sizes_that_cannot_be_made_are_refused(make: Any, message: str) -> None:
    with pytest.raises(GanzooError, match=message) as error:
        make()
    assert "\n" not in str(error.value)
