"""ProGAN's layers, written out again."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor
from torch.nn.functional import avg_pool2d, conv2d, interpolate, leaky_relu

from ganzoo.networks import EqualisedDown, EqualisedEnd, EqualisedGenerator


def conv(layer: torch.nn.Module, x: Tensor, gain: float = math.sqrt(2)) -> Tensor:
    weight = layer.weight
    return conv2d(x, weight * gain / math.sqrt(weight[0].numel()), layer.bias, padding=weight.shape[2] // 2)


def normed(x: Tensor) -> Tensor:
    return x / (x.square().mean(1, keepdim=True) + 1e-8).sqrt()


def test_the_generator_step_by_step() -> None:
    network = EqualisedGenerator(5, (2, 12, 20), 3, most=2)
    z = torch.randn(4, 5)
    weight = network.project.weight * (math.sqrt(2) / 4) / math.sqrt(5)
    x = (normed(z) @ weight.t()).view(4, 6, 3, 5) + network.bias
    x = normed(leaky_relu(conv(network.first, normed(leaky_relu(x, 0.2))), 0.2))
    images = [conv(network.to_image[0], x, 1.0)]
    for level, (first, second) in enumerate(network.blocks, 1):
        x = normed(leaky_relu(conv(first, interpolate(x, scale_factor=2.0)), 0.2))
        x = normed(leaky_relu(conv(second, x), 0.2))
        images.append(conv(network.to_image[level], x, 1.0))
    found = network(z)
    assert [image.shape[2:] for image in found] == [(3, 5), (6, 10), (12, 20)]
    for image, wanted in zip(found, images, strict=True):
        assert torch.allclose(image, wanted, atol=1e-4)
    assert torch.equal(network(z, [1])[0], found[1])
    assert network.levels == 3


def test_a_block_of_the_discriminator_step_by_step() -> None:
    block = EqualisedDown(3, 4)
    x = torch.randn(2, 3, 6, 4)
    h = leaky_relu(conv(block.conv1, x), 0.2)
    assert torch.allclose(block(x), leaky_relu(avg_pool2d(conv(block.conv2, h), 2), 0.2), atol=1e-6)


def test_the_end_compares_the_samples_of_a_batch() -> None:
    end = EqualisedEnd(3, (2, 2))
    x = torch.randn(1, 3, 2, 2)
    same, different = end(x.expand(4, -1, -1, -1)), end(torch.cat([x, torch.randn(3, 3, 2, 2)]))
    assert same.shape == (4,)
    assert torch.allclose(same, same[:1].expand(4))
    assert same[0] != different[0]


@pytest.mark.parametrize("width", [1, 4])
def test_fresh_features_and_logits_are_of_the_order_of_one(width: int) -> None:
    torch.manual_seed(0)
    images = EqualisedGenerator(64, (3, 32, 32), 16 * width)(torch.randn(16, 64))
    assert all(0.3 < image.std() < 3 for image in images)
