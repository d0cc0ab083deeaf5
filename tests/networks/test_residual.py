"""Residual blocks and the networks that are built of them."""

from __future__ import annotations

import math
import re
from typing import Any

import pytest
import torch
from torch import nn
from torch.nn import functional

from ganzoo.errors import GanzooError
from ganzoo.games import add_spectral_norm
from ganzoo.networks import (
    NORMS,
    ConditionalBatchNorm,
    FixupBottleneck,
    ResidualDiscriminator,
    ResidualDown,
    ResidualGenerator,
    ResidualUp,
    residual_levels,
)


def weights(network: nn.Module) -> int:
    return sum(parameter.numel() for parameter in network.parameters())


# Blocks


@pytest.mark.parametrize("norm", NORMS)
@pytest.mark.parametrize("up", [True, False])
@pytest.mark.parametrize("fan_out", [4, 6])
def test_a_block_of_a_generator(fan_out: int, up: bool, norm: str) -> None:
    block, x = ResidualUp(4, fan_out, up=up, norm=norm), torch.randn(2, 4, 5, 3)
    assert block(x).shape == ((2, fan_out, 10, 6) if up else (2, fan_out, 5, 3))
    assert isinstance(block.shortcut, nn.Identity) == (fan_out == 4 and not up)


def test_a_block_of_a_generator_step_by_step() -> None:
    block, x = ResidualUp(3, 5), torch.randn(4, 3, 4, 4)
    doubled = x.repeat_interleave(2, 2).repeat_interleave(2, 3)
    h = functional.batch_norm(x, None, None, training=True).clamp(min=0)
    h = functional.conv2d(h.repeat_interleave(2, 2).repeat_interleave(2, 3), block.conv1.weight, padding=1)
    h = functional.batch_norm(h, None, None, training=True).clamp(min=0)
    h = functional.conv2d(h, block.conv2.weight, padding=1)
    expected = h + functional.conv2d(doubled, block.shortcut.weight)
    assert torch.allclose(block(x), expected, atol=1e-5)


@pytest.mark.parametrize(("first", "wide", "hidden"), [(False, False, 3), (False, True, 5), (True, False, 5)])
@pytest.mark.parametrize("down", [True, False])
def test_a_block_of_a_discriminator_step_by_step(down: bool, first: bool, wide: bool, hidden: int) -> None:
    block, x = ResidualDown(3, 5, down=down, first=first, wide=wide), torch.randn(2, 3, 6, 4)
    assert block.conv1.weight.shape == (hidden, 3, 3, 3)
    h = functional.conv2d(x if first else x.clamp(min=0), block.conv1.weight, padding=1)
    h = functional.conv2d(h.clamp(min=0), block.conv2.weight, padding=1)
    expected = h + functional.conv2d(x, block.shortcut.weight)
    if down:
        expected = expected.unflatten(3, (-1, 2)).mean(4).unflatten(2, (-1, 2)).mean(3)
    assert torch.allclose(block(x), expected, atol=1e-5)


def test_initial_weights_are_uniform_by_xaviers_rule() -> None:
    for block in (ResidualUp(32, 64), ResidualDown(32, 64, wide=True)):
        bound = math.sqrt(2) * math.sqrt(6 / (9 * (32 + 64)))
        assert block.conv1.weight.abs().max().item() == pytest.approx(bound, rel=0.01)
        assert block.shortcut.weight.abs().max().item() == pytest.approx(math.sqrt(6 / (32 + 64)), rel=0.01)
        assert not block.conv1.bias.any()


def test_r3gans_block_begins_as_the_identity_with_fixups_weights() -> None:
    torch.manual_seed(0)
    block, x = FixupBottleneck(64, 8, depth=16), torch.randn(2, 64, 4, 4)
    assert torch.equal(block(x), x)
    gain = math.sqrt(2 / 1.04) / 2
    assert block.conv1.weight.std().item() == pytest.approx(gain / math.sqrt(64), rel=0.05)
    assert block.conv2.weight.std().item() == pytest.approx(gain / math.sqrt(16 * 9), rel=0.05)
    # 1x1 to 128 channels, 3x3 in 8 groups, 1x1 back, two biases (the authors' ResidualBlock).
    assert weights(block) == 64 * 128 + 128 * 16 * 9 + 128 * 64 + 2 * 128


def test_r3gans_block_step_by_step() -> None:
    block, x = FixupBottleneck(4, 2, depth=2), torch.randn(2, 4, 3, 3)
    for parameter in block.parameters():
        nn.init.normal_(parameter)
    h = functional.leaky_relu(functional.conv2d(x, block.conv1.weight, block.bias1), 0.2)
    h = functional.leaky_relu(functional.conv2d(h, block.conv2.weight, block.bias2, padding=1, groups=2), 0.2)
    assert torch.allclose(block(x), x + functional.conv2d(h, block.conv3.weight), atol=1e-4)


def test_groups_divide_the_channels() -> None:
    with pytest.raises(GanzooError, match=r"8 channels cannot be split into 3 groups"):
        FixupBottleneck(4, 3, depth=1)


# Counts


@pytest.fixture
def meta() -> Any:
    with torch.device("meta"):
        yield


def test_the_weights_of_biggan(meta: Any) -> None:
    # Google's compare_gan, architectures/resnet_biggan_test.py, for 128x128 and 1000 classes.
    g = ResidualGenerator(120, (3, 128, 128), 96, classes=1000, shared=128, split=True, attention=64)
    d = ResidualDiscriminator((3, 128, 128), 96, classes=1000, wide=True, attention=64)
    assert weights(g) == 70_433_988
    assert weights(d) == 87_982_370


def test_the_weights_of_sngan_on_cifar10(meta: Any) -> None:
    # Miyato et al. 2018, table 4, layer by layer; batch normalisation has two numbers per channel.
    # D's last layer has a bias here, which the authors' code for 32 pixels leaves out.
    conv = 9 * 256 * 256 + 256
    block = 2 * conv + (256 * 256 + 256) + 4 * 256
    assert weights(ResidualGenerator(128, (3, 32, 32), 256)) == (
        (128 + 1) * 16 * 256 + 3 * block + 2 * 256 + (9 * 256 * 3 + 3)
    )
    conv = 9 * 128 * 128 + 128
    first = (9 * 3 * 128 + 128) + conv + (3 * 128 + 128)
    assert weights(ResidualDiscriminator((3, 32, 32), 128)) == (
        first + (2 * conv + 128 * 128 + 128) + 2 * (2 * conv) + 128 + 1
    )


def test_the_weights_of_projection(meta: Any) -> None:
    # Miyato & Koyama 2018, equation 4: classes add one vector each.
    plain = weights(ResidualDiscriminator((3, 128, 128), 64))
    assert weights(ResidualDiscriminator((3, 128, 128), 64, classes=1000)) == plain + 1000 * 1024


# Networks

OPTIONS: list[dict[str, Any]] = [
    {},
    {"classes": 3},
    {"classes": 3, "shared": 5},
    {"split": True},
    {"classes": 3, "shared": 5, "split": True, "attention": 8, "init": "orthogonal"},
]


@pytest.mark.parametrize("options", OPTIONS)
@pytest.mark.parametrize("size", [8, 12, 16, 28, 32])
def test_a_generator_makes_the_size(size: int, options: dict[str, Any]) -> None:
    if options.get("attention"):
        options = {**options, "attention": size}
    levels, _ = residual_levels((3, size, size))
    network = ResidualGenerator(4 * (levels + 1), (3, size, size), 8, **options)
    z, y = torch.randn(2, 4 * (levels + 1)), torch.tensor([0, 2])
    x = network(z, y) if "classes" in options else network(z)
    assert x.shape == (2, 3, size, size)
    assert x.abs().max() <= 1


@pytest.mark.parametrize(
    "options", [{}, {"classes": 3}, {"wide": True, "attention": 0}, {"norm": "layer", "pool": "mean"}]
)
@pytest.mark.parametrize("size", [8, 12, 16, 28, 32])
def test_a_discriminator_takes_the_size(size: int, options: dict[str, Any]) -> None:
    if "attention" in options:
        options = {**options, "attention": size // 2}
    network = ResidualDiscriminator((1, size, size), 8, **options)
    x = torch.randn(2, 1, size, size)
    logits = network(x, torch.tensor([0, 2])) if "classes" in options else network(x)
    assert logits.shape == (2,)
    assert logits.isfinite().all()


@pytest.mark.parametrize("size", [48, 64, 96, 128, 256])
def test_large_sizes(size: int, meta: Any) -> None:
    g, d = ResidualGenerator(16, (3, size, size), 1), ResidualDiscriminator((3, size, size), 1)
    assert g(torch.empty(1, 16)).shape == (1, 3, size, size)
    assert d(torch.empty(1, 3, size, size)).shape == (1,)


def test_sngan_on_stl10(meta: Any) -> None:
    # Miyato et al. 2018, table 5: from 6x6 with 512 channels; four halvings and a last block of 1024 channels.
    g = ResidualGenerator(128, (3, 48, 48), 64, multipliers=(8, 4, 2, 1))
    d = ResidualDiscriminator((3, 48, 48), 64, multipliers=(1, 2, 4, 8, 16), downs=4)
    assert g.base == (512, 6, 6)
    assert g(torch.empty(1, 128)).shape == (1, 3, 48, 48)
    assert d.head.weight.shape == (1, 1024)
    assert d(torch.empty(1, 3, 48, 48)).shape == (1,)


@pytest.mark.parametrize(
    ("size", "advice"),
    [
        ((4, 4), "data.size=8"),
        ((512, 512), "data.size=256"),
        ((30, 30), "data.size=32"),
        ((100, 100), "data.size=96"),
        ((32, 64), "data.size=32"),
    ],
)
def test_a_size_that_cannot_be_made_is_refused(size: tuple[int, int], advice: str) -> None:
    for make in (lambda: ResidualGenerator(4, (3, *size), 4), lambda: ResidualDiscriminator((3, *size), 4)):
        with pytest.raises(GanzooError, match=re.escape(advice)) as error:
            make()
        assert "\n" not in str(error.value)
    residual_levels((3, *2 * [int(advice.split("=")[1])]))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"split": True}, r"a latent of 10 cannot be split into 4 equal parts.*latent=8"),
        ({"split": True, "classes": 2}, r"cannot be split"),
        ({"attention": 64}, r"no block has a resolution of 64.*8, 16, 32"),
        ({"init": "ortogonal"}, r"unknown initialisation 'ortogonal': did you mean orthogonal?"),
        ({"multipliers": (1, 2)}, r"expected 4 numbers for this image size, not 2"),
    ],
)
def test_options_that_do_not_fit_are_refused(options: dict[str, Any], message: str) -> None:
    with pytest.raises(GanzooError, match=message):
        ResidualGenerator(10, (3, 32, 32), 4, **options)


def test_a_split_latent_with_classes_needs_a_shared_embedding() -> None:
    with pytest.raises(GanzooError, match=r"shared=128"):
        ResidualGenerator(12, (3, 32, 32), 4, classes=3, split=True)


def test_options_of_a_discriminator_that_do_not_fit_are_refused() -> None:
    with pytest.raises(GanzooError, match=r"halved evenly 3 times"):
        ResidualDiscriminator((3, 28, 28), 4, downs=3)
    with pytest.raises(GanzooError, match=r"unknown pooling 'max'"):
        ResidualDiscriminator((3, 32, 32), 4, pool="max")
    with pytest.raises(GanzooError, match=r"2 blocks cannot halve images 3 times"):
        ResidualDiscriminator((3, 32, 32), 4, multipliers=(1, 1), downs=3)


@pytest.mark.parametrize("options", OPTIONS[1:])
def test_the_condition_reaches_the_image(options: dict[str, Any]) -> None:
    torch.manual_seed(0)
    network = ResidualGenerator(12, (3, 16, 16), 8, **options).eval()
    for module in network.modules():
        if isinstance(module, ConditionalBatchNorm) and isinstance(module.gain, nn.Parameter):
            nn.init.normal_(module.gain)
    z = torch.randn(1, 12)
    if "classes" in options:
        images = [network(z, torch.tensor([label])) for label in range(2)]
        assert not torch.allclose(*images, atol=1e-4)
    if "split" in options:
        # The last part of z enters the last block only, the first the linear layer.
        for part in range(3):
            changed = z.clone()
            changed[:, 4 * part] += 1
            label = (torch.tensor([0]),) if "classes" in options else ()
            assert not torch.allclose(network(z, *label), network(changed, *label), atol=1e-4)


@pytest.mark.parametrize("pool", ["sum", "mean"])
def test_the_projection_is_an_inner_product_with_the_pooled_features(pool: str) -> None:
    network = ResidualDiscriminator((1, 16, 16), 4, classes=3, pool=pool)
    x, y = torch.randn(2, 1, 16, 16), torch.tensor([2, 0])
    h = x
    for block in network.blocks:
        h = block(h)
    h = h.clamp(min=0).flatten(2)
    pooled = h.sum(2) if pool == "sum" else h.mean(2)
    expected = [
        (pooled[i] @ network.head.weight[0] + network.head.bias[0] + pooled[i] @ network.embed.weight[y[i]]).item()
        for i in range(2)
    ]
    assert network(x, y).tolist() == pytest.approx(expected, rel=1e-4)


def test_attention_follows_the_first_block_of_its_resolution() -> None:
    g = ResidualGenerator(8, (3, 32, 32), 8, attention=16)
    d = ResidualDiscriminator((3, 32, 32), 8, attention=16)
    assert (g.place, d.place) == (1, 0)
    seen = []
    for network, x in ((g, torch.randn(2, 8)), (d, torch.randn(2, 3, 32, 32))):
        network.attention.register_forward_hook(lambda _, inputs, __: seen.append(inputs[0].shape))
        network(x)
    assert seen == [(2, 8, 16, 16), (2, 8, 16, 16)]


def test_spectral_normalisation_reaches_every_weight_and_leaves_gamma(caplog: pytest.LogCaptureFixture) -> None:
    network = ResidualDiscriminator((3, 16, 16), 8, classes=3, attention=8)
    add_spectral_norm(network)
    assert caplog.messages == []
    for name, layer in network.named_modules():
        if isinstance(layer, (nn.Conv2d, nn.Linear, nn.Embedding)):
            assert hasattr(layer, "parametrizations"), name
    assert "attention.gamma" in dict(network.named_parameters())
    assert network(torch.randn(2, 3, 16, 16), torch.tensor([0, 1])).isfinite().all()


@pytest.mark.parametrize("options", OPTIONS)
def test_spectral_normalisation_of_a_generator(options: dict[str, Any], caplog: pytest.LogCaptureFixture) -> None:
    # As in SAGAN and BigGAN. Tables of gains begin at 0 and must not be divided by their norm.
    network = ResidualGenerator(12, (3, 16, 16), 8, **options)
    add_spectral_norm(network)
    assert caplog.messages == []
    x = network(torch.randn(2, 12), *([torch.tensor([0, 2])] if "classes" in options else []))
    assert x.isfinite().all()


def test_orthogonal_weights() -> None:
    network = ResidualGenerator(12, (3, 16, 16), 8, classes=3, shared=4, init="orthogonal")
    matrix = network.blocks[0].conv1.weight.flatten(1)
    assert torch.allclose(matrix @ matrix.t(), torch.eye(8), atol=1e-5)


def test_a_network_of_ones_own_may_have_more_levels() -> None:
    assert residual_levels((3, 1024, 1024), 1024) == (8, 4)
    with pytest.raises(GanzooError, match=r"8 to 512 pixels: use --set data\.size=512"):
        residual_levels((3, 1024, 1024), 512)
